/* cmd_run.c - watches a program, running programs, or sessions of somebody else. */
#include "app/command.h"
#include "app/own_session.h"
#include "app/pipeline.h"
#include "app/targets.h"
#include "app/watchlist.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "collector/program.h"
#include "collector/replay.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const int64_t tick_ns = 200000000, fast_tick_ns = 10000000, attach_timeout_ns = 20000000000, end_grace_ns = 15000000000,
                     hint_after_ns = 5000000000;

struct args {
    struct common_args common;
    const char *attach, *keep, *preload, *user;
    struct arg_list pids, names, replays;
    bool all;
};

#define WATCH_ARGS                                                                                           \
    { "attach", 'a', ARG_TEXT, "URL", offsetof(struct args, attach), "watch net://HOST[:PORT]/host/HOSTNAME/SESSION, which somebody else made; * is allowed" }, \
    { "pid", 0, ARG_LIST, "PID", offsetof(struct args, pids), "watch a running process" },                   \
    { "name", 0, ARG_LIST, "NAME", offsetof(struct args, names), "watch the running processes of that name" }, \
    { "user", 0, ARG_TEXT, "USER", offsetof(struct args, user), "watch the processes of that user" },        \
    { "all", 0, ARG_FLAG, NULL, offsetof(struct args, all), "trace every program, not only this one and its descendants" }, \
    { "keep", 0, ARG_TEXT, "DIR", offsetof(struct args, keep), "store the whole trace there" },              \
    { "preload", 0, ARG_TEXT, "LIST", offsetof(struct args, preload), "trace an unmodified program: of libc, pthread, fork, fd, dl; function needs one compiled with -finstrument-functions" }, \
    { "live-timer", 0, ARG_TEXT, "TIME", offsetof(struct args, common.live_timer), "the same as --set session.live_timer=TIME" }

static const struct arg run_options[] = { WATCH_ARGS, COMMON_CONFIG_ARGS(struct args), COMMON_OUTPUT_ARGS(struct args), ARG_END };

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
    { "replay", 0, ARG_LIST, "DIR", offsetof(struct args, replays), "replay recorded traces instead" },
    COMMON_CONFIG_ARGS(struct args),
    COMMON_SAMPLES_ARG(struct args),
    COMMON_RESULT_ARGS(struct args),
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

enum phase { PHASE_ATTACHING, PHASE_RUNNING, PHASE_ENDING };

struct running {
    struct args args;
    struct config *config;
    struct pipeline_plan plan;
    struct pipeline pipeline;
    struct own_session own;
    struct watchlist watchlist;
    bool has_own;
    const char *const *program_argv;
    struct process program;
    struct targets targets;
    enum phase phase;
    int signals, interrupts;
    int64_t phase_since_ns;
    bool seen, hinted, program_ended;
    int program_status, exit_status;
    struct tracer_losses losses;
    int renewals;
    int64_t renewed_ns;
};

static void set_phase(struct running *r, enum phase phase)
{
    r->phase = phase;
    r->phase_since_ns = clock_monotonic_ns();
}

static int on_tick(void *self);

/* ---- the course of things ---- */

static void tell_attach(struct running *r)
{
    char url[RELAY_URL_MAX], word[RELAY_URL_MAX + 64];
    snprintf(word, sizeof(word), "attach own %" PRId64 " %s", r->config->session.live_timer.ns,
             relay_url_format(&r->own.url, url));
    pipeline_tell_collect(&r->pipeline, word);
}

/* Everything has been said: the reader comes to the session's end. */
static void finish(struct running *r)
{
    char word[64];
    if (r->phase == PHASE_ENDING)
        return;
    set_phase(r, PHASE_ENDING);
    targets_freeze(&r->targets);
    if (!r->has_own || !r->seen) { /* or nothing was traced yet */
        pipeline_end(&r->pipeline);
        return;
    }
    own_session_finish(&r->own, &r->losses);
    snprintf(word, sizeof(word), "expect-end %" PRId64, end_grace_ns);
    pipeline_tell_collect(&r->pipeline, word);
}

/* That is the end, unless a program runs: it is the user's still, and is waited for. */
static void give_up_watching(struct running *r, const char *why)
{
    if (r->seen && r->program_argv) {
        log_error("%s is no longer watched: %s", r->program_argv[0], why);
        set_phase(r, PHASE_RUNNING);
        return;
    }
    log_error("%s", why);
    r->exit_status = EXIT_CANNOT_RUN;
    finish(r);
}

/* The reader is attached: nothing will be missed from here on. */
static void start_tracing(struct running *r)
{
    struct error err;
    bool renewed = r->seen;
    if (session_start(r->own.control, &err) < 0) {
        give_up_watching(r, err.text);
        return;
    }
    set_phase(r, PHASE_RUNNING);
    r->seen = true;
    if (!r->program_argv || renewed)
        return;
    targets_follow(&r->targets, r->pipeline.loop);
    if (targets_need_looks(&r->targets))
        loop_set_tick(r->pipeline.loop, fast_tick_ns, on_tick, r);
    log_info("watching %s (process %d), session %s", r->program_argv[0], (int)r->program.pid, r->own.name);
    int result = process_release(&r->program, r->program_argv[0], &err);
    if (result < 0) {
        log_error("%s", err.text);
        r->exit_status = result == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
        r->program_ended = true;
        finish(r);
    }
}

enum { RENEWALS_MAX = 5 };
static const int64_t renewals_within_ns = 60000000000;

/* The session cannot go on: one of its daemons died, or somebody destroyed it. */
static void renew_session(struct running *r, const char *what)
{
    struct error err;
    int64_t now_ns = clock_monotonic_ns();
    r->renewals = now_ns - r->renewed_ns > renewals_within_ns ? 0 : r->renewals + 1;
    r->renewed_ns = now_ns;
    if (r->renewals >= RENEWALS_MAX) {
        give_up_watching(r, "its session went away again and again");
        return;
    }
    log_error("%s; making another", what);
    set_phase(r, PHASE_ATTACHING);
    int result = own_session_renew(&r->own, &err);
    if (result == 0)
        result = targets_track(&r->targets, &err);
    if (result < 0)
        give_up_watching(r, err.text);
    else
        tell_attach(r);
}

static void on_event(void *self, const char *text)
{
    struct running *r = self;
    if (strncmp(text, "attached ", 9) == 0 && r->has_own && r->phase == PHASE_ATTACHING)
        start_tracing(r);
    if (strncmp(text, "lost ", 5) == 0 && r->has_own && r->phase == PHASE_RUNNING)
        renew_session(r, "the session is gone");
    if (strcmp(text, "seen") == 0)
        r->hinted = true;
    if (strncmp(text, "ended ", 6) == 0 && !r->has_own)
        watchlist_ended(&r->watchlist, text + 6);
}

static void on_program_end(struct running *r)
{
    char how[PROCESS_STATUS_MAX];
    r->program_ended = true;
    if (WIFSIGNALED(r->program_status)) {
        log_info("%s %s", r->program_argv[0], process_describe(r->program_status, how));
        r->exit_status = 128 + WTERMSIG(r->program_status);
    } else {
        r->exit_status = WEXITSTATUS(r->program_status);
    }
    finish(r);
}

static void check_children(struct running *r)
{
    char how[PROCESS_STATUS_MAX], what[PROCESS_STATUS_MAX + 32];
    int status;
    if (r->program.pid > 0 && r->phase == PHASE_RUNNING && process_wait(&r->program, 0, &r->program_status))
        on_program_end(r);
    if (!r->has_own || r->phase == PHASE_ENDING || (r->phase == PHASE_ATTACHING && r->seen))
        return;
    bool relayd = r->own.relayd.process.pid > 0 && process_wait(&r->own.relayd.process, 0, &status);
    bool sessiond = !relayd && r->own.sessiond.process.pid > 0 && process_wait(&r->own.sessiond.process, 0, &status);
    if (!relayd && !sessiond)
        return;
    snprintf(what, sizeof(what), "lttng-%s %s", relayd ? "relayd" : "sessiond", process_describe(status, how));
    if (r->seen)
        renew_session(r, what);
    else
        give_up_watching(r, what);
}

/* A terminal sends its interrupt to the program as well; anybody else's is passed on. */
static void on_interrupt(struct running *r, const struct signalfd_siginfo *info)
{
    bool running = r->program.pid > 0 && !r->program_ended;
    if (++r->interrupts > 1) {
        log_warning("interrupted again: ending at once");
        if (running)
            kill(r->program.pid, SIGKILL);
        else
            pipeline_end(&r->pipeline);
        return;
    }
    if (!running || !r->seen) {
        r->exit_status = r->program_argv ? 128 + (int)info->ssi_signo : 0;
        finish(r);
    } else if (info->ssi_code != SI_KERNEL)
        kill(r->program.pid, (int)info->ssi_signo);
}

static int on_signal(void *self)
{
    struct running *r = self;
    struct signalfd_siginfo info;
    while (read(r->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            check_children(r);
        else
            on_interrupt(r, &info);
    }
    return 0;
}

static const char nothing_advice[] =
    ": is the program instrumented with LTTng-UST, and does it have the events that the analyses name? "
    "--preload libc,pthread traces any dynamically linked program";

static void hint(struct running *r, int64_t now_ns)
{
    if (r->hinted || !r->has_own || r->phase != PHASE_RUNNING || now_ns - r->phase_since_ns < hint_after_ns)
        return;
    r->hinted = true;
    log_info("nothing was traced so far%s", nothing_advice);
}

static int on_tick(void *self)
{
    struct running *r = self;
    int64_t now_ns = clock_monotonic_ns();
    check_children(r);
    targets_tick(&r->targets);
    if (r->args.attach)
        watchlist_look(&r->watchlist);
    hint(r, now_ns);
    if (r->phase == PHASE_RUNNING && targets_are_gone(&r->targets))
        finish(r);
    if (r->has_own && r->phase == PHASE_ATTACHING && now_ns - r->phase_since_ns > attach_timeout_ns) {
        char why[96];
        snprintf(why, sizeof(why), "the new session could not be attached to within %" PRId64 " s", attach_timeout_ns / 1000000000);
        give_up_watching(r, why);
    }
    return 0;
}

/* ---- start and end ---- */

static int set_up_own(struct running *r, struct error *err)
{
    const char *label = r->program_argv ? r->program_argv[0] : r->args.names.count ? r->args.names.items[0] : "system";
    int result = own_session_open(&r->own, r->config, label, r->args.keep, err);
    if (result < 0)
        return result;
    r->has_own = true;
    if (r->program_argv)
        result = program_hold(&r->program, r->program_argv, r->args.preload, err);
    r->targets = (struct targets){ .pids = r->args.pids,
                                   .names = r->args.names,
                                   .user = r->args.user,
                                   .everybody = r->args.all,
                                   .program = r->program_argv ? &r->program : NULL,
                                   .own = &r->own };
    if (result == 0)
        result = targets_track(&r->targets, err);
    if (result == 0)
        tell_attach(r);
    return result;
}

static void reconcile(struct running *r)
{
    struct stream_totals *t = &r->pipeline.collect.totals;
    if (!r->losses.known)
        return;
    /* Events discarded after the last packet never reach a reader: the tracer knows. */
    if (r->losses.events > t->discarded_events)
        t->discarded_events = r->losses.events;
    if (r->losses.packets > t->lost_packets)
        t->lost_packets = r->losses.packets;
    if (t->lost_packets == 0 && r->pipeline.collect.outages == 0)
        t->discarded_at_least = false;
}

/* Watching has ended, but the program is the user's: it is waited for as ever. */
static int outlive(struct running *r)
{
    log_error("%s is no longer watched; waiting for it to end", r->program_argv[0]);
    r->phase = PHASE_ENDING;
    while (!process_wait(&r->program, 0, &r->program_status)) {
        struct pollfd p = { .fd = r->signals, .events = POLLIN };
        poll(&p, 1, 1000);
        on_signal(r);
    }
    on_program_end(r);
    return r->exit_status;
}

static int end(struct running *r, int result, const struct error *err)
{
    struct error closing;
    int status = r->exit_status;
    if (result < 0)
        status = fail(err);
    if (r->program.pid > 0 && r->program.held)
        process_stop(&r->program, 1000000000);
    reconcile(r);
    if (r->has_own)
        own_session_close(&r->own);
    if (r->program.pid > 0 && !r->program_ended)
        status = outlive(r);
    watchlist_close(&r->watchlist);
    targets_close(&r->targets);
    if (r->seen || r->args.attach)
        pipeline_log_summary(&r->pipeline);
    if (r->has_own && result == 0 && r->seen && status != 127 && r->pipeline.collect.totals.events == 0)
        log_info("nothing was traced%s", nothing_advice);
    if (r->args.keep && r->has_own)
        log_info("the trace is in %s; `foretrace replay %s` runs it again", r->args.keep, r->args.keep);
    if (r->args.common.summary && pipeline_write_summary(&r->pipeline, r->args.common.summary, result == 0, &closing) < 0)
        status = fail(&closing);
    return status;
}

static int run(struct running *r)
{
    struct error err;
    int result = pipeline_check_output(r->args.common.summary, &err);
    if (result == 0)
        result = pipeline_start(&r->pipeline, r->config, &r->plan, &err);
    if (result < 0)
        return fail(&err);
    r->pipeline.event = on_event;
    r->pipeline.self = r;
    loop_add_fd(r->pipeline.loop, r->signals, on_signal, r);
    loop_set_tick(r->pipeline.loop, tick_ns, on_tick, r);
    set_phase(r, PHASE_ATTACHING);
    if (r->args.attach) {
        r->phase = PHASE_RUNNING;
        result = watchlist_open(&r->watchlist, r->args.attach, &r->pipeline, &err);
    } else {
        result = set_up_own(r, &err);
    }
    if (result == 0)
        result = pipeline_run(&r->pipeline, &err);
    int status = end(r, result, &err);
    pipeline_done(&r->pipeline);
    return status;
}

static int check_args(const struct args *a, bool program, struct error *err)
{
    int ways = (a->attach != NULL) + (a->pids.count > 0) + (a->names.count > 0) + (a->user != NULL) + (a->replays.count > 0) + program;
    if (ways == 0 && !a->all)
        return error_set(err, -EINVAL, "what is to be watched? Give a program, or --attach, --pid, --name, --user or --all");
    if (ways > 1)
        return error_set(err, -EINVAL, "a program, --attach, --pid, --name, --user and --replay exclude each other");
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
    return 0;
}

static int watch(const struct usage *usage, enum pipeline_extent extent, int argc, char **argv)
{
    static struct running r;
    struct error err;
    int first = args_parse(usage, argc, argv, &r.args, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    common_log_level(&r.args.common);
    if (first < argc)
        r.program_argv = (const char *const *)argv + first;
    r.signals = loop_open_signals();
    r.plan = (struct pipeline_plan){ .extent = extent, .samples_path = r.args.common.samples };
    if (check_args(&r.args, r.program_argv != NULL, &err) < 0 || common_config(&r.args.common, &r.config, &err) < 0 ||
        (extent == PIPELINE_ALL && common_sinks(&r.args.common, r.config, &err) < 0)) {
        config_free(r.config);
        fail(&err);
        return EXIT_USAGE;
    }
    r.plan.paths = r.args.replays.items;
    r.plan.path_count = r.args.replays.count;
    int status = r.args.replays.count > 0 ? replay_run(&r.args.common, r.config, &r.plan, r.signals) : run(&r);
    config_free(r.config);
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
