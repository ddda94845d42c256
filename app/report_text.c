/* report_text.c - tables, histograms and logs for a terminal. */
#include "app/report_print.h"
#include "base/text.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { CELL = 128, BAR = 40 };

static const char *cell(char buffer[CELL], const struct value *v)
{
    if (v->kind == VALUE_NONE)
        return "-";
    value_text(v, buffer, CELL);
    return buffer;
}

static enum unit value_unit(const struct report_observable *o)
{
    return o->observer->spec.what->unit;
}

/* ---- histograms ---- */

static void bar(FILE *f, uint64_t count, uint64_t most)
{
    int n = most ? (int)((double)count / (double)most * BAR + 0.5) : 0;
    fprintf(f, "%10" PRIu64 " %.*s\n", count, n, "########################################");
}

static void put_linear(FILE *f, const struct report_row *row, enum unit unit)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < REPORT_BINS; i++)
        most = row->bins[i] > most ? row->bins[i] : most;
    for (uint32_t i = 0; i < REPORT_BINS; i++) {
        double lower, upper;
        char from[UNIT_TEXT_MAX], to[UNIT_TEXT_MAX];
        report_bin(row, i, &lower, &upper);
        fprintf(f, "    %10s to %10s ", unit_format(from, lower, unit), unit_format(to, upper, unit));
        bar(f, row->bins[i], most);
    }
}

static void put_log2(FILE *f, const struct report_row *row, enum unit unit)
{
    uint32_t first = row->log2_first, last = first + row->log2_count;
    uint64_t most = 0;
    for (uint32_t i = first; i < last; i++)
        most = report_log2(row, i) > most ? report_log2(row, i) : most;
    for (uint32_t i = first; i < last; i++) {
        char from[UNIT_TEXT_MAX], to[UNIT_TEXT_MAX];
        fprintf(f, "    %10s to %10s ", unit_format(from, i ? ldexp(1, (int)i - 1) : 0, unit), unit_format(to, ldexp(1, (int)i), unit));
        bar(f, report_log2(row, i), most);
    }
}

static void put_key(FILE *f, const struct report_table *t, const struct report_row *row)
{
    const struct observer_group *g = t->group;
    char buffer[CELL];
    fprintf(f, "\n  %s", t->metric->name);
    for (uint32_t i = 0; i < g->by_count; i++)
        fprintf(f, " %s=%s", t->metric->by[i], cell(buffer, &row->key[i]));
    for (uint32_t i = 0; i < g->show_count; i++)
        fprintf(f, " (%s)", cell(buffer, &row->show[i]));
    fputs("\n", f);
}

/* ---- tables ---- */

/* top: so many rows are shown of more; 0: all, or it is said below. */
static void put_head(FILE *f, const struct report_observable *o, const struct report_table *t, uint32_t top)
{
    const struct observer_group *g = t->group;
    fprintf(f, "\n%s.%s: %s", o->observer->spec.analysis, t->metric->name, t->metric->help);
    if (t->metric->faces & FACE_OF_ALL)
        fprintf(f, "; 100 %% is %s %u cpus%s", o->observer->all_parts ? "all" : "the", o->observer->parts, o->observer->all_parts ? "" : " that had events");
    if (top > 0 && top < t->keys)
        fprintf(f, " (%u of %" PRIu64 ")", top, t->keys);
    fputs("\n  ", f);
    for (uint32_t i = 0; i < g->by_count; i++)
        fprintf(f, "%-20s ", t->metric->by[i]);
    for (uint32_t i = 0; i < g->show_count; i++)
        fprintf(f, "%-20s ", t->metric->show[i]);
    fprintf(f, "%10s", "count");
    switch (o->observer->spec.what->measure) {
    case MEASURE_SHARE:
        fprintf(f, " %12s %9s", "sum", "share");
        break;
    case MEASURE_STATE:
        fprintf(f, "  values");
        break;
    case MEASURE_EVENTS:
        break;
    case MEASURE_AMOUNT:
        fprintf(f, " %12s %12s %12s %12s %12s", "sum", "per second", "min", "avg", "max");
        break;
    default:
        fprintf(f, " %12s %12s %12s %12s %12s", "sum", "min", "avg", "max", "stdev");
    }
    fputs("\n", f);
}

/* A thread's number that several had: with when this one began. */
static const char *key_cell(char buffer[CELL], const struct report_table *t, const struct report_row *row, uint32_t i)
{
    char time[TIME_TEXT_MAX];
    cell(buffer, &row->key[i]);
    if (!row->reused || strcmp(t->metric->by[i], t->by == REPORT_BY_TID ? "tid" : "pid") != 0)
        return row->key[i].kind == VALUE_NONE ? "-" : buffer;
    size_t used = strlen(buffer);
    snprintf(buffer + used, CELL - used, "@%.12s", row->born_ns == INT64_MIN ? "before" : time_format(time, row->born_ns) + 11);
    return buffer;
}

static void put_row(const struct report_view *view, const struct report_observable *o, const struct report_table *t, const struct report_row *row)
{
    char buffer[CELL], number[UNIT_TEXT_MAX];
    const struct observer_group *g = t->group;
    FILE *f = view->out;
    enum unit unit = value_unit(o);
    bool other = row == &t->other;
    if (other)
        snprintf(buffer, sizeof(buffer), "(%" PRIu64 " others)", t->keys - t->count);
    fputs("  ", f);
    for (uint32_t i = 0; i < g->by_count; i++)
        fprintf(f, "%-20s ", !other ? key_cell(buffer, t, row, i) : i == 0 ? buffer : "");
    for (uint32_t i = 0; i < g->show_count; i++)
        fprintf(f, "%-20s ", other ? "" : cell(buffer, &row->show[i]));
    fprintf(f, "%10" PRIu64, row->count);
    switch (o->observer->spec.what->measure) {
    case MEASURE_SHARE:
        fprintf(f, " %12s %8.3f%%", unit_format(number, (double)row->sum, unit), 100 * report_share(view, o, t, row));
        break;
    case MEASURE_STATE:
        for (uint32_t i = 0; !other && i < row->state_count && i < REPORT_STATES_MAX; i++)
            fprintf(f, "%s %" PRId64, i ? "," : " ", row->states[i]);
        if (other)
            fprintf(f, "  %" PRId64 " to %" PRId64, row->min, row->max);
        else if (row->state_count > REPORT_STATES_MAX)
            fprintf(f, ", ... (%u, %" PRId64 " to %" PRId64 ")", row->state_count, row->min, row->max);
        break;
    case MEASURE_EVENTS:
        break;
    case MEASURE_AMOUNT:
        fprintf(f, " %12s", unit_format(number, (double)row->sum, unit));
        fprintf(f, " %12s", unit_format(number, report_rate(view, o, row), unit));
        fprintf(f, " %12s", unit_format(number, (double)row->min, unit));
        fprintf(f, " %12s", unit_format(number, (double)row->sum / (double)row->count, unit));
        fprintf(f, " %12s", unit_format(number, (double)row->max, unit));
        break;
    default: {
        double stdev = report_stdev(row);
        fprintf(f, " %12s", unit_format(number, (double)row->sum, unit));
        fprintf(f, " %12s", unit_format(number, (double)row->min, unit));
        fprintf(f, " %12s", unit_format(number, (double)row->sum / (double)row->count, unit));
        fprintf(f, " %12s", unit_format(number, (double)row->max, unit));
        fprintf(f, " %12s", isfinite(stdev) ? unit_format(number, stdev, unit) : "-");
    }
    }
    fputs("\n", f);
}

void report_text_table(const struct report_view *view, const struct report_observable *o, const struct report_table *t, uint32_t top)
{
    uint32_t most = top > 0 ? top : view->limit, shown = most && most < t->count ? most : t->count;
    if (t->count == 0)
        return;
    put_head(view->out, o, t, top > 0 ? shown : 0);
    for (uint32_t i = 0; i < shown; i++)
        put_row(view, o, t, t->rows[i]);
    if (top > 0)
        return;
    if (t->other.count > 0)
        put_row(view, o, t, &t->other);
    if (shown < t->count)
        fprintf(view->out, "  ... %u more\n", t->count - shown);
}

static void put_histograms(const struct report_view *view, const struct report_observable *o, const struct report_table *t)
{
    FILE *f = view->out;
    uint32_t shown = view->limit && view->limit < t->count ? view->limit : t->count;
    if (!view->report->config.freq || t->measure != MEASURE_DURATION)
        return;
    for (uint32_t i = 0; i < shown; i++) {
        put_key(f, t, t->rows[i]);
        if (t->rows[i]->bins && t->rows[i]->max > t->rows[i]->min)
            put_linear(f, t->rows[i], value_unit(o));
        fputs("    by powers of two\n", f);
        put_log2(f, t->rows[i], value_unit(o));
    }
}

static void put_stack(const struct report_view *view, const struct report_observable *o, const char *of, uint32_t number)
{
    const struct callstacks *all = *stream_callstacks(o->observer->stream);
    const uint64_t *frames;
    char text[FRAME_TEXT_MAX];
    if (number == 0)
        return;
    const struct callstack *stack = callstacks_get(all, number, &frames);
    for (uint32_t i = 0; i < (uint32_t)stack->kernel_count + stack->user_count; i++) {
        bool kernel = i < stack->kernel_count, last = i + 1 == stack->kernel_count || i + 1 == (uint32_t)stack->kernel_count + stack->user_count;
        fprintf(view->out, "      %-5s %-6s %s\n", i == 0 ? of : "", kernel ? "kernel" : "user", symbols_frame(view->symbols, all, stack, frames, i, text));
        if (last && (kernel ? stack->kernel_cut : stack->user_cut))
            fprintf(view->out, "      %-5s %-6s ...\n", "", kernel ? "kernel" : "user");
    }
}

static void put_entry(const struct report_view *view, const struct report_observable *o, const struct observed *e, struct stack_pair stacks)
{
    FILE *f = view->out;
    char begin[TIME_TEXT_MAX], end[TIME_TEXT_MAX], number[UNIT_TEXT_MAX], buffer[CELL];
    fprintf(f, "  [%s, %s] %10s", time_format(begin, e->begin_ns), time_format(end, e->end_ns) + 11, unit_format(number, (double)e->value, value_unit(o)));
    for (uint32_t i = 0; i < o->observer->field_count; i++)
        if (e->fields[i].kind != VALUE_NONE)
            fprintf(f, " %s=%s", o->observer->spec.what->fields[i], cell(buffer, &e->fields[i]));
    fputs("\n", f);
    put_stack(view, o, "begin", stacks.begin);
    put_stack(view, o, "end", stacks.end);
}

void report_text_greatest(const struct report_view *view, const struct report_observable *o, uint32_t most, bool stacks)
{
    for (uint32_t i = 0; i < o->top_count && i < most; i++)
        put_entry(view, o, &(struct observed){ o->top[i].begin_ns, o->top[i].end_ns, o->top[i].value, o->top[i].fields },
                  stacks ? o->top[i].stacks : (struct stack_pair){ 0, 0 });
}

static void put_log(const struct report_view *view, struct report_observable *o)
{
    struct value fields[OBSERVED_FIELDS_MAX];
    struct observed x;
    struct stack_pair stacks;
    int64_t born_ns[REPORT_BY_KINDS];
    if (!view->report->config.log || o->spool.count == 0)
        return;
    fprintf(view->out, "\n%s: log of %" PRIu64 " (%s)\n", o->observer->spec.analysis, o->spool.count, o->observer->spec.what->name);
    struct spool_reader reader = report_log(o);
    while (spool_next(&reader, &x, born_ns, &stacks, fields))
        put_entry(view, o, &x, stacks);
}

static void put_observable(const struct report_view *view, struct report_observable *o)
{
    for (uint32_t i = 0; i < o->table_count; i++) {
        report_text_table(view, o, &o->tables[i], 0);
        put_histograms(view, o, &o->tables[i]);
    }
    if (o->top_count > 0)
        fprintf(view->out, "\n%s: the %u greatest of %" PRIu64 " (%s)\n", o->observer->spec.analysis, o->top_count, o->observed, o->observer->spec.what->name);
    report_text_greatest(view, o, o->top_count, true);
    put_log(view, o);
}

/* ---- the whole ---- */

static void put_span(const struct report_view *view, const struct report_span *span)
{
    char begin[TIME_TEXT_MAX], end[TIME_TEXT_MAX], length[UNIT_TEXT_MAX];
    FILE *f = view->out;
    fprintf(f, "%s to %s (%s), %" PRIu64 " events", time_format(begin, span->begin_ns), time_format(end, span->end_ns),
            unit_format(length, (double)(span->end_ns - span->begin_ns), UNIT_NANOSECONDS), span->totals.events_within);
    if (span->totals.events_within < span->totals.events)
        fprintf(f, " of %" PRIu64, span->totals.events);
    if (span->totals.discarded_events || span->totals.lost_packets)
        fprintf(f, "; LOST: %" PRIu64 " events, %" PRIu64 " packets", span->totals.discarded_events, span->totals.lost_packets);
    fputs("\n", f);
}

void report_text_begin(const struct report_view *view)
{
    put_span(view, &(struct report_span){ view->begin_ns, view->end_ns, *view->totals });
}

void report_text_source(const struct report_view *view, const struct report_source *s)
{
    struct report_span span = report_span(view, s->stream);
    if (view->report->count < 2)
        return;
    fprintf(view->out, "\n==== host %s, session %s: ", *stream_host(s->stream) ? stream_host(s->stream) : "-", *stream_session(s->stream) ? stream_session(s->stream) : "-");
    put_span(view, &span);
}

void report_text_end(const struct report_view *view, const struct report_source *s)
{
    if (s->count_count > 0)
        fputs("\nwhat is not in these numbers\n", view->out);
    for (uint32_t i = 0; i < s->count_count; i++)
        fprintf(view->out, "  %-12s %-24s %" PRIu64 "\n", s->counts[i].analysis, s->counts[i].name, s->counts[i].count);
}

void report_print_text(const struct report_view *view)
{
    report_text_begin(view);
    for (uint32_t s = 0; s < view->report->count; s++) {
        struct report_source *source = view->report->sources[s];
        report_text_source(view, source);
        for (uint32_t i = 0; i < source->count; i++)
            put_observable(view, source->observables[i]);
        report_text_end(view, source);
    }
}
