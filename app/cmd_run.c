/* cmd_run.c - watches a program, running programs, or sessions of somebody else. */
#include "app/command.h"
#include "app/watching.h"
#include "app/watchlist.h"
#include "base/loop.h"
#include "base/text.h"
#include <errno.h>
#include <pwd.h>
#include <string.h>

#define WATCH_ARGS                                                                                           \
    { "attach", 'a', ARG_TEXT, "URL", offsetof(struct watch_args, attach), "watch net://HOST[:PORT]/host/HOSTNAME/SESSION, which somebody else made; * is allowed" }, \
    { "pid", 0, ARG_LIST, "PID", offsetof(struct watch_args, pids), "watch a running process" },                   \
    { "name", 0, ARG_LIST, "NAME", offsetof(struct watch_args, names), "watch the running processes of that name" }, \
    { "user", 0, ARG_TEXT, "USER", offsetof(struct watch_args, user), "watch the processes of that user" },        \
    { "all", 0, ARG_FLAG, NULL, offsetof(struct watch_args, all), "trace every program, not only this one and its descendants" }, \
    { "keep", 0, ARG_TEXT, "DIR", offsetof(struct watch_args, keep), "store the whole trace there" },              \
    { "preload", 0, ARG_TEXT, "LIST", offsetof(struct watch_args, preload), "trace an unmodified program: of libc, pthread, fork, fd, dl; function needs one compiled with -finstrument-functions" }, \
    { "probe", 0, ARG_LIST, "NAME=WHERE", offsetof(struct watch_args, probes), "set a probe: SYMBOL or function:SYMBOL in the kernel, elf:PATH:SYMBOL in a program; see the analysis probe" }, \
    { "pair", 0, ARG_LIST, "NAME=BEGIN..END", offsetof(struct watch_args, pairs), "the time from one probe to another" }, \
    { "live-timer", 0, ARG_TEXT, "TIME", offsetof(struct watch_args, common.live_timer), "the same as --set session.live_timer=TIME" }

static const struct arg run_options[] = {
    { "state", 0, ARG_TEXT, "DIR", offsetof(struct watch_args, state), "keep there what is learned of what is watched, and what fires, for the next run of the same" },
    WATCH_ARGS,
    COMMON_CONFIG_ARGS(struct watch_args),
    COMMON_OUTPUT_ARGS(struct watch_args),
    ARG_END
};

static const struct usage run_usage = {
    .name = "run",
    .synopsis = "run [OPTIONS] [--] PROGRAM [ARGS]\n"
                "       foretrace run [OPTIONS] --attach net://HOST[:PORT]/host/HOSTNAME/SESSION\n"
                "       foretrace run [OPTIONS] --pid PID | --name NAME | --user USER | --all",
    .summary = "Traces a program with LTTng, watches it live, and alerts. Needs no configuration:\n"
               "then every event has a rate, and pairs such as X_begin and X_end have a latency.",
    .details = "Exits with the program's status. SIGINT and SIGTERM are forwarded to it; a second one kills it.\n"
               "Processes that the program starts are traced from the moment foretrace learns of them: as root\n"
               "at once, else within about 10 ms; what a child traces before that is not seen. A child that\n"
               "forks without exec needs --preload fork. --all has no such gap. Kernel events, where the\n"
               "analyses need some, are those of the whole machine. Watching by --name or --user goes on until\n"
               "interrupted, by --pid until the processes have ended.\n",
    .args = run_options,
    .stop_at_operand = true,
};

static const struct arg collect_options[] = {
    WATCH_ARGS,
    { "replay", 0, ARG_LIST, "DIR", offsetof(struct watch_args, replays), "replay recorded traces instead" },
    COMMON_CONFIG_ARGS(struct watch_args),
    COMMON_SAMPLES_ARG(struct watch_args),
    COMMON_RESULT_ARGS(struct watch_args),
    ARG_END
};

static const struct usage collect_usage = {
    .name = "collect",
    .synopsis = "collect [OPTIONS] [--] PROGRAM [ARGS]\n"
                "       foretrace collect [OPTIONS] --attach URL | --pid PID | --name NAME | --user USER | --all\n"
                "       foretrace collect [OPTIONS] --replay DIR",
    .summary = "Watches as `foretrace run` does, and sends what it measures to `foretrace detect`, here or on\n"
               "another machine (delivery.samples). What that does not take in time is kept, up to delivery.buffer.",
    .details = "The three stages read the same configuration file. Each collector needs a name of its own\n"
               "(delivery.name: the host's unless set). A collector that ends says so; one that is no longer heard is an alert.\n",
    .args = collect_options,
    .stop_at_operand = true,
};

static int check_args(const struct watch_args *a, bool program, bool replays, struct error *err)
{
    struct relay_url url;
    int ways = (a->attach != NULL) + (a->pids.count > 0) + (a->names.count > 0) + (a->user != NULL) + (a->replays.count > 0) + program;
    if (ways == 0 && !a->all)
        return error_set(err, -EINVAL, "what is to be watched? Give a program, or --attach, --pid, --name, --user or --all");
    if (ways > 1)
        return error_set(err, -EINVAL, "a program, --attach, --pid, --name%s and --user exclude each other, and --all goes with none but a program", replays ? ", --replay" : "");
    if (a->all && ways == 1 && !program && !a->attach)
        return error_set(err, -EINVAL, "--all and --pid, --name or --user exclude each other");
    if (a->user && !getpwnam(a->user))
        return error_set(err, -ENOENT, "--user %s: there is no such user", a->user);
    if (a->replays.count > 0 && (a->keep || a->preload || a->all))
        return error_set(err, -EINVAL, "--keep, --preload and --all are for live sessions; --replay reads recorded ones");
    if (a->attach && (a->keep || a->preload || a->all))
        return error_set(err, -EINVAL, "--keep, --preload and --all change a session; --attach changes nothing");
    if (a->preload && !program)
        return error_set(err, -EINVAL, "--preload needs a program to start");
    return a->attach ? watchlist_parse(a->attach, &url, err) : 0;
}

/* What a state is of. */
static const char *name_watched(const struct watch_args *a, const char *const *program_argv, char buffer[RELAY_URL_MAX])
{
    struct text_out out = text_out_init(buffer, RELAY_URL_MAX);
    if (a->attach)
        text_puts(&out, a->attach);
    else if (program_argv)
        text_puts(&out, strrchr(program_argv[0], '/') ? strrchr(program_argv[0], '/') + 1 : program_argv[0]);
    else if (a->user)
        text_printf(&out, "user_%s", a->user);
    else if (a->pids.count == 0 && a->names.count == 0)
        text_puts(&out, "all");
    for (uint32_t i = 0; i < a->names.count; i++)
        text_printf(&out, "name_%s,", a->names.items[i]);
    for (uint32_t i = 0; i < a->pids.count; i++)
        text_printf(&out, "pid_%s,", a->pids.items[i]);
    return buffer;
}

static int add_probes(const struct watch_args *a, struct config *config, struct error *err)
{
    int r = 0;
    for (uint32_t i = 0; i < a->probes.count && r == 0; i++)
        if ((r = config_add_to_analysis(config, "probe", "probes", a->probes.items[i], err)) < 0)
            error_wrap(err, r, "--probe");
    for (uint32_t i = 0; i < a->pairs.count && r == 0; i++)
        if ((r = config_add_to_analysis(config, "probe", "pairs", a->pairs.items[i], err)) < 0)
            error_wrap(err, r, "--pair");
    return r;
}

static int watch(const struct usage *usage, enum pipeline_extent extent, int argc, char **argv)
{
    static struct watch_args a;
    static char watched[RELAY_URL_MAX];
    struct config *config = NULL;
    struct error err;
    int first = args_parse(usage, argc, argv, &a, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    common_log_level(&a.common);
    const char *const *program_argv = first < argc ? (const char *const *)argv + first : NULL;
    int signals = loop_open_signals();
    struct pipeline_plan plan = { .extent = extent, .samples_path = a.common.samples, .state = a.state,
                                  .watched = name_watched(&a, program_argv, watched), .paths = a.replays.items, .path_count = a.replays.count };
    if (check_args(&a, program_argv != NULL, extent == PIPELINE_COLLECT, &err) < 0 || common_config(&a.common, &config, &err) < 0 || add_probes(&a, config, &err) < 0 ||
        (extent == PIPELINE_ALL && common_sinks(&a.common, config, &err) < 0)) {
        config_free(config);
        return common_fail(&a.common, &err);
    }
    int status = a.replays.count > 0 ? replay_run(&a.common, config, &plan, signals, NULL) : watching_run(&a, config, &plan, program_argv, signals);
    config_free(config);
    return status;
}

int cmd_run(int argc, char **argv)
{
    return watch(&run_usage, PIPELINE_ALL, argc, argv);
}

int cmd_collect(int argc, char **argv)
{
    return watch(&collect_usage, PIPELINE_COLLECT, argc, argv);
}
