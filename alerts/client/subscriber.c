#include "alerts/client/subscriber.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

struct subscriber {
    void *zmq, *socket;
    bool everything;
    uint64_t epoch, sequence, missed;
    struct bytes message;
};

int subscriber_open(const char *endpoint, const char *topic, struct security *security, struct subscriber **ret_subscriber,
                    struct error *err)
{
    struct subscriber *s = xcalloc(1, sizeof(*s));
    int linger = 0;
    if (!topic)
        topic = "";
    s->everything = *topic == '\0';
    s->zmq = zmq_ctx_new();
    s->socket = zmq_socket(s->zmq, ZMQ_SUB);
    bytes_reserve(&s->message, WIRE_MESSAGE_MAX);
    zmq_setsockopt(s->socket, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(s->socket, ZMQ_SUBSCRIBE, topic, strlen(topic));
    if (!s->everything)
        zmq_setsockopt(s->socket, ZMQ_SUBSCRIBE, "heartbeat", strlen("heartbeat"));
    int r = security_client(security, s->socket, endpoint, err);
    if (r == 0 && zmq_connect(s->socket, endpoint) < 0)
        r = error_set(err, -errno, "%s: %s", endpoint, zmq_strerror(errno));
    if (r < 0)
        subscriber_close(s);
    else
        *ret_subscriber = s;
    return r;
}

void subscriber_close(struct subscriber *s)
{
    if (!s)
        return;
    zmq_close(s->socket);
    zmq_ctx_term(s->zmq);
    bytes_done(&s->message);
    free(s);
}

/* The publisher numbers every alert; a heartbeat tells the newest number. */
static void note_sequence(struct subscriber *s, const struct wire_header *h)
{
    bool alert = h->type == WIRE_ALERT;
    if (s->everything && h->epoch == s->epoch && h->sequence > s->sequence + (alert ? 1 : 0))
        s->missed += h->sequence - s->sequence - (alert ? 1 : 0);
    s->epoch = h->epoch;
    s->sequence = h->sequence;
}

static int drop_rest(struct subscriber *s)
{
    int more = 1;
    size_t size = sizeof(more);
    char nothing[1];
    while (zmq_getsockopt(s->socket, ZMQ_RCVMORE, &more, &size) == 0 && more)
        if (zmq_recv(s->socket, nothing, sizeof(nothing), ZMQ_DONTWAIT) < 0)
            break;
    return SUBSCRIBER_REFUSED;
}

int subscriber_take(struct subscriber *s, int timeout_ms, struct alert *ret_alert)
{
    zmq_pollitem_t item = { .socket = s->socket, .events = ZMQ_POLLIN };
    struct wire_header header;
    struct wire_reader body;
    char topic[TOPIC_TEXT_MAX];
    int more = 0;
    size_t size = sizeof(more);
    if (zmq_poll(&item, 1, timeout_ms) <= 0 || zmq_recv(s->socket, topic, sizeof(topic), ZMQ_DONTWAIT) < 0)
        return SUBSCRIBER_NOTHING;
    zmq_getsockopt(s->socket, ZMQ_RCVMORE, &more, &size);
    int n = more ? zmq_recv(s->socket, s->message.data, WIRE_MESSAGE_MAX, ZMQ_DONTWAIT) : -1;
    zmq_getsockopt(s->socket, ZMQ_RCVMORE, &more, &size);
    if (n < 0 || n > WIRE_MESSAGE_MAX || more || !wire_open(&body, s->message.data, (size_t)n, &header))
        return drop_rest(s);
    if (header.type == WIRE_HEARTBEAT) {
        note_sequence(s, &header);
        return SUBSCRIBER_HEARTBEAT;
    }
    if (header.type != WIRE_ALERT || !alert_get(&body, ret_alert) || !wire_finished(&body))
        return SUBSCRIBER_REFUSED;
    note_sequence(s, &header);
    return SUBSCRIBER_ALERT;
}

uint64_t subscriber_missed(const struct subscriber *s)
{
    return s->missed;
}
