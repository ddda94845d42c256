#include "collector/ctf_delivery.h"
#include "base/bytes.h"
#include "collector/ctf_burst.h"
#include <stdlib.h>

void ctf_delivery_init(struct ctf_delivery *d, const struct event_consumer *consumer)
{
    *d = (struct ctf_delivery){ .consumer = consumer, .time_ns = INT64_MIN };
}

void ctf_delivery_done(struct ctf_delivery *d)
{
    free(d->early);
    d->early = NULL;
}

/* ---- losses and time ---- */

/* A loss without a time of its own is placed where the trace has come to. */
static void place_early(struct ctf_delivery *d, int64_t time_ns)
{
    for (uint32_t i = 0; i < d->early_count; i++) {
        d->early[i].begin_ns = d->early[i].end_ns = time_ns;
        d->consumer->loss(d->consumer->self, &d->early[i]);
    }
    d->early_count = 0;
}

void ctf_delivery_loss(struct ctf_delivery *d, const struct loss *loss)
{
    struct loss told = *loss;
    if (told.begin_ns == INT64_MIN)
        told.begin_ns = told.end_ns = d->time_ns;
    if (told.begin_ns != INT64_MIN) {
        d->consumer->loss(d->consumer->self, &told);
        return;
    }
    struct loss *last = d->early_count > 0 ? &d->early[d->early_count - 1] : NULL;
    if (last && last->kind == told.kind && last->source.host == told.source.host && last->source.session == told.source.session) {
        last->count += told.count; /* they are of one trace, and will be told for one instant */
        last->at_least |= told.at_least;
        return;
    }
    GROW(d->early, d->early_count, d->early_capacity);
    d->early[d->early_count++] = told;
}

void ctf_delivery_advance(struct ctf_delivery *d, int64_t time_ns)
{
    if (time_ns == INT64_MIN || time_ns <= d->time_ns)
        return;
    d->time_ns = time_ns;
    place_early(d, time_ns);
    d->consumer->watermark(d->consumer->self, time_ns);
}

void ctf_delivery_end(struct ctf_delivery *d)
{
    place_early(d, d->time_ns == INT64_MIN ? 0 : d->time_ns);
}

/* ---- events ---- */

/* Events that nobody waited for come late: time does not go back with them. */
static void go_on_to(struct ctf_delivery *d, int64_t time_ns)
{
    if (time_ns > d->time_ns)
        d->time_ns = time_ns;
}

static int deliver_event(struct ctf_delivery *d, struct ctf_items *s, struct error *err)
{
    const struct event_consumer *consumer = d->consumer;
    struct ctf_class *class = s->stream.class;
    d->events++;
    if (d->raw)
        return d->raw(d->raw_self, &s->stream, err);
    int r = ctf_stream_take(&s->stream, d->values, err);
    if (r < 0)
        return r;
    bool timed = s->time_ns != INT64_MIN;
    d->untimed += !timed;
    if (timed)
        go_on_to(d, s->time_ns);
    if (d->early_count && timed)
        place_early(d, d->time_ns);
    if (class->skip || !timed) {
        consumer->skipped(consumer->self, 1);
        return 0;
    }
    struct event event = { .class_id = class->public_id, .time_ns = s->time_ns, .values = d->values };
    consumer->event(consumer->self, &event);
    return 0;
}

/* The stream's item; the next is found. */
static int deliver_item(struct ctf_delivery *d, struct ctf_items *s, struct error *err)
{
    int r = 0;
    switch (s->item) {
    case CTF_ITEM_EVENT:
        r = deliver_event(d, s, err);
        break;
    case CTF_ITEM_LOST_EVENTS:
    case CTF_ITEM_LOST_PACKETS:
        ctf_delivery_loss(d, &s->loss);
        break;
    default:
        ctf_delivery_advance(d, s->time_ns);
        break;
    }
    return r < 0 ? s->owner->place(s, r, err) : ctf_items_advance(s, err);
}

/* Events in a row of one stream, before the instant bound_ns; what comes next is found. */
static int deliver_events(struct ctf_delivery *d, struct ctf_items *s, int64_t bound_ns, uint32_t *budget, struct error *err)
{
    struct ctf_burst burst = { .consumer = d->consumer, .values = d->values, .bound_ns = bound_ns, .budget = *budget, .last_ns = d->time_ns };
    int found = ctf_burst(&burst, &s->stream, err);
    d->events += *budget - burst.budget;
    *budget = burst.budget;
    go_on_to(d, burst.last_ns);
    if (found < 0)
        return s->owner->place(s, found, err);
    s->time_ns = s->stream.time_ns;
    return found ? 0 : ctf_items_advance(s, err);
}

int ctf_delivery_run(struct ctf_delivery *d, struct ctf_items *s, int64_t bound_ns, uint32_t *budget, struct error *err)
{
    do {
        bool plain = s->item == CTF_ITEM_EVENT && ctf_burst_can(&s->stream) && s->time_ns != INT64_MIN && d->early_count == 0 && !d->raw;
        int r = plain ? deliver_events(d, s, bound_ns, budget, err) : (--*budget, deliver_item(d, s, err));
        if (r < 0)
            return r;
    } while (s->item != CTF_ITEM_NONE && *budget > 0 && s->time_ns < bound_ns);
    return 0;
}
