#include "stream/report.h"
#include "base/bytes.h"
#include "base/text.h"
#include "stream/callstack.h"
#include "stream/kernel.h"
#include "stream/stream.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 86400 };

struct spool_reader report_log(struct report_observable *o)
{
    return spool_read(&o->spool, o->observer->field_count);
}

/* ---- the sink ---- */

static int field_of(const struct observer *o, const char *name)
{
    for (uint32_t i = 0; i < o->field_count; i++)
        if (strcmp(o->spec.what->fields[i], name) == 0)
            return (int)i;
    return -1;
}

static struct report_source *source_of(struct report *r, const struct stream *stream)
{
    for (uint32_t i = r->count; i-- > 0;)
        if (r->sources[i]->stream == stream)
            return r->sources[i];
    GROW(r->sources, r->count, r->capacity);
    struct report_source *s = r->sources[r->count++] = xcalloc(1, sizeof(*s));
    s->stream = stream;
    return s;
}

/* A table that cannot be filtered by what was asked for would show other numbers than one thinks. */
static const char *left_out(const struct report_config *c, const struct report_observable *o)
{
    if (c->tid >= 0 && o->tid_field < 0)
        return "--tid";
    if (c->procname && o->procname_field < 0)
        return "--procname";
    if (o->observer->spec.what->measure == MEASURE_DURATION)
        return NULL;
    return c->min_ns > 0 ? "--min" : c->max_ns < INT64_MAX ? "--max" : NULL;
}

static void on_open(void *self, struct observer *observer)
{
    struct report *r = self;
    struct report_source *s = source_of(r, observer->stream);
    struct report_observable *o = xcalloc(1, sizeof(*o));
    GROW(s->observables, s->count, s->capacity);
    s->observables[s->count++] = o;
    observer->data = o;
    o->observer = observer;
    o->tid_field = field_of(observer, "tid");
    o->procname_field = field_of(observer, "procname");
    o->left_out = left_out(&r->config, o);
    o->table_count = observer->group_count;
    o->tables = xcalloc(o->table_count, sizeof(*o->tables));
    o->top = xcalloc(r->config.top + 1, sizeof(*o->top));
    for (uint32_t i = 0; i < REPORT_BY_KINDS; i++)
        o->by_fields[i] = -1;
    for (uint32_t i = 0; i < o->table_count; i++) {
        struct report_table *t = &o->tables[i];
        table_init(t, &observer->groups[i], observer->spec.what, r->config.max_rows);
        if (t->by != REPORT_BY_OTHER)
            o->by_fields[t->by] = field_of(observer, t->by == REPORT_BY_TID ? "tid" : "pid");
    }
}

/* What ends from begin to end, both included; what lasts must not end where the report begins, since nothing of it is within. */
static bool in_time(const struct report_config *c, const struct observed *x)
{
    if (x->end_ns < c->begin_ns || x->end_ns > c->end_ns)
        return false;
    return x->end_ns > c->begin_ns || x->begin_ns == x->end_ns;
}

static bool wanted(const struct report *r, const struct report_observable *o, const struct observed *x)
{
    const struct report_config *c = &r->config;
    if (o->left_out || !in_time(c, x))
        return false;
    if (o->observer->spec.what->measure == MEASURE_DURATION && (x->value < c->min_ns || x->value > c->max_ns))
        return false;
    if (c->tid >= 0 && (x->fields[o->tid_field].kind == VALUE_NONE || x->fields[o->tid_field].i != c->tid))
        return false;
    if (!c->procname)
        return true;
    const struct value *name = &x->fields[o->procname_field];
    return name->kind == VALUE_TEXT && name->size == strlen(c->procname) && memcmp(name->text, c->procname, name->size) == 0;
}

static struct stack_pair stacks_of(const struct observer *observer, const struct observed *x)
{
    struct callstacks *c = *stream_callstacks(observer->stream);
    struct stack_pair stacks = { 0, 0 };
    if (!c)
        return stacks;
    stacks.end = callstacks_at(c, x->end_ns);
    stacks.begin = x->begin_ns == x->end_ns ? 0 : callstacks_at(c, x->begin_ns);
    return stacks;
}

/* When the thread and the process began that an observation is of, as far as tables ask for it. */
static void find_born(const struct report_observable *o, const struct observed *x, int64_t born_ns[REPORT_BY_KINDS])
{
    struct kernel *k = stream_has_kernel(o->observer->stream);
    for (uint32_t i = 0; i < REPORT_BY_KINDS; i++) {
        int field = o->by_fields[i];
        born_ns[i] = k && field >= 0 && x->fields[field].kind != VALUE_NONE ? kernel_born(k, x->fields[field].i, x->begin_ns) : INT64_MIN;
    }
}

static void on_observe(void *self, struct observer *observer, const struct observed *x)
{
    struct report *r = self;
    struct report_observable *o = observer->data;
    enum measure measure = observer->spec.what->measure;
    int64_t born_ns[REPORT_BY_KINDS];
    o->offered++;
    if (!wanted(r, o, x))
        return;
    struct stack_pair stacks = stacks_of(observer, x);
    find_born(o, x, born_ns);
    for (uint32_t i = 0; i < o->table_count; i++)
        table_add(&o->tables[i], x, born_ns);
    if (measure == MEASURE_DURATION || measure == MEASURE_AMOUNT)
        report_add_to_top(o, r->config.top, x, stacks);
    if (r->config.log || (r->config.freq && measure == MEASURE_DURATION))
        spool_write(&o->spool, x, born_ns, stacks, observer->field_count);
    o->observed++;
}

static void on_count(void *self, const struct stream *stream, const char *name, const char *analysis, uint64_t n)
{
    struct report_source *s = source_of(self, stream);
    uint32_t i = 0;
    while (i < s->count_count && (strcmp(s->counts[i].name, name) != 0 || strcmp(s->counts[i].analysis, analysis) != 0))
        i++;
    if (i == s->count_count) {
        if (n == 0 || i == sizeof(s->counts) / sizeof(s->counts[0]))
            return;
        text_copy(s->counts[i].name, sizeof(s->counts[i].name), name);
        text_copy(s->counts[i].analysis, sizeof(s->counts[i].analysis), analysis);
        s->counts[s->count_count++].count = 0;
    }
    s->counts[i].count += n;
}

static void on_missing(void *self, const struct stream *stream, const char *analysis, const char *events)
{
    struct report_source *s = source_of(self, stream);
    if (s->missing_count == STREAM_ANALYSES_MAX)
        return;
    struct report_missing *m = &s->missing[s->missing_count++];
    text_copy(m->analysis, sizeof(m->analysis), analysis);
    text_copy(m->events, sizeof(m->events), events);
}

/* Times of day are of the day of the first event; an end before the beginning is on the next. */
static void on_begin(void *self, int64_t time_ns)
{
    struct report *r = self;
    struct report_config *c = &r->config;
    int64_t day_ns = time_ns - time_ns % (DAY_S * INT64_C(1000000000));
    if (r->began)
        return;
    r->began = true;
    if (c->begin_of_day)
        c->begin_ns += day_ns;
    if (c->end_of_day)
        c->end_ns += day_ns + (c->begin_of_day && c->end_ns + day_ns < c->begin_ns ? DAY_S * INT64_C(1000000000) : 0);
    r->sink.begin_ns = c->begin_ns;
    r->sink.end_ns = c->end_ns;
}

void report_init(struct report *r, const struct report_config *config)
{
    *r = (struct report){ .config = *config };
    r->sink = (struct report_sink){ r, on_open, on_observe, on_count, on_missing, on_begin, config->begin_ns, config->end_ns };
}

/* ---- the end ---- */

static void fill_bins(struct report_observable *o)
{
    struct value fields[OBSERVED_FIELDS_MAX];
    struct observed x;
    struct stack_pair stacks;
    int64_t born_ns[REPORT_BY_KINDS];
    struct spool_reader reader = report_log(o);
    while (spool_next(&reader, &x, born_ns, &stacks, fields))
        for (uint32_t i = 0; i < o->table_count; i++)
            table_add_to_bin(&o->tables[i], &x, born_ns);
}

static int finish_observable(struct report *r, struct report_observable *o)
{
    int failure = 0;
    for (uint32_t t = 0; t < o->table_count; t++) {
        int f = table_finish(&o->tables[t]);
        failure = failure ? failure : f;
    }
    if (r->config.freq && o->observer->spec.what->measure == MEASURE_DURATION)
        fill_bins(o);
    if (r->config.log)
        report_log(o); /* what cannot be read is known now */
    report_sort_top(o);
    return failure ? failure : o->spool.failure;
}

int report_finish(struct report *r, struct error *err)
{
    for (uint32_t s = 0; s < r->count; s++)
        for (uint32_t i = 0; i < r->sources[s]->count; i++) {
            int failure = finish_observable(r, r->sources[s]->observables[i]);
            r->failure = r->failure ? r->failure : failure;
        }
    return r->failure < 0 ? error_set(err, r->failure, "the file of observations: %s", strerror(-r->failure)) : 0;
}

static void observable_free(struct report_observable *o)
{
    for (uint32_t t = 0; t < o->table_count; t++)
        table_done(&o->tables[t]);
    for (uint32_t t = 0; t < o->top_count; t++)
        free(o->top[t].texts);
    spool_done(&o->spool);
    free(o->top);
    free(o->tables);
    free(o);
}

void report_done(struct report *r)
{
    for (uint32_t s = 0; s < r->count; s++) {
        for (uint32_t i = 0; i < r->sources[s]->count; i++)
            observable_free(r->sources[s]->observables[i]);
        free(r->sources[s]->observables);
        free(r->sources[s]);
    }
    free(r->sources);
    *r = (struct report){ 0 };
}
