#include "collector/ctf_burst.h"
#include <string.h>

/* The whole numbers of a run that begins there. */
static inline void load_numbers(const struct ctf_quick *q, const uint8_t *run, struct value *values)
{
    for (const struct ctf_quick_load *l = q->loads, *end = l + q->number_count; l < end; l++) {
        struct value *v = &values[l->value];
        uint64_t x;
        memcpy(&x, run + l->offset, sizeof(x));
        v->kind = l->kind;
        v->u = ((x & l->mask) ^ l->sign) - l->sign;
    }
}

/* What comes of the packet, and texts: of few classes. */
static __attribute__((noinline)) void load_more(const struct ctf_stream *s, const struct ctf_class *class, const uint8_t *run, struct value *values)
{
    if (class->prepared)
        ctf_stream_prepare(s, class, values);
    ctf_quick_texts(&class->quick, run, values);
}

/* Where the stream stands, while that is in registers: all begins at whole bytes. */
struct place {
    uint64_t at, cycles;
    int64_t time_ns;
    struct ctf_class *class;
};

static inline void put_place(struct ctf_stream *s, const struct ctf_quick_header *h, struct place p)
{
    s->cursor.at = p.at * 8;
    s->state.clocks[h->clock] = p.cycles;
    s->class = p.class;
    s->time_ns = p.time_ns;
}

static inline struct place get_place(const struct ctf_stream *s, const struct ctf_quick_header *h)
{
    return (struct place){ .at = (s->cursor.at + 7) / 8, .cycles = s->state.clocks[h->clock], .time_ns = s->time_ns, .class = s->class };
}

/* An event that is no simple run, or too near to the packet's end. */
static __attribute__((noinline)) int take_any(const struct ctf_burst *b, struct ctf_stream *s, const struct ctf_quick_header *h, struct place p,
                                              struct error *err)
{
    put_place(s, h, p);
    return ctf_stream_take(s, b->values, err);
}

/* The next event's header, when that is LTTng's short one of a class that is known. False: nothing is changed. */
static inline bool find_next(const struct ctf_stream *s, const struct ctf_quick_header *h, uint64_t end, struct place *p)
{
    uint64_t word;
    if (p->at + sizeof(word) > end)
        return false;
    memcpy(&word, s->cursor.data + p->at, sizeof(word));
    uint64_t id = word & h->id_mask;
    struct ctf_class *class = id < h->count ? s->kind->classes[id] : NULL;
    uint64_t cycles = p->cycles + (((word >> h->id_bits) - p->cycles) & h->time_mask);
    if (!class || cycles >= s->kind->plain_limit)
        return false;
    *p = (struct place){ .at = p->at + h->size, .cycles = cycles, .time_ns = s->kind->base_ns + (int64_t)cycles, .class = class };
    return true;
}

int ctf_burst(struct ctf_burst *b, struct ctf_stream *s, struct error *err)
{
    const struct ctf_quick_header *h = &s->kind->quick;
    const struct event_consumer *consumer = b->consumer;
    const uint64_t consumed = s->consumed;
    uint64_t end = s->cursor.end / 8;
    const int64_t bound_ns = b->bound_ns;
    struct place p = get_place(s, h);
    struct event event = { .values = b->values };
    uint64_t skipped = 0;
    uint32_t left = b->budget;
    bool found = false, odd = false;
    int r = 0;
    do {
        const struct ctf_quick *q = &p.class->quick;
        uint64_t at = (p.at + q->align_mask) & ~(uint64_t)q->align_mask;
        if (at + q->reach <= end) {
            if (!p.class->plain)
                load_more(s, p.class, s->cursor.data + at, b->values);
            load_numbers(q, s->cursor.data + at, b->values);
            p.at = at + q->size;
        } else {
            s->consumed = consumed + (b->budget - left);
            if ((r = take_any(b, s, h, p, err)) < 0)
                break;
            p = get_place(s, h);
            odd = s->cursor.at % 8 != 0; /* then the next header is not for this place to find */
            end = odd ? 0 : end;
        }
        event.time_ns = p.time_ns;
        if (p.class->skip) {
            skipped++;
        } else {
            event.class_id = p.class->public_id;
            consumer->event(consumer->self, &event);
        }
        left--;
        found = find_next(s, h, end, &p);
    } while (found && p.time_ns < bound_ns && left > 0);
    s->consumed = consumed + (b->budget - left);
    if (left < b->budget)
        b->last_ns = event.time_ns;
    b->budget = left;
    if (skipped > 0)
        consumer->skipped(consumer->self, skipped);
    if (r < 0)
        return r;
    if (!odd)
        put_place(s, h, p);
    if (found)
        s->event_at = (p.at - h->size) * 8;
    return found;
}
