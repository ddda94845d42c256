#include "stream/operations.h"
#include "stream/pairing_inline.h"

int operations_check(const void *config, struct error *err)
{
    const struct operations_config *c = config;
    return thresholds_check(&c->thresholds, err);
}

struct observer *operations_observer(struct stream *s, const struct operations_config *config, const struct observable *what, const struct metric_info *emits)
{
    return observer_new(s, &(struct observer_spec){ .analysis = config->name.s, .what = what, .emits = emits, .threshold_ns = config->threshold.ns, .thresholds = &config->thresholds });
}

static void ignore(void *self, struct pending *p, int64_t time_ns)
{
    (void)self;
    (void)p;
    (void)time_ns;
}

static int64_t on_due(void *self, int64_t now_ns)
{
    struct operations *o = self;
    pairing_advance(&o->pairing, now_ns);
    return pairing_due(&o->pairing);
}

void operations_init(struct operations *o, struct stream *s, const char *analysis, const struct pairing_config *config,
                     const struct pairing_ops *ops, void *self)
{
    static const struct pairing_ops none = { .timed_out = ignore, .abandoned = ignore };
    *o = (struct operations){ .stream = s, .analysis = analysis };
    pairing_init(&o->pairing, config, ops ? ops : &none, self);
    o->timer = stream_timer(s, on_due, o);
    o->soonest_ns = config->timeout_ns > 0 && (config->collect_ns == 0 || config->timeout_ns < config->collect_ns) ? config->timeout_ns : config->collect_ns;
}

void operations_done(struct operations *o)
{
    stream_timer_remove(o->stream, o->timer);
    pairing_done(&o->pairing);
}

void *operations_begin(struct operations *o, const uint64_t *key, int64_t time_ns)
{
    void *data = pairing_begin(&o->pairing, key, time_ns);
    if (data && o->soonest_ns > 0)
        stream_timer_due(o->stream, o->timer, time_ns + o->soonest_ns);
    return data;
}

struct pending *operations_pending(const struct operations *o, const uint64_t *key)
{
    const struct pairing *p = &o->pairing;
    uint32_t at;
    return pairing_find(p, key, pairing_key_hash(key, p->config.key_count), p->config.key_count, &at);
}

void operations_lost(struct operations *o, int64_t end_ns)
{
    pairing_lost(&o->pairing, end_ns);
}

void pairing_publish(struct stream *s, const char *name, const struct pairing_counts *now, struct pairing_counts *old)
{
    stream_count(s, "unmatched_ends", name, now->unmatched - old->unmatched);
    stream_count(s, "skipped_begins", name, now->skipped - old->skipped);
    stream_count(s, "evicted_begins", name, now->evicted - old->evicted);
    stream_count(s, "replaced_begins", name, now->replaced - old->replaced);
    stream_count(s, "collected_begins", name, now->collected - old->collected);
    stream_count(s, "suspect_pairs", name, now->suspect - old->suspect);
    stream_count(s, "backward_pairs", name, now->backwards - old->backwards);
    *old = *now;
}

void operations_publish(struct operations *o)
{
    if (o->quiet) {
        o->published.unmatched = o->pairing.counts.unmatched;
        o->published.replaced = o->pairing.counts.replaced;
    }
    pairing_publish(o->stream, o->analysis, &o->pairing.counts, &o->published);
}
