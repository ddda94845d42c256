#include "collector/live_client_private.h"
#include "base/bytes.h"
#include <poll.h>
#include <stdio.h>

static const int64_t lookup_period_ns = 2000000;
enum { DELIVER_ITEMS = 65536 };

/* ---- the set's side ---- */

void live_client_notice(void *self, const char *text)
{
    struct live_client *c = self;
    c->setup.notice(c->setup.owner->self, text);
}

static void on_begin(void *self, int64_t time_ns)
{
    struct live_client *c = self;
    c->setup.owner->time(c->setup.owner->self, time_ns, false);
}

static void deliver(struct live_client *c)
{
    uint64_t events = c->set.delivery.events;
    c->more = live_set_deliver(&c->set, DELIVER_ITEMS) == 1;
    if (c->set.delivery.events != events)
        c->setup.owner->time(c->setup.owner->self, c->set.delivery.time_ns, true);
}

/* ---- reading ---- */

void live_client_settle(struct live_client *c, bool wait)
{
    for (uint32_t i = 0; i < c->set.trace_count && wait; i++)
        if (c->set.traces[i]->connected && !c->set.traces[i]->trace && !c->set.traces[i]->unreadable)
            return;
    c->settled = true;
    live_set_connected(&c->set);
    c->setup.connected(c->setup.owner->self, c->set.continued, live_set_may_lack(&c->set));
}

static int on_answer(struct live_client *c, const struct live_client_question *q, const struct viewer_reply *reply, struct error *err)
{
    switch (q->command) {
    case VIEWER_CONNECT:
        c->relayd_minor = reply->answer.minor;
        return 0;
    case VIEWER_DETACH_SESSION:
        return 0;
    case VIEWER_CREATE_SESSION:
        return reply->answer.status == VIEWER_CREATE_OK ? 0 : error_set(err, -EPROTO, "lttng-relayd takes no viewer: status %" PRIu32, reply->answer.status);
    case VIEWER_LIST_SESSIONS:
        live_client_on_sessions(c, reply);
        return 0;
    case VIEWER_ATTACH_SESSION:
        return live_client_on_attached(c, q->part, reply, err);
    case VIEWER_GET_NEXT_INDEX:
        return live_client_on_index(c, q->stream, &reply->answer, err);
    case VIEWER_GET_PACKET:
        return live_client_on_packet(c, q->stream, reply, err);
    case VIEWER_GET_METADATA:
        return live_client_on_metadata(c, q->trace, reply, err);
    case VIEWER_GET_NEW_STREAMS:
        return live_client_on_streams(c, q->part, reply, err);
    }
    return 0;
}

/* Everything that there was has been read once. */
static bool is_current(const struct live_client *c)
{
    for (uint32_t i = 0; i < c->set.stream_count; i++)
        if (c->set.streams[i]->bound && !c->set.streams[i]->stalled && !c->set.streams[i]->dry && !c->set.streams[i]->hung_up)
            return false;
    return true;
}

static bool has_ended(const struct live_client *c)
{
    for (uint32_t i = 0; i < c->part_count; i++)
        if (!c->parts[i].closed && !c->replaced)
            return false;
    return c->set.stream_count == 0 && c->attaching == 0;
}

static void read_session(struct live_client *c)
{
    int64_t now_ns = clock_monotonic_ns();
    if (!c->settled)
        live_client_settle(c, true);
    if (c->settled && c->set.looked >= c->look_for_flag)
        deliver(c);
    if (c->settled && !c->more && !c->current && c->set.looked == c->set.looks && is_current(c)) {
        c->current = true;
        if (c->setup.current)
            c->setup.current(c->setup.owner->self);
    }
    if (c->settled && has_ended(c)) {
        live_client_stop(c);
        live_client_tell(c, READER_ENDED, "the session has ended");
        return;
    }
    live_client_ask_due(c, now_ns);
}

/* ---- the connection ---- */

/* The loop has the connection's descriptor, which may be another after an attempt to connect has failed. */
static void watch_connection(struct live_client *c)
{
    int fd = c->viewer ? viewer_fd(c->viewer) : -1;
    if (fd != c->fd && c->fd >= 0)
        loop_remove_fd(c->setup.loop, c->fd);
    if (fd != c->fd && fd >= 0 && loop_add_quiet_fd(c->setup.loop, fd, live_client_take, c) < 0)
        fd = -1;
    c->fd = fd;
    if (fd >= 0)
        loop_want_out(c->setup.loop, fd, viewer_poll_events(c->viewer) & POLLOUT);
}

void live_client_fail(struct live_client *c, int r, const struct error *err)
{
    live_client_stop(c);
    live_client_tell(c, r == -EILSEQ ? READER_REFUSED : READER_FAILED, err->text);
}

static int take_answers(struct live_client *c, struct error *err)
{
    struct viewer_reply reply;
    int r;
    while ((r = viewer_take(c->viewer, &reply, err)) != 0) {
        if (r < 0)
            return r;
        struct live_client_question q = c->questions[c->first];
        c->first = (c->first + 1) % VIEWER_PENDING_MAX;
        c->count--;
        c->answer_since_ns = c->progress_ns = clock_monotonic_ns();
        r = on_answer(c, &q, &reply, err);
        if (r < 0)
            return r;
    }
    return 0;
}

void live_client_go_on(struct live_client *c)
{
    struct error err;
    if (c->state == LIVE_CLIENT_READING)
        read_session(c);
    int r = c->viewer ? viewer_flush(c->viewer, &err) : 0;
    if (r < 0)
        live_client_fail(c, r, &err);
    watch_connection(c);
}

int live_client_take(void *self)
{
    struct live_client *c = self;
    struct error err;
    int r = viewer_service(c->viewer, &err);
    c->setup.owner->heard(c->setup.owner->self);
    int taken = take_answers(c, r < 0 ? &(struct error){ 0 } : &err); /* what came before it broke counts */
    if (r < 0 || taken < 0)
        live_client_fail(c, r < 0 ? r : taken, &err);
    else
        live_client_go_on(c);
    return 0;
}

static int on_timer(void *self)
{
    struct live_client *c = self;
    if (c->viewer && viewer_fd(c->viewer) < 0) {
        loop_set_timer(c->timer, clock_monotonic_ns() + lookup_period_ns);
        return live_client_take(c);
    }
    if (c->state == LIVE_CLIENT_LOOKING && c->count == 0)
        live_client_ask(c, VIEWER_LIST_SESSIONS);
    live_client_go_on(c);
    return 0;
}

int live_client_start(struct live_client *c, struct error *err)
{
    live_client_stop(c);
    int r = viewer_open(&c->setup.url, &c->viewer, err);
    if (r < 0)
        return r;
    c->state = LIVE_CLIENT_LOOKING;
    c->told = 0;
    live_client_ask(c, VIEWER_CONNECT);
    live_client_ask(c, VIEWER_LIST_SESSIONS);
    watch_connection(c);
    if (viewer_fd(c->viewer) < 0)
        loop_set_timer(c->timer, 0);
    return 0;
}

void live_client_stop(struct live_client *c)
{
    if (!c->viewer)
        return;
    if (c->fd >= 0)
        loop_remove_fd(c->setup.loop, c->fd);
    c->fd = -1;
    viewer_close(c->viewer);
    c->viewer = NULL;
    loop_set_timer(c->timer, INT64_MAX);
    live_set_disconnect(&c->set);
    c->state = LIVE_CLIENT_DOWN;
    c->part_count = c->attaching = c->count = c->first = 0;
    c->set.looked = c->set.looks;
    c->timer_known = c->created = c->settled = c->more = c->metadata_waits = c->replaced = c->current = false;
    c->chores_at_ns = 0;
    c->cut_look = c->given_back = 0;
    c->look_wait_ns = c->newcomer_ns = 0;
}

void live_client_drain(struct live_client *c)
{
    uint64_t events = c->set.delivery.events;
    live_set_drain(&c->set);
    if (c->set.delivery.events != events)
        c->setup.owner->time(c->setup.owner->self, c->set.delivery.time_ns, true);
}

void live_client_redirect(struct live_client *c, const struct relay_url *url)
{
    live_client_stop(c);
    live_client_drain(c);
    c->setup.url = *url;
}

int64_t live_client_timer_ns(const struct live_client *c)
{
    return c->live_timer_ns;
}

uint32_t live_client_silent(const struct live_client *c, int64_t now_ns, int64_t patience_ns, const char **ret_name)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->set.stream_count; i++) {
        const struct live_stream *s = c->set.streams[i];
        if (s->bound && s->connected && !s->hung_up && now_ns - s->news_ns > patience_ns && count++ == 0)
            *ret_name = s->channel;
    }
    return count;
}

uint32_t live_client_stalled(const struct live_client *c, const char **ret_name)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->set.stream_count; i++)
        if (c->set.streams[i]->stalled && c->set.streams[i]->bound && count++ == 0)
            *ret_name = c->set.streams[i]->channel;
    return count;
}

/* ---- opening and closing ---- */

struct live_client *live_client_new(const struct live_client_setup *setup)
{
    struct live_client *c = xcalloc(1, sizeof(*c));
    struct error err;
    char text[1100];
    c->setup = *setup;
    c->fd = -1;
    c->live_timer_ns = setup->live_timer_ns;
    const struct live_set_setup set = { .consumer = &setup->owner->consumer, .raw = setup->raw, .raw_self = setup->raw_self,
                                        .positions = setup->positions, .window_ns = setup->window_ns,
                                        .notice = live_client_notice, .begin = on_begin, .self = c };
    live_set_init(&c->set, &set);
    c->timer = loop_add_timer(setup->loop, on_timer, c);
    if (setup->tap_path && live_tap_open(setup->loop, setup->tap_path, &c->set, &c->tap, &err) < 0) {
        snprintf(text, sizeof(text), "nobody can read along: %s", err.text);
        live_client_notice(c, text);
    }
    c->setup.tap_path = NULL; /* it was the caller's */
    return c;
}

void live_client_free(struct live_client *c)
{
    if (!c)
        return;
    live_client_stop(c);
    loop_remove_timer(c->setup.loop, c->timer);
    live_tap_close(c->tap);
    live_set_done(&c->set);
    free(c);
}
