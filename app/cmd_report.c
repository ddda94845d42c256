/* cmd_report.c - the analyses over a whole recorded trace, as tables. */
#include "app/report_options.h"
#include "app/report_print.h"
#include "base/log.h"
#include "base/text.h"
#include "collector/replay.h"
#include "stream/feed.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct arg options[] = {
    { "analysis", 'a', ARG_TEXT, "LIST", offsetof(struct report_args, analysis), "only these, separated by commas, and everything of them (those that `list` shows with tables, or the configuration's); all: the same as --all" },
    { "all", 0, ARG_FLAG, NULL, offsetof(struct report_args, all), "all tables and the greatest operations, not only the overview" },
    { "top", 't', ARG_TEXT, "N", offsetof(struct report_args, top), "how many of the greatest operations to show (10)" },
    { "limit", 0, ARG_TEXT, "N", offsetof(struct report_args, limit), "rows to show of each table; 0: all (all as JSON, 20 as text)" },
    { "log", 'l', ARG_FLAG, NULL, offsetof(struct report_args, log), "every operation" },
    { "freq", 'F', ARG_FLAG, NULL, offsetof(struct report_args, freq), "frequency tables, drawn as histograms" },
    { "begin", 0, ARG_TEXT, "TIME", offsetof(struct report_args, begin), "from this time on: [YYYY-MM-DD ]HH:MM[:SS[.FRACTION]] in UTC, without a date on the day of the first event; or seconds or ns since the epoch" },
    { "end", 0, ARG_TEXT, "TIME", offsetof(struct report_args, end), "up to this time, which is included" },
    { "tid", 0, ARG_TEXT, "TID", offsetof(struct report_args, tid), "only this thread; tables that are not by threads are left out" },
    { "procname", 0, ARG_TEXT, "NAME", offsetof(struct report_args, procname), "only threads of this name; as --tid" },
    { "min", 0, ARG_TEXT, "TIME", offsetof(struct report_args, min), "only operations that took at least so long, as 50us; tables without durations are left out" },
    { "max", 0, ARG_TEXT, "TIME", offsetof(struct report_args, max), "only operations that took at most so long; as --min" },
    { "rows", 0, ARG_TEXT, "N", offsetof(struct report_args, rows), "rows to keep of each table, the heaviest; the rest is added up as `other` (100000)" },
    { "kallsyms", 0, ARG_TEXT, "FILE", offsetof(struct report_args, kallsyms), "names of the kernel's functions, a copy of the traced machine's /proc/kallsyms, for call stacks (a file `kallsyms` beside the trace; this machine's, where it has not been restarted since)" },
    { "format", 'f', ARG_TEXT, "FORM", offsetof(struct report_args, format), "text or json (text)" },
    COMMON_CONFIG_ARGS(struct report_args),
    { "quiet", 'q', ARG_FLAG, NULL, offsetof(struct report_args, common.quiet), "only warnings and errors on standard error" },
    { "verbose", 'v', ARG_FLAG, NULL, offsetof(struct report_args, common.verbose), "say more on standard error" },
    ARG_END
};

static const struct usage usage = {
    .name = "report",
    .synopsis = "report [OPTIONS] TRACE_DIR...",
    .summary = "Runs the analyses over whole recorded traces and prints exact tables: an overview; or with\n"
               "--all or --analysis statistics, the greatest operations, frequency tables, logs. They are the\n"
               "analyses that `run` and `replay` use.",
    .args = options,
};

static void on_notice(void *self, const char *text)
{
    (void)self;
    log_warning("%s", text);
}

/* ---- what is not in the report ---- */

enum { NAMED_MAX = 8 };

static void add_names(struct text_out *out, uint32_t *count, const char *names)
{
    for (const char *at = names; *at;) {
        size_t n = strcspn(at, ",");
        text_put_listed(out, count, NAMED_MAX, at, n);
        at += n + strspn(at + n, ", ");
    }
}

/* Whether an analysis had something to observe, in any source. */
static bool has_something(const struct report *r, const char *analysis)
{
    for (uint32_t s = 0; s < r->count; s++)
        for (uint32_t i = 0; i < r->sources[s]->count; i++)
            if (strcmp(r->sources[s]->observables[i]->observer->spec.analysis, analysis) == 0 && r->sources[s]->observables[i]->offered > 0)
                return true;
    return false;
}

/* One line for those that have nothing to report, one for those that lack some. Where there are several sources, a session of programs
 * has no events of the kernel: then only the former. */
static void tell_missing(const struct report *r, bool nothing)
{
    char who[TEXT_MAX] = "", what[TEXT_MAX] = "";
    struct text_out analyses_out = text_out_init(who, sizeof(who)), events = text_out_init(what, sizeof(what));
    uint32_t count = 0, named = 0;
    for (uint32_t s = 0; s < r->count; s++)
        for (uint32_t i = 0; i < r->sources[s]->missing_count; i++) {
            const struct report_missing *m = &r->sources[s]->missing[i];
            if (has_something(r, m->analysis) == nothing || (!nothing && r->count > 1))
                continue;
            text_put_listed(&analyses_out, &count, UINT32_MAX, m->analysis, strlen(m->analysis));
            add_names(&events, &named, m->events);
        }
    if (count > 0)
        log_warning("%s %s: the trace has no %s", nothing ? "nothing to report of" : "not everything of", who, what);
}

static void tell_left_out(const struct report *r)
{
    char text[TEXT_MAX] = "";
    struct text_out out = text_out_init(text, sizeof(text));
    uint32_t count = 0;
    const struct report_source *s = r->count > 0 ? r->sources[0] : NULL;
    for (uint32_t i = 0; s && i < s->count; i++) {
        const struct report_observable *o = s->observables[i];
        if (o->left_out)
            text_printf(&out, "%s%s.%s (%s)", count++ ? ", " : "", o->observer->spec.analysis, o->observer->spec.what->name, o->left_out);
    }
    if (count > 0)
        log_info("left out, since they cannot be filtered so: %s", text);
}

/* Filters that leave nothing. */
static void tell_nothing(const struct report *r)
{
    const struct report_config *c = &r->config;
    const struct { bool given; const char *name; } filters[] = { { c->tid >= 0, "--tid" }, { c->procname != NULL, "--procname" }, { c->min_ns > 0, "--min" }, { c->max_ns < INT64_MAX, "--max" } };
    char text[TEXT_MAX];
    struct text_out out = text_out_init(text, sizeof(text));
    uint32_t count = 0;
    uint64_t offered = 0, observed = 0;
    for (uint32_t s = 0; s < r->count; s++)
        for (uint32_t i = 0; i < r->sources[s]->count; i++) {
            offered += r->sources[s]->observables[i]->offered;
            observed += r->sources[s]->observables[i]->observed;
        }
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
        if (filters[i].given)
            text_put_listed(&out, &count, UINT32_MAX, filters[i].name, strlen(filters[i].name));
    if (count == 1 && c->procname && offered > 0 && observed == 0)
        log_warning("--procname %s: no thread has that name, or none did what these analyses look at", c->procname);
    else if (count > 0 && offered > 0 && observed == 0)
        log_warning("nothing of the trace is let through by %s", text);
}

/* ---- the run ---- */

static int read_all(struct feed *feed, const struct config *config, char *const *paths, size_t count, struct error *err)
{
    struct event_consumer consumer = feed_consumer(feed);
    struct replay *replay;
    struct replay_setup setup = { .paths = (const char *const *)paths,
                                  .count = count,
                                  .reader = (enum replay_reader)config->reader.reader.index,
                                  .consumer = &consumer,
                                  .notice = on_notice };
    int r = replay_open(&setup, &replay, err);
    if (r < 0)
        return r;
    do
        r = replay_step(replay, err);
    while (r > 0);
    replay_close(replay);
    feed_finish(feed);
    return r;
}

struct run {
    struct report_args args;
    struct report_config wanted;
    struct config *config;
    struct report report;
    uint32_t limit;
    enum report_form form;
    char *const *paths;
    size_t count;
};

static void print(struct run *run, const struct stream_totals *totals, struct symbols *symbols)
{
    static void (*const forms[])(const struct report_view *) = { report_print_overview, report_print_text, report_print_json };
    const struct report_config *c = &run->report.config;
    struct report_view view = { .report = &run->report, .totals = totals, .limit = run->limit, .symbols = symbols, .out = stdout };
    view.begin_ns = totals->first_event_ns > c->begin_ns ? totals->first_event_ns : c->begin_ns;
    view.end_ns = totals->last_event_ns < c->end_ns ? totals->last_event_ns : c->end_ns;
    if (view.end_ns < view.begin_ns) {
        log_warning("the trace has nothing from --begin to --end");
        view.end_ns = view.begin_ns;
    } else {
        tell_nothing(&run->report);
    }
    tell_missing(&run->report, true);
    tell_missing(&run->report, false);
    tell_left_out(&run->report);
    forms[run->form](&view);
}

static int run_report(struct run *run, struct error *err)
{
    const struct config *config = run->config;
    struct stream_setup setup = { .config = config->stream, .report = &run->report.sink, .analyses = config->analyses, .analysis_count = config->analysis_count, .notice = on_notice };
    struct stream_totals totals = { .first_event_ns = INT64_MIN, .last_event_ns = INT64_MIN };
    struct symbols *symbols;
    int r = symbols_new(run->args.kallsyms, run->paths, run->count, &symbols, err);
    if (r < 0)
        return r;
    struct feed *feed = feed_new(&setup);
    struct error why = { { 0 } };
    if (config->reader.reader.index == REPLAY_BABELTRACE2)
        log_info("call stacks are left out: only the native reader has them, and libbabeltrace2 may abort on them");
    r = read_all(feed, config, run->paths, run->count, err);
    feed_add_totals(feed, &totals);
    int finished = report_finish(&run->report, r < 0 ? &why : err);
    if (totals.events > 0)
        print(run, &totals, symbols);
    else if (r == 0)
        log_warning("there are no events in the trace");
    if (r < 0 && totals.events > 0)
        log_warning("the report is of what came before the error");
    feed_free(feed);
    symbols_free(symbols);
    return r < 0 ? r : finished;
}

int cmd_report(int argc, char **argv)
{
    static struct run run;
    struct error err;
    run = (struct run){ 0 };
    int first = args_parse(&usage, argc, argv, &run.args, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    if (first == argc) {
        args_complain(&usage, "no TRACE_DIR is given");
        return EXIT_USAGE;
    }
    common_log_level(&run.args.common);
    end_with_reader();
    if (report_options(&run.args, &run.wanted, &run.limit, &run.form, &err) < 0 || common_config(&run.args.common, &run.config, &err) < 0 ||
        report_analyses(&run.args, run.config, &err) < 0) {
        config_free(run.config);
        return common_fail(&run.args.common, &err);
    }
    run.paths = argv + first;
    run.count = (size_t)(argc - first);
    report_init(&run.report, &run.wanted);
    int r = run_report(&run, &err);
    report_done(&run.report);
    config_free(run.config);
    return r < 0 ? fail(&err) : 0;
}
