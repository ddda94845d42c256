#include "collector/live_set.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFERS_KEPT = 4 << 20 }; /* bytes, of empty buffers */

void live_set_init(struct live_set *set, const struct live_set_setup *setup)
{
    *set = (struct live_set){ .setup = *setup };
    ctf_delivery_init(&set->delivery, setup->consumer);
    set->delivery.raw = setup->raw;
    set->delivery.raw_self = setup->raw_self;
}

static void tell(const struct live_set *set, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tell(const struct live_set *set, const char *fmt, ...)
{
    char text[1400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    set->setup.notice(set->setup.self, text);
}

/* ---- streams ---- */

static struct live_packet *head(struct live_stream *s)
{
    return &s->packets[s->first];
}

/* Of packets that were read: what waits at a time takes memory, not what each stream could have waiting. */
static void give_buffer(struct live_set *set, struct bytes *b)
{
    bytes_reset(b);
    if (set->buffer_bytes + b->capacity > BUFFERS_KEPT) {
        bytes_done(b);
    } else {
        GROW(set->buffers, set->buffer_count, set->buffer_capacity);
        set->buffers[set->buffer_count++] = *b;
        set->buffer_bytes += b->capacity;
    }
    *b = (struct bytes){ 0 };
}

static void drop_head(struct live_stream *s)
{
    s->waiting_bytes -= head(s)->data.size;
    s->set->waiting_bytes -= head(s)->data.size;
    give_buffer(s->set, &head(s)->data);
    s->first = (s->first + 1) % LIVE_PACKETS_MAX;
    s->count--;
}

static int place(const struct ctf_items *items, int r, struct error *err)
{
    const struct live_stream *s = (const struct live_stream *)items;
    return error_wrap(err, r, "stream %s, packet at offset %" PRIu64, s->channel, s->packets[s->first].offset);
}

static bool is_had(const struct ctf_items *items)
{
    const struct ctf_packet *p = &items->stream.packet, *before = &items->before;
    return items->has_before && p->has_sequence && before->has_sequence && p->sequence <= before->sequence && p->begin <= before->begin;
}

/* Of a stream's first packet: what an earlier process had read and not handed on, or had yet to read, and the relayd does not
 * have any more, is missing as if it were lost between two packets. */
static void find_gap(struct live_stream *s)
{
    const struct live_set_setup *setup = &s->set->setup;
    struct ctf_items *items = &s->items;
    const struct ctf_packet *p = &items->stream.packet;
    struct stream_position known = { 0 };
    if (!setup->positions || setup->window_ns == INT64_MIN || items->has_before || !p->has_begin)
        return;
    bool had = positions_stream(setup->positions, s->trace->trace->metadata->uuid, s->channel, &known) && p->has_sequence;
    bool first = p->has_sequence && p->sequence == 0, next = had && p->sequence == known.sequence + 1, later = had && p->sequence > known.sequence + 1;
    if (first || (next && known.end_ns <= setup->window_ns) || (!later && ctf_packet_ns(&items->stream, p->begin) <= setup->window_ns))
        return;
    items->has_before = true;
    items->before_unknown = !later;
    items->before = (struct ctf_packet){ .has_sequence = true, .sequence = later ? known.sequence : p->sequence >= 2 ? p->sequence - 2 : 0 };
    items->before_end_ns = setup->window_ns;
    items->discarded = p->discarded;
}

static int enter(struct ctf_items *items, struct error *err)
{
    struct live_stream *s = (struct live_stream *)items;
    while (s->count > 0) {
        int r = ctf_stream_packet(&items->stream, head(s)->data.data, head(s)->data.size, err);
        if (r < 0)
            return place(items, r, err);
        if (items->stream.packet.has_begin && items->stream.packet.begin != head(s)->begin)
            return place(items, error_set(err, -EINVAL, "it begins at another time than lttng-relayd's index says"), err);
        if (!is_had(items)) {
            s->resumed = false;
            find_gap(s);
            return 1;
        }
        drop_head(s);
    }
    return 0;
}

static int leave(struct ctf_items *items, struct error *err)
{
    struct live_stream *s = (struct live_stream *)items;
    const struct ctf_packet *p = &items->stream.packet;
    int64_t end_ns = p->has_end ? ctf_packet_ns(&items->stream, p->end) : INT64_MIN;
    (void)err;
    if (end_ns > s->known_ns)
        s->known_ns = end_ns;
    if (s->set->setup.positions && p->has_sequence && p->sequence >= s->furthest) /* what is read again is no step back */
        positions_set_stream(s->set->setup.positions, s->trace->trace->metadata->uuid, s->channel,
                             &(struct stream_position){ .sequence = p->sequence, .end_ns = end_ns });
    drop_head(s);
    return 0;
}

static const struct ctf_items_owner owner = { .enter = enter, .leave = leave, .place = place };

static void free_stream(struct live_stream *s)
{
    s->set->waiting_bytes -= s->waiting_bytes;
    if (--s->trace->stream_count == 0)
        s->trace->over_look = s->set->looks + 1;
    for (uint32_t i = 0; i < LIVE_PACKETS_MAX; i++)
        bytes_done(&s->packets[i].data);
    free(s);
}

static bool is_over(const struct live_stream *s)
{
    return s->hung_up && s->count == 0 && !s->index_asked && !s->packet_asked;
}

/* ---- traces ---- */

static void free_trace(struct live_trace *t)
{
    live_metadata_done(&t->metadata);
    bytes_done(&t->raw);
    ctf_trace_free(t->trace);
    free(t);
}

/* No packet came after those that were gone, whose number would have told of them. */
static void tell_gone(struct live_set *set, struct live_stream *s)
{
    if (s->gone == 0 || !s->bound)
        return;
    struct loss loss = { .kind = LOSS_PACKETS, .source = s->trace->trace->source, .count = s->gone, .begin_ns = s->items.before_end_ns, .end_ns = INT64_MIN };
    if (s->items.stream.kind)
        loss.end_ns = ctf_packet_ns(&s->items.stream, s->gone_end);
    if (!s->items.has_before || loss.begin_ns == INT64_MIN)
        loss.begin_ns = set->delivery.time_ns;
    if (loss.end_ns < loss.begin_ns)
        loss.end_ns = loss.begin_ns;
    s->gone = 0;
    if (loss.begin_ns != INT64_MIN)
        set->setup.consumer->loss(set->setup.consumer->self, &loss);
}

/* What is left of an earlier connection may come again with a trace of which nothing is known yet. */
static bool has_unknown(const struct live_set *set)
{
    for (uint32_t i = 0; i < set->trace_count; i++) {
        const struct live_trace *t = set->traces[i];
        if (t->connected && !t->trace && !t->unreadable)
            return true;
    }
    return false;
}

/* It has no streams left, and there are none that nobody was told of: its metadata will not be sent again. Losses that are still
 * to be told have its names. */
static bool is_done(const struct live_trace *t, const struct live_set *set)
{
    return t->had_streams && t->stream_count == 0 && !t->metadata_asked && set->delivery.early_count == 0 && (!t->connected || set->looked >= t->over_look);
}

/* Streams that are over, and traces that are. */
static void tidy(struct live_set *set)
{
    const bool unknown = has_unknown(set);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < set->stream_count; i++) {
        const struct live_stream *s = set->streams[i];
        if (is_over(s) && s->items.item == CTF_ITEM_NONE && (s->connected || !unknown)) {
            tell_gone(set, set->streams[i]);
            free_stream(set->streams[i]);
        } else {
            set->streams[kept++] = set->streams[i];
        }
    }
    set->stream_count = kept;
    for (uint32_t i = kept = 0; i < set->trace_count; i++) {
        struct live_trace *t = set->traces[i];
        if (is_done(t, set))
            free_trace(t);
        else
            set->traces[kept++] = t;
    }
    set->trace_count = kept;
}

void live_set_done(struct live_set *set)
{
    for (uint32_t i = 0; i < set->stream_count; i++)
        free_stream(set->streams[i]);
    for (uint32_t i = 0; i < set->trace_count; i++)
        free_trace(set->traces[i]);
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

struct live_trace *live_set_trace(struct live_set *set, uint64_t session, uint64_t id)
{
    for (uint32_t i = 0; i < set->trace_count; i++) {
        struct live_trace *t = set->traces[i];
        if (t->connected && t->session == session && t->id == id)
            return t;
    }
    struct live_trace *t = xcalloc(1, sizeof(*t));
    *t = (struct live_trace){ .session = session, .id = id, .connected = true };
    GROW(set->traces, set->trace_count, set->trace_capacity);
    return set->traces[set->trace_count++] = t;
}

static struct live_stream *find_before(const struct live_set *set, const struct live_stream *s)
{
    for (uint32_t i = 0; i < set->stream_count; i++) {
        struct live_stream *other = set->streams[i];
        if (other != s && other->trace == s->trace && other->bound && !other->connected && strcmp(other->channel, s->channel) == 0)
            return other;
    }
    return NULL;
}

/* Its trace is known. One that was had before goes on as what it was: false, and the new one is not needed. */
static bool bind_stream(struct live_set *set, struct live_stream *s, int64_t now_ns)
{
    struct live_stream *before = find_before(set, s);
    if (before) {
        before->id = s->id;
        before->connected = true;
        before->gone = 0; /* it will be asked for again */
        before->hung_up = before->dry = before->stalled = false;
        before->resumed = true;
        before->ask_at_ns = 0;
        before->news_ns = now_ns;
        return false;
    }
    s->items.stream.trace = s->trace->trace;
    s->bound = true;
    struct stream_position known;
    if (set->setup.positions && positions_stream(set->setup.positions, s->trace->trace->metadata->uuid, s->channel, &known)) {
        set->continued = true;
        s->furthest = known.sequence;
    }
    return true;
}

static void remove_stream(struct live_set *set, uint32_t i)
{
    free_stream(set->streams[i]);
    memmove(&set->streams[i], &set->streams[i + 1], (--set->stream_count - i) * sizeof(set->streams[0]));
}

void live_set_stream(struct live_set *set, struct live_trace *trace, uint64_t id, const char *channel, int64_t now_ns)
{
    struct live_stream *s = xcalloc(1, sizeof(*s));
    if (set->observer)
        set->observer->stream(set->observer->self, trace, id, channel);
    s->items.owner = &owner;
    s->items.time_ns = s->known_ns = s->told_ns = INT64_MIN;
    s->set = set;
    s->trace = trace;
    s->id = id;
    s->connected = true;
    s->news_ns = now_ns;
    live_pace_init(&s->pace);
    snprintf(s->channel, sizeof(s->channel), "%s", channel);
    trace->stream_count++;
    trace->had_streams = true;
    GROW(set->streams, set->stream_count, set->stream_capacity);
    set->streams[set->stream_count++] = s;
    set->unordered = true;
    if (trace->trace && !bind_stream(set, s, now_ns))
        remove_stream(set, set->stream_count - 1);
}

void live_set_disconnect(struct live_set *set)
{
    for (uint32_t i = set->stream_count; i-- > 0;) {
        struct live_stream *s = set->streams[i];
        s->connected = s->index_asked = s->packet_asked = s->packet_wanted = false;
        s->told_ns = INT64_MIN;
        if (s->count < LIVE_PACKETS_MAX)
            bytes_reset(&live_stream_next_packet(s)->data);
        if (!s->bound)
            remove_stream(set, i);
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
            free_trace(t);
    }
    set->trace_count = kept;
    set->continued = false;
    if (set->observer)
        set->observer->connection(set->observer->self, false);
}

/* ---- metadata ---- */

static struct live_trace *find_same_trace(const struct live_set *set, const struct ctf_trace *trace)
{
    const struct ctf_metadata *m = trace->metadata;
    for (uint32_t i = 0; i < set->trace_count && m->has_uuid; i++) {
        struct live_trace *t = set->traces[i];
        if (!t->connected && t->trace && t->trace->metadata->has_uuid && memcmp(t->trace->metadata->uuid, m->uuid, sizeof(m->uuid)) == 0)
            return t;
    }
    return NULL;
}

static void share_clocks(const struct live_set *set, struct ctf_trace *trace)
{
    for (uint32_t i = 0; i < set->trace_count; i++)
        if (set->traces[i]->trace && set->traces[i]->trace != trace && ctf_trace_share_clocks(trace, set->traces[i]->trace))
            return;
}

/* The trace that a connection brings again takes the place of what it was known as before; the text it had is passed over. */
static void go_on_with(struct live_set *set, struct live_trace *t, struct live_trace *before)
{
    t->trace = before->trace;
    t->given = before->given;
    before->trace = NULL;
    for (uint32_t i = 0; i < set->stream_count; i++) {
        if (set->streams[i]->trace == before) {
            set->streams[i]->trace = t;
            t->had_streams = true;
            t->stream_count++;
        }
    }
    for (uint32_t i = 0; i < set->trace_count; i++)
        if (set->traces[i] == before)
            memmove(&set->traces[i], &set->traces[i + 1], (--set->trace_count - i) * sizeof(set->traces[0]));
    free_trace(before);
    set->continued = true;
}

/* Streams that came before anything was known of their trace. */
static void bind_streams(struct live_set *set, struct live_trace *t)
{
    for (uint32_t i = set->stream_count; i-- > 0;) {
        struct live_stream *s = set->streams[i];
        if (s->trace == t && !s->bound && !bind_stream(set, s, s->news_ns))
            remove_stream(set, i);
    }
}

/* What a trace is, by the beginning of its metadata. */
static int begin_trace(struct live_set *set, struct live_trace *t, const char *text, size_t size, struct error *err)
{
    struct ctf_trace *trace = ctf_trace_new(set->setup.consumer, &set->ids);
    int r = ctf_trace_metadata(trace, text, size, err);
    if (r < 0) {
        ctf_trace_free(trace);
        return r;
    }
    struct live_trace *before = find_same_trace(set, trace);
    if (before) {
        ctf_trace_free(trace);
        go_on_with(set, t, before);
        return 0;
    }
    share_clocks(set, trace);
    t->trace = trace;
    t->given = size;
    return 0;
}

int live_set_metadata(struct live_set *set, struct live_trace *t, const void *data, size_t size, struct error *err)
{
    const char *text;
    bool begun = false;
    t->metadata_wanted = false;
    if (t->unreadable)
        return 0;
    if (size > LIVE_METADATA_MAX - t->raw.size)
        return error_set(err, -E2BIG, "metadata: more than %d bytes of one trace", LIVE_METADATA_MAX);
    bytes_append(&t->raw, data, size);
    if (set->observer)
        set->observer->metadata(set->observer->self, t, data, size);
    int r = live_metadata_add(&t->metadata, data, size, err);
    if (r < 0 || !live_metadata_take(&t->metadata, &text, &size))
        return r;
    uint64_t come = t->come + size;
    if (!t->trace) {
        r = begin_trace(set, t, text, size, err);
        begun = r == 0;
    }
    if (r == 0 && come > t->given) {
        size_t more = (size_t)(come - t->given);
        assert(more <= size);
        r = ctf_trace_metadata(t->trace, text + size - more, more, err);
        t->given = come;
    }
    t->come = come;
    if (r == 0)
        r = ctf_trace_announce_all(t->trace, err);
    if (begun)
        bind_streams(set, t);
    return r;
}

void live_set_drop_trace(struct live_set *set, struct live_trace *t)
{
    t->unreadable = true;
    for (uint32_t i = 0; i < set->stream_count; i++)
        if (set->streams[i]->trace == t)
            live_stream_hang_up(set->streams[i]);
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

bool live_set_may_lack(const struct live_set *set)
{
    for (uint32_t i = 0; i < set->trace_count; i++)
        if (set->traces[i]->trace && set->traces[i]->trace->per_process)
            return true;
    return false;
}

/* ---- what comes ---- */

static struct ctf_kind_of_stream *kind_of(const struct live_stream *s, uint64_t stream_class)
{
    struct error err;
    struct ctf_trace *trace = s->trace->trace;
    struct ctf_kind_of_stream *kind = s->items.stream.kind ? s->items.stream.kind : ctf_trace_kind(trace, stream_class, &err);
    return kind ? kind : trace->kind_count > 0 ? trace->kinds[0] : NULL;
}


struct live_packet *live_stream_next_packet(struct live_stream *s)
{
    struct live_set *set = s->set;
    assert(s->count < LIVE_PACKETS_MAX);
    struct live_packet *p = &s->packets[(s->first + s->count) % LIVE_PACKETS_MAX];
    if (!p->data.data && set->buffer_count > 0)
        p->data = set->buffers[--set->buffer_count], set->buffer_bytes -= p->data.capacity;
    return p;
}

void live_stream_packet(struct live_stream *s, uint64_t begin, uint64_t end)
{
    struct live_packet *p = live_stream_next_packet(s);
    size_t size = p->data.size;
    p->begin = begin;
    s->count++;
    s->waiting_bytes += size;
    s->set->waiting_bytes += size;
    s->fetched = true;
    s->stalled = false;
    s->gone = 0;
    s->begin = begin;
    s->end = end;
    if (s->set->observer)
        s->set->observer->packet(s->set->observer->self, s, &s->packets[(s->first + s->count - 1) % LIVE_PACKETS_MAX].data, begin, end);
}

int64_t live_stream_time(const struct live_stream *s, uint64_t stream_class, uint64_t cycles)
{
    const struct ctf_kind_of_stream *kind = kind_of(s, stream_class);
    return kind ? ctf_kind_ns(s->trace->trace, kind, cycles) : INT64_MIN;
}

/* Where nothing was had of it, a new connection may bring what was before the first one. */
bool live_stream_is_new(const struct live_stream *s, uint64_t stream_class, uint64_t begin, uint64_t end)
{
    if (s->resumed && !s->fetched && s->known_ns != INT64_MIN && live_stream_time(s, stream_class, end) <= s->known_ns)
        return false;
    return !s->resumed || !s->fetched || begin > s->begin || (begin == s->begin && end > s->end);
}

void live_stream_packet_gone(struct live_stream *s, uint64_t end)
{
    bytes_reset(&live_stream_next_packet(s)->data);
    s->gone++;
    s->gone_end = end;
}

void live_stream_advance(struct live_stream *s, int64_t time_ns)
{
    if (time_ns <= s->known_ns)
        return;
    s->known_ns = time_ns;
    s->stalled = false;
    if (s->set->observer)
        s->set->observer->advance(s->set->observer->self, s, time_ns);
}

static void tell_over(const struct live_stream *s)
{
    if (s->set->observer)
        s->set->observer->over(s->set->observer->self, s);
}

bool live_stream_skip(struct live_stream *s, uint64_t stream_class, uint64_t begin, uint64_t end, int64_t skip_ns)
{
    const struct ctf_kind_of_stream *kind = kind_of(s, stream_class);
    int64_t end_ns = kind ? ctf_kind_ns(s->trace->trace, kind, end) : INT64_MIN;
    if (end_ns == INT64_MIN || end_ns >= skip_ns || s->count > 0)
        return false;
    s->fetched = true;
    s->begin = begin;
    s->end = end;
    if (s->items.item == CTF_ITEM_NONE && end_ns > s->known_ns)
        s->known_ns = end_ns;
    return true;
}

void live_stream_hang_up(struct live_stream *s)
{
    s->hung_up = true;
    tell_over(s);
}

void live_stream_stall(struct live_stream *s)
{
    s->stalled = true;
    tell_over(s);
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
    tell(set, "%s: the rest of this packet is lost", why->text);
    ctf_delivery_loss(&set->delivery, &loss);
    ctf_items_abandon(&s->items); /* what a damaged packet says of its end is not believed */
    drop_head(s);
    s->class_failures = 0;
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

/* Waiting: nothing of that stream before that instant. */
static struct ctf_turn turn_of(const struct live_stream *s, uint32_t number)
{
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
