/* report_overview.c - a report in short: of each analysis the tables that tell most, their first rows, and the greatest operation. */
#include "app/report_print.h"
#include <inttypes.h>
#include <string.h>

enum { OVERVIEW_ROWS = 5, OVERVIEW_MORE_ROWS = 3 };

static const char *analysis_of(const struct report_source *s, uint32_t i)
{
    return s->observables[i]->observer->spec.analysis;
}

/* An analysis' observables are beside each other. */
static uint32_t next_analysis(const struct report_source *s, uint32_t first)
{
    uint32_t end = first;
    while (end < s->count && strcmp(analysis_of(s, end), analysis_of(s, first)) == 0)
        end++;
    return end;
}

/* Tables that are marked as telling; returns how many there were that had something. */
static uint32_t put_tables(const struct report_view *view, const struct report_source *s, uint32_t first, uint32_t end, bool marked)
{
    uint32_t shown = 0, long_ones = 0;
    for (uint32_t i = first; i < end; i++)
        for (uint32_t n = 0; n < s->observables[i]->table_count; n++) {
            const struct report_table *t = &s->observables[i]->tables[n];
            if (t->count == 0 || (marked ? !(t->metric->faces & FACE_OVERVIEW) : shown > 0))
                continue;
            report_text_table(view, s->observables[i], t, long_ones == 0 ? OVERVIEW_ROWS : OVERVIEW_MORE_ROWS);
            long_ones += t->count > 1;
            shown++;
        }
    return shown;
}

/* Of durations; what is greatest of an amount says little. */
static void put_greatest(const struct report_view *view, const struct report_source *s, uint32_t first, uint32_t end)
{
    const struct report_observable *most = NULL;
    for (uint32_t i = first; i < end; i++) {
        const struct report_observable *o = s->observables[i];
        if (o->observer->spec.what->measure == MEASURE_DURATION && o->top_count > 0 && (!most || o->top[0].value > most->top[0].value))
            most = o;
    }
    if (!most)
        return;
    fprintf(view->out, "  longest of %" PRIu64 " (%s):", most->observed, most->observer->spec.what->name);
    report_text_greatest(view, most, 1, false);
}

void report_print_overview(const struct report_view *view)
{
    report_text_begin(view);
    for (uint32_t n = 0; n < view->report->count; n++) {
        const struct report_source *s = view->report->sources[n];
        report_text_source(view, s);
        for (uint32_t first = 0, end; first < s->count; first = end) {
            end = next_analysis(s, first);
            if (put_tables(view, s, first, end, true) == 0)
                put_tables(view, s, first, end, false);
            put_greatest(view, s, first, end);
        }
        report_text_end(view, s);
    }
    fputs("\nThis is an overview: --all prints all tables and the greatest operations, -a NAME those of one analysis.\n", view->out);
}
