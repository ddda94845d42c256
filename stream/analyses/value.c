/* value.c - statistics of a numeric field: queue depths, sizes, temperatures. */
#include "base/bytes.h"
#include "stream/analysis.h"
#include "stream/labels.h"
#include <math.h>
#include <stdlib.h>

struct config {
    struct text name, field;
    struct text_list events, labels;
    struct choice unit;
};

static const struct option options[] = {
    OPTION(struct config, name, 0, 0, "value", "what its series are called"),
    OPTION(struct config, events, 1, 16, NULL, "names of events, wildcards allowed"),
    OPTION(struct config, field, 0, 0, NULL, "the numeric field; events without it, or where it is not finite, are counted as unkeyed_events"),
    OPTION(struct config, labels, 0, LABELS_MAX, "", "fields to keep apart by"),
    OPTION_ONE_OF(struct config, unit, "none|ns|B", "none", "unit of the field"),
    OPTION_END
};

static const struct metric_info emits[] = {
    METRIC("FIELD", "the field's values, by labels; the metric has the field's name", METRIC_VALUE, UNIT_NONE),
    METRIC_END,
};

struct gauge {
    const struct config *config;
    struct stream *stream;
    struct family *family;
    uint64_t without; /* events that lack the field, since the last window */
};

struct observed_class {
    int field;
    struct event_labels labels;
};

static void needs(const void *config, struct needs *n)
{
    const struct config *c = config;
    for (uint32_t i = 0; i < c->events.count; i++)
        needs_event(n, c->events.item[i].s);
    for (uint32_t i = 0; i < c->labels.count; i++)
        needs_field(n, c->labels.item[i].s);
    needs_field(n, c->field.s);
}

static void *open_gauge(const void *config, struct stream *stream)
{
    static const enum unit units[] = { UNIT_NONE, UNIT_NANOSECONDS, UNIT_BYTES };
    const struct config *c = config;
    const char *names[LABELS_MAX];
    for (uint32_t i = 0; i < c->labels.count; i++)
        names[i] = field_plain_name(c->labels.item[i].s);
    struct gauge *gauge = xcalloc(1, sizeof(*gauge));
    gauge->config = c;
    gauge->stream = stream;
    gauge->family = family_get(stream_meters(stream), c->name.s, field_plain_name(c->field.s), METRIC_VALUE, units[c->unit.index],
                               false, names, c->labels.count);
    return gauge;
}

static bool to_number(const struct value *v, double *ret_number)
{
    switch (v->kind) {
    case VALUE_SIGNED:
        *ret_number = (double)v->i;
        return true;
    case VALUE_UNSIGNED:
        *ret_number = (double)v->u;
        return true;
    case VALUE_REAL:
        *ret_number = v->d;
        return isfinite(v->d);
    default:
        return false;
    }
}

static void on_event(void *self, void *data, const struct event *event)
{
    struct gauge *gauge = self;
    struct observed_class *o = data;
    struct label_key key = { 0 };
    double number;
    if (o->field < 0 || !to_number(&event->values[o->field], &number)) {
        gauge->without++;
        return;
    }
    event_labels_add(&o->labels, event, &key);
    struct meter *m = family_meter(gauge->family, &key);
    if (m)
        meter_observe(m, number);
}

static void bind(void *self, struct binder *b)
{
    struct gauge *gauge = self;
    const struct config *c = gauge->config;
    if (!text_list_matches(&c->events, binder_class(b)->name))
        return;
    struct observed_class *o = binder_alloc(b, sizeof(*o));
    o->field = binder_field(b, c->field.s);
    if (o->field < 0)
        stream_notice(gauge->stream, "%s: events %s have no field '%s'", c->name.s, binder_class(b)->name, c->field.s);
    event_labels_bind(&o->labels, b, gauge->stream, c->name.s, &c->events, &c->labels);
    binder_hook(b, on_event, gauge, o);
}

static void window(void *self)
{
    struct gauge *gauge = self;
    stream_count(gauge->stream, "unkeyed_events", gauge->config->name.s, gauge->without);
    gauge->without = 0;
}

const struct analysis analysis_value = {
    .name = "value",
    .summary = "statistics of a numeric field of events",
    .options = options,
    .config_size = sizeof(struct config),
    .emits = emits,
    .needs = needs,
    .open = open_gauge,
    .close = free,
    .bind = bind,
    .window = window,
};
