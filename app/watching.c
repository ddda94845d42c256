/* watching.c - see watching.h */
#include "app/watching.h"
#include "app/own_session.h"
#include "app/pipeline.h"
#include "app/targets.h"
#include "app/watchlist.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "collector/program.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const int64_t tick_ns = 200000000, attached_tick_ns = 1000000000, fast_tick_ns = 10000000, attach_timeout_ns = 20000000000, end_grace_ns = 15000000000,
                     hint_after_ns = 5000000000;

enum phase { PHASE_ATTACHING, PHASE_RUNNING, PHASE_ENDING };

struct running {
    const struct watch_args *args;
    struct config *config;
    struct pipeline pipeline;
    struct own_session own;
    struct watchlist watchlist;
    bool has_own;
    const char *const *program_argv; /* NULL: running processes */
    struct process program;
    struct targets targets;
    enum phase phase;
    int signals, interrupts;
    int64_t phase_since_ns, interrupted_ns;
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
    int result = process_release(&r->program, r->program_argv[0], &err);
    if (result < 0) {
        log_error("%s", err.text);
        r->exit_status = result == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
        r->program_ended = true;
        finish(r);
        return;
    }
    log_info("watching %s (process %d), session %s", r->program_argv[0], (int)r->program.pid, r->own.name);
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

/* Of a daemon a second one within this is the first one's echo: GNU timeout(1) signals its child and the group. */
static const int64_t echo_within_ns = 1000000000;

/* A terminal sends its interrupt to the program as well; anybody else's is passed on. */
static void on_interrupt(struct running *r, const struct signalfd_siginfo *info)
{
    bool running = r->program.pid > 0 && !r->program_ended;
    if (r->interrupts > 0 && r->pipeline.extent == PIPELINE_COLLECT && clock_monotonic_ns() - r->interrupted_ns < echo_within_ns)
        return;
    if (++r->interrupts > 1) {
        log_warning("interrupted again: ending at once");
        if (running)
            kill(r->program.pid, SIGKILL);
        else
            pipeline_end(&r->pipeline);
        return;
    }
    r->interrupted_ns = clock_monotonic_ns();
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

/* lttng-ust's thread tries again only then, where an lttng-sessiond was killed before (wait_for_sessiond). */
static const char *late_advice(const struct running *r)
{
    return r->program_argv ? "" : "; one that ran before lttng-sessiond began may take 5 s to be traced";
}

static void hint(struct running *r, int64_t now_ns)
{
    if (r->hinted || !r->has_own || r->phase != PHASE_RUNNING || now_ns - r->phase_since_ns < hint_after_ns)
        return;
    r->hinted = true;
    log_info("nothing was traced so far%s%s", nothing_advice, late_advice(r));
}

static int on_tick(void *self)
{
    struct running *r = self;
    int64_t now_ns = clock_monotonic_ns();
    check_children(r);
    targets_tick(&r->targets);
    if (r->args->attach)
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
    const char *label = r->program_argv ? r->program_argv[0] : r->args->names.count ? r->args->names.items[0] : "system";
    int result = own_session_open(&r->own, r->config, label, r->args->keep, err);
    if (result < 0)
        return result;
    r->has_own = true;
    if (r->program_argv)
        result = program_hold(&r->program, r->program_argv, r->args->preload, err);
    r->targets = (struct targets){ .pids = r->args->pids,
                                   .names = r->args->names,
                                   .user = r->args->user,
                                   .everybody = r->args->all,
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
    if (r->seen || r->args->attach)
        pipeline_log_summary(&r->pipeline);
    if (r->has_own && result == 0 && r->seen && status != EXIT_NOT_FOUND && status != EXIT_CANNOT_RUN && r->pipeline.collect.totals.events == 0)
        log_info("nothing was traced%s%s", nothing_advice, late_advice(r));
    if (r->args->keep && r->has_own)
        log_info("the trace is in %s; `foretrace replay %s` runs it again", r->args->keep, r->args->keep);
    if (r->args->common.summary && pipeline_write_summary(&r->pipeline, r->args->common.summary, result == 0, &closing) < 0)
        status = fail(&closing);
    return status;
}

int watching_run(const struct watch_args *args, struct config *config, const struct pipeline_plan *plan, const char *const *program_argv, int signals)
{
    static struct running running;
    struct running *r = &running;
    struct error err;
    running = (struct running){ .args = args, .config = config, .program_argv = program_argv, .signals = signals };
    int result = pipeline_check_output(args->common.summary, &err);
    if (result == 0)
        result = pipeline_start(&r->pipeline, config, plan, &err);
    if (result < 0)
        return fail(&err);
    r->pipeline.event = on_event;
    r->pipeline.self = r;
    loop_add_fd(r->pipeline.loop, r->signals, on_signal, r);
    loop_set_tick(r->pipeline.loop, r->args->attach ? attached_tick_ns : tick_ns, on_tick, r);
    set_phase(r, PHASE_ATTACHING);
    if (r->args->attach) {
        r->phase = PHASE_RUNNING;
        result = watchlist_open(&r->watchlist, r->args->attach, &r->pipeline, &err);
    } else {
        result = set_up_own(r, &err);
    }
    if (result == 0)
        result = pipeline_run(&r->pipeline, &err);
    int status = end(r, result, &err);
    pipeline_done(&r->pipeline);
    return status;
}
