/* cmd_backtest.c - what would have fired, of a recorded trace or of samples, and how two configurations compare. */
#include "app/backtest.h"
#include "app/command.h"
#include "app/pipeline.h"
#include "base/text.h"
#include "base/loop.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct args {
    struct common_args common;
    const char *against;
    struct arg_list against_presets;
};

static const struct arg options[] = {
    { "against", 'g', ARG_TEXT, "FILE", offsetof(struct args, against), "a second configuration (YAML), to compare with" },
    { "against-preset", 0, ARG_LIST, "NAME", offsetof(struct args, against_presets), "the second one's preset, below its file if there is one" },
    COMMON_CONFIG_ARGS(struct args),
    { "format", 'f', ARG_TEXT, "FORM", offsetof(struct args, common.format), "text or json, on standard output (text)" },
    { "quiet", 'q', ARG_FLAG, NULL, offsetof(struct args, common.quiet), "only warnings and errors on standard error" },
    { "verbose", 'v', ARG_FLAG, NULL, offsetof(struct args, common.verbose), "say more on standard error" },
    ARG_END
};

static const struct usage usage = {
    .name = "backtest",
    .synopsis = "backtest [OPTIONS] TRACE_DIR...\n"
                "       foretrace backtest [OPTIONS] SAMPLES.csv",
    .summary = "Tells what would have fired, when, for how long, and how often per hour; of a recorded trace,\n"
               "or of samples that `--samples` wrote. With --against or --against-preset everything runs\n"
               "once more, and what fired with one configuration only, or with both and how much earlier,\n"
               "is told. --set, --window and --reader are for both. No sink is told anything.",
    .details = "Samples have no events: alerts of single operations (thresholds and timeouts of analyses), of\n"
               "losses and outages, and evidence do not come of them, nor do analyses and `window` matter.\n",
    .args = options,
};

struct testing {
    struct args args;
    struct pipeline_plan plan;
    int signals;
    struct backtest_run runs[2];
    struct config *configs[2];
    char names[2][NAME_TEXT_MAX];
};

/* The only sink; the configuration's own stay silent. */
static void gather(struct config *config, struct backtest_run *run)
{
    struct backtest_target *target = xcalloc(1, sizeof(*target));
    target->run = run;
    config_clear_sinks(config);
    config->sinks[0].sink = &backtest_sink;
    config->sinks[0].config = target;
    config->sink_count = 1;
}

/* "kernel+fast" */
static const char *name_of(const char *file, const struct arg_list *with, char *buffer, size_t capacity)
{
    struct text_out out = text_out_init(buffer, capacity);
    for (uint32_t i = 0; i < with->count; i++)
        text_printf(&out, "%s%s", i ? "+" : "", with->items[i]);
    return file ? file : with->count > 0 ? buffer : "defaults";
}

/* Before anything runs: a first pass may take long. Returns the exit status. */
static int configure(struct testing *t, int which, const char *file, const struct arg_list *with)
{
    struct error err;
    struct common_args common = t->args.common;
    common.config = file;
    common.presets = *with;
    t->runs[which].name = name_of(file, with, t->names[which], sizeof(t->names[0]));
    if (common_config(&common, &t->configs[which], &err) < 0)
        return common_fail(&common, &err);
    gather(t->configs[which], &t->runs[which]);
    return EXIT_SUCCESS;
}

/* Returns the exit status. */
static int run_all(struct testing *t)
{
    int status = EXIT_SUCCESS;
    for (int i = 0; i < 2 && t->configs[i] && status == EXIT_SUCCESS; i++)
        status = replay_run(&t->args.common, t->configs[i], &t->plan, t->signals, &t->runs[i].totals);
    return status;
}

/* A directory is a trace, a file is samples. */
static int choose_input(struct testing *t, const char *const *operands, size_t count, struct error *err)
{
    struct stat st;
    for (size_t i = 0; i < count; i++) {
        if (stat(operands[i], &st) < 0)
            return error_set(err, -errno, "%s: %s", operands[i], strerror(errno));
        if (!S_ISDIR(st.st_mode) && count > 1)
            return error_set(err, -EINVAL, "%s: no directory: several operands are traces, samples are one file", operands[i]);
    }
    if (S_ISDIR(st.st_mode)) {
        t->plan.paths = operands;
        t->plan.path_count = count;
    } else {
        t->plan.recorded = operands[0];
    }
    return 0;
}

static void print(const struct testing *t, bool json, bool compare)
{
    const struct backtest_run *second = compare ? &t->runs[1] : NULL;
    end_with_reader();
    if (json)
        backtest_print_json(stdout, &t->runs[0], second);
    else
        backtest_print_text(stdout, &t->runs[0], second);
}

int cmd_backtest(int argc, char **argv)
{
    static struct testing t;
    const struct args *args = &t.args;
    struct error err;
    int first = args_parse(&usage, argc, argv, &t.args, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    if (first == argc) {
        args_complain(&usage, "no TRACE_DIR, and no file of samples, is given");
        return EXIT_USAGE;
    }
    bool compare = args->against || args->against_presets.count > 0, json = args->common.format && strcmp(args->common.format, "json") == 0;
    common_log_level(&args->common);
    int r = args->common.format && !json && strcmp(args->common.format, "text") != 0
                ? error_set(&err, -EINVAL, "--format %s: expected text or json", args->common.format)
                : choose_input(&t, (const char *const *)argv + first, (size_t)(argc - first), &err);
    if (r < 0) {
        fail(&err);
        return EXIT_USAGE;
    }
    t.signals = loop_open_signals();
    backtest_run_init(&t.runs[0], "");
    backtest_run_init(&t.runs[1], "");
    int status = configure(&t, 0, args->common.config, &args->common.presets);
    if (status == EXIT_SUCCESS && compare)
        status = configure(&t, 1, args->against, &args->against_presets);
    if (status == EXIT_SUCCESS)
        status = run_all(&t);
    if (status == EXIT_SUCCESS)
        print(&t, json, compare);
    config_free(t.configs[0]);
    config_free(t.configs[1]);
    backtest_run_done(&t.runs[0]);
    backtest_run_done(&t.runs[1]);
    return status;
}
