#include "collector/live_client_private.h"
#include <stdio.h>

static const int64_t answer_limit_ns = 30000000000;

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
    live_client_take(c); /* it may be there, and we were busy */
    if (!c->viewer || c->count == 0 || c->progress_ns >= now_ns || viewer_received(c->viewer) != received)
        return;
    error_set(&err, -ETIMEDOUT, "lttng-relayd does not answer for %.1f s", (double)(now_ns - c->answer_since_ns) / 1e9);
    live_client_fail(c, -ETIMEDOUT, &err);
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
    if (found && c->setup.stalled)
        c->setup.stalled(c->setup.owner->self);
    if (found)
        live_client_go_on(c);
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
            live_client_fail(c, -EILSEQ, (error_set(&err, -EILSEQ, "the metadata of a trace declares no stream and no event"), &err));
            return;
        }
        known += t->connected && t->trace;
        unknown += t->connected && !t->trace && !t->unreadable && t->stream_count > 0;
    }
    snprintf(text, sizeof(text), "the metadata of %" PRIu32 " of %" PRIu32 " traces does not come", unknown, known + unknown);
    if (unknown > 0 && known == 0) {
        live_client_fail(c, -ETIMEDOUT, (error_set(&err, -ETIMEDOUT, "%s", text), &err));
        return;
    }
    if (unknown > 0)
        live_client_notice(c, text);
    live_client_settle(c, false);
}

/* Metadata that have not come with the end of the session do not come any more. */
static void drop_unreadable(struct live_client *c, int64_t now_ns, int64_t patience_ns)
{
    for (uint32_t i = 0; i < c->set.stream_count; i++) {
        const struct live_stream *s = c->set.streams[i];
        const struct live_client_part *part = live_client_part(c, s->trace->session);
        if (s->bound || s->hung_up || now_ns - s->news_ns <= patience_ns || (part && !part->closed))
            continue;
        live_client_drop_trace(c, s->trace);
        return;
    }
}

void live_client_tick(struct live_client *c, int64_t now_ns, int64_t patience_ns)
{
    if (!c->viewer)
        return;
    if (!viewer_is_connected(c->viewer))
        live_client_take(c);
    if (c->viewer)
        check_answer(c, now_ns, patience_ns);
    if (c->state != LIVE_CLIENT_READING)
        return;
    if (!c->settled && now_ns - c->attached_ns > patience_ns)
        settle_without(c);
    if (c->viewer)
        drop_unreadable(c, now_ns, patience_ns);
    if (c->viewer && c->settled)
        find_stalled(c, now_ns, patience_ns);
}
