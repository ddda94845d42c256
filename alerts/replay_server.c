#include "alerts/replay_server.h"
#include "alerts/replay.h"
#include "base/clock.h"
#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

/* A queue holds an answer and its END, and one more of each. */
enum { QUEUE_DEPTH = 2 * (REPLAY_ALERTS_MAX + 1), REQUESTS_QUEUED = 64, REQUESTS_A_CALL = 16, IDENTITY_MAX = 256,
       MESSAGE_MAX = 1024 }; /* more than a request: what CURVE says to begin with is longer */

struct requester {
    uint8_t identity[IDENTITY_MAX];
    size_t size;
};

struct replay_server {
    void *socket;
    uint64_t epoch, answered, refused, dropped;
    const struct history *history;
    struct bytes message;
};

int replay_server_new(void *socket, const char *endpoint, uint64_t epoch, const struct history *history,
                      struct replay_server **ret_server, struct error *err)
{
    int depth = QUEUE_DEPTH, queued = REQUESTS_QUEUED, linger = 500, tell = 1;
    int64_t most = MESSAGE_MAX;
    zmq_setsockopt(socket, ZMQ_SNDHWM, &depth, sizeof(depth));
    zmq_setsockopt(socket, ZMQ_RCVHWM, &queued, sizeof(queued));
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof(most));
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
    /* A full queue is an error then, which can be counted, and not a silent drop. */
    zmq_setsockopt(socket, ZMQ_ROUTER_MANDATORY, &tell, sizeof(tell));
    if (zmq_bind(socket, endpoint) < 0) {
        int r = -errno;
        zmq_close(socket);
        return error_set(err, r, "cannot replay at %s: %s", endpoint, zmq_strerror(-r));
    }
    struct replay_server *s = xcalloc(1, sizeof(*s));
    s->socket = socket;
    s->epoch = epoch;
    s->history = history;
    *ret_server = s;
    return 0;
}

void replay_server_free(struct replay_server *s)
{
    if (!s)
        return;
    zmq_close(s->socket);
    bytes_done(&s->message);
    free(s);
}

static bool send_message(struct replay_server *s, const struct requester *to)
{
    return zmq_send(s->socket, to->identity, to->size, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
           zmq_send(s->socket, s->message.data, s->message.size, ZMQ_DONTWAIT) >= 0;
}

static bool send_alert(struct replay_server *s, const struct requester *to, const struct history_entry *e)
{
    bytes_reset(&s->message);
    wire_put_header(&s->message, WIRE_ALERT, s->epoch, e->sequence);
    bytes_append(&s->message, e->body, e->size_bytes);
    return send_message(s, to);
}

/* False: the requester takes no more. */
static bool send_alerts(struct replay_server *s, const struct requester *to, const struct replay_request *q,
                        uint64_t last, struct replay_end *end)
{
    struct history_entry e;
    uint64_t after = q->first ? q->first - 1 : 0, bytes = 0;
    while ((q->firing ? history_next_firing : history_next)(s->history, after, &e) && e.sequence <= last) {
        if (end->sent == REPLAY_ALERTS_MAX || (end->sent > 0 && bytes + e.size_bytes > REPLAY_BYTES_MAX)) {
            end->next = e.sequence;
            break;
        }
        if (!send_alert(s, to, &e))
            return false;
        after = e.sequence;
        bytes += e.size_bytes;
        end->sent++;
    }
    return true;
}

static void answer(struct replay_server *s, const struct requester *to, const struct replay_request *q)
{
    struct replay_end end = { .number = q->number, .newest = history_newest(s->history) };
    bool ours = q->firing || q->epoch == s->epoch, taken = true;
    uint64_t last = q->firing || q->last > end.newest ? end.newest : q->last;
    if (ours)
        taken = send_alerts(s, to, q, last, &end);
    /* Of an earlier epoch nothing is left; of this one, what is not in the history. */
    if (!ours)
        end.gone = q->last - q->first + 1;
    else if (!q->firing && q->first <= last)
        end.gone = (end.next ? end.next - 1 : last) - q->first + 1 - end.sent;
    bytes_reset(&s->message);
    replay_end_put(&s->message, s->epoch, &end);
    if (!taken || !send_message(s, to))
        s->dropped++;
}

static bool more_parts(struct replay_server *s)
{
    int more = 0;
    size_t size = sizeof(more);
    return zmq_getsockopt(s->socket, ZMQ_RCVMORE, &more, &size) == 0 && more;
}

/* One message: whom it is from, and a single part. False: nobody asks. */
static bool serve(struct replay_server *s)
{
    struct requester from;
    struct replay_request q;
    uint8_t request[REPLAY_REQUEST_MAX + 1];
    int n = zmq_recv(s->socket, from.identity, sizeof(from.identity), ZMQ_DONTWAIT);
    if (n < 0)
        return false;
    from.size = (size_t)n;
    bool ok = more_parts(s);
    n = ok ? zmq_recv(s->socket, request, sizeof(request), ZMQ_DONTWAIT) : -1;
    while (more_parts(s)) {
        uint8_t rest[1];
        ok = false;
        if (zmq_recv(s->socket, rest, sizeof(rest), ZMQ_DONTWAIT) < 0)
            break;
    }
    if (ok && n >= 0 && replay_request_get(request, (size_t)n, &q)) {
        answer(s, &from, &q);
        s->answered++;
    } else {
        s->refused++;
    }
    return true;
}

void *replay_server_socket(const struct replay_server *s)
{
    return s->socket;
}

void replay_server_service(struct replay_server *s)
{
    for (int i = 0; i < REQUESTS_A_CALL && serve(s); i++)
        ;
}

void replay_server_finish(struct replay_server *s)
{
    zmq_pollitem_t item = { .socket = s->socket, .events = ZMQ_POLLIN };
    int64_t end_ns = clock_monotonic_ns() + INT64_C(2000000000);
    while (s->answered > 0 && clock_monotonic_ns() < end_ns && zmq_poll(&item, 1, 200) > 0)
        replay_server_service(s);
}

uint64_t replay_server_refused(const struct replay_server *s)
{
    return s->refused;
}

uint64_t replay_server_dropped(const struct replay_server *s)
{
    return s->dropped;
}
