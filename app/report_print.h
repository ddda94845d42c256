/* report_print.h - a report as text for people, and as JSON for programs. */
#ifndef FT_APP_REPORT_PRINT_H
#define FT_APP_REPORT_PRINT_H
#include "app/symbols.h"
#include "stream/report.h"
#include "stream/stream.h"
#include <stdio.h>

struct report_view {
    struct report *report;
    const struct stream_totals *totals; /* of all sources */
    int64_t begin_ns, end_ns; /* from the first event of any source to the last */
    uint32_t limit;           /* rows of a table; 0: all */
    struct symbols *symbols;
    FILE *out;
};

/* Everything. */
void report_print_text(const struct report_view *view);
/* What tells most, on a page or two. */
void report_print_overview(const struct report_view *view);
void report_print_json(const struct report_view *view);

/* Names of a counter etc., for both. */
bool report_is_share(const struct report_observable *o);
/* What shares and rates of a source are of: from its first event to its last, within --begin and --end; and its totals. */
struct report_span {
    int64_t begin_ns, end_ns;
    struct stream_totals totals;
};
struct report_span report_span(const struct report_view *view, const struct stream *stream);
/* The part of the time from begin to end; of_all: of all parts' time. */
double report_share(const struct report_view *view, const struct report_observable *o, const struct report_table *t, const struct report_row *row);
/* MEASURE_AMOUNT: so much a second, from begin to end. */
double report_rate(const struct report_view *view, const struct report_observable *o, const struct report_row *row);

/* ---- parts of the text ---- */

void report_text_begin(const struct report_view *view);
/* The head of a source, if there are several. */
void report_text_source(const struct report_view *view, const struct report_source *s);
/* top: the first so many rows, and nothing else; 0: as view->limit says, and other. */
void report_text_table(const struct report_view *view, const struct report_observable *o, const struct report_table *t, uint32_t top);
void report_text_greatest(const struct report_view *view, const struct report_observable *o, uint32_t most, bool stacks);
void report_text_end(const struct report_view *view, const struct report_source *s);

#endif
