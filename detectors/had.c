#include "detectors/had.h"

void had_init(struct had *h)
{
    *h = (struct had){ 0 };
}

static struct had_source *find(struct had *h, uint64_t source, uint32_t sender)
{
    for (uint32_t i = 0; i < h->count; i++) {
        uint32_t at = (h->found + i) % h->count; /* most come in a row */
        if (h->sources[at].source == source && h->sources[at].sender == sender)
            return &h->sources[h->found = at];
    }
    struct had_source *s = &h->sources[h->next++ % HAD_SOURCES_MAX];
    h->count += h->count < HAD_SOURCES_MAX;
    *s = (struct had_source){ .source = source, .sender = sender, .end_ns = INT64_MIN, .part_end_ns = INT64_MIN, .told_ns = INT64_MIN,
                              .again_end_ns = INT64_MIN, .again_told_ns = INT64_MIN };
    return s;
}

void had_began(struct had *h, uint32_t sender)
{
    for (uint32_t i = 0; i < h->count; i++) {
        struct had_source *s = &h->sources[i];
        if (s->sender != sender)
            continue;
        s->again_end_ns = s->end_ns;
        s->again_told_ns = s->told_ns;
        s->again_id = s->told_id;
        if (s->parts > s->again_parts)
            s->again_parts = s->parts;
        s->parts = 0;
    }
}

static bool within(int64_t time_ns, int64_t last_ns)
{
    return last_ns != INT64_MIN && time_ns <= last_ns && time_ns > last_ns - HAD_AGAIN_NS;
}

bool had_window(struct had *h, uint64_t source, uint32_t sender, int64_t end_ns)
{
    struct had_source *s = find(h, source, sender);
    if (within(end_ns, s->again_end_ns))
        return true;
    s->again_end_ns = INT64_MIN;
    if (s->part_end_ns != end_ns) {
        s->part_end_ns = end_ns;
        s->parts = s->again_parts = 0;
    }
    return false;
}

bool had_sample(struct had *h, uint64_t source, uint32_t sender)
{
    struct had_source *s = find(h, source, sender);
    return s->parts++ < s->again_parts;
}

void had_whole(struct had *h, uint64_t source, uint32_t sender, int64_t end_ns)
{
    struct had_source *s = find(h, source, sender);
    s->end_ns = end_ns;
    s->part_end_ns = INT64_MIN;
    s->parts = s->again_parts = 0;
}

bool had_operation(struct had *h, uint64_t source, uint32_t sender, int64_t time_ns, uint64_t id)
{
    struct had_source *s = find(h, source, sender);
    if (within(time_ns, s->again_told_ns) && (time_ns < s->again_told_ns || id == s->again_id))
        return true;
    s->again_told_ns = INT64_MIN;
    s->told_ns = time_ns;
    s->told_id = id;
    return false;
}

bool had_loss(struct had *h, uint64_t id)
{
    for (uint32_t i = 0; i < HAD_LOSSES_MAX; i++)
        if (h->losses[i] == id)
            return true;
    h->losses[h->next_loss++ % HAD_LOSSES_MAX] = id;
    return false;
}

void had_save(const struct had *h, struct bytes *b)
{
    wire_put_uint(b, h->next);
    wire_put_array(b, h->count);
    for (uint32_t i = 0; i < h->count; i++) {
        const struct had_source *s = &h->sources[i];
        const int64_t times[] = { s->end_ns, s->part_end_ns, s->told_ns, s->again_end_ns, s->again_told_ns };
        const uint64_t numbers[] = { s->source, s->sender, s->parts, s->told_id, s->again_id, s->again_parts };
        for (uint32_t k = 0; k < sizeof(times) / sizeof(times[0]); k++)
            wire_put_int(b, times[k]);
        for (uint32_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++)
            wire_put_uint(b, numbers[k]);
    }
    wire_put_uint(b, h->next_loss);
    wire_put_array(b, HAD_LOSSES_MAX);
    for (uint32_t i = 0; i < HAD_LOSSES_MAX; i++)
        wire_put_uint(b, h->losses[i]);
}

void had_load(struct had *h, struct wire_reader *r)
{
    had_init(h);
    h->next = wire_get_uint32(r);
    h->count = wire_get_array(r, HAD_SOURCES_MAX);
    for (uint32_t i = 0; i < h->count; i++) {
        struct had_source *s = &h->sources[i];
        int64_t *const times[] = { &s->end_ns, &s->part_end_ns, &s->told_ns, &s->again_end_ns, &s->again_told_ns };
        for (uint32_t k = 0; k < sizeof(times) / sizeof(times[0]); k++)
            *times[k] = wire_get_int(r);
        s->source = wire_get_uint(r);
        s->sender = wire_get_uint32(r);
        s->parts = wire_get_uint(r);
        s->told_id = wire_get_uint(r);
        s->again_id = wire_get_uint(r);
        s->again_parts = wire_get_uint(r);
    }
    h->next_loss = wire_get_uint32(r);
    for (uint32_t i = 0, n = wire_get_array(r, HAD_LOSSES_MAX); i < n; i++)
        h->losses[i] = wire_get_uint(r);
}
