#include "collector/live_set_private.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { BUFFERS_KEPT = 4 << 20 }; /* bytes, of empty buffers */

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

void live_stream_drop_packet(struct live_stream *s)
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

/* Packets were passed over by their index: the next one has the number behind theirs, unless some are missing. */
static void go_on_behind_passed(struct live_stream *s)
{
    struct ctf_items *items = &s->items;
    if (s->numbered && items->has_before) {
        items->before.sequence += s->passed;
        items->before.begin = s->passed_begin;
        items->before_end_ns = s->passed_end_ns;
        items->discarded = s->passed_discarded;
    }
    s->numbered = false;
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
        if (head(s)->passed) {
            items->has_before = true;
            items->before = items->stream.packet;
            live_stream_advance(s, s->passed_end_ns);
            live_stream_drop_packet(s);
            continue;
        }
        go_on_behind_passed(s);
        if (!is_had(items)) {
            s->resumed = false;
            find_gap(s);
            return 1;
        }
        live_stream_drop_packet(s);
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
    live_stream_drop_packet(s);
    return 0;
}

static const struct ctf_items_owner owner = { .enter = enter, .leave = leave, .place = place };

struct live_stream *live_stream_new(struct live_set *set, struct live_trace *trace, uint64_t id, const char *channel, int64_t now_ns)
{
    struct live_stream *s = xcalloc(1, sizeof(*s));
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
    return s;
}

void live_stream_free(struct live_stream *s)
{
    s->set->waiting_bytes -= s->waiting_bytes;
    if (--s->trace->stream_count == 0)
        s->trace->over_look = s->set->looks + 1;
    for (uint32_t i = 0; i < LIVE_PACKETS_MAX; i++)
        bytes_done(&s->packets[i].data);
    free(s);
}

bool live_stream_is_over(const struct live_stream *s)
{
    return s->hung_up && s->count == 0 && !s->index_asked && !s->packet_asked;
}

void live_stream_tell_gone(struct live_stream *s)
{
    struct live_set *set = s->set;
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

static struct live_stream *find_before(const struct live_stream *s)
{
    const struct live_set *set = s->set;
    for (uint32_t i = 0; i < set->stream_count; i++) {
        struct live_stream *other = set->streams[i];
        if (other != s && other->trace == s->trace && other->bound && !other->connected && strcmp(other->channel, s->channel) == 0)
            return other;
    }
    return NULL;
}

bool live_stream_bind(struct live_stream *s, int64_t now_ns)
{
    struct live_set *set = s->set;
    struct live_stream *before = find_before(s);
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
    p->passed = s->passing;
    s->passing = false;
    s->count++;
    s->waiting_bytes += size;
    s->set->waiting_bytes += size;
    s->fetched = true;
    s->stalled = false;
    s->gone = 0;
    s->begin = begin;
    s->end = end;
    if (s->set->observer && !p->passed)
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
    if (s->passing) {
        live_stream_forget_passing(s);
        return;
    }
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

void live_stream_forget_passing(struct live_stream *s)
{
    if (s->passing)
        s->passing = s->numbered = false;
}

bool live_stream_pass(struct live_stream *s, const struct viewer_index *index, int64_t skip_ns)
{
    const struct ctf_kind_of_stream *kind = kind_of(s, index->stream_class);
    int64_t end_ns = kind ? ctf_kind_ns(s->trace->trace, kind, index->end) : INT64_MIN;
    if (end_ns == INT64_MIN || end_ns >= skip_ns || s->items.item != CTF_ITEM_NONE || (s->count > 0 && !head(s)->passed))
        return false;
    s->passed_begin = index->begin;
    s->passed_end_ns = end_ns;
    s->passed_discarded = index->discarded;
    if (!s->numbered) {
        s->numbered = s->passing = true;
        s->passed = 0;
        return false;
    }
    s->passed++;
    s->fetched = true;
    s->begin = index->begin;
    s->end = index->end;
    live_stream_advance(s, end_ns);
    return true;
}

void live_stream_hang_up(struct live_stream *s)
{
    s->hung_up = true;
    tell_over(s);
}

/* How far anything is known. */
static int64_t latest(const struct live_set *set)
{
    int64_t time_ns = set->delivery.time_ns;
    for (uint32_t i = 0; i < set->stream_count; i++)
        if (set->streams[i]->known_ns > time_ns)
            time_ns = set->streams[i]->known_ns;
    return time_ns;
}

/* Told at once: windows that are open still are to be marked. Time does not go on for it. */
void live_stream_cut_off(struct live_stream *s)
{
    struct live_set *set = s->set;
    int64_t now_ns = set->delivery.time_ns, fetched_ns = s->fetched && s->items.stream.kind ? ctf_packet_ns(&s->items.stream, s->end) : INT64_MIN;
    struct loss loss = { .kind = LOSS_SUSPECTED, .source = s->trace->trace->source, .begin_ns = now_ns, .end_ns = latest(set) };
    live_stream_hang_up(s);
    if (s->known_ns != INT64_MIN && s->known_ns < now_ns)
        loss.begin_ns = s->known_ns;
    if (fetched_ns > loss.end_ns)
        loss.end_ns = fetched_ns;
    if (now_ns != INT64_MIN)
        set->setup.consumer->loss(set->setup.consumer->self, &loss);
}

void live_stream_stall(struct live_stream *s)
{
    s->stalled = true;
    tell_over(s);
}
