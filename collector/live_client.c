#include "collector/live_client.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "collector/live_tap.h"
#include "collector/viewer.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t look_period_ns = 1000000000, chores_period_ns = 10000000,
                     idle_after_ns = 1000000000, lookup_period_ns = 2000000, long_timer_ns = 50000000, shortest_timer_ns = 500000, least_period_ns = 4000000,
                     first_look_ns = 100000000, answer_limit_ns = 30000000000, newcomer_wait_ns = 300000000, soon_for_ns = 5000000000;
enum { CHUNK = 1 << 20, DELIVER_ITEMS = 65536, SESSIONS_MAX = 64 };

/* A session of lttng-relayd's: those of one name are one to us, there is one for each domain. */
struct relay_part {
    uint64_t id;
    bool attached, closed;
    bool streams_asked, had_streams;
};

/* What was asked, and of whom; answers come in the same order. */
struct question {
    enum viewer_command command;
    struct live_stream *stream;
    struct live_trace *trace;
    uint64_t part;
};

enum state { DOWN, LOOKING, ATTACHING, READING };

struct live_client {
    struct live_client_setup setup;
    struct live_set set;
    struct viewer *viewer;
    int fd;                           /* of viewer, as the loop has it */
    struct loop_timer *timer;
    struct live_tap *tap;             /* NULL: none */
    enum state state;
    int64_t live_timer_ns;
    struct relay_part parts[SESSIONS_MAX];
    uint32_t part_count;
    uint32_t attaching;               /* answers still to come */
    bool created, settled, current;
    bool timer_known;                 /* live_timer_ns is what lttng-relayd says */
    bool replaced;                    /* the session is over, and one of its name has been made */
    bool metadata_waits;              /* of a trace it is wanted, and there were too many questions */
    bool more;                        /* to deliver, at once */
    bool first_done;                  /* a connection has stood: the next one begins at the beginning, whatever was asked for */
    enum reader_status told;
    struct question questions[VIEWER_PENDING_MAX];
    uint32_t first, count;
    uint64_t look_for_flag;           /* the one that shows what a flag told of: until then nothing is delivered */
    uint32_t next_stream;             /* of whom is asked first: there may be more streams than questions */
    /* Monotonic: */
    int64_t data_ns, batch_ns, chores_at_ns, look_at_ns, look_wait_ns, attached_ns, answer_since_ns, progress_ns, newcomer_ns;
    uint64_t received;
};

static int on_ready(void *self);

/* ---- the set's side ---- */

static void on_notice(void *self, const char *text)
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

/* ---- questions ---- */

static struct question *put_question(struct live_client *c, enum viewer_command command)
{
    int64_t now_ns = c->count == 0 ? clock_monotonic_ns() : 0;
    if (c->count == 0)
        c->answer_since_ns = c->progress_ns = now_ns;
    struct question *q = &c->questions[(c->first + c->count++) % VIEWER_PENDING_MAX];
    *q = (struct question){ .command = command };
    return q;
}

/* Of the places for questions half are for those of streams; what comes of their answers, and what is asked of sessions, has room. */
enum { QUESTIONS_OF_STREAMS = VIEWER_PENDING_MAX / 2, QUESTIONS_OF_SESSIONS = 4 * SESSIONS_MAX };
static bool may_ask(const struct live_client *c)
{
    return c->count < QUESTIONS_OF_STREAMS;
}

static void ask(struct live_client *c, enum viewer_command command)
{
    put_question(c, command);
    viewer_ask(c->viewer, command);
}

static void ask_index(struct live_client *c, struct live_stream *s)
{
    put_question(c, VIEWER_GET_NEXT_INDEX)->stream = s;
    viewer_ask_of(c->viewer, VIEWER_GET_NEXT_INDEX, s->id);
    s->index_asked = true;
    s->asked_ns = clock_monotonic_ns();
}

static void ask_packet(struct live_client *c, struct live_stream *s)
{
    const struct live_packet *p = live_stream_next_packet(s);
    uint64_t left = s->packet_size - p->data.size;
    put_question(c, VIEWER_GET_PACKET)->stream = s;
    viewer_ask_packet(c->viewer, s->id, s->packet_offset + p->data.size, (uint32_t)(left < CHUNK ? left : CHUNK));
    s->packet_asked = true;
    s->asked_ns = clock_monotonic_ns();
}

static void ask_metadata(struct live_client *c, struct live_trace *t)
{
    if (t->metadata_asked || !t->has_metadata_id || !t->connected || t->unreadable)
        return;
    if (c->count >= VIEWER_PENDING_MAX - QUESTIONS_OF_SESSIONS) { /* there may be as many traces as programs */
        t->metadata_wanted = c->metadata_waits = true;
        return;
    }
    put_question(c, VIEWER_GET_METADATA)->trace = t;
    viewer_ask_of(c->viewer, VIEWER_GET_METADATA, t->metadata_id);
    t->metadata_asked = true;
}

static void ask_streams(struct live_client *c, struct relay_part *part)
{
    if (part->streams_asked || part->closed || !part->attached)
        return;
    put_question(c, VIEWER_GET_NEW_STREAMS)->part = part->id;
    viewer_ask_of(c->viewer, VIEWER_GET_NEW_STREAMS, part->id);
    part->streams_asked = true;
    c->set.looks++;
}

static struct relay_part *find_part(struct live_client *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->part_count; i++)
        if (c->parts[i].id == id)
            return &c->parts[i];
    return NULL;
}

/* ---- attaching ---- */

static void tell(struct live_client *c, enum reader_status status, const char *text)
{
    if (c->told == status && status != READER_ENDED)
        return;
    c->told = status;
    c->setup.owner->status(c->setup.owner->self, status, text);
}

static void look_again(struct live_client *c)
{
    c->state = LOOKING;
    c->look_wait_ns = c->look_wait_ns ? c->look_wait_ns * 2 : first_look_ns;
    if (c->look_wait_ns > look_period_ns)
        c->look_wait_ns = look_period_ns;
    loop_set_timer(c->timer, clock_monotonic_ns() + c->look_wait_ns);
}

static bool matches(const struct live_client *c, const struct relay_session *s)
{
    return strcmp(s->hostname, c->setup.url.hostname) == 0 && strcmp(s->session, c->setup.url.session) == 0;
}

static void attach_part(struct live_client *c, const struct relay_session *s)
{
    struct relay_part *part = find_part(c, s->id);
    if (part || c->part_count == SESSIONS_MAX)
        return;
    part = &c->parts[c->part_count++];
    *part = (struct relay_part){ .id = s->id };
    if (!c->created)
        ask(c, VIEWER_CREATE_SESSION);
    c->created = true;
    put_question(c, VIEWER_ATTACH_SESSION)->part = s->id;
    viewer_ask_attach(c->viewer, s->id, c->first_done ? VIEWER_SEEK_BEGINNING : c->setup.seek);
    c->attaching++;
    int64_t timer_ns = (int64_t)s->timer_us * 1000;
    if (timer_ns > 0 && (!c->timer_known || timer_ns < c->live_timer_ns))
        c->live_timer_ns = timer_ns > shortest_timer_ns ? timer_ns : shortest_timer_ns;
    c->timer_known |= timer_ns > 0;
}

static bool has_streams(const struct live_client *c, const struct relay_part *part)
{
    for (uint32_t i = 0; i < c->set.stream_count; i++) {
        const struct live_stream *s = c->set.streams[i];
        if (s->trace->session == part->id && s->connected && !s->hung_up)
            return true;
    }
    return false;
}

/* All that was read has come to its end, whether lttng-relayd says so or not. */
static bool is_over(const struct live_client *c)
{
    for (uint32_t i = 0; i < c->part_count; i++)
        if (!c->parts[i].had_streams || has_streams(c, &c->parts[i]))
            return false;
    return c->part_count > 0;
}

/* While a session is read another one of its name appears: another domain of it, or the next one in its place. That one begins
 * when the first is over, which shows in a while: then what nobody recorded between the two is missing. True: attach to it. */
static bool is_of_ours(struct live_client *c, const struct relay_sessions *sessions)
{
    int64_t now_ns = clock_monotonic_ns();
    bool more = false;
    for (size_t i = 0; i < sessions->count && !more; i++)
        more = matches(c, &sessions->list[i]) && sessions->list[i].clients == 0 && !find_part(c, sessions->list[i].id);
    if (!more) {
        c->newcomer_ns = 0;
        return false;
    }
    if (c->newcomer_ns == 0) {
        c->newcomer_ns = now_ns;
        c->look_at_ns = c->chores_at_ns = now_ns + newcomer_wait_ns;
        return false;
    }
    c->replaced = is_over(c);
    return !c->replaced;
}

static void on_sessions(struct live_client *c, const struct viewer_reply *reply)
{
    struct relay_sessions sessions;
    char why[600];
    relay_sessions_take(&sessions, reply);
    enum reader_status status = c->part_count > 0 ? READER_ATTACHED : live_source_look_up(&c->setup.url, &sessions, why, sizeof(why));
    bool attach = status == READER_ATTACHED && (c->state != READING || is_of_ours(c, &sessions));
    for (size_t i = 0; i < sessions.count && attach; i++)
        if (matches(c, &sessions.list[i]) && sessions.list[i].clients == 0)
            attach_part(c, &sessions.list[i]);
    relay_sessions_done(&sessions);
    if (c->state == READING)
        return;
    if (status == READER_ATTACHED) {
        c->state = ATTACHING;
        return;
    }
    tell(c, status, why);
    look_again(c);
}

static void remove_part(struct live_client *c, struct relay_part *part)
{
    *part = c->parts[--c->part_count];
}

/* Whoever reads the rest of the session now does not let us read it: what was attached to is given back. */
static void back_off(struct live_client *c)
{
    while (c->part_count > 0) {
        put_question(c, VIEWER_DETACH_SESSION);
        viewer_ask_of(c->viewer, VIEWER_DETACH_SESSION, c->parts[0].id);
        remove_part(c, &c->parts[0]);
    }
    look_again(c);
}

static int add_streams(struct live_client *c, uint64_t part, const struct viewer_reply *reply, struct error *err)
{
    int64_t now_ns = clock_monotonic_ns();
    for (uint32_t i = 0; i < reply->answer.count; i++) {
        struct viewer_stream s;
        if (c->set.stream_count >= LIVE_STREAMS_MAX || c->set.trace_count >= LIVE_STREAMS_MAX)
            return error_set(err, -E2BIG, "the session has more than %d streams at a time: that many are not read", LIVE_STREAMS_MAX);
        viewer_get_stream(reply->list + (size_t)i * VIEWER_STREAM_BYTES, &s);
        struct live_trace *t = live_set_trace(&c->set, part, s.trace_id);
        t->since_ns = t->since_ns ? t->since_ns : now_ns;
        if (s.is_metadata) {
            t->metadata_id = s.id;
            t->has_metadata_id = true;
        } else {
            live_set_stream(&c->set, t, s.id, s.channel, now_ns);
            find_part(c, part)->had_streams = true;
        }
    }
    for (uint32_t i = 0; i < c->set.trace_count; i++)
        if (!c->set.traces[i]->trace)
            ask_metadata(c, c->set.traces[i]);
    return 0;
}

static int on_attached(struct live_client *c, uint64_t id, const struct viewer_reply *reply, struct error *err)
{
    struct relay_part *part = find_part(c, id);
    bool busy = reply->answer.status == VIEWER_ATTACH_ALREADY;
    int r;
    c->attaching--;
    if (!part)
        return 0;
    switch (reply->answer.status) {
    case VIEWER_ATTACH_OK:
        part->attached = true;
        if ((r = add_streams(c, id, reply, err)) < 0)
            return r;
        break;
    case VIEWER_ATTACH_ALREADY:
    case VIEWER_ATTACH_UNKNOWN: /* gone since it was listed */
    case VIEWER_ATTACH_NOT_LIVE:
        remove_part(c, part);
        break;
    default:
        return error_set(err, -EPROTO, "lttng-relayd does not let the session be attached to: status %" PRIu32, reply->answer.status);
    }
    if (c->attaching > 0 || c->state != ATTACHING)
        return 0;
    if (busy || c->part_count == 0) {
        tell(c, busy ? READER_BUSY : READER_WAITING, busy ? "the session has another viewer, and lttng-relayd allows one" : "the session went away before it could be attached to");
        back_off(c);
        return 0;
    }
    c->state = READING;
    c->first_done = true;
    c->attached_ns = clock_monotonic_ns();
    c->look_wait_ns = 0;
    c->look_at_ns = clock_monotonic_ns() + look_period_ns;
    tell(c, READER_ATTACHED, "attached");
    return 0;
}

/* ---- reading ---- */

/* Every trace that is there is known, or given up: what is left of an earlier connection has ended. */
static void settle(struct live_client *c, bool wait)
{
    for (uint32_t i = 0; i < c->set.trace_count && wait; i++)
        if (c->set.traces[i]->connected && !c->set.traces[i]->trace && !c->set.traces[i]->unreadable)
            return;
    c->settled = true;
    live_set_connected(&c->set);
    c->setup.connected(c->setup.owner->self, c->set.continued, live_set_may_lack(&c->set));
}

/* Packets are read ahead within the bound; the one that all others wait for is always read. */
static bool may_read(const struct live_client *c, const struct live_stream *s)
{
    if (!s->connected || !s->bound || s->hung_up || s->index_asked || s->packet_asked || s->packet_wanted || s->count == LIVE_PACKETS_MAX)
        return false;
    return s->count == 0 || c->set.waiting_bytes < c->setup.buffer_bytes;
}

static void read_on(struct live_client *c, struct live_stream *s)
{
    if (may_read(c, s) && may_ask(c))
        ask_index(c, s);
}

static void news_of(struct live_client *c, struct live_stream *s, bool data)
{
    s->news_ns = c->answer_since_ns;
    s->stalled = false;
    c->data_ns = data ? s->news_ns : c->data_ns;
    live_pace_news(&s->pace, c->live_timer_ns, s->news_ns, data);
}

static void set_dry(struct live_client *c, struct live_stream *s)
{
    s->dry = true;
    s->dry_ns = s->asked_ns;
    s->ask_at_ns = live_pace_dry(&s->pace, c->live_timer_ns, c->answer_since_ns);
}

/* Before any later time is believed: what new streams have may be earlier. */
static void look_for_streams(struct live_client *c)
{
    for (uint32_t i = 0; i < c->part_count; i++)
        ask_streams(c, &c->parts[i]);
}

static void on_flags(struct live_client *c, struct live_stream *s, uint32_t flags)
{
    if (flags & VIEWER_FLAG_NEW_METADATA) {
        s->trace->metadata_wanted = true;
        ask_metadata(c, s->trace);
    }
    if (flags & VIEWER_FLAG_NEW_STREAM) {
        look_for_streams(c);
        c->look_for_flag = c->set.looks;
    }
}

/* It says nothing of streams that are new: they are looked for before it is believed. What is asked after it is answered after
 * it, and what is asked already, too. */
static void on_beacon(struct live_client *c, struct live_stream *s, int64_t time_ns)
{
    if (time_ns <= s->known_ns || time_ns <= s->told_ns)
        return;
    news_of(c, s, false);
    look_for_streams(c);
    s->told_ns = time_ns;
    s->told_look = c->set.looks;
    if (c->set.looked == c->set.looks) /* there is nobody to be asked */
        live_stream_advance(s, time_ns);
}

static void believe_beacons(struct live_client *c)
{
    for (uint32_t i = 0; i < c->set.stream_count; i++)
        if (c->set.streams[i]->told_look <= c->set.looked)
            live_stream_advance(c->set.streams[i], c->set.streams[i]->told_ns);
}

static int on_index(struct live_client *c, struct live_stream *s, const struct viewer_answer *a, struct error *err)
{
    const struct viewer_index *i = &a->index;
    s->index_asked = false;
    on_flags(c, s, a->flags);
    switch (a->status) {
    case VIEWER_INDEX_OK:
        news_of(c, s, true);
        s->ask_at_ns = 0;
        if (!live_stream_is_new(s, i->stream_class, i->begin, i->end) ||
            (!c->current && live_stream_skip(s, i->stream_class, i->begin, i->end, c->setup.skip_ns))) {
            read_on(c, s);
            return 0;
        }
        if (i->packet_bits == 0 || i->packet_bits % 8 != 0 || i->content_bits > i->packet_bits)
            return error_set(err, -EBADMSG, "stream %s: lttng-relayd has a packet of %" PRIu64 " bits with %" PRIu64 " of content at offset %" PRIu64, s->channel,
                             i->packet_bits, i->content_bits, i->offset);
        if (i->packet_bits / 8 > c->setup.buffer_bytes)
            return error_set(err, -E2BIG, "stream %s: a packet of %" PRIu64 " bytes is more than is read ahead (read_ahead)", s->channel, i->packet_bits / 8);
        s->packet_size = i->packet_bits / 8;
        s->packet_offset = live_stream_next_packet(s)->offset = i->offset;
        s->packet_begin = i->begin;
        s->packet_end = i->end;
        bytes_reset(&live_stream_next_packet(s)->data);
        ask_packet(c, s);
        return 0;
    case VIEWER_INDEX_INACTIVE:
        on_beacon(c, s, live_stream_time(s, i->stream_class, i->end));
        set_dry(c, s);
        return 0;
    case VIEWER_INDEX_RETRY:
        set_dry(c, s);
        return 0;
    case VIEWER_INDEX_HUP:
    case VIEWER_INDEX_EOF:
        news_of(c, s, false);
        live_stream_hang_up(s);
        return 0;
    default:
        return error_set(err, -EPROTO, "stream %s: lttng-relayd has no index: status %" PRIu32, s->channel, a->status);
    }
}

static int on_packet(struct live_client *c, struct live_stream *s, const struct viewer_reply *reply, struct error *err)
{
    const struct viewer_answer *a = &reply->answer;
    struct bytes *data = &live_stream_next_packet(s)->data;
    uint64_t left = s->packet_size - data->size, asked = left < CHUNK ? left : CHUNK;
    s->packet_asked = false;
    on_flags(c, s, a->flags);
    switch (a->status) {
    case VIEWER_PACKET_OK:
        if (a->size != asked)
            return error_set(err, -EBADMSG, "stream %s: lttng-relayd sends %" PRIu64 " bytes of a packet instead of %" PRIu64, s->channel, a->size, asked);
        bytes_append(data, reply->data, (size_t)a->size);
        if (data->size < s->packet_size) {
            ask_packet(c, s);
            return 0;
        }
        live_stream_packet(s, s->packet_begin, s->packet_end);
        read_on(c, s);
        return 0;
    case VIEWER_PACKET_RETRY:
        s->packet_wanted = true;
        set_dry(c, s);
        return 0;
    case VIEWER_PACKET_ERROR:
        if (a->flags) /* there is something else to be asked first, which has been */
            ask_packet(c, s);
        else
            live_stream_packet_gone(s, s->packet_end); /* it has been overwritten */
        return 0;
    case VIEWER_PACKET_EOF:
        live_stream_packet_gone(s, s->packet_end);
        live_stream_hang_up(s);
        return 0;
    default:
        return error_set(err, -EPROTO, "stream %s: lttng-relayd has no packet: status %" PRIu32, s->channel, a->status);
    }
}

static void tell_unreadable(struct live_client *c, struct live_trace *t)
{
    on_notice(c, "lttng-relayd has no metadata of a program (it may have ended before they came): what it traced cannot be read");
    live_set_drop_trace(&c->set, t);
}

/* One trace of several that is not understood does not keep the others from being read; nor does a class that is added. */
static int on_bad_metadata(struct live_client *c, struct live_trace *t, int r, struct error *err)
{
    char text[1200];
    bool others = false;
    for (uint32_t i = 0; i < c->set.trace_count; i++)
        others |= c->set.traces[i]->trace != NULL;
    if (!others)
        return r == -ENOTSUP ? r : error_wrap(err, -EILSEQ, "the metadata of a trace");
    snprintf(text, sizeof(text), "%s: %s", err->text, t->trace ? "events declared from there on cannot be read" : "that trace of the session cannot be read");
    on_notice(c, text);
    if (!t->trace)
        live_set_drop_trace(&c->set, t);
    return 0;
}

static int on_metadata(struct live_client *c, struct live_trace *t, const struct viewer_reply *reply, struct error *err)
{
    const struct viewer_answer *a = &reply->answer;
    t->metadata_asked = t->metadata_wanted = false;
    if (a->status == VIEWER_METADATA_ERROR && !t->trace)
        tell_unreadable(c, t);
    if (a->status == VIEWER_METADATA_OK && a->size > 0) {
        int r = live_set_metadata(&c->set, t, reply->data, (size_t)a->size, err);
        if (r < 0)
            return on_bad_metadata(c, t, r, err);
        ask_metadata(c, t); /* it may come in pieces */
    }
    return 0;
}

static int on_streams(struct live_client *c, uint64_t id, const struct viewer_reply *reply, struct error *err)
{
    struct relay_part *part = find_part(c, id);
    int r = 0;
    c->set.looked++;
    if (part)
        part->streams_asked = false;
    switch (reply->answer.status) {
    case VIEWER_NEW_STREAMS_OK:
        if (part)
            r = add_streams(c, id, reply, err);
        break;
    case VIEWER_NEW_STREAMS_NO_NEW:
        break;
    case VIEWER_NEW_STREAMS_HUP:
    case VIEWER_NEW_STREAMS_ERROR: /* of a session that it does not know any more; its streams say more */
        if (part)
            part->closed = true;
        break;
    default:
        return error_set(err, -EPROTO, "lttng-relayd does not say which streams there are: status %" PRIu32, reply->answer.status);
    }
    believe_beacons(c);
    return r;
}

static int on_answer(struct live_client *c, const struct question *q, const struct viewer_reply *reply, struct error *err)
{
    switch (q->command) {
    case VIEWER_CONNECT:
    case VIEWER_DETACH_SESSION:
        return 0;
    case VIEWER_CREATE_SESSION:
        return reply->answer.status == VIEWER_CREATE_OK ? 0 : error_set(err, -EPROTO, "lttng-relayd takes no viewer: status %" PRIu32, reply->answer.status);
    case VIEWER_LIST_SESSIONS:
        on_sessions(c, reply);
        return 0;
    case VIEWER_ATTACH_SESSION:
        return on_attached(c, q->part, reply, err);
    case VIEWER_GET_NEXT_INDEX:
        return on_index(c, q->stream, &reply->answer, err);
    case VIEWER_GET_PACKET:
        return on_packet(c, q->stream, reply, err);
    case VIEWER_GET_METADATA:
        return on_metadata(c, q->trace, reply, err);
    case VIEWER_GET_NEW_STREAMS:
        return on_streams(c, q->part, reply, err);
    }
    return 0;
}

/* ---- what to ask, and when ---- */

/* Of all traces of which it is not there, or there may be more. True: it was asked for. */
static bool ask_for_metadata(struct live_client *c, int64_t now_ns)
{
    bool asked = false;
    c->metadata_waits = false;
    for (uint32_t i = 0; i < c->set.trace_count; i++) {
        struct live_trace *t = c->set.traces[i];
        if (!t->connected || t->unreadable || (t->trace && !t->metadata_wanted))
            continue;
        ask_metadata(c, t);
        asked |= t->trace || now_ns - t->since_ns < soon_for_ns; /* what did not come in time may still come some time */
    }
    return asked;
}

/* What does not come with streams: streams where there are none, metadata that was not there yet, other domains of the session. */
static void do_chores(struct live_client *c, int64_t now_ns)
{
    int64_t soon_ns = now_ns + (c->live_timer_ns / 4 < chores_period_ns ? c->live_timer_ns / 4 : chores_period_ns);
    if (now_ns < c->chores_at_ns || !may_ask(c))
        return;
    bool look = now_ns >= c->look_at_ns;
    if (look) {
        c->look_at_ns = now_ns + look_period_ns;
        ask(c, VIEWER_LIST_SESSIONS);
    }
    c->chores_at_ns = c->look_at_ns;
    for (uint32_t i = 0; i < c->part_count; i++) {
        bool bare = !has_streams(c, &c->parts[i]);
        if (bare || look)
            ask_streams(c, &c->parts[i]);
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
static void ask_due(struct live_client *c, int64_t now_ns)
{
    int64_t soon_ns = now_ns + live_pace_step(c->live_timer_ns) / 2;
    uint32_t asked = 0;
    if (is_idle(c, now_ns)) {
        if (now_ns < c->batch_ns + idle_period_ns(c))
            return;
        soon_ns = INT64_MAX;
    }
    for (uint32_t i = 0, n = c->set.stream_count; i < n && may_ask(c); i++, c->next_stream++) {
        struct live_stream *s = c->set.streams[c->next_stream % n];
        if (s->ask_at_ns > soon_ns)
            continue;
        if (s->packet_wanted && s->connected) {
            s->packet_wanted = false;
            ask_packet(c, s);
        } else if (may_read(c, s)) {
            ask_index(c, s);
        } else {
            continue;
        }
        asked++;
    }
    if (asked > 0)
        look_for_streams(c);
    c->batch_ns = asked > 0 ? now_ns : c->batch_ns;
}

static void set_timer(struct live_client *c, int64_t now_ns)
{
    int64_t at_ns = c->chores_at_ns > now_ns || c->count == 0 ? c->chores_at_ns : INT64_MAX;
    for (uint32_t i = 0; i < c->set.stream_count && may_ask(c); i++) {
        const struct live_stream *s = c->set.streams[i];
        if (s->ask_at_ns < at_ns && (may_read(c, s) || s->packet_wanted))
            at_ns = s->ask_at_ns;
    }
    if (is_idle(c, now_ns) && at_ns < c->batch_ns + idle_period_ns(c))
        at_ns = c->batch_ns + idle_period_ns(c);
    loop_set_timer(c->timer, c->more ? 0 : at_ns);
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
        settle(c, true);
    if (c->settled && c->set.looked >= c->look_for_flag)
        deliver(c);
    if (c->settled && !c->more && !c->current && c->set.looked == c->set.looks && is_current(c)) {
        c->current = true;
        if (c->setup.current)
            c->setup.current(c->setup.owner->self);
    }
    if (c->settled && has_ended(c)) {
        live_client_stop(c);
        tell(c, READER_ENDED, "the session has ended");
        return;
    }
    if (c->metadata_waits)
        ask_for_metadata(c, now_ns);
    ask_due(c, now_ns);
    do_chores(c, now_ns);
    set_timer(c, now_ns);
}

/* ---- the connection ---- */

/* The loop has the connection's descriptor, which may be another after an attempt to connect has failed. */
static void watch_connection(struct live_client *c)
{
    int fd = c->viewer ? viewer_fd(c->viewer) : -1;
    if (fd != c->fd && c->fd >= 0)
        loop_remove_fd(c->setup.loop, c->fd);
    if (fd != c->fd && fd >= 0)
        loop_add_quiet_fd(c->setup.loop, fd, on_ready, c);
    c->fd = fd;
    if (fd >= 0)
        loop_want_out(c->setup.loop, fd, viewer_poll_events(c->viewer) & POLLOUT);
}

static void fail(struct live_client *c, int r, const struct error *err)
{
    live_client_stop(c);
    tell(c, r == -EILSEQ ? READER_REFUSED : READER_FAILED, err->text);
}

static int take_answers(struct live_client *c, struct error *err)
{
    struct viewer_reply reply;
    int r;
    while ((r = viewer_take(c->viewer, &reply, err)) != 0) {
        if (r < 0)
            return r;
        struct question q = c->questions[c->first];
        c->first = (c->first + 1) % VIEWER_PENDING_MAX;
        c->count--;
        c->answer_since_ns = c->progress_ns = clock_monotonic_ns();
        r = on_answer(c, &q, &reply, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* After something has come, or time has: delivers, asks on. */
static void go_on(struct live_client *c)
{
    struct error err;
    if (c->state == READING)
        read_session(c);
    int r = c->viewer ? viewer_flush(c->viewer, &err) : 0;
    if (r < 0)
        fail(c, r, &err);
    watch_connection(c);
}

static int on_ready(void *self)
{
    struct live_client *c = self;
    struct error err;
    int r = viewer_service(c->viewer, &err);
    c->setup.owner->heard(c->setup.owner->self);
    int taken = take_answers(c, r < 0 ? &(struct error){ 0 } : &err); /* what came before it broke counts */
    if (r < 0 || taken < 0)
        fail(c, r < 0 ? r : taken, &err);
    else
        go_on(c);
    return 0;
}

static int on_timer(void *self)
{
    struct live_client *c = self;
    if (c->viewer && viewer_fd(c->viewer) < 0) {
        loop_set_timer(c->timer, clock_monotonic_ns() + lookup_period_ns);
        return on_ready(c);
    }
    if (c->state == LOOKING && c->count == 0)
        ask(c, VIEWER_LIST_SESSIONS);
    go_on(c);
    return 0;
}

int live_client_start(struct live_client *c, struct error *err)
{
    live_client_stop(c);
    int r = viewer_open(&c->setup.url, &c->viewer, err);
    if (r < 0)
        return r;
    c->state = LOOKING;
    c->told = 0;
    ask(c, VIEWER_CONNECT);
    ask(c, VIEWER_LIST_SESSIONS);
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
    c->state = DOWN;
    c->part_count = c->attaching = c->count = c->first = 0;
    c->set.looked = c->set.looks;
    c->timer_known = c->created = c->settled = c->more = c->metadata_waits = c->replaced = c->current = false;
    c->chores_at_ns = 0;
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

/* ---- time limits ---- */

static void check_answer(struct live_client *c, int64_t now_ns, int64_t patience_ns)
{
    struct error err;
    uint64_t received = viewer_received(c->viewer);
    if (received != c->received)
        c->progress_ns = now_ns;
    c->received = received;
    if (viewer_fd(c->viewer) < 0) /* a name server may take its time */
        patience_ns = answer_limit_ns;
    if (c->count == 0 || (now_ns - c->progress_ns <= patience_ns && now_ns - c->answer_since_ns <= answer_limit_ns))
        return;
    on_ready(c); /* it may be there, and we were busy */
    if (!c->viewer || c->count == 0 || c->progress_ns >= now_ns || viewer_received(c->viewer) != received)
        return;
    error_set(&err, -ETIMEDOUT, "lttng-relayd does not answer for %.1f s", (double)(now_ns - c->answer_since_ns) / 1e9);
    fail(c, -ETIMEDOUT, &err);
}

/* lttng-relayd was asked so long after the last news of it, and had nothing. That we did not ask means nothing. */
static bool is_silent(const struct live_stream *s, int64_t now_ns, int64_t patience_ns)
{
    int64_t asked_ns = s->bound ? s->dry_ns : now_ns;
    return s->connected && !s->hung_up && s->items.item == CTF_ITEM_NONE && asked_ns - s->news_ns > patience_ns;
}

/* It has as many packets waiting as it may, and is not asked for more; or all of them. */
static bool is_full(const struct live_client *c, const struct live_stream *s)
{
    return (s->hung_up && s->items.item != CTF_ITEM_NONE) || s->count == LIVE_PACKETS_MAX || (s->count > 0 && c->set.waiting_bytes >= c->setup.buffer_bytes);
}

/* A stream of which nothing comes, while something does of others, or would, is not waited for any longer. */
static void find_stalled(struct live_client *c, int64_t now_ns, int64_t patience_ns)
{
    int64_t latest_ns = INT64_MIN;
    bool full = false, found = false;
    for (uint32_t i = 0; i < c->set.stream_count; i++) {
        const struct live_stream *s = c->set.streams[i];
        full |= is_full(c, s);
        latest_ns = s->news_ns > latest_ns ? s->news_ns : latest_ns;
    }
    for (uint32_t i = 0; i < c->set.stream_count; i++) {
        struct live_stream *s = c->set.streams[i];
        if (s->stalled || !is_silent(s, now_ns, patience_ns) || (!full && latest_ns - s->news_ns <= patience_ns / 2))
            continue;
        live_stream_stall(s);
        found = true;
    }
    if (found)
        go_on(c);
}

/* The metadata of a trace does not come. What it is may be understood by others when there is something; where nothing at all can be
 * read a new connection may have it. */
static void settle_without(struct live_client *c)
{
    struct error err;
    char text[120];
    uint32_t known = 0, unknown = 0;
    for (uint32_t i = 0; i < c->set.trace_count; i++) {
        const struct live_trace *t = c->set.traces[i];
        if (t->connected && !t->trace && (t->metadata.text.size > 0 || t->metadata.packed.size > 0)) {
            fail(c, -EILSEQ, (error_set(&err, -EILSEQ, "the metadata of a trace declares no stream and no event"), &err));
            return;
        }
        known += t->connected && t->trace;
        unknown += t->connected && !t->trace && !t->unreadable && t->stream_count > 0;
    }
    snprintf(text, sizeof(text), "the metadata of %" PRIu32 " of %" PRIu32 " traces does not come", unknown, known + unknown);
    if (unknown > 0 && known == 0) {
        fail(c, -ETIMEDOUT, (error_set(&err, -ETIMEDOUT, "%s", text), &err));
        return;
    }
    if (unknown > 0)
        on_notice(c, text);
    settle(c, false);
}

/* Metadata that have not come with the end of the session do not come any more. */
static void drop_unreadable(struct live_client *c, int64_t now_ns, int64_t patience_ns)
{
    for (uint32_t i = 0; i < c->set.stream_count; i++) {
        const struct live_stream *s = c->set.streams[i];
        const struct relay_part *part = find_part(c, s->trace->session);
        if (s->bound || s->hung_up || now_ns - s->news_ns <= patience_ns || (part && !part->closed))
            continue;
        tell_unreadable(c, s->trace);
        return;
    }
}

void live_client_tick(struct live_client *c, int64_t now_ns, int64_t patience_ns)
{
    if (!c->viewer)
        return;
    if (!viewer_is_connected(c->viewer))
        on_ready(c);
    if (c->viewer)
        check_answer(c, now_ns, patience_ns);
    if (c->state != READING)
        return;
    if (!c->settled && now_ns - c->attached_ns > patience_ns)
        settle_without(c);
    if (c->viewer)
        drop_unreadable(c, now_ns, patience_ns);
    if (c->viewer && c->settled)
        find_stalled(c, now_ns, patience_ns);
}

int64_t live_client_timer_ns(const struct live_client *c)
{
    return c->live_timer_ns;
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
                                        .notice = on_notice, .begin = on_begin, .self = c };
    live_set_init(&c->set, &set);
    c->timer = loop_add_timer(setup->loop, on_timer, c);
    if (setup->tap_path && live_tap_open(setup->loop, setup->tap_path, &c->set, &c->tap, &err) < 0) {
        snprintf(text, sizeof(text), "nobody can read along: %s", err.text);
        on_notice(c, text);
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
