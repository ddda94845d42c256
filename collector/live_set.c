#include "collector/live_set_private.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void live_set_init(struct live_set *set, const struct live_set_setup *setup)
{
    *set = (struct live_set){ .setup = *setup };
    ctf_delivery_init(&set->delivery, setup->consumer);
    set->delivery.raw = setup->raw;
    set->delivery.raw_self = setup->raw_self;
}

void live_set_tell(const struct live_set *set, const char *fmt, ...)
{
    char text[1400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    set->setup.notice(set->setup.self, text);
}

/* It is over, and no connection brings it again. */
static bool is_done(const struct live_stream *s, const struct live_set *set)
{
    return live_stream_is_over(s) && s->items.item == CTF_ITEM_NONE && (s->connected || !live_set_has_unknown_trace(set));
}

/* Streams that are over, and traces that are. */
static void tidy(struct live_set *set)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < set->stream_count; i++) {
        if (is_done(set->streams[i], set))
            live_stream_free(set->streams[i]);
        else
            set->streams[kept++] = set->streams[i];
    }
    set->stream_count = kept;
    for (uint32_t i = kept = 0; i < set->trace_count; i++) {
        struct live_trace *t = set->traces[i];
        if (live_trace_is_done(t, set))
            live_trace_free(t);
        else
            set->traces[kept++] = t;
    }
    set->trace_count = kept;
}

void live_set_done(struct live_set *set)
{
    for (uint32_t i = 0; i < set->stream_count; i++)
        live_stream_free(set->streams[i]);
    for (uint32_t i = 0; i < set->trace_count; i++)
        live_trace_free(set->traces[i]);
    for (uint32_t i = 0; i < set->buffer_count; i++)
        bytes_done(&set->buffers[i]);
    free(set->buffers);
    free(set->streams);
    free(set->traces);
    free(set->turns);
    ctf_merge_done(&set->merge);
    ctf_delivery_done(&set->delivery);
    ctf_class_ids_done(&set->ids);
}

void live_set_remove_stream(struct live_set *set, uint32_t i)
{
    live_stream_free(set->streams[i]);
    memmove(&set->streams[i], &set->streams[i + 1], (--set->stream_count - i) * sizeof(set->streams[0]));
}

void live_set_stream(struct live_set *set, struct live_trace *trace, uint64_t id, const char *channel, int64_t now_ns)
{
    if (set->observer)
        set->observer->stream(set->observer->self, trace, id, channel);
    struct live_stream *s = live_stream_new(set, trace, id, channel, now_ns);
    GROW(set->streams, set->stream_count, set->stream_capacity);
    set->streams[set->stream_count++] = s;
    set->unordered = true;
    if (trace->trace && !live_stream_bind(s, now_ns))
        live_set_remove_stream(set, set->stream_count - 1);
}

void live_set_disconnect(struct live_set *set)
{
    for (uint32_t i = set->stream_count; i-- > 0;) {
        struct live_stream *s = set->streams[i];
        s->connected = s->index_asked = s->packet_asked = s->packet_wanted = false;
        s->told_ns = INT64_MIN;
        live_stream_forget_passing(s);
        if (s->count < LIVE_PACKETS_MAX)
            bytes_reset(&live_stream_next_packet(s)->data);
        if (!s->bound)
            live_set_remove_stream(set, i);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < set->trace_count; i++) {
        struct live_trace *t = set->traces[i];
        t->connected = t->has_metadata_id = t->metadata_asked = t->metadata_wanted = false;
        live_metadata_done(&t->metadata);
        t->metadata = (struct live_metadata){ 0 };
        t->come = 0;
        bytes_reset(&t->raw);
        if (t->trace)
            set->traces[kept++] = t;
        else
            live_trace_free(t);
    }
    set->trace_count = kept;
    set->continued = false;
    if (set->observer)
        set->observer->connection(set->observer->self, false);
}

void live_set_connected(struct live_set *set)
{
    for (uint32_t i = 0; i < set->stream_count; i++)
        if (!set->streams[i]->connected)
            set->streams[i]->hung_up = true;
    if (set->observer)
        set->observer->connection(set->observer->self, true);
    if (set->continued) /* what is left takes its turn */
        return;
    set->leftovers = true;
    while (live_set_deliver(set, UINT32_MAX) == 1)
        ;
    set->leftovers = false;
}

/* ---- delivering ---- */

/* Streams that nobody knows more of than their names come first, so that others wait for them at one instant, too. */
static int by_identity(const void *a, const void *b)
{
    const struct live_stream *x = *(struct live_stream *const *)a, *y = *(struct live_stream *const *)b;
    const struct ctf_packet *p = &x->items.stream.packet, *q = &y->items.stream.packet;
    if (x->ordered != y->ordered)
        return x->ordered ? 1 : -1;
    int order = 0;
    if (x->ordered) {
        const struct ctf_metadata *m = x->trace->trace->metadata, *n = y->trace->trace->metadata;
        order = memcmp(m->uuid, n->uuid, sizeof(m->uuid));
        if (order == 0)
            order = (p->stream_class > q->stream_class) - (p->stream_class < q->stream_class);
        if (order == 0)
            order = (p->instance > q->instance) - (p->instance < q->instance);
    }
    return order ? order : strcmp(x->channel, y->channel);
}

/* The rest of the packet is lost; the stream goes on. */
static void give_up_packet(struct live_set *set, struct live_stream *s, const struct error *why)
{
    const struct ctf_packet *p = &s->items.stream.packet;
    const bool entered = s->items.item != CTF_ITEM_NONE;
    struct loss loss = { .kind = LOSS_PACKETS, .source = s->trace->trace->source, .count = 1, .begin_ns = set->delivery.time_ns };
    loss.end_ns = entered && p->has_end ? ctf_packet_ns(&s->items.stream, p->end) : INT64_MIN;
    if (loss.end_ns < loss.begin_ns)
        loss.end_ns = loss.begin_ns;
    set->damaged++;
    live_set_tell(set, "%s: the rest of this packet is lost", why->text);
    ctf_delivery_loss(&set->delivery, &loss);
    ctf_items_abandon(&s->items); /* what a damaged packet says of its end is not believed */
    live_stream_drop_packet(s);
    s->class_failures = 0;
    s->numbered = false; /* by that packet, it may be */
}

/* What is of a class that the metadata does not have yet, an event or a packet, waits for it. */
static void on_failure(struct live_set *set, struct live_stream *s, int r, const struct error *err)
{
    if (r == -ENOENT && s->connected && s->class_failures++ < LIVE_CLASS_FAILURES_MAX)
        s->trace->metadata_wanted = true;
    else
        give_up_packet(set, s, err);
}

static bool waits_for_metadata(const struct live_stream *s)
{
    return s->class_failures > 0 && (s->trace->metadata_wanted || s->trace->metadata_asked);
}

/* What has come is looked at, where nothing was before. */
static void look(struct live_set *set, struct live_stream *s)
{
    struct error err;
    while (s->items.item == CTF_ITEM_NONE && s->count > 0 && !waits_for_metadata(s)) {
        int r = ctf_items_advance(&s->items, &err);
        if (r < 0)
            on_failure(set, s, r, &err);
        else
            s->class_failures = 0;
    }
    if (!s->ordered && s->items.item != CTF_ITEM_NONE)
        s->ordered = set->unordered = true;
}

/* Waiting: nothing of that stream before that instant. What is missing at its end is told before others go on without it. */
static struct ctf_turn turn_of(struct live_stream *s, uint32_t number)
{
    if (s->gone > 0 && is_done(s, s->set))
        live_stream_tell_gone(s);
    if (s->set->leftovers && s->connected)
        return ctf_turn_none(number);
    if (s->items.item != CTF_ITEM_NONE)
        return (struct ctf_turn){ s->items.time_ns, number };
    return (s->hung_up && s->count == 0) || s->stalled ? ctf_turn_none(number) : (struct ctf_turn){ s->known_ns, number };
}

static void begin_merge(struct live_set *set)
{
    for (uint32_t i = 0; i < set->stream_count; i++)
        look(set, set->streams[i]);
    if (set->unordered && set->stream_count > 0)
        qsort(set->streams, set->stream_count, sizeof(set->streams[0]), by_identity);
    set->unordered = false;
    if (set->stream_count > set->turn_capacity) {
        set->turn_capacity = set->stream_count * 2;
        set->turns = xrealloc(set->turns, set->turn_capacity, sizeof(*set->turns));
    }
    for (uint32_t i = 0; i < set->stream_count; i++)
        set->turns[i] = turn_of(set->streams[i], i);
    ctf_merge_renew(&set->merge, set->turns, set->stream_count);
}

int live_set_deliver(struct live_set *set, uint32_t budget)
{
    uint64_t before = UINT64_MAX;
    struct ctf_turn first;
    struct error err;
    bool begun = false;
    set->awaited = NULL;
    begin_merge(set);
    while (!ctf_turn_is_none(first = ctf_merge_first(&set->merge))) {
        struct live_stream *s = set->streams[first.stream];
        if (!begun && first.time_ns != INT64_MIN)
            set->setup.begin(set->setup.self, first.time_ns);
        begun |= first.time_ns != INT64_MIN;
        if (s->items.item == CTF_ITEM_NONE || waits_for_metadata(s)) {
            set->awaited = s;
            ctf_delivery_advance(&set->delivery, first.time_ns);
            break;
        }
        if (budget == 0)
            return 1;
        int r = ctf_delivery_run(&set->delivery, &s->items, ctf_delivery_bound(&set->merge, first, first.stream == before), &budget, &err);
        if (r < 0) {
            on_failure(set, s, r, &err);
            look(set, s);
        } else {
            s->class_failures = 0;
        }
        ctf_merge_play(&set->merge, turn_of(s, (uint32_t)first.stream));
        before = first.stream;
    }
    tidy(set);
    return 0;
}

bool live_set_is_empty(const struct live_set *set)
{
    for (uint32_t i = 0; i < set->stream_count; i++)
        if (set->streams[i]->count > 0)
            return false;
    return true;
}

void live_set_drain(struct live_set *set)
{
    for (uint32_t i = 0; i < set->stream_count; i++)
        set->streams[i]->hung_up = true;
    while (live_set_deliver(set, UINT32_MAX) == 1)
        ;
}
