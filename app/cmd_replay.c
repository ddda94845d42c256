/* cmd_replay.c - a recorded trace through the same stages as a live one. */
#include "app/command.h"
#include "app/pipeline.h"
#include "base/log.h"
#include "base/loop.h"
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
        if (info.ssi_signo == SIGCHLD)
            continue;
        if (r->pipeline.terminating)
            _exit(128 + (int)info.ssi_signo);
        r->interrupted = (int)info.ssi_signo;
        pipeline_end(&r->pipeline);
    }
    return 0;
}

int replay_run(const struct common_args *args, struct config *config, const struct pipeline_plan *plan, int signals)
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
    } else if (r->pipeline.collect.totals.events == 0 && result == 0) {
        log_warning("the trace has no events");
    }
    if (r->pipeline.collect.delivered.undelivered > 0 && status == EXIT_SUCCESS)
        status = EXIT_FAILURE;
    if (args->summary && pipeline_write_summary(&r->pipeline, args->summary, result == 0 && !r->interrupted, &err) < 0)
        status = fail(&err);
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
        args_print_help(&usage);
        return EXIT_USAGE;
    }
    common_log_level(&args.common);
    int signals = loop_open_signals();
    if (common_config(&args.common, &config, &err) < 0 || common_sinks(&args.common, config, &err) < 0) {
        config_free(config);
        fail(&err);
        return EXIT_USAGE;
    }
    struct pipeline_plan plan = { .paths = (const char *const *)argv + first, .path_count = (size_t)(argc - first), .samples_path = args.common.samples };
    int status = replay_run(&args.common, config, &plan, signals);
    config_free(config);
    return status;
}
