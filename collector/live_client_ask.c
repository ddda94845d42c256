#include "collector/live_client_private.h"
#include "base/bytes.h"

static const int64_t look_period_ns = 1000000000, chores_period_ns = 10000000, idle_after_ns = 1000000000, long_timer_ns = 50000000, least_period_ns = 4000000,
                     soon_for_ns = 5000000000;

/* Of the places for questions half are for those of streams; what comes of their answers, and what is asked of sessions, has room. */
enum { QUESTIONS_OF_STREAMS = VIEWER_PENDING_MAX / 2, QUESTIONS_OF_SESSIONS = 4 * LIVE_CLIENT_PARTS_MAX };

struct live_client_question *live_client_question(struct live_client *c, enum viewer_command command)
{
    int64_t now_ns = c->count == 0 ? clock_monotonic_ns() : 0;
    if (c->count == 0)
        c->answer_since_ns = c->progress_ns = now_ns;
    struct live_client_question *q = &c->questions[(c->first + c->count++) % VIEWER_PENDING_MAX];
    *q = (struct live_client_question){ .command = command };
    return q;
}

bool live_client_may_ask(const struct live_client *c)
{
    return c->count < QUESTIONS_OF_STREAMS;
}

void live_client_ask(struct live_client *c, enum viewer_command command)
{
    live_client_question(c, command);
    viewer_ask(c->viewer, command);
}

void live_client_ask_index(struct live_client *c, struct live_stream *s)
{
    live_client_question(c, VIEWER_GET_NEXT_INDEX)->stream = s;
    viewer_ask_of(c->viewer, VIEWER_GET_NEXT_INDEX, s->id);
    s->index_asked = true;
    s->asked_ns = clock_monotonic_ns();
}

void live_client_ask_packet(struct live_client *c, struct live_stream *s)
{
    const struct live_packet *p = live_stream_next_packet(s);
    uint64_t left = s->packet_size - p->data.size;
    live_client_question(c, VIEWER_GET_PACKET)->stream = s;
    viewer_ask_packet(c->viewer, s->id, s->packet_offset + p->data.size, (uint32_t)(left < LIVE_CLIENT_CHUNK ? left : LIVE_CLIENT_CHUNK));
    s->packet_asked = true;
    s->asked_ns = clock_monotonic_ns();
}

void live_client_ask_metadata(struct live_client *c, struct live_trace *t)
{
    if (t->metadata_asked || !t->has_metadata_id || !t->connected || t->unreadable)
        return;
    if (c->count >= VIEWER_PENDING_MAX - QUESTIONS_OF_SESSIONS) { /* there may be as many traces as programs */
        t->metadata_wanted = c->metadata_waits = true;
        return;
    }
    live_client_question(c, VIEWER_GET_METADATA)->trace = t;
    viewer_ask_of(c->viewer, VIEWER_GET_METADATA, t->metadata_id);
    t->metadata_asked = true;
}

void live_client_ask_streams(struct live_client *c, struct live_client_part *part)
{
    if (part->streams_asked || part->closed || !part->attached)
        return;
    live_client_question(c, VIEWER_GET_NEW_STREAMS)->part = part->id;
    viewer_ask_of(c->viewer, VIEWER_GET_NEW_STREAMS, part->id);
    part->streams_asked = true;
    c->set.looks++;
}

bool live_client_may_read(const struct live_client *c, const struct live_stream *s)
{
    if (!s->connected || !s->bound || s->hung_up || s->index_asked || s->packet_asked || s->packet_wanted || s->count == LIVE_PACKETS_MAX)
        return false;
    return s->count == 0 || c->set.waiting_bytes < c->setup.buffer_bytes;
}

void live_client_look_for_streams(struct live_client *c)
{
    for (uint32_t i = 0; i < c->part_count; i++)
        live_client_ask_streams(c, &c->parts[i]);
}

static bool ask_for_metadata(struct live_client *c, int64_t now_ns)
{
    bool asked = false;
    c->metadata_waits = false;
    for (uint32_t i = 0; i < c->set.trace_count; i++) {
        struct live_trace *t = c->set.traces[i];
        if (!t->connected || t->unreadable || (t->trace && !t->metadata_wanted))
            continue;
        live_client_ask_metadata(c, t);
        asked |= t->trace || now_ns - t->since_ns < soon_for_ns; /* what did not come in time may still come some time */
    }
    return asked;
}

/* What does not come with streams: streams where there are none, metadata that was not there yet, other domains of the session. */
static void do_chores(struct live_client *c, int64_t now_ns)
{
    int64_t soon_ns = now_ns + (c->live_timer_ns / 4 < chores_period_ns ? c->live_timer_ns / 4 : chores_period_ns);
    if (now_ns < c->chores_at_ns || !live_client_may_ask(c))
        return;
    bool look = now_ns >= c->look_at_ns;
    if (look) {
        c->look_at_ns = now_ns + look_period_ns;
        live_client_ask(c, VIEWER_LIST_SESSIONS);
    }
    c->chores_at_ns = c->look_at_ns;
    for (uint32_t i = 0; i < c->part_count; i++) {
        bool bare = !live_client_has_streams(c, &c->parts[i]);
        if (bare || look)
            live_client_ask_streams(c, &c->parts[i]);
        if (bare)
            c->chores_at_ns = soon_ns;
    }
    if (ask_for_metadata(c, now_ns))
        c->chores_at_ns = soon_ns;
}

/* Nothing but beacons for a while: then every stream is asked once in a live timer, all in one batch, and the first event after it
 * is noticed that much later. Else each is asked when something of it is expected. */
static int64_t idle_period_ns(const struct live_client *c)
{
    int64_t period_ns = c->live_timer_ns >= long_timer_ns ? c->live_timer_ns / 2 : c->live_timer_ns;
    return period_ns > least_period_ns ? period_ns : least_period_ns;
}

static bool is_idle(const struct live_client *c, int64_t now_ns)
{
    return c->current && now_ns - c->data_ns > idle_after_ns;
}

/* Of streams whose turn it is, and of those whose turn is about to come. lttng-relayd 2.13 tells of new streams with packets only,
 * not with beacons; so it is asked behind each batch of questions: what new streams have may be earlier than what the others say. */
static void ask_streams_due(struct live_client *c, int64_t now_ns)
{
    int64_t soon_ns = now_ns + live_pace_step(c->live_timer_ns) / 2;
    uint32_t asked = 0;
    if (is_idle(c, now_ns)) {
        if (now_ns < c->batch_ns + idle_period_ns(c))
            return;
        soon_ns = INT64_MAX;
    }
    for (uint32_t i = 0, n = c->set.stream_count; i < n && live_client_may_ask(c); i++, c->next_stream++) {
        struct live_stream *s = c->set.streams[c->next_stream % n];
        if (s->ask_at_ns > soon_ns)
            continue;
        if (s->packet_wanted && s->connected) {
            s->packet_wanted = false;
            live_client_ask_packet(c, s);
        } else if (live_client_may_read(c, s)) {
            live_client_ask_index(c, s);
        } else {
            continue;
        }
        asked++;
    }
    if (asked > 0)
        live_client_look_for_streams(c);
    c->batch_ns = asked > 0 ? now_ns : c->batch_ns;
}

static void set_timer(struct live_client *c, int64_t now_ns)
{
    int64_t at_ns = c->chores_at_ns > now_ns || c->count == 0 ? c->chores_at_ns : INT64_MAX;
    for (uint32_t i = 0; i < c->set.stream_count && live_client_may_ask(c); i++) {
        const struct live_stream *s = c->set.streams[i];
        if (s->ask_at_ns < at_ns && (live_client_may_read(c, s) || s->packet_wanted))
            at_ns = s->ask_at_ns;
    }
    if (is_idle(c, now_ns) && at_ns < c->batch_ns + idle_period_ns(c))
        at_ns = c->batch_ns + idle_period_ns(c) < c->chores_at_ns ? c->batch_ns + idle_period_ns(c) : c->chores_at_ns;
    loop_set_timer(c->timer, c->more ? 0 : at_ns);
}

void live_client_ask_due(struct live_client *c, int64_t now_ns)
{
    if (c->metadata_waits)
        ask_for_metadata(c, now_ns);
    ask_streams_due(c, now_ns);
    do_chores(c, now_ns);
    set_timer(c, now_ns);
}
