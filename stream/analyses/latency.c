/* latency.c - how long operations take, from an `in` event to an `out` event of
 * the same key. The pairing is in stream/pair.h; here is its configuration. */
#include "base/bytes.h"
#include "stream/analysis.h"
#include "stream/labels.h"
#include "stream/pair.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct config {
    struct text name;
    struct text_list in, out, key, out_key, labels, evidence;
    struct duration threshold, timeout, collect_after;
    struct choice duplicates, overflow;
    uint32_t max_pending;
    bool worst_only;
};

static const struct option options[] = {
    OPTION(struct config, name, 0, 0, "latency", "what its series are called"),
    OPTION(struct config, in, 1, 16, NULL, "events that begin an operation, wildcards allowed"),
    OPTION(struct config, out, 1, 16, NULL, "events that end one, wildcards allowed"),
    OPTION(struct config, key, 1, PAIRING_KEY_MAX, NULL, "fields and contexts both events of an operation share"),
    OPTION(struct config, out_key, 0, PAIRING_KEY_MAX, "", "their names in the out events, where these differ"),
    OPTION(struct config, labels, 0, LABELS_MAX, "", "fields to keep apart by, of the in event or else the out event"),
    OPTION(struct config, evidence, 0, PAIR_EVIDENCE_MAX, "vpid, vtid, procname", "fields to show of the worst operations"),
    OPTION(struct config, threshold, 0, 86400, "0s", "report any operation that took longer; 0s: none"),
    OPTION(struct config, timeout, 0, 86400, "0s", "report any operation still pending after this; 0s: none"),
    OPTION(struct config, collect_after, 0, 604800, "1m", "give up operations pending longer; 0s: never"),
    OPTION_ONE_OF(struct config, duplicates, "newest|oldest|all|replace|ignore", "newest",
                  "a key that is pending already: end the newest, the oldest or all; or the new one replaces it, or is ignored"),
    OPTION_ONE_OF(struct config, overflow, "skip|evict", "skip", "a full table skips the new operation or evicts the oldest"),
    OPTION(struct config, max_pending, 1, 16777216, "65536", "operations pending at a time"),
    OPTION(struct config, worst_only, 0, 0, "no", "report above the threshold only what is longer than anything before"),
    OPTION_END
};

static const struct metric_info emits[] = {
    METRIC("duration", "time from in to out, by labels", METRIC_LATENCY, UNIT_NANOSECONDS),
    METRIC_END,
};

struct latency {
    const struct config *config;
    struct stream *stream;
    struct pair *pair;
};

static int check(const void *config, struct error *err)
{
    const struct config *c = config;
    if (c->out_key.count > 0 && c->out_key.count != c->key.count)
        return error_set(err, -EINVAL, "key has %u fields but out_key has %u", c->key.count, c->out_key.count);
    if (c->timeout.ns > 0 && c->collect_after.ns > 0 && c->collect_after.ns <= c->timeout.ns)
        return error_set(err, -EINVAL, "collect_after must be longer than timeout");
    return 0;
}

static const struct text_list *out_key(const struct config *c)
{
    return c->out_key.count > 0 ? &c->out_key : &c->key;
}

static void needs(const void *config, struct needs *n)
{
    const struct config *c = config;
    const struct text_list *fields[] = { &c->key, out_key(c), &c->labels, &c->evidence };
    for (uint32_t i = 0; i < c->in.count; i++)
        needs_event(n, c->in.item[i].s);
    for (uint32_t i = 0; i < c->out.count; i++)
        needs_event(n, c->out.item[i].s);
    for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++)
        for (uint32_t i = 0; i < fields[f]->count; i++)
            needs_field(n, fields[f]->item[i].s);
    for (uint32_t i = 0; i < c->key.count; i++)
        if (strcmp(field_plain_name(c->key.item[i].s), "vtid") == 0)
            needs_field(n, "pid_ns");
}

static void *open_latency(const void *config, struct stream *stream)
{
    const struct config *c = config;
    struct pair_spec spec = { .analysis = c->name.s,
                              .key_count = c->key.count,
                              .label_count = c->labels.count,
                              .evidence_count = c->evidence.count,
                              .threshold_ns = c->threshold.ns,
                              .timeout_ns = c->timeout.ns,
                              .collect_ns = c->collect_after.ns,
                              .max_pending = c->max_pending,
                              .evict = c->overflow.index == 1,
                              .worst_only = c->worst_only,
                              .duplicates = (enum pairing_duplicates)c->duplicates.index };
    for (uint32_t i = 0; i < c->key.count; i++) {
        spec.begin_key[i] = c->key.item[i].s;
        spec.end_key[i] = out_key(c)->item[i].s;
    }
    for (uint32_t i = 0; i < c->labels.count; i++)
        spec.labels[i] = c->labels.item[i].s;
    for (uint32_t i = 0; i < c->evidence.count; i++)
        spec.evidence[i] = c->evidence.item[i].s;
    struct latency *l = xcalloc(1, sizeof(*l));
    l->config = c;
    l->stream = stream;
    l->pair = pair_new(stream, &spec);
    return l;
}

static void close_latency(void *self)
{
    struct latency *l = self;
    pair_free(l->pair);
    free(l);
}

static void on_begin(void *self, void *data, const struct event *event)
{
    pair_begin(self, data, event);
}

static void on_end(void *self, void *data, const struct event *event)
{
    pair_end(self, data, event);
}

static int lookup(void *self, const char *name)
{
    return binder_field(self, name);
}

static void bind_side(struct latency *l, struct binder *b, bool begins)
{
    struct error err;
    struct pair_side *side = binder_alloc(b, sizeof(*side));
    if (pair_side_init(l->pair, side, begins, lookup, b, binder_class(b)->name, &err) < 0)
        stream_notice(l->stream, "%s; they are left out", err.text);
    else
        binder_hook(b, begins ? on_begin : on_end, l->pair, side);
}

static void bind(void *self, struct binder *b)
{
    struct latency *l = self;
    const char *name = binder_class(b)->name;
    /* The end first: an event that both ends one operation and begins the next
     * (a state change) must close the old one before it opens the new. */
    if (text_list_matches(&l->config->out, name))
        bind_side(l, b, false);
    if (text_list_matches(&l->config->in, name))
        bind_side(l, b, true);
}

static void lost(void *self, int64_t begin_ns, int64_t end_ns)
{
    struct latency *l = self;
    (void)begin_ns;
    pair_lost(l->pair, end_ns);
}

static void window(void *self)
{
    struct latency *l = self;
    pair_publish(l->pair);
}

const struct analysis analysis_latency = {
    .name = "latency",
    .summary = "time between two events with the same key",
    .options = options,
    .config_size = sizeof(struct config),
    .emits = emits,
    .check = check,
    .needs = needs,
    .open = open_latency,
    .close = close_latency,
    .bind = bind,
    .lost = lost,
    .window = window,
};
