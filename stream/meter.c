#include "stream/meter.h"
#include "base/text.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void meter_registry_init(struct meter_registry *reg, const char *host, const char *session, uint32_t max_series,
                         uint64_t histogram_bytes)
{
    *reg = (struct meter_registry){ .host = host, .session = session, .max_series = max_series };
    histogram_pool_init(&reg->pool, histogram_bytes);
}

void meter_registry_done(struct meter_registry *reg)
{
    for (uint32_t i = 0; i < reg->count; i++) {
        free(reg->meters[i]->worst);
        free(reg->meters[i]->texts);
        free(reg->meters[i]->name);
        free(reg->meters[i]);
    }
    for (uint32_t i = 0; i < reg->family_count; i++) {
        hash_index_done(&reg->families[i]->index);
        free(reg->families[i]);
    }
    free(reg->families);
    free(reg->meters);
    free(reg->free_ids);
    free(reg->ordered);
    histogram_pool_done(&reg->pool);
    *reg = (struct meter_registry){ 0 };
}

struct family *family_get(struct meter_registry *reg, const char *analysis, const char *metric,
                          enum metric_kind kind, enum unit unit, bool detail, const char *const *label_names,
                          uint32_t label_count)
{
    for (uint32_t i = 0; i < reg->family_count; i++) {
        struct family *f = reg->families[i];
        if (strcmp(f->analysis, analysis) == 0 && strcmp(f->metric, metric) == 0 && f->detail == detail) {
            assert(f->kind == kind && f->label_count == label_count);
            return f;
        }
    }
    assert(label_count <= LABELS_MAX);
    struct family *f = xcalloc(1, sizeof(*f));
    text_copy(f->analysis, sizeof(f->analysis), analysis);
    text_copy(f->metric, sizeof(f->metric), metric);
    f->kind = kind;
    f->unit = unit;
    f->detail = detail;
    f->own = strcmp(analysis, "foretrace") == 0;
    f->label_count = label_count;
    for (uint32_t i = 0; i < label_count; i++)
        text_copy(f->label_names[i], sizeof(f->label_names[i]), label_names[i]);
    f->registry = reg;
    hash_index_init(&f->index, 16);
    GROW(reg->families, reg->family_count, reg->family_capacity);
    reg->families[reg->family_count++] = f;
    return f;
}

static uint64_t key_hash(const struct label_key *key)
{
    uint64_t hash = HASH_START;
    for (uint32_t i = 0; i < key->count; i++) {
        const struct value *v = &key->values[i];
        hash = hash_mix(hash, v->kind == VALUE_TEXT ? hash_bytes(v->text, v->size) : v->kind == VALUE_NONE ? 0 : v->u);
    }
    return hash;
}

static bool value_equal(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == VALUE_TEXT)
        return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
    return a->kind == VALUE_NONE || a->u == b->u;
}

static bool key_equal(const struct label_key *a, const struct label_key *b)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (!value_equal(&a->values[i], &b->values[i]))
            return false;
    return true;
}

void value_text(const struct value *v, char *buffer, size_t capacity)
{
    struct text_out out = text_out_init(buffer, capacity);
    switch (v->kind) {
    case VALUE_SIGNED:
        text_printf(&out, "%" PRId64, v->i);
        break;
    case VALUE_UNSIGNED:
        text_printf(&out, "%" PRIu64, v->u);
        break;
    case VALUE_REAL:
        text_printf(&out, "%.17g", v->d);
        break;
    case VALUE_TEXT:
        text_put_clean(&out, v->text, v->size);
        break;
    default:
        break;
    }
}

enum { HASH_TAIL = 9 };

static void put_hash_tail(const struct value *v, char tail[HASH_TAIL + 1])
{
    snprintf(tail, HASH_TAIL + 1, "~%08x", (unsigned)hash_bytes(v->text, v->size));
}

bool value_shorten(struct value *v, char *buffer, size_t capacity)
{
    char tail[HASH_TAIL + 1];
    if (v->kind != VALUE_TEXT || v->size <= capacity)
        return false;
    put_hash_tail(v, tail);
    memcpy(buffer, v->text, capacity - HASH_TAIL);
    memcpy(buffer + capacity - HASH_TAIL, tail, HASH_TAIL);
    v->text = buffer;
    v->size = (uint32_t)capacity;
    return true;
}

/* Texts that differ are different labels: one that was cut, or cleaned of what is
 * no character, ends in a hash of the whole. */
static void label_text(const struct value *v, char buffer[LABEL_VALUE_MAX])
{
    value_text(v, buffer, LABEL_VALUE_MAX);
    size_t size = strlen(buffer);
    if (v->kind != VALUE_TEXT || (size == v->size && memcmp(buffer, v->text, size) == 0))
        return;
    put_hash_tail(v, buffer + (size < LABEL_VALUE_MAX - HASH_TAIL ? size : LABEL_VALUE_MAX - 1 - HASH_TAIL));
}

void meter_describe(const struct meter *m, struct meter_description *d)
{
    const struct family *f = m->family;
    *d = (struct meter_description){ .id = m->wire_id, .unit = f->unit, .kind = f->kind, .detail = f->detail };
    text_copy(d->host, sizeof(d->host), f->registry->host);
    text_copy(d->session, sizeof(d->session), f->registry->session);
    text_copy(d->analysis, sizeof(d->analysis), f->analysis);
    text_copy(d->metric, sizeof(d->metric), f->metric);
    d->label_count = f->label_count;
    for (uint32_t i = 0; i < f->label_count; i++) {
        text_copy(d->labels[i].name, sizeof(d->labels[i].name), f->label_names[i]);
        label_text(&m->key.values[i], d->labels[i].value);
    }
}

/* The meter's own copy of its labels' texts. */
static void keep_key(struct meter *m, const struct label_key *key)
{
    size_t size = 0, at = 0;
    for (uint32_t i = 0; i < key->count; i++)
        size += key->values[i].kind == VALUE_TEXT ? key->values[i].size : 0;
    m->key = *key;
    m->texts = xcalloc(1, size);
    for (uint32_t i = 0; i < key->count; i++) {
        struct value *v = &m->key.values[i];
        if (v->kind != VALUE_TEXT)
            continue;
        v->text = memcpy(m->texts + at, v->text, v->size);
        at += v->size;
    }
}

static void keep_name(struct meter *m)
{
    struct meter_description d;
    char name[SERIES_NAME_MAX];
    meter_describe(m, &d);
    m->name = xstrdup(series_name(&d, STATISTIC_KINDS, name));
}

static struct meter *take_meter(struct meter_registry *reg, uint32_t *ret_id)
{
    if (reg->free_count > 0) {
        *ret_id = reg->free_ids[--reg->free_count];
        return reg->meters[*ret_id];
    }
    GROW(reg->meters, reg->count, reg->capacity);
    *ret_id = reg->count;
    return reg->meters[reg->count++] = xcalloc(1, sizeof(struct meter));
}

static struct meter *new_meter(struct family *family, const struct label_key *key, uint64_t hash)
{
    struct meter_registry *reg = family->registry;
    const enum statistic *list;
    uint32_t statistics = metric_statistics(family->kind, &list), id;
    struct meter *m = take_meter(reg, &id);
    *m = (struct meter){ .id = id, .generation = m->generation + 1, .in_use = true, .family = family, .hash = hash };
    m->active_ns = INT64_MIN;
    m->worst_floor = (double)-INFINITY;
    keep_key(m, key);
    keep_name(m);
    if (family->kind == METRIC_LATENCY)
        m->worst = xcalloc(WORST_MAX, sizeof(*m->worst));
    histogram_init(&m->histogram);
    hash_index_insert(&family->index, hash, id);
    reg->series += statistics;
    reg->created += statistics;
    reg->ordered_valid = false;
    return m;
}

static struct meter *find_meter(struct family *family, const struct label_key *key, uint64_t hash)
{
    uint32_t at;
    for (uint32_t s = hash_index_first(&family->index, hash, &at); s != HASH_NONE;
         s = hash_index_next(&family->index, hash, &at)) {
        struct meter *m = family->registry->meters[s];
        if (m->hash == hash && key_equal(key, &m->key))
            return m;
    }
    return NULL;
}

static bool has_room(const struct family *family)
{
    const enum statistic *list;
    return family->own || family->registry->series + metric_statistics(family->kind, &list) <= family->registry->max_series;
}

/* One for all that have no room: what they measure is still watched. The last of many values would say nothing. */
static struct meter *meter_of_others(struct family *family)
{
    static const char other[] = "(other)";
    struct label_key key = { .count = family->label_count };
    family->registry->refused++;
    if (family->kind == METRIC_VALUE || key.count == 0)
        return NULL;
    for (uint32_t i = 0; i < key.count; i++)
        key.values[i] = (struct value){ .kind = VALUE_TEXT, .size = sizeof(other) - 1, .text = other };
    uint64_t hash = key_hash(&key);
    struct meter *m = find_meter(family, &key, hash);
    return m ? m : new_meter(family, &key, hash);
}

struct meter *family_meter(struct family *family, const struct label_key *key)
{
    assert(key->count == family->label_count);
    uint64_t hash = key_hash(key);
    struct meter *m = find_meter(family, key, hash);
    if (m)
        return m;
    return has_room(family) ? new_meter(family, key, hash) : meter_of_others(family);
}

struct operation *meter_worst(struct meter *m, double value)
{
    uint32_t at = m->worst_count < WORST_MAX ? m->worst_count++ : WORST_MAX - 1;
    for (; at > 0 && value > m->worst[at - 1].value; at--)
        m->worst[at] = m->worst[at - 1];
    m->worst[at] = (struct operation){ .value = value };
    if (m->worst_count == WORST_MAX)
        m->worst_floor = m->worst[WORST_MAX - 1].value;
    return &m->worst[at];
}

static int by_name(const void *a, const void *b)
{
    const struct meter *x = *(struct meter *const *)a, *y = *(struct meter *const *)b;
    int r = strcmp(x->name, y->name);
    return r ? r : (int)x->family->detail - (int)y->family->detail;
}

struct meter *const *meter_registry_ordered(struct meter_registry *reg, uint32_t *ret_count)
{
    if (!reg->ordered_valid) {
        reg->ordered_count = 0;
        for (uint32_t i = 0; i < reg->count; i++) {
            if (!reg->meters[i]->in_use)
                continue;
            GROW(reg->ordered, reg->ordered_count, reg->ordered_capacity);
            reg->ordered[reg->ordered_count++] = reg->meters[i];
        }
        if (reg->ordered_count > 0)
            qsort(reg->ordered, reg->ordered_count, sizeof(*reg->ordered), by_name);
        reg->ordered_valid = true;
    }
    *ret_count = reg->ordered_count;
    return reg->ordered;
}

static double statistic_value(const struct meter *m, enum statistic s, double seconds, const double *quantiles)
{
    const struct histogram *h = &m->histogram;
    switch (s) {
    case STATISTIC_COUNT:
        return (double)m->count;
    case STATISTIC_RATE:
        return (double)m->count / seconds;
    case STATISTIC_MEAN:
        return h->count ? h->sum / (double)h->count : (double)NAN;
    case STATISTIC_P50:
        return quantiles[0];
    case STATISTIC_P90:
        return quantiles[1];
    case STATISTIC_P99:
        return quantiles[2];
    case STATISTIC_MAX:
        return h->count ? h->max : (double)NAN;
    case STATISTIC_MIN:
        return h->count ? h->min : (double)NAN;
    default:
        return h->count ? m->last : (double)NAN;
    }
}

static void take_sketch(const struct meter *m, struct sketch *k)
{
    uint32_t counts[SKETCH_BUCKETS] = { 0 };
    k->size = 0;
    if (m->histogram.count > 0)
        histogram_quarters(&m->histogram, &m->family->registry->pool, counts, SKETCH_BUCKETS);
    for (uint32_t i = 0; i < SKETCH_BUCKETS && m->histogram.count > 0; i++)
        if (counts[i] > 0)
            k->buckets[k->size++] = (struct sketch_bucket){ i, counts[i] };
}

void meter_take(struct meter *m, int64_t window_begin_ns, int64_t window_end_ns, struct meter_sample *s)
{
    static const double wanted[] = { 0.5, 0.9, 0.99 };
    double quantiles[3] = { (double)NAN, (double)NAN, (double)NAN };
    const enum statistic *list;
    struct histogram_pool *pool = &m->family->registry->pool;
    double seconds = (double)(window_end_ns - window_begin_ns) / 1e9;

    if (m->histogram.count > 0)
        histogram_quantiles(&m->histogram, pool, wanted, 3, quantiles);
    s->id = m->wire_id;
    s->count = m->count;
    s->value_count = metric_statistics(m->family->kind, &list);
    for (uint32_t i = 0; i < s->value_count; i++)
        s->values[i] = statistic_value(m, list[i], seconds, quantiles);
    s->worst_count = m->worst_count;
    if (m->worst_count > 0)
        memcpy(s->worst, m->worst, m->worst_count * sizeof(m->worst[0]));
    s->sketched = m->sketched;
    if (s->sketched)
        take_sketch(m, &s->sketch);

    if (m->count > 0 || m->active_ns == INT64_MIN)
        m->active_ns = window_end_ns;
    m->count = 0;
    m->worst_count = 0;
    m->worst_floor = (double)-INFINITY;
    m->exceedances = 0;
    m->worst_exceedance = 0;
    histogram_clear(&m->histogram, pool);
}

void meter_purge(struct meter_registry *reg, struct meter *m)
{
    const enum statistic *list;
    hash_index_remove(&m->family->index, m->hash, m->id);
    histogram_clear(&m->histogram, &reg->pool);
    free(m->worst);
    free(m->texts);
    free(m->name);
    m->worst = NULL;
    m->texts = m->name = NULL;
    reg->series -= metric_statistics(m->family->kind, &list);
    m->in_use = false;
    m->generation++;
    GROW(reg->free_ids, reg->free_count, reg->free_capacity);
    reg->free_ids[reg->free_count++] = m->id;
    reg->ordered_valid = false;
}
