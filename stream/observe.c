#include "stream/observe.h"
#include "base/bytes.h"
#include "stream/stream.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint32_t field_index(const struct observer *o, const char *name)
{
    for (uint32_t i = 0; i < o->field_count; i++)
        if (strcmp(o->spec.what->fields[i], name) == 0)
            return i;
    assert(false); /* a metric groups by a field that the observable does not have */
    return 0;
}

static void add_group(struct observer *o, const struct metric_info *m)
{
    struct observer_group *g = &o->groups[o->group_count++];
    *g = (struct observer_group){ .metric = m };
    for (; g->by_count < LABELS_MAX && m->by[g->by_count]; g->by_count++)
        g->by[g->by_count] = field_index(o, m->by[g->by_count]);
    for (; g->show_count < LABELS_MAX && m->show[g->show_count]; g->show_count++)
        g->show[g->show_count] = field_index(o, m->show[g->show_count]);
}

struct observer *observer_new(struct stream *s, const struct observer_spec *spec)
{
    struct observer *o = xcalloc(1, sizeof(*o));
    struct report_sink *report = stream_report(s);
    uint32_t faces = report ? FACE_REPORT : FACE_LIVE | FACE_DETAIL, count = 0;
    o->stream = s;
    o->spec = *spec;
    o->parts = 1;
    while (o->field_count < OBSERVED_FIELDS_MAX && spec->what->fields[o->field_count])
        o->field_count++;
    for (const struct metric_info *m = spec->emits; m->name; m++)
        count++;
    o->groups = xcalloc(count, sizeof(*o->groups));
    for (const struct metric_info *m = spec->emits; m->name; m++)
        if (m->of && strcmp(m->of, spec->what->name) == 0 && (m->faces & faces))
            add_group(o, m);
    if (report && o->group_count > 0)
        report->open(report->self, o);
    else if (!report)
        window_open(o);
    stream_add_observer(s, o);
    return o;
}

void observer_free(struct observer *o)
{
    free(o->groups);
    free(o->shares);
    free(o->limits);
    free(o->owned);
    free(o);
}

void observer_parts(struct observer *o, uint32_t parts, bool all)
{
    o->all_parts = all;
    o->parts = parts > 0 ? parts : 1;
}

void observe_waiting(struct observer *o, const struct observed *x)
{
    o->waiting = true;
    observe(o, x);
    o->waiting = false;
}

void observe(struct observer *o, const struct observed *x)
{
    struct report_sink *report = stream_report(o->stream);
    if (o->group_count == 0)
        return;
    if (report)
        report->observe(report->self, o, x);
    else
        window_observe(o, x);
}
