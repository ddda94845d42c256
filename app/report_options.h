/* report_options.h - what the command line asks of a report. */
#ifndef FT_APP_REPORT_OPTIONS_H
#define FT_APP_REPORT_OPTIONS_H
#include "app/command.h"
#include "stream/report.h"

struct report_args {
    struct common_args common;
    const char *analysis, *top, *begin, *end, *tid, *procname, *min, *max, *format, *limit, *rows, *kallsyms;
    bool log, freq, all;
};

enum report_form { REPORT_OVERVIEW, REPORT_TEXT, REPORT_JSON };

int report_options(const struct report_args *a, struct report_config *ret_config, uint32_t *ret_limit, enum report_form *ret_form, struct error *err);
/* The analyses that are run: what --analysis says; else what the configuration's file or preset has; else all that have tables. */
int report_analyses(const struct report_args *a, struct config *config, struct error *err);

#endif
