/* ctf_delivery.h - hands what streams give to a consumer. */
#ifndef FT_COLLECTOR_CTF_DELIVERY_H
#define FT_COLLECTOR_CTF_DELIVERY_H
#include "collector/ctf_items.h"
#include "collector/ctf_merge.h"

/* Who gets it. With `raw` every event goes there instead of consumer->event, its fields not yet read: ctf_walk() over the
 * class's layout from the stream's cursor reads them. */
typedef int (*ctf_raw_fn)(void *self, struct ctf_stream *stream, struct error *err);

struct ctf_delivery {
    const struct event_consumer *consumer;
    ctf_raw_fn raw;
    void *raw_self;
    int64_t time_ns;               /* how far time has come; INT64_MIN: nowhere */
    uint64_t events, untimed;      /* delivered or skipped; of these, of streams without a clock */
    struct loss *early;            /* losses told before any time was known */
    uint32_t early_count, early_capacity;
    struct value values[EVENT_VALUES_MAX];
};

void ctf_delivery_init(struct ctf_delivery *d, const struct event_consumer *consumer);
void ctf_delivery_done(struct ctf_delivery *d);

/* A stream's item, and those that follow before bound_ns, as far as *budget lasts; the next one is found. 0, or negative
 * with err: damaged, with its place. */
int ctf_delivery_run(struct ctf_delivery *d, struct ctf_items *s, int64_t bound_ns, uint32_t *budget, struct error *err);
/* No event before time_ns comes any more. INT64_MIN, and what is no later than before, change nothing. */
void ctf_delivery_advance(struct ctf_delivery *d, int64_t time_ns);
/* A loss; without a time of its own, where time has come to. */
void ctf_delivery_loss(struct ctf_delivery *d, const struct loss *loss);
/* That was all: losses that had no time are told. */
void ctf_delivery_end(struct ctf_delivery *d);

/* Before which instant the first of a merge goes on: until the second one's turn, which is looked up once for a run of items.
 * One that has just come to be the first (not `again`) may not be it any more after an item. */
static inline int64_t ctf_delivery_bound(const struct ctf_merge *m, struct ctf_turn first, bool again)
{
    if (!again)
        return INT64_MIN;
    const struct ctf_turn second = ctf_merge_second(m);
    return second.time_ns + (first.stream < second.stream && second.time_ns < INT64_MAX);
}

#endif
