#include "base/bytes.h"
#include "stream/operations.h"
#include "stream/pair_private.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *keep_text(struct pair *pair, const char *text)
{
    return pair->texts[pair->text_count++] = xstrdup(text);
}

static void copy_texts(struct pair *pair, const struct pair_spec *from)
{
    struct pair_spec *s = &pair->spec;
    s->analysis = keep_text(pair, from->analysis);
    for (uint32_t i = 0; i < s->key_count; i++) {
        s->begin_key[i] = keep_text(pair, from->begin_key[i]);
        s->end_key[i] = keep_text(pair, from->end_key[i]);
    }
    for (uint32_t i = 0; i < s->label_count; i++)
        s->labels[i] = keep_text(pair, from->labels[i]);
    for (uint32_t i = 0; i < s->evidence_count; i++)
        s->evidence[i] = keep_text(pair, from->evidence[i]);
    if (from->constant_label) {
        s->constant_label = keep_text(pair, from->constant_label);
        s->constant_value = keep_text(pair, from->constant_value);
    }
}

static struct family *make_family(const struct pair *pair)
{
    const char *names[LABELS_MAX];
    uint32_t n = 0;
    if (pair->spec.constant_label)
        names[n++] = pair->spec.constant_label;
    for (uint32_t i = 0; i < pair->spec.label_count && n < LABELS_MAX; i++)
        names[n++] = field_plain_name(pair->spec.labels[i]);
    return family_get(stream_meters(pair->stream), pair->spec.analysis, "duration", METRIC_LATENCY, UNIT_NANOSECONDS,
                      false, names, n);
}

struct pair *pair_new(struct stream *stream, const struct pair_spec *spec)
{
    struct pair *pair = xcalloc(1, sizeof(*pair));
    pair->stream = stream;
    pair->spec = *spec;
    copy_texts(pair, spec);
    pair->family = make_family(pair);
    pair->use_pid_ns = true;
    pair->thread_item = -1;
    for (uint32_t i = 0; i < spec->key_count; i++)
        if (strcmp(field_plain_name(spec->begin_key[i]), "vtid") == 0)
            pair->thread_item = (int)i;
    struct pairing_config config = { .key_count = spec->key_count,
                                     .timeout_ns = spec->timeout_ns,
                                     .collect_ns = spec->collect_ns,
                                     .max_pending = spec->max_pending,
                                     .evict = spec->evict,
                                     .duplicates = spec->duplicates };
    config.data_size = sizeof(struct kept) +
                       (spec->label_count + spec->key_count + spec->evidence_count) * sizeof(struct slot);
    pairing_init(&pair->pairing, &config, &pair_ops, pair);
    pair->timer = stream_timer(stream, pair_on_due, pair);
    pair->soonest_ns = spec->timeout_ns > 0 && (spec->collect_ns == 0 || spec->timeout_ns < spec->collect_ns) ? spec->timeout_ns : spec->collect_ns;
    pair->armed_from_ns = pair->soonest_ns > 0 ? INT64_MAX : INT64_MIN;
    pair->bare = spec->label_count == 0 && spec->evidence_count == 0;
    pair->report = pair_report_new(pair);
    return pair;
}

void pair_free(struct pair *pair)
{
    if (!pair)
        return;
    stream_timer_remove(pair->stream, pair->timer);
    pairing_done(&pair->pairing);
    for (uint32_t i = 0; i < pair->text_count; i++)
        free(pair->texts[i]);
    free(pair);
}

int pair_side_init(struct pair *pair, struct pair_side *side, bool begins, field_lookup lookup, void *self,
                   const char *class_name, struct error *err)
{
    const char *const *key = begins ? pair->spec.begin_key : pair->spec.end_key;
    *side = (struct pair_side){ .pid_ns = -1 };
    for (uint32_t i = 0; i < pair->spec.key_count; i++) {
        side->key[i] = lookup(self, key[i]);
        if (side->key[i] < 0)
            return error_set(err, -ENOENT, "%s: events %s have no field '%s' to pair by", pair->spec.analysis,
                             class_name, key[i]);
    }
    for (uint32_t i = 0; i < pair->spec.label_count; i++)
        side->labels[i] = lookup(self, pair->spec.labels[i]);
    for (uint32_t i = 0; i < pair->spec.evidence_count; i++)
        side->evidence[i] = lookup(self, pair->spec.evidence[i]);
    if (pair->thread_item >= 0)
        side->pid_ns = lookup(self, "ctx.pid_ns");
    if (side->pid_ns < 0)
        pair->use_pid_ns = false;
    return 0;
}

void pair_lost(struct pair *pair, int64_t end_ns)
{
    pairing_lost(&pair->pairing, end_ns);
}

void pair_publish(struct pair *pair)
{
    const char *name = pair->spec.analysis;
    pairing_publish(pair->stream, name, &pair->pairing.counts, &pair->published);
    stream_count(pair->stream, "unkeyed_events", name, pair->unkeyed - pair->unkeyed_published);
    stream_count(pair->stream, "suppressed_exceedances", name, pair->suppressed - pair->suppressed_published);
    pair->unkeyed_published = pair->unkeyed;
    pair->suppressed_published = pair->suppressed;
}

void pair_retire(struct pair *pair)
{
    struct meter_registry *meters = stream_meters(pair->stream);
    const char *value = pair->spec.constant_value;
    size_t size = strlen(value);
    pair_publish(pair);
    for (uint32_t i = 0; i < meters->count; i++) {
        struct meter *m = meters->meters[i];
        if (m->in_use && m->family == pair->family && m->key.values[0].size == size && memcmp(m->key.values[0].text, value, size) == 0)
            stream_retire(pair->stream, m);
    }
}

const struct pairing_counts *pair_counts(const struct pair *pair)
{
    return &pair->pairing.counts;
}
