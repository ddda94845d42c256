#include "collector/live_client_private.h"
#include "base/bytes.h"
#include <stdio.h>

static void read_on(struct live_client *c, struct live_stream *s)
{
    if (live_client_may_read(c, s) && live_client_may_ask(c))
        live_client_ask_index(c, s);
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

static void on_flags(struct live_client *c, struct live_stream *s, uint32_t flags)
{
    if (flags & VIEWER_FLAG_NEW_METADATA) {
        s->trace->metadata_wanted = true;
        live_client_ask_metadata(c, s->trace);
    }
    if (flags & VIEWER_FLAG_NEW_STREAM) {
        live_client_look_for_streams(c);
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
    live_client_look_for_streams(c);
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

/* lttng-relayd before 2.14 does not give what is left of a program with buffers of its own that has ended: often nothing, but that
 * does not show. */
static void on_end(struct live_client *c, struct live_stream *s)
{
    if (c->relayd_minor >= 14 || !s->trace->trace->per_process) {
        live_stream_hang_up(s);
        return;
    }
    live_stream_cut_off(s);
    c->cut_look = c->cut_look ? c->cut_look : c->set.looks + 1;
}

/* Once, and when the session goes on: its own end is no reason. */
static void tell_cut(struct live_client *c)
{
    if (c->cut_told || c->cut_look == 0 || c->set.looked < c->cut_look)
        return;
    c->cut_told = true;
    live_client_notice(c, "a program with buffers of its own has ended: lttng-relayd before 2.14 keeps the last of what it traced from viewers, and the windows "
                          "concerned are marked; with buffers per user (lttng enable-channel --buffers-uid) nothing is missing");
}

int live_client_on_index(struct live_client *c, struct live_stream *s, const struct viewer_answer *a, struct error *err)
{
    const struct viewer_index *i = &a->index;
    s->index_asked = false;
    if (s->hung_up) /* its session was given back meanwhile */
        return 0;
    on_flags(c, s, a->flags);
    switch (a->status) {
    case VIEWER_INDEX_OK:
        news_of(c, s, true);
        s->ask_at_ns = 0;
        if (!live_stream_is_new(s, i->stream_class, i->begin, i->end) ||
            (!c->current && live_stream_pass(s, i, c->setup.skip_ns))) {
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
        live_client_ask_packet(c, s);
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
        on_end(c, s);
        return 0;
    default:
        return error_set(err, -EPROTO, "stream %s: lttng-relayd has no index: status %" PRIu32, s->channel, a->status);
    }
}

int live_client_on_packet(struct live_client *c, struct live_stream *s, const struct viewer_reply *reply, struct error *err)
{
    const struct viewer_answer *a = &reply->answer;
    struct bytes *data = &live_stream_next_packet(s)->data;
    uint64_t left = s->packet_size - data->size, asked = left < LIVE_CLIENT_CHUNK ? left : LIVE_CLIENT_CHUNK;
    s->packet_asked = false;
    if (s->hung_up)
        return 0;
    on_flags(c, s, a->flags);
    switch (a->status) {
    case VIEWER_PACKET_OK:
        if (a->size != asked)
            return error_set(err, -EBADMSG, "stream %s: lttng-relayd sends %" PRIu64 " bytes of a packet instead of %" PRIu64, s->channel, a->size, asked);
        bytes_append(data, reply->data, (size_t)a->size);
        if (data->size < s->packet_size) {
            live_client_ask_packet(c, s);
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
            live_client_ask_packet(c, s);
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

void live_client_drop_trace(struct live_client *c, struct live_trace *t)
{
    live_client_notice(c, "lttng-relayd has no metadata of a program (it may have ended before they came): what it traced cannot be read");
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
    live_client_notice(c, text);
    if (!t->trace)
        live_set_drop_trace(&c->set, t);
    return 0;
}

int live_client_on_metadata(struct live_client *c, struct live_trace *t, const struct viewer_reply *reply, struct error *err)
{
    const struct viewer_answer *a = &reply->answer;
    t->metadata_asked = t->metadata_wanted = false;
    if (a->status == VIEWER_METADATA_ERROR && !t->trace)
        live_client_drop_trace(c, t);
    if (a->status == VIEWER_METADATA_OK && a->size > 0) {
        int r = live_set_metadata(&c->set, t, reply->data, (size_t)a->size, err);
        if (r < 0)
            return on_bad_metadata(c, t, r, err);
        r = t->trace && !t->unreadable ? live_client_check_place(c, t, err) : 0;
        if (r < 0)
            return r;
        live_client_ask_metadata(c, t); /* it may come in pieces */
    }
    return 0;
}

int live_client_on_streams(struct live_client *c, uint64_t id, const struct viewer_reply *reply, struct error *err)
{
    struct live_client_part *part = live_client_part(c, id);
    int r = 0;
    c->set.looked++;
    if (part)
        part->streams_asked = false;
    switch (reply->answer.status) {
    case VIEWER_NEW_STREAMS_OK:
        if (part)
            r = live_client_add_streams(c, id, reply, err);
        tell_cut(c);
        break;
    case VIEWER_NEW_STREAMS_NO_NEW:
        tell_cut(c);
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
