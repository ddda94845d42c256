#include "stream/sample.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

static const char *const statistic_names[STATISTIC_KINDS] = { "count", "rate", "mean", "p50", "p90",
                                                              "p99",   "max",  "min",  "last" };

const char *statistic_name(enum statistic statistic)
{
    return statistic < STATISTIC_KINDS ? statistic_names[statistic] : "?";
}

uint32_t metric_statistics(enum metric_kind kind, const enum statistic **ret_list)
{
    static const enum statistic counter[] = { STATISTIC_COUNT, STATISTIC_RATE };
    static const enum statistic latency[] = { STATISTIC_COUNT, STATISTIC_RATE, STATISTIC_MEAN, STATISTIC_P50,
                                              STATISTIC_P90,   STATISTIC_P99,  STATISTIC_MAX };
    static const enum statistic value[] = { STATISTIC_COUNT, STATISTIC_RATE, STATISTIC_MEAN,
                                            STATISTIC_P50,   STATISTIC_P90,  STATISTIC_P99,
                                            STATISTIC_MAX,   STATISTIC_MIN,  STATISTIC_LAST };
    switch (kind) {
    case METRIC_LATENCY:
        *ret_list = latency;
        return sizeof(latency) / sizeof(latency[0]);
    case METRIC_VALUE:
        *ret_list = value;
        return sizeof(value) / sizeof(value[0]);
    default:
        *ret_list = counter;
        return sizeof(counter) / sizeof(counter[0]);
    }
}

const char *quality_text(uint32_t quality, char buffer[QUALITY_TEXT_MAX])
{
    static const char *const names[] = { "lossy", "partial", "zero", "late" };
    struct text_out out = text_out_init(buffer, QUALITY_TEXT_MAX);
    for (uint32_t i = 0; i < 4; i++)
        if (quality >> i & 1)
            text_printf(&out, "%s%s", out.used ? "|" : "", names[i]);
    if (out.used == 0)
        text_puts(&out, "complete");
    return buffer;
}

const char *series_name(const struct meter_description *d, enum statistic statistic, char buffer[SERIES_NAME_MAX])
{
    struct text_out out = text_out_init(buffer, SERIES_NAME_MAX);
    text_printf(&out, "%s.%s", d->analysis, d->metric);
    if (statistic < STATISTIC_KINDS)
        text_printf(&out, ".%s", statistic_name(statistic));
    for (uint32_t i = 0; i < d->label_count; i++)
        text_printf(&out, "%s%s=%s", i ? "," : "{", d->labels[i].name, d->labels[i].value);
    if (d->label_count)
        text_puts(&out, "}");
    return buffer;
}

void meter_description_put(struct bytes *b, const struct meter_description *d)
{
    wire_put_array(b, 9);
    wire_put_uint(b, d->id);
    wire_put_string(b, d->host);
    wire_put_string(b, d->session);
    wire_put_string(b, d->analysis);
    wire_put_string(b, d->metric);
    wire_put_uint(b, d->unit);
    wire_put_uint(b, d->kind);
    wire_put_bool(b, d->detail);
    wire_put_map(b, d->label_count);
    for (uint32_t i = 0; i < d->label_count; i++) {
        wire_put_string(b, d->labels[i].name);
        wire_put_string(b, d->labels[i].value);
    }
}

bool meter_description_get(struct wire_reader *r, struct meter_description *d)
{
    if (wire_get_array(r, 9) != 9)
        r->failed = true;
    d->id = wire_get_uint32(r);
    wire_get_string(r, d->host, sizeof(d->host));
    wire_get_string(r, d->session, sizeof(d->session));
    wire_get_string(r, d->analysis, sizeof(d->analysis));
    wire_get_string(r, d->metric, sizeof(d->metric));
    uint32_t unit = wire_get_uint32(r), kind = wire_get_uint32(r);
    d->detail = wire_get_bool(r);
    d->label_count = wire_get_map(r, LABELS_MAX);
    for (uint32_t i = 0; i < d->label_count; i++) {
        wire_get_string(r, d->labels[i].name, sizeof(d->labels[i].name));
        wire_get_string(r, d->labels[i].value, sizeof(d->labels[i].value));
    }
    if (unit >= UNIT_KINDS || kind < METRIC_COUNTER || kind > METRIC_VALUE)
        r->failed = true;
    d->unit = (enum unit)unit;
    d->kind = (enum metric_kind)kind;
    return wire_ok(r);
}

void operation_put(struct bytes *b, const struct operation *op)
{
    wire_put_array(b, 4);
    wire_put_int(b, op->begin_ns);
    wire_put_int(b, op->end_ns);
    wire_put_double(b, op->value);
    wire_put_map(b, op->field_count);
    for (uint32_t i = 0; i < op->field_count; i++) {
        wire_put_string(b, op->fields[i].name);
        wire_put_string(b, op->fields[i].value);
    }
}

bool operation_get(struct wire_reader *r, struct operation *op)
{
    if (wire_get_array(r, 4) != 4)
        r->failed = true;
    op->begin_ns = wire_get_time(r);
    op->end_ns = wire_get_time(r);
    op->value = wire_get_double(r);
    op->field_count = wire_get_map(r, OPERATION_FIELDS_MAX);
    for (uint32_t i = 0; i < op->field_count; i++) {
        wire_get_string(r, op->fields[i].name, sizeof(op->fields[i].name));
        wire_get_string(r, op->fields[i].value, sizeof(op->fields[i].value));
    }
    return wire_ok(r);
}

void window_header_put(struct bytes *b, const struct window_header *w)
{
    wire_put_array(b, 7);
    wire_put_string(b, w->host);
    wire_put_string(b, w->session);
    wire_put_int(b, w->begin_ns);
    wire_put_int(b, w->end_ns);
    wire_put_uint(b, w->quality);
    wire_put_uint(b, w->lost);
    wire_put_bool(b, w->last);
}

bool window_header_get(struct wire_reader *r, struct window_header *w)
{
    if (wire_get_array(r, 7) != 7)
        r->failed = true;
    wire_get_string(r, w->host, sizeof(w->host));
    wire_get_string(r, w->session, sizeof(w->session));
    w->begin_ns = wire_get_time(r);
    w->end_ns = wire_get_time(r);
    w->quality = wire_get_uint32(r);
    w->lost = wire_get_uint(r);
    w->last = wire_get_bool(r);
    if (w->end_ns <= w->begin_ns)
        r->failed = true;
    return wire_ok(r);
}

double sketch_low(uint32_t bucket)
{
    return ldexp(1 + (double)(bucket % SKETCH_PER_OCTAVE) / SKETCH_PER_OCTAVE, (int)(bucket / SKETCH_PER_OCTAVE));
}

/* [bucket, count, bucket, count, ...]: two or three bytes for most. */
static void sketch_put(struct bytes *b, const struct sketch *k)
{
    wire_put_array(b, 2 * k->size);
    for (uint32_t i = 0; i < k->size; i++) {
        wire_put_uint(b, k->buckets[i].bucket);
        wire_put_uint(b, k->buckets[i].count);
    }
}

static void sketch_get(struct wire_reader *r, struct sketch *k)
{
    uint32_t elements = wire_get_array(r, 2 * SKETCH_BUCKETS), least = 0;
    r->failed |= elements % 2 != 0;
    k->size = r->failed ? 0 : elements / 2;
    for (uint32_t i = 0; i < k->size && wire_ok(r); i++) {
        struct sketch_bucket *x = &k->buckets[i];
        x->bucket = wire_get_uint32(r);
        x->count = wire_get_uint32(r);
        r->failed |= x->bucket < least || x->bucket >= SKETCH_BUCKETS || x->count == 0;
        least = x->bucket + 1;
    }
}

/* What a later version adds stands behind what there is. */
enum { SAMPLE_FIELDS = 4, SAMPLE_FIELDS_MAX = 16 };

void meter_sample_put(struct bytes *b, const struct meter_sample *s)
{
    wire_put_array(b, SAMPLE_FIELDS + s->sketched);
    wire_put_uint(b, s->id);
    wire_put_uint(b, s->count);
    wire_put_array(b, s->value_count);
    for (uint32_t i = 0; i < s->value_count; i++) {
        if (isnan(s->values[i]))
            wire_put_nil(b);
        else
            wire_put_double(b, s->values[i]);
    }
    wire_put_array(b, s->worst_count);
    for (uint32_t i = 0; i < s->worst_count; i++)
        operation_put(b, &s->worst[i]);
    if (s->sketched)
        sketch_put(b, &s->sketch);
}

bool meter_sample_get(struct wire_reader *r, struct meter_sample *s)
{
    uint32_t fields = wire_get_array(r, SAMPLE_FIELDS_MAX);
    r->failed |= fields < SAMPLE_FIELDS;
    s->id = wire_get_uint32(r);
    s->count = wire_get_uint(r);
    s->value_count = wire_get_array(r, STATISTIC_KINDS);
    for (uint32_t i = 0; i < s->value_count; i++)
        s->values[i] = wire_take_nil(r) ? (double)NAN : wire_get_double(r);
    s->worst_count = wire_get_array(r, WORST_MAX);
    for (uint32_t i = 0; i < s->worst_count; i++)
        operation_get(r, &s->worst[i]);
    s->sketched = fields > SAMPLE_FIELDS;
    s->sketch.size = 0;
    if (s->sketched)
        sketch_get(r, &s->sketch);
    for (uint32_t i = SAMPLE_FIELDS + 1; i < fields; i++)
        wire_skip(r);
    return wire_ok(r);
}

uint32_t meter_sample_quality(const struct window_header *w, const struct meter_sample *s)
{
    return w->quality | (s->count == 0 ? (uint32_t)QUALITY_ZERO : 0);
}

void exceedance_put(struct bytes *b, const struct exceedance *x)
{
    wire_put_array(b, 7);
    wire_put_uint(b, x->kind);
    wire_put_uint(b, x->meter);
    wire_put_int(b, x->time_ns);
    wire_put_double(b, x->value);
    wire_put_double(b, x->limit);
    wire_put_uint(b, x->pending);
    operation_put(b, &x->operation);
}

bool exceedance_get(struct wire_reader *r, struct exceedance *x)
{
    if (wire_get_array(r, 7) != 7)
        r->failed = true;
    uint32_t kind = wire_get_uint32(r);
    x->meter = wire_get_uint32(r);
    x->time_ns = wire_get_time(r);
    x->value = wire_get_double(r);
    x->limit = wire_get_double(r);
    x->pending = wire_get_uint(r);
    operation_get(r, &x->operation);
    if (kind < EXCEEDANCE_THRESHOLD || kind > EXCEEDANCE_COLLECTED)
        r->failed = true;
    x->kind = (enum exceedance_kind)kind;
    return wire_ok(r);
}

void loss_record_put(struct bytes *b, const struct loss_record *l)
{
    wire_put_array(b, 9);
    wire_put_string(b, l->host);
    wire_put_string(b, l->session);
    wire_put_uint(b, l->kind);
    wire_put_uint(b, l->count);
    wire_put_bool(b, l->at_least);
    wire_put_bool(b, l->ongoing);
    wire_put_int(b, l->begin_ns);
    wire_put_int(b, l->end_ns);
    wire_put_string(b, l->reason);
}

bool loss_record_get(struct wire_reader *r, struct loss_record *l)
{
    if (wire_get_array(r, 9) != 9)
        r->failed = true;
    wire_get_string(r, l->host, sizeof(l->host));
    wire_get_string(r, l->session, sizeof(l->session));
    l->kind = wire_get_uint32(r);
    l->count = wire_get_uint(r);
    l->at_least = wire_get_bool(r);
    l->ongoing = wire_get_bool(r);
    l->begin_ns = wire_get_time(r);
    l->end_ns = wire_get_time(r);
    wire_get_string(r, l->reason, sizeof(l->reason));
    return wire_ok(r);
}
