/* Observations as meters: the live face. */
#include "base/bytes.h"
#include "base/text.h"
#include "stream/observe.h"
#include "stream/stream.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Single operations reported per series and window; what is beyond is counted, unless it is the worst yet. */
enum { EXCEEDANCES_PER_WINDOW = 4 };

/* A meter of shares, with what it has gathered in the window. */
struct share {
    struct meter_ref meter;
    int64_t sum_ns, active_ns;
    bool of_all;
};

/* A threshold of its own: where the label is that. */
struct label_limit {
    const char *label;
    size_t size;
    int64_t ns;
};

static void take_limits(struct observer *o);

void window_open(struct observer *o)
{
    take_limits(o);
    for (uint32_t i = 0; i < o->group_count; i++) {
        struct observer_group *g = &o->groups[i];
        const struct metric_info *m = g->metric;
        g->family = family_get(stream_meters(o->stream), o->spec.analysis, m->name, m->kind, m->unit, m->faces & FACE_DETAIL, m->by, g->by_count);
    }
}

static struct meter *find_meter(struct observer_group *g, const struct observed *x)
{
    struct meter *m = meter_get(g->only);
    if (m)
        return m;
    struct label_key key = { .count = g->by_count };
    char cut[LABELS_MAX][LABEL_VALUE_MAX - 1];
    for (uint32_t i = 0; i < g->by_count; i++) {
        key.values[i] = x->fields[g->by[i]];
        value_shorten(&key.values[i], cut[i], sizeof(cut[i]));
    }
    m = family_meter(g->family, &key);
    if (g->by_count == 0)
        g->only = meter_ref(m);
    return m;
}

static void describe(const struct observer *o, const struct observed *x, struct operation *op)
{
    op->begin_ns = x->begin_ns;
    op->end_ns = x->end_ns;
    op->value = (double)x->value;
    op->field_count = 0;
    for (uint32_t i = 0; i < o->field_count && op->field_count < OPERATION_FIELDS_MAX; i++) {
        if (x->fields[i].kind == VALUE_NONE)
            continue;
        struct operation_field *f = &op->fields[op->field_count++];
        text_copy(f->name, sizeof(f->name), o->spec.what->fields[i]);
        value_text(&x->fields[i], f->value, sizeof(f->value));
    }
}

static void exceed(struct observer *o, struct meter *m, enum exceedance_kind kind, const struct observed *x, int64_t limit_ns)
{
    struct exceedance e = { .kind = kind, .time_ns = x->end_ns, .value = (double)(x->end_ns - x->begin_ns), .limit = (double)limit_ns };
    bool over = kind == EXCEEDANCE_THRESHOLD;
    bool matters = over ? e.value > m->worst_exceedance : m->overdue == (kind == EXCEEDANCE_TIMEOUT);
    if (m->exceedances >= EXCEEDANCES_PER_WINDOW && !matters) {
        stream_count(o->stream, "suppressed_exceedances", o->spec.analysis, 1);
        return;
    }
    m->exceedances++;
    if (over && e.value > m->worst_exceedance)
        m->worst_exceedance = e.value;
    describe(o, x, &e.operation);
    e.operation.value = e.value;
    if (kind == EXCEEDANCE_TIMEOUT)
        e.operation.end_ns = 0;
    stream_exceed(o->stream, m, &e);
}

void observe_overdue(struct observer *o, enum exceedance_kind kind, const struct observed *x, int64_t limit_ns)
{
    struct meter *m = stream_report(o->stream) || o->group_count == 0 ? NULL : find_meter(&o->groups[0], x);
    if (!m)
        return;
    if (kind == EXCEEDANCE_TIMEOUT)
        m->overdue++;
    else if (m->overdue == 0)
        return; /* the series was forgotten meanwhile */
    else
        m->overdue--;
    exceed(o, m, kind, x, limit_ns);
}

/* "VALUE=TIME": where the value ends, and the time; -1: it is no such thing. */
static int64_t split_threshold(const char *item, size_t *ret_size)
{
    const char *equals = strrchr(item, '=');
    enum unit unit;
    double factor;
    char *end;
    if (!equals)
        return -1;
    double number = strtod(equals + 1, &end);
    *ret_size = (size_t)(equals - item);
    if (end == equals + 1 || !(number >= 0) || !unit_parse_suffix(end, &unit, &factor) || unit != UNIT_NANOSECONDS || number * factor >= 9e18)
        return -1;
    return llround(number * factor);
}

int thresholds_check(const struct text_list *list, struct error *err)
{
    size_t size;
    for (uint32_t i = 0; i < list->count; i++)
        if (split_threshold(list->item[i].s, &size) < 0)
            return error_set(err, -EINVAL, "thresholds: '%s' is no NAME=TIME, as redis-server=5ms", list->item[i].s);
    return 0;
}

int64_t thresholds_find(const struct text_list *list, const char *label)
{
    size_t size;
    for (uint32_t i = 0; i < list->count; i++) {
        int64_t ns = split_threshold(list->item[i].s, &size);
        if (ns >= 0 && size == strlen(label) && memcmp(list->item[i].s, label, size) == 0)
            return ns;
    }
    return -1;
}

static void take_limits(struct observer *o)
{
    const struct text_list *list = o->spec.thresholds;
    if (!list || list->count == 0 || o->group_count == 0 || o->groups[0].by_count == 0)
        return;
    o->limits = xcalloc(list->count, sizeof(*o->limits));
    for (uint32_t i = 0; i < list->count; i++) {
        struct label_limit *l = &o->limits[o->limit_count];
        l->label = list->item[i].s;
        l->ns = split_threshold(l->label, &l->size);
        o->limit_count += l->ns >= 0;
    }
}

static int64_t threshold(const struct observer *o, const struct observed *x)
{
    int64_t general_ns = o->waiting ? 0 : o->spec.threshold_ns;
    char text[LABEL_VALUE_MAX];
    if (o->limit_count == 0)
        return general_ns;
    struct value label = x->fields[o->groups[0].by[0]];
    if (label.kind != VALUE_TEXT) {
        value_text(&label, text, sizeof(text));
        label = (struct value){ .kind = VALUE_TEXT, .size = (uint32_t)strlen(text), .text = text };
    }
    for (uint32_t i = 0; i < o->limit_count; i++)
        if (o->limits[i].size == label.size && memcmp(o->limits[i].label, label.text, label.size) == 0)
            return o->limits[i].ns;
    return general_ns;
}

static bool has_threshold(const struct observer *o)
{
    return o->spec.what->measure == MEASURE_DURATION && (o->spec.threshold_ns > 0 || o->limit_count > 0);
}

static void check_threshold(struct observer *o, struct meter *m, const struct observed *x)
{
    int64_t limit_ns = threshold(o, x);
    if (limit_ns <= 0 || x->value <= limit_ns)
        return;
    if (!m)
        m = find_meter(&o->groups[0], x);
    if (m)
        exceed(o, m, EXCEEDANCE_THRESHOLD, x, limit_ns);
}

/* What waits by design does not belong into the series of what does not, nor the other way round. */
static bool left_out(const struct observer *o, const struct observer_group *g)
{
    return g->metric->faces & (o->waiting ? FACE_BUSY : FACE_WAITING);
}

static void observe_duration(struct observer *o, uint32_t group, struct meter *m, const struct observed *x)
{
    double value = (double)x->value;
    meter_observe(m, value);
    if (meter_wants_operation(m, value))
        describe(o, x, meter_worst(m, value));
    if (group == 0 && has_threshold(o))
        check_threshold(o, m, x);
}

static struct share *find_share(struct observer *o, const struct observer_group *g, struct meter *m)
{
    if (m->share < o->share_count && meter_get(o->shares[m->share].meter) == m)
        return &o->shares[m->share];
    uint32_t at = 0;
    while (at < o->share_count && meter_get(o->shares[at].meter))
        at++;
    if (at == o->share_count) {
        GROW(o->shares, o->share_count, o->share_capacity);
        o->share_count++;
    }
    m->share = at;
    o->shares[at] = (struct share){ .meter = meter_ref(m), .of_all = g->metric->faces & FACE_OF_ALL };
    return &o->shares[at];
}

void window_observe(struct observer *o, const struct observed *x)
{
    if (o->group_count > 0 && left_out(o, &o->groups[0]) && has_threshold(o))
        check_threshold(o, NULL, x);
    for (uint32_t i = 0; i < o->group_count; i++) {
        struct meter *m = left_out(o, &o->groups[i]) ? NULL : find_meter(&o->groups[i], x);
        if (!m)
            continue; /* it is of others, or refused for lack of room, and counted */
        switch (o->spec.what->measure) {
        case MEASURE_DURATION:
            observe_duration(o, i, m, x);
            break;
        case MEASURE_EVENTS:
            meter_count(m, 1);
            break;
        case MEASURE_AMOUNT:
            meter_count(m, x->value > 0 ? (uint64_t)x->value : 0);
            break;
        case MEASURE_SHARE:
            find_share(o, &o->groups[i], m)->sum_ns += x->value;
            break;
        case MEASURE_STATE:
            meter_observe(m, (double)x->value);
            break;
        }
    }
}

/* A known meter to which nothing happened had a share of 0, until it has been so for as long as series are kept. */
void observer_window(struct observer *o, int64_t begin_ns, int64_t end_ns)
{
    int64_t idle_ns = stream_idle_after(o->stream);
    if (end_ns <= begin_ns)
        return;
    for (uint32_t i = 0; i < o->share_count; i++) {
        struct share *s = &o->shares[i];
        struct meter *m = meter_get(s->meter);
        if (!m)
            continue;
        if (s->sum_ns > 0 || s->active_ns == 0)
            s->active_ns = end_ns;
        if (end_ns - s->active_ns < idle_ns)
            meter_observe(m, (double)s->sum_ns / (double)(end_ns - begin_ns) / (s->of_all ? (double)o->parts : 1.0));
        s->sum_ns = 0;
    }
}
