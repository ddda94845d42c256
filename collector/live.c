#include "collector/live.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/process.h"
#include "base/text.h"
#include "collector/batch.h"
#include "collector/helpers.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const int64_t second_ns = 1000000000, shortest_backoff_ns = 100000000, longest_backoff_ns = 5000000000;
enum { PATIENCE_TIMERS = 20, PIPE_SIZE = 1 << 20 };

struct live {
    struct live_setup setup;
    enum live_phase phase;
    /* The reader child. */
    struct process child;
    int out_fd, reply_fd, complaint_fd;
    struct batch_reader batches;
    char complaint[512];         /* the last of what it said on standard error */
    char verdict[512];           /* what it gave as the reason of its end */
    char failure[512];           /* the reason it gave */
    /* Wall time, monotonic: */
    int64_t heard_ns;            /* any frame */
    int64_t moved_ns;            /* event time advanced */
    int64_t event_ns;            /* an event came */
    int64_t start_again_ns, give_up_ns, backoff_ns;
    int64_t attached_ns;         /* 0: not attached, or already settled */
    bool attach_told, was_attached;
    bool gone;                   /* the child says the session is no more */
    uint64_t attempts;
    /* Event time: */
    int64_t time_ns;             /* how far it has come; INT64_MIN: nowhere */
    bool outage_open;
    char outage_reason[160];
    struct live_totals totals;
};

/* ---- telling ---- */

static void say(struct live *live, bool warning, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void say(struct live *live, bool warning, const char *fmt, ...)
{
    char text[900], url[RELAY_URL_MAX];
    struct text_out out = text_out_init(text, sizeof(text));
    text_printf(&out, "%s: ", relay_url_format(&live->setup.url, url));
    char body[700];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(body, sizeof(body), fmt, ap);
    va_end(ap);
    text_puts(&out, body);
    live->setup.notice(live->setup.self, warning, text);
}

static void set_phase(struct live *live, enum live_phase phase)
{
    if (live->phase == phase)
        return;
    live->phase = phase;
    live->setup.phase(live->setup.self, phase);
}

/* How long nothing may be heard: many live timers, but no hair trigger. */
static int64_t patience_ns(const struct live *live)
{
    int64_t patience = PATIENCE_TIMERS * live->setup.live_timer_ns;
    return patience < 2 * second_ns ? 2 * second_ns : patience;
}

/* ---- outages ---- */

static void report_outage(struct live *live, bool ongoing, int64_t end_ns)
{
    struct loss loss = { .kind = LOSS_OUTAGE,
                         .source = { .host = "", .session = "" },
                         .count = 1,
                         .at_least = true,
                         .ongoing = ongoing,
                         .begin_ns = live->time_ns,
                         .end_ns = end_ns };
    text_copy(loss.reason, sizeof(loss.reason), live->outage_reason);
    live->setup.consumer.loss(live->setup.consumer.self, &loss);
}

/* Begins an outage, unless one is open or nothing was ever read. */
static void open_outage(struct live *live, const char *reason)
{
    if (live->outage_open || live->time_ns == INT64_MIN)
        return;
    live->outage_open = true;
    live->totals.outages++;
    text_copy(live->outage_reason, sizeof(live->outage_reason), reason);
    report_outage(live, true, live->time_ns);
}

static void tell_attached(struct live *live)
{
    if (!live->attach_told && live->attempts > 1)
        say(live, false, "attached");
    live->attach_told = true;
}

/* Nothing more will be read: what was missed ends here, as far as anybody knows. */
static void close_outage(struct live *live)
{
    if (live->outage_open)
        report_outage(live, false, live->time_ns);
    live->outage_open = false;
}

/* Event time goes on at time_ns. */
static void on_time(void *self, int64_t time_ns, bool events)
{
    struct live *live = self;
    live->moved_ns = clock_monotonic_ns();
    tell_attached(live);
    live->totals.events |= events;
    if (events)
        live->event_ns = live->moved_ns;
    if (live->outage_open && time_ns > live->time_ns) {
        live->outage_open = false;
        report_outage(live, false, time_ns);
        say(live, false, "reading again; %.3f s were not observed", (double)(time_ns - live->time_ns) / 1e9);
    }
    if (time_ns > live->time_ns)
        live->time_ns = time_ns;
}

/* ---- the child ---- */

static void close_fd(struct live *live, int *fd)
{
    if (*fd >= 0) {
        loop_remove_fd(live->setup.loop, *fd);
        close(*fd);
    }
    *fd = -1;
}

static void drop_child(struct live *live)
{
    int status;
    close_fd(live, &live->out_fd);
    close_fd(live, &live->reply_fd);
    close_fd(live, &live->complaint_fd);
    batch_reader_done(&live->batches);
    if (live->child.pid > 0) {
        kill(live->child.pid, SIGKILL);
        process_wait(&live->child, second_ns, &status);
    }
}

/* Waits with a jitter, so that many monitors of one relayd do not come back as one. */
static void back_off(struct live *live)
{
    uint64_t random = hash_mix((uint64_t)clock_monotonic_ns(), (uint64_t)getpid());
    live->backoff_ns = live->backoff_ns ? live->backoff_ns * 2 : shortest_backoff_ns;
    if (live->backoff_ns > longest_backoff_ns)
        live->backoff_ns = longest_backoff_ns;
    int64_t jitter_ns = (int64_t)(random % (uint64_t)(live->backoff_ns / 2));
    live->start_again_ns = clock_monotonic_ns() + live->backoff_ns - jitter_ns;
    set_phase(live, LIVE_BACKOFF);
}

/* The same but for numbers: "for 2.0 s" and "for 2.1 s" need not both be said. */
static bool same_reason(const char *a, const char *b)
{
    static const char numbers[] = "0123456789.";
    while (*a && *b) {
        a += strspn(a, numbers);
        b += strspn(b, numbers);
        if (*a != *b)
            return false;
        a += *a != '\0';
        b += *b != '\0';
    }
    return *a == *b;
}

static void fail(struct live *live, const char *reason)
{
    drop_child(live);
    if (live->give_up_ns) {
        open_outage(live, reason);
        close_outage(live);
        set_phase(live, LIVE_ENDED);
        say(live, true, "%s; the end of the trace may be missing", reason);
        return;
    }
    if (!same_reason(live->failure, reason))
        say(live, true, "%s; trying again", reason);
    text_copy(live->failure, sizeof(live->failure), reason);
    open_outage(live, reason);
    back_off(live);
}

/* Our own session ended, and not by us. */
static void lose(struct live *live, const char *reason)
{
    drop_child(live);
    open_outage(live, reason);
    say(live, true, "%s", reason);
    set_phase(live, LIVE_LOST);
}

static void on_status(void *self, enum reader_status status, const char *text)
{
    struct live *live = self;
    switch (status) {
    case READER_WAITING:
    case READER_BUSY:
        if (status == READER_WAITING && live->setup.once && live->was_attached) { /* it went away while nobody looked */
            text_copy(live->verdict, sizeof(live->verdict), text);
            live->gone = true;
            break;
        }
        say(live, status == READER_BUSY, "%s; waiting", text);
        set_phase(live, LIVE_WAITING);
        break;
    case READER_ATTACHED:
        live->attached_ns = live->moved_ns = clock_monotonic_ns();
        live->attach_told = false;
        live->was_attached = true;
        set_phase(live, LIVE_ATTACHED);
        break;
    case READER_ENDED:
        live->gone = live->setup.once;
        text_copy(live->verdict, sizeof(live->verdict), text);
        break;
    case READER_FAILED:
        text_copy(live->verdict, sizeof(live->verdict), text);
        break;
    }
}

/* Keeps the last line the library wrote: an assertion says there what broke. */
static int on_complaint(void *self)
{
    struct live *live = self;
    char text[4096];
    ssize_t n = read(live->complaint_fd, text, sizeof(text) - 1);
    if (n <= 0) {
        if (n == 0)
            close_fd(live, &live->complaint_fd);
        return 0;
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    text[n] = '\0';
    const char *line = strrchr(text, '\n');
    if (n > 0)
        text_copy(live->complaint, sizeof(live->complaint), line ? line + 1 : text);
    return 0;
}

/* The session is no more: the end of it all, or, when it was ours and not meant to end, a loss. */
static void session_gone(struct live *live)
{
    live->gone = false;
    if (live->setup.own && !live->give_up_ns) {
        lose(live, "our session is gone: somebody destroyed it, or lttng-sessiond ended");
        return;
    }
    drop_child(live);
    close_outage(live);
    set_phase(live, LIVE_ENDED);
}

/* The child is gone or will be: why? */
static void on_child_end(struct live *live, int result)
{
    char how[PROCESS_STATUS_MAX], reason[640];
    int status = 0;
    struct text_out out = text_out_init(reason, sizeof(reason));
    bool ended = process_wait(&live->child, second_ns / 2, &status);
    if (ended && live->complaint_fd >= 0)
        on_complaint(live); /* its last words may not have been read yet */
    if (live->gone) {
        session_gone(live);
        return;
    }
    if (result == -EBADMSG)
        text_puts(&out, "the reader wrote nonsense");
    else if (ended && WIFSIGNALED(status))
        text_printf(&out, "the reader %s%s%s", process_describe(status, how), live->complaint[0] ? ": " : "", live->complaint);
    else
        text_puts(&out, live->verdict[0] ? live->verdict : live->complaint[0] ? live->complaint : "the reader ended");
    live->complaint[0] = live->verdict[0] = '\0';
    fail(live, reason);
}

static int on_readable(void *self)
{
    struct live *live = self;
    struct batch_events events = { .consumer = live->setup.consumer, .self = live, .status = on_status, .time = on_time };
    int r = batch_read(&live->batches, &events);
    live->heard_ns = clock_monotonic_ns();
    if (r != 1)
        on_child_end(live, r);
    return 0;
}

static int open_pipes(int pipes[3][2])
{
    for (int i = 0; i < 3; i++)
        pipes[i][0] = pipes[i][1] = -1;
    for (int i = 0; i < 3; i++)
        if (pipe2(pipes[i], O_CLOEXEC) < 0)
            return -errno;
    return 0;
}

static int spawn(struct live *live, int pipes[3][2], struct error *err)
{
    char url[RELAY_URL_MAX], poll_text[24];
    int64_t poll_ns = live->setup.live_timer_ns / 10;
    poll_ns = poll_ns < 1000000 ? 1000000 : poll_ns > 10000000 ? 10000000 : poll_ns;
    snprintf(poll_text, sizeof(poll_text), "%" PRId64, poll_ns);
    const char *const argv[] = { PROCESS_OWN_PATH, HELPER_LIVE_READER, relay_url_format(&live->setup.url, url), poll_text, NULL };
    struct process_spec spec = { .argv = argv, .stdin_fd = pipes[1][0], .stdout_fd = pipes[0][1],
                                 .stderr_fd = pipes[2][1], .death_signal = SIGKILL, .own = true };
    return process_spawn(&live->child, &spec, err);
}

static int start(struct live *live, struct error *err)
{
    int pipes[3][2];
    int r = open_pipes(pipes);
    r = r < 0 ? error_set(err, r, "cannot start a reader: %s", strerror(-r)) : spawn(live, pipes, err);
    const int theirs[3] = { pipes[0][1], pipes[1][0], pipes[2][1] };
    for (int i = 0; i < 3; i++)
        if (theirs[i] >= 0)
            close(theirs[i]);
    live->out_fd = pipes[0][0];
    live->reply_fd = pipes[1][1];
    live->complaint_fd = pipes[2][0];
    live->attached_ns = 0;
    live->gone = false;
    if (r < 0) {
        drop_child(live);
        return r;
    }
    fcntl(live->complaint_fd, F_SETFL, O_NONBLOCK);
    fcntl(live->out_fd, F_SETPIPE_SZ, PIPE_SIZE); /* fewer switches; the default works as well */
    batch_reader_init(&live->batches, live->out_fd, live->reply_fd);
    loop_add_fd(live->setup.loop, live->out_fd, on_readable, live);
    loop_add_fd(live->setup.loop, live->complaint_fd, on_complaint, live);
    live->heard_ns = live->moved_ns = clock_monotonic_ns();
    live->totals.restarts += live->attempts++ > 0;
    set_phase(live, LIVE_STARTING);
    return 0;
}

struct live *live_open(const struct live_setup *setup, struct error *err)
{
    struct live *live = xcalloc(1, sizeof(*live));
    live->setup = *setup;
    live->time_ns = INT64_MIN;
    live->out_fd = live->reply_fd = live->complaint_fd = -1;
    live->phase = LIVE_BACKOFF;
    if (start(live, err) < 0) {
        free(live);
        return NULL;
    }
    return live;
}

void live_close(struct live *live)
{
    if (!live)
        return;
    drop_child(live);
    close_outage(live);
    free(live);
}

/* ---- the watchdog ---- */

/* What waits in the pipe was not read because we were busy: that is no silence. */
static bool unread(const struct live *live)
{
    struct pollfd p = { .fd = live->out_fd, .events = POLLIN };
    return poll(&p, 1, 0) > 0;
}

/* All has been read, though the session does not say so. */
static bool over_in_silence(const struct live *live, int64_t now_ns)
{
    return live->give_up_ns && live->phase == LIVE_ATTACHED && now_ns - live->event_ns > 2 * second_ns && !unread(live);
}

/* An attachment that lasts ends the series of failures: the next one is told anew
 * and answered at once. One that breaks down right away is the same failure still. */
static void settle(struct live *live, int64_t now_ns)
{
    if (live->phase != LIVE_ATTACHED || !live->attached_ns || now_ns - live->attached_ns < second_ns)
        return;
    tell_attached(live);
    live->attached_ns = live->backoff_ns = 0;
    live->failure[0] = '\0';
}

static void watch(struct live *live, int64_t now_ns)
{
    char reason[160];
    settle(live, now_ns);
    int64_t patience = patience_ns(live);
    if (over_in_silence(live, now_ns)) {
        drop_child(live);
        close_outage(live);
        set_phase(live, LIVE_ENDED);
        return;
    }
    if (live->give_up_ns && now_ns > live->give_up_ns) {
        fail(live, "the session did not end in time");
        return;
    }
    if (now_ns - live->heard_ns > patience && !unread(live)) {
        snprintf(reason, sizeof(reason), "lttng-relayd does not answer for %.1f s", (double)(now_ns - live->heard_ns) / 1e9);
        fail(live, reason);
        return;
    }
    if (live->phase == LIVE_ATTACHED && live->time_ns != INT64_MIN && !live->outage_open && !live->give_up_ns &&
        now_ns - live->moved_ns > patience && !unread(live)) {
        snprintf(reason, sizeof(reason), "neither event nor beacon for %.1f s: tracing is stopped, or a stream stalls",
                 (double)(now_ns - live->moved_ns) / 1e9);
        say(live, true, "%s", reason);
        open_outage(live, reason);
    }
}

void live_tick(struct live *live)
{
    int64_t now_ns = clock_monotonic_ns();
    struct error err;
    if (live->phase == LIVE_ENDED || live->phase == LIVE_LOST)
        return;
    if (live->phase != LIVE_BACKOFF && live->gone) {
        session_gone(live);
        return;
    }
    if (live->phase != LIVE_BACKOFF) {
        watch(live, now_ns);
        return;
    }
    if (now_ns >= live->start_again_ns && start(live, &err) < 0)
        fail(live, err.text);
}

enum live_phase live_phase(const struct live *live)
{
    return live->phase;
}

void live_redirect(struct live *live, const struct relay_url *url)
{
    struct error err;
    drop_child(live);
    open_outage(live, "the session was replaced by another");
    live->setup.url = *url;
    live->backoff_ns = 0;
    live->was_attached = false;
    if (start(live, &err) < 0)
        fail(live, err.text);
}

void live_expect_end(struct live *live, int64_t grace_ns)
{
    live->event_ns = clock_monotonic_ns();
    live->give_up_ns = live->event_ns + grace_ns;
    if (live->phase == LIVE_BACKOFF || live->phase == LIVE_LOST)
        fail(live, "the session could not be read again");
}

void live_totals(const struct live *live, struct live_totals *ret_totals)
{
    *ret_totals = live->totals;
    ret_totals->last_event_time_ns = live->time_ns;
}
