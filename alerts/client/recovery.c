#include "alerts/client/subscriber.h"
#include "alerts/replay.h"
#include <string.h>
#include <zmq.h>

/* A question may be lost with a publisher that restarts. */
enum { ATTEMPTS_MAX = 2 };

static void extend(struct foretrace_subscriber *s, int64_t now_ns)
{
    s->recovery.deadline_ns = now_ns + s->options.patience_ms * INT64_C(1000000);
}

static bool ask(struct foretrace_subscriber *s)
{
    struct recovery *r = &s->recovery;
    struct replay_request q = { .number = ++r->number, .firing = r->firing };
    q.epoch = r->firing ? 0 : s->epoch;
    q.first = (r->firing ? r->after : s->given) + 1;
    q.last = r->last;
    if (!s->replay && sockets_open(s, &s->replay, ZMQ_DEALER, s->replay_endpoint) < 0)
        return false;
    bytes_reset(&s->request);
    replay_request_put(&s->request, &q);
    return zmq_send(s->replay, s->request.data, s->request.size, ZMQ_DONTWAIT) >= 0;
}

static bool begin(struct foretrace_subscriber *s, struct recovery how)
{
    how.number = s->recovery.number;
    how.attempts = 1;
    s->recovery = how;
    s->recovery.active = *s->replay_endpoint && ask(s);
    if (!s->recovery.active)
        sockets_close(s, &s->replay);
    return s->recovery.active;
}

bool recovery_begin_firing(struct foretrace_subscriber *s)
{
    return begin(s, (struct recovery){ .firing = true });
}

bool recovery_begin_range(struct foretrace_subscriber *s, uint64_t last, int64_t now_ns)
{
    bool begun = begin(s, (struct recovery){ .last = last });
    if (begun)
        extend(s, now_ns);
    return begun;
}

/* What the range still lacks will not come. */
static void settle(struct foretrace_subscriber *s, uint64_t last)
{
    if (last > s->given) {
        s->missed += last - s->given;
        s->given = last;
    }
}

static void finish(struct foretrace_subscriber *s)
{
    struct recovery *r = &s->recovery;
    r->active = false;
    sockets_close(s, &s->replay);
    if (!r->firing) {
        settle(s, r->last);
    } else if (r->answered && !s->known) {
        s->known = true;
        s->epoch = r->epoch;
        s->given = r->newest;
    }
}

/* A new socket: no late answer to the old question comes to it. */
static void try_again(struct foretrace_subscriber *s, int64_t now_ns)
{
    sockets_close(s, &s->replay);
    if (s->recovery.attempts++ < ATTEMPTS_MAX && ask(s))
        extend(s, now_ns);
    else
        finish(s);
}

/* Whether it is one of those that were asked for, and new. */
static bool accept_alert(struct foretrace_subscriber *s, const struct wire_header *h)
{
    struct recovery *r = &s->recovery;
    if (r->firing) {
        bool wanted = h->sequence > r->after && (!r->answered || (h->epoch == r->epoch && h->sequence <= r->newest));
        if (wanted)
            r->after = h->sequence;
        return wanted;
    }
    if (h->epoch != s->epoch || h->sequence <= s->given || h->sequence > r->last)
        return false;
    settle(s, h->sequence - 1);
    s->given = h->sequence;
    return true;
}

static enum step take_alert(struct foretrace_subscriber *s, const struct wire_header *h, struct wire_reader *body, int64_t now_ns)
{
    struct foretrace_alert *a = &s->decoded.alert;
    if (!decoded_read(&s->decoded, body)) {
        s->refused++;
        return STEP_PROGRESS;
    }
    if (!accept_alert(s, h)) {
        s->duplicates++;
        return STEP_PROGRESS;
    }
    extend(s, now_ns);
    a->epoch = h->epoch;
    a->sequence = h->sequence;
    a->origin = s->recovery.firing ? FORETRACE_REPLAYED : FORETRACE_RECOVERED;
    if (!client_options_take(&s->options, a))
        return STEP_PROGRESS;
    s->recovered += !s->recovery.firing;
    return STEP_ALERT;
}

/* True when the answer goes on. */
static bool goes_on(struct foretrace_subscriber *s, const struct wire_header *h, const struct replay_end *end)
{
    struct recovery *r = &s->recovery;
    if (r->firing) {
        if (!r->answered) {
            r->answered = true;
            r->epoch = h->epoch;
            r->newest = end->newest;
        }
        return h->epoch == r->epoch && end->next > r->after && end->next <= r->newest;
    }
    if (h->epoch != s->epoch || end->next <= s->given || end->next > r->last)
        return false;
    settle(s, end->next - 1);
    return true;
}

static void take_end(struct foretrace_subscriber *s, const struct wire_header *h, struct wire_reader *body, int64_t now_ns)
{
    struct replay_end end;
    if (!replay_end_get(body, &end)) {
        s->refused++;
    } else if (end.number == s->recovery.number) {
        bool more = goes_on(s, h, &end);
        if (more && ask(s))
            extend(s, now_ns);
        else
            finish(s);
    }
}

static enum step without_answer(struct foretrace_subscriber *s, int64_t now_ns)
{
    if (s->recovery.deadline_ns == 0) {
        /* A publisher that speaks should answer; one that is not there yet may take its time. */
        if (sockets_readable(s->live))
            extend(s, now_ns);
        return STEP_NOTHING;
    }
    if (now_ns < s->recovery.deadline_ns)
        return STEP_NOTHING;
    try_again(s, now_ns);
    return STEP_PROGRESS;
}

enum step recovery_step(struct foretrace_subscriber *s, int64_t now_ns)
{
    struct wire_header h;
    struct wire_reader body;
    int parts = sockets_receive(s, s->replay);
    if (parts == 0)
        return without_answer(s, now_ns);
    if (parts != 1 || !wire_open(&body, s->message.data, s->message.size, &h)) {
        s->refused++;
        without_answer(s, now_ns); /* noise is none */
        return STEP_PROGRESS;
    }
    s->heard_ns = now_ns;
    if (h.type == WIRE_ALERT)
        return take_alert(s, &h, &body, now_ns);
    if (h.type == WIRE_END)
        take_end(s, &h, &body, now_ns);
    return STEP_PROGRESS;
}
