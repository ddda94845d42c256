#include "alerts/client/subscriber.h"
#include "alerts/replay.h"
#include "base/clock.h"
#include "base/dirs.h"
#include "base/endpoint.h"
#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* Messages taken beyond the time that foretrace_next was given, when they keep coming. */
enum { STEPS_LATE_MAX = 1000 };

const char *foretrace_version(void)
{
    return FORETRACE_VERSION;
}

static int choose_endpoint(struct foretrace_subscriber *s, const char *endpoint, struct error *err)
{
    char dir[256];
    if (!endpoint) {
        int r = dirs_runtime(dir, sizeof(dir), err);
        if (r < 0)
            return r;
        snprintf(s->endpoint, sizeof(s->endpoint), "ipc://%s/alerts", dir);
    } else if (!strstr(endpoint, "://")) {
        return error_set(err, -EINVAL, "'%s' is no endpoint: expected ipc://PATH or tcp://HOST:PORT", endpoint);
    } else if (endpoint_check(endpoint, err) < 0) {
        return -EINVAL;
    } else if (!text_copy(s->endpoint, sizeof(s->endpoint), endpoint)) {
        return error_set(err, -ENAMETOOLONG, "%.64s...: too long", endpoint);
    }
    if (!s->options.firing && !s->options.recovery)
        return 0;
    if (*s->options.replay)
        text_copy(s->replay_endpoint, sizeof(s->replay_endpoint), s->options.replay);
    else if (replay_endpoint(s->endpoint, s->replay_endpoint, sizeof(s->replay_endpoint)) < 0)
        *s->replay_endpoint = '\0';
    return 0;
}

/* With recovery everything is subscribed to and filtered here: only then is a gap
 * in the numbers a loss, and what fills it known. */
static int subscribe(struct foretrace_subscriber *s)
{
    const struct filter_list *topics = &s->options.topics;
    s->accounts = s->options.recovery || topics->count == 0;
    int r = s->accounts ? zmq_setsockopt(s->live, ZMQ_SUBSCRIBE, "", 0)
                        : zmq_setsockopt(s->live, ZMQ_SUBSCRIBE, "heartbeat", strlen("heartbeat"));
    for (uint32_t i = 0; r == 0 && !s->accounts && i < topics->count; i++)
        r = zmq_setsockopt(s->live, ZMQ_SUBSCRIBE, topics->items[i], strlen(topics->items[i]));
    return r < 0 ? -errno : 0;
}

static int open_subscriber(struct foretrace_subscriber *s, const char *endpoint, struct error *err)
{
    struct foretrace_options *o = &s->options;
    int r = choose_endpoint(s, endpoint, err);
    if (r == 0 && *o->secret_file)
        r = client_keys_load(&o->keys, o->secret_file, o->server_file, err);
    if (r == 0 && *o->keys.server_public == '\0' && !endpoint_is_local(s->endpoint))
        r = error_set(err, -EACCES, "%s is beyond this machine: that needs keys, ours and the publisher's (foretrace keygen; --key and --server-key of foretrace subscribe)", s->endpoint);
    if (r < 0)
        return r;
    s->zmq = zmq_ctx_new();
    r = s->zmq ? sockets_open(s, &s->live, ZMQ_SUB, s->endpoint) : -errno;
    if (r == 0)
        r = subscribe(s);
    if (r < 0)
        return error_set(err, r, "%s: %s", s->endpoint, zmq_strerror(-r));
    if (o->firing)
        recovery_begin_firing(s);
    return 0;
}

int foretrace_connect(const char *endpoint, const struct foretrace_options *options,
                      struct foretrace_subscriber **ret_subscriber, char *why, size_t why_size)
{
    struct foretrace_subscriber *s = xcalloc(1, sizeof(*s));
    struct error err = { "" };
    s->epoll_fd = s->more_fd = s->timer_fd = -1;
    if (options)
        s->options = *options;
    else
        client_options_init(&s->options);
    int r = open_subscriber(s, endpoint, &err);
    if (r < 0)
        foretrace_close(s);
    else
        *ret_subscriber = s;
    if (r < 0 && why && why_size > 0)
        text_copy(why, why_size, err.text);
    return r;
}

void foretrace_close(struct foretrace_subscriber *s)
{
    if (!s)
        return;
    sockets_close(s, &s->replay);
    sockets_close(s, &s->live);
    sockets_forget_descriptor(s);
    if (s->zmq)
        zmq_ctx_term(s->zmq);
    bytes_done(&s->held);
    bytes_done(&s->message);
    bytes_done(&s->request);
    decoded_done(&s->decoded);
    client_keys_forget(&s->options.keys);
    free(s);
}

/* A publisher that begins anew says so with another epoch; one that lost its state
 * and kept its epoch is known by a heartbeat that goes back. */
static void note_publisher(struct foretrace_subscriber *s, const struct wire_header *h)
{
    bool alert = h->type == WIRE_ALERT;
    if (!s->known) {
        s->known = true;
        s->epoch = h->epoch;
        s->given = h->sequence - alert;
    } else if (h->epoch != s->epoch) {
        s->restarts++;
        s->epoch = h->epoch;
        s->given = s->live_newest = 0;
    } else if (!alert && h->sequence < s->live_newest) {
        s->restarts++;
        s->given = s->live_newest = h->sequence;
    }
    if (h->sequence > s->live_newest)
        s->live_newest = h->sequence;
}

/* False: the message has to wait until what is before it was asked for. */
static bool close_gap(struct foretrace_subscriber *s, uint64_t before, int64_t now_ns)
{
    if (before <= s->given)
        return true;
    if (s->accounts && s->options.recovery && recovery_begin_range(s, before, now_ns))
        return false;
    if (s->accounts)
        s->missed += before - s->given;
    s->given = before;
    return true;
}

static void hold(struct foretrace_subscriber *s)
{
    struct bytes empty = s->held;
    s->held = s->message;
    s->message = empty;
    s->holds = true;
}

static enum step take_message(struct foretrace_subscriber *s, int64_t now_ns)
{
    struct foretrace_alert *a = &s->decoded.alert;
    struct wire_header h;
    struct wire_reader body;
    if (!wire_open(&body, s->message.data, s->message.size, &h) ||
        (h.type == WIRE_ALERT && (h.sequence == 0 || !decoded_read(&s->decoded, &body)))) {
        s->refused++;
        return STEP_PROGRESS;
    }
    if (h.type != WIRE_ALERT && h.type != WIRE_HEARTBEAT)
        return STEP_PROGRESS; /* of a later version */
    s->heard_ns = now_ns;
    note_publisher(s, &h);
    if (!close_gap(s, h.type == WIRE_ALERT ? h.sequence - 1 : h.sequence, now_ns)) {
        hold(s);
        return STEP_PROGRESS;
    }
    if (h.type == WIRE_HEARTBEAT)
        return STEP_PROGRESS;
    if (h.sequence <= s->given) {
        s->duplicates++;
        return STEP_PROGRESS;
    }
    s->given = h.sequence;
    a->epoch = h.epoch;
    a->sequence = h.sequence;
    return client_options_take(&s->options, a) ? STEP_ALERT : STEP_PROGRESS;
}

static enum step live_step(struct foretrace_subscriber *s, int64_t now_ns)
{
    if (s->holds) {
        struct bytes held = s->held;
        s->held = s->message;
        s->message = held;
        s->holds = false;
        return take_message(s, now_ns);
    }
    int parts = sockets_receive(s, s->live);
    if (parts == 0)
        return STEP_NOTHING;
    if (parts == 2)
        return take_message(s, now_ns);
    s->refused++;
    return STEP_PROGRESS;
}

int foretrace_next(struct foretrace_subscriber *s, int timeout_ms, const struct foretrace_alert **ret_alert)
{
    int64_t now_ns = clock_monotonic_ns(), end_ns = now_ns + timeout_ms * INT64_C(1000000);
    int late = 0, r = 0;
    for (;;) {
        enum step step = s->recovery.active ? recovery_step(s, now_ns) : live_step(s, now_ns);
        now_ns = clock_monotonic_ns();
        bool over = timeout_ms >= 0 && now_ns >= end_ns;
        if (step == STEP_ALERT) {
            *ret_alert = &s->decoded.alert;
            r = 1;
            break;
        }
        if (step == STEP_PROGRESS && (!over || ++late < STEPS_LATE_MAX))
            continue;
        if (over)
            break;
        r = sockets_wait(s, now_ns, timeout_ms < 0 ? -1 : end_ns - now_ns);
        if (r < 0 && r != -ETIMEDOUT)
            break;
        r = 0;
        now_ns = clock_monotonic_ns();
    }
    sockets_note(s, r == 1 || late == STEPS_LATE_MAX, now_ns);
    return r;
}

int64_t foretrace_silent_ms(const struct foretrace_subscriber *s)
{
    return s->heard_ns == 0 ? -1 : (clock_monotonic_ns() - s->heard_ns) / 1000000;
}

const char *foretrace_endpoint(const struct foretrace_subscriber *s)
{
    return s->endpoint;
}

uint64_t foretrace_missed(const struct foretrace_subscriber *s)
{
    return s->missed;
}

uint64_t foretrace_recovered(const struct foretrace_subscriber *s)
{
    return s->recovered;
}

uint64_t foretrace_duplicates(const struct foretrace_subscriber *s)
{
    return s->duplicates;
}

uint64_t foretrace_refused(const struct foretrace_subscriber *s)
{
    return s->refused;
}

uint64_t foretrace_restarts(const struct foretrace_subscriber *s)
{
    return s->restarts;
}
