/* cmd_replay.c - a recorded trace through the same stages as a live one. */
#include "app/command.h"
#include "app/pipeline.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct args {
    struct common_args common;
};

static const struct arg options[] = { COMMON_CONFIG_ARGS(struct args), COMMON_OUTPUT_ARGS(struct args), ARG_END };

static const struct usage usage = {
    .name = "replay",
    .synopsis = "replay [OPTIONS] TRACE_DIR...",
    .summary = "Runs recorded CTF traces through the stages, as fast as they go.\n"
               "TRACE_DIR is a session's directory, a domain's, or any directory above them.",
    .args = options,
};

struct replaying {
    struct pipeline pipeline;
    int signals, interrupted; /* by which signal */
    bool bar;
    double fraction;
};

/* A bar on standard error, redrawn in place. */
static void draw(double fraction)
{
    enum { WIDTH = 40 };
    char bar[WIDTH + 1];
    int filled = (int)(fraction * WIDTH);
    if (fraction < 0)
        return;
    filled = filled > WIDTH ? WIDTH : filled;
    memset(bar, '.', WIDTH);
    memset(bar, '#', (size_t)filled);
    bar[WIDTH] = '\0';
    fprintf(stderr, "\r[%s] %3.0f %%", bar, fraction * 100 > 100 ? 100 : fraction * 100);
}

static void on_event(void *self, const char *text)
{
    struct replaying *r = self;
    if (sscanf(text, "progress %lf", &r->fraction) == 1 && r->bar)
        draw(r->fraction);
}

static int on_signal(void *self)
{
    struct replaying *r = self;
    struct signalfd_siginfo info;
    while (read(r->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD || pipeline_is_echo(&r->pipeline))
            continue;
        if (r->pipeline.terminating)
            _exit(128 + (int)info.ssi_signo);
        r->interrupted = (int)info.ssi_signo;
        pipeline_end(&r->pipeline);
    }
    return 0;
}

/* Events, and none of them is what an analysis waits for: nothing else on standard error says so with --quiet. */
static void tell_unmatched(const struct config *config)
{
    enum { NAMED_MAX = 4 };
    struct needs *needs = xcalloc(1, sizeof(*needs));
    char names[TEXT_MAX];
    uint32_t named = 0;
    struct text_out out = text_out_init(names, sizeof(names));
    for (uint32_t i = 0; i < config->analysis_count; i++)
        analysis_needs(config->analyses[i].analysis, config->analyses[i].config, needs);
    for (uint32_t i = 0; i < needs->event_count; i++)
        text_put_listed(&out, &named, NAMED_MAX, needs->events[i].s, strlen(needs->events[i].s));
    log_warning("nothing was measured: no event is one that an analysis waits for (%s)", names);
    for (uint32_t i = 0; i < config->rules.count; i++)
        log_warning("detectors: there was no series for the rule '%s'", config->rules.list[i].pattern.s);
    free(needs);
}

int replay_run(const struct common_args *args, struct config *config, const struct pipeline_plan *plan, int signals, struct stream_totals *ret_totals)
{
    static struct replaying replaying;
    struct replaying *r = &replaying;
    struct error err;
    r->signals = signals;
    r->bar = isatty(STDERR_FILENO) && !args->quiet;
    int result = pipeline_check_output(args->summary, &err);
    if (result == 0)
        result = pipeline_start(&r->pipeline, config, plan, &err);
    if (result < 0)
        return fail(&err);
    r->pipeline.event = on_event;
    r->pipeline.self = r;
    loop_add_fd(r->pipeline.loop, r->signals, on_signal, r);
    result = pipeline_run(&r->pipeline, &err);
    if (r->bar)
        fprintf(stderr, "\r%50s\r", "");
    if (result == 0 || r->pipeline.collect.totals.events > 0)
        pipeline_log_summary(&r->pipeline);
    int status = result < 0 ? fail(&err) : EXIT_SUCCESS;
    if (r->interrupted) {
        log_warning("interrupted: %.0f %% of the trace was replayed", fmax(0, r->fraction * 100));
        status = 128 + r->interrupted;
    } else if (r->pipeline.collect.totals.events == 0 && result == 0 && !plan->recorded) {
        log_warning("the trace has no events");
    } else if (r->pipeline.collect.totals.windows == 0 && result == 0 && !plan->recorded) {
        tell_unmatched(config);
    }
    if ((r->pipeline.collect.delivered.undelivered > 0 || r->pipeline.alert.failures > 0) && status == EXIT_SUCCESS)
        status = EXIT_FAILURE; /* the summary has said it */
    if (args->summary && pipeline_write_summary(&r->pipeline, args->summary, result == 0 && !r->interrupted, &err) < 0)
        status = fail(&err);
    if (ret_totals)
        *ret_totals = r->pipeline.collect.totals;
    pipeline_done(&r->pipeline);
    return status;
}

int cmd_replay(int argc, char **argv)
{
    struct args args = { 0 };
    struct config *config = NULL;
    struct error err;
    int first = args_parse(&usage, argc, argv, &args, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    if (first == argc) {
        args_complain(&usage, "no TRACE_DIR is given");
        return EXIT_USAGE;
    }
    common_log_level(&args.common);
    int signals = loop_open_signals();
    if (common_config(&args.common, &config, &err) < 0 || common_sinks(&args.common, config, &err) < 0) {
        config_free(config);
        return common_fail(&args.common, &err);
    }
    struct pipeline_plan plan = { .paths = (const char *const *)argv + first, .path_count = (size_t)(argc - first), .samples_path = args.common.samples };
    int status = replay_run(&args.common, config, &plan, signals, NULL);
    config_free(config);
    return status;
}
