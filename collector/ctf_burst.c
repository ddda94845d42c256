#include "collector/ctf_burst.h"
#include <string.h>

/* The whole numbers of a run that begins there. */
static inline void load_numbers(const struct ctf_quick *q, const uint8_t *run, struct value *values)
{
    for (const struct ctf_quick_load *l = q->loads, *end = l + q->number_count; l < end; l++) {
        struct value *v = &values[l->value];
        uint64_t x;
        memcpy(&x, run + l->offset, sizeof(x));
        x <<= l->shift;
        v->kind = l->kind;
        v->u = l->is_signed ? (uint64_t)((int64_t)x >> l->shift) : x >> l->shift;
    }
}

/* Where the stream stands, while that is in registers. */
struct place {
    uint64_t at, cycles;
    int64_t time_ns;
    struct ctf_class *class;
};

static inline void put_place(struct ctf_stream *s, const struct ctf_quick_header *h, struct place p)
{
    s->cursor.at = p.at;
    if (h->count > 0)
        s->state.clocks[h->clock] = p.cycles;
    s->class = p.class;
    s->time_ns = p.time_ns;
}

static inline struct place get_place(const struct ctf_stream *s, const struct ctf_quick_header *h)
{
    return (struct place){ .at = s->cursor.at, .cycles = h->count > 0 ? s->state.clocks[h->clock] : 0, .time_ns = s->time_ns, .class = s->class };
}

/* An event that is no simple run, or too near to the packet's end. */
static __attribute__((noinline)) int take_any(const struct ctf_burst *b, struct ctf_stream *s, const struct ctf_quick_header *h, struct place p,
                                              struct error *err)
{
    put_place(s, h, p);
    return ctf_stream_take(s, b->values, err);
}

/* The next event's header, when that is LTTng's short one of a class that is known. False: nothing is changed. */
static inline bool find_next(const struct ctf_stream *s, const struct ctf_quick_header *h, struct place *p)
{
    uint64_t at = (p->at + 7) & ~UINT64_C(7), word;
    if (at + 64 > s->cursor.end)
        return false;
    memcpy(&word, s->cursor.data + at / 8, sizeof(word));
    uint64_t id = word & h->id_mask;
    struct ctf_class *class = id < h->count ? s->kind->classes[id] : NULL;
    uint64_t cycles = p->cycles + (((word >> h->id_bits) - p->cycles) & h->time_mask);
    if (!class || cycles >= s->kind->plain_limit)
        return false;
    *p = (struct place){ .at = at + h->bits, .cycles = cycles, .time_ns = s->kind->base_ns + (int64_t)cycles, .class = class };
    return true;
}

int ctf_burst(struct ctf_burst *b, struct ctf_stream *s, struct error *err)
{
    const struct ctf_quick_header *h = &s->kind->quick;
    const struct event_consumer *consumer = b->consumer;
    struct place p = get_place(s, h);
    const int64_t bound_ns = b->bound_ns;
    const uint64_t consumed = s->consumed;
    uint64_t skipped = 0;
    uint32_t left = b->budget;
    bool found = false;
    int r = 0;
    do {
        const struct ctf_quick *q = &p.class->quick;
        uint64_t at = (p.at + q->align_mask) & ~(uint64_t)q->align_mask;
        if (p.class->prepared)
            ctf_stream_prepare(s, p.class, b->values);
        if (at + q->reach_bits <= s->cursor.end) {
            load_numbers(q, s->cursor.data + at / 8, b->values);
            if (q->text_count > 0)
                ctf_quick_texts(q, s->cursor.data + at / 8, b->values);
            p.at = at + q->run_bits;
        } else {
            s->consumed = consumed + (b->budget - left);
            if ((r = take_any(b, s, h, p, err)) < 0)
                break;
            p = get_place(s, h);
        }
        b->last_ns = p.time_ns;
        if (p.class->skip) {
            skipped++;
        } else {
            const struct event event = { .class_id = p.class->public_id, .time_ns = p.time_ns, .values = b->values };
            consumer->event(consumer->self, &event);
        }
        left--;
        found = find_next(s, h, &p);
    } while (found && p.time_ns < bound_ns && left > 0);
    s->consumed = consumed + (b->budget - left);
    b->budget = left;
    if (skipped > 0)
        consumer->skipped(consumer->self, skipped);
    if (r < 0)
        return r;
    put_place(s, h, p);
    if (found)
        s->event_at = p.at - h->bits;
    return found;
}
