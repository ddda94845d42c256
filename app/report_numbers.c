/* report_numbers.c - what the forms of a report reckon alike. */
#include "app/report_print.h"

bool report_is_share(const struct report_observable *o)
{
    return o->observer->spec.what->measure == MEASURE_SHARE;
}

struct report_span report_span(const struct report_view *view, const struct stream *stream)
{
    const struct report_config *c = &view->report->config;
    struct report_span span = { .totals = { .first_event_ns = INT64_MIN, .last_event_ns = INT64_MIN } };
    stream_add_totals(stream, &span.totals);
    span.begin_ns = span.totals.first_event_ns > c->begin_ns ? span.totals.first_event_ns : c->begin_ns;
    span.end_ns = span.totals.last_event_ns < c->end_ns ? span.totals.last_event_ns : c->end_ns;
    if (span.end_ns < span.begin_ns)
        span.end_ns = span.begin_ns;
    return span;
}

static double seconds(const struct report_view *view, const struct report_observable *o)
{
    struct report_span span = report_span(view, o->observer->stream);
    return (double)(span.end_ns - span.begin_ns) / 1e9;
}

double report_share(const struct report_view *view, const struct report_observable *o, const struct report_table *t, const struct report_row *row)
{
    return (double)row->sum / (seconds(view, o) * 1e9) / (t->metric->faces & FACE_OF_ALL ? (double)o->observer->parts : 1.0);
}

double report_rate(const struct report_view *view, const struct report_observable *o, const struct report_row *row)
{
    return (double)row->sum / seconds(view, o);
}
