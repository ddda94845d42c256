#include "collector/live_child.h"
#include "base/bytes.h"
#include "base/process.h"
#include "base/text.h"
#include "collector/helpers.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const int64_t second_ns = 1000000000;
enum { PIPE_SIZE = 1 << 20 };

struct live_child {
    struct loop *loop;
    const struct live_source_owner *owner;
    struct process process;
    int out_fd, reply_fd, complaint_fd;
    struct batch_reader batches;
    char complaint[512];         /* the last of what it said on standard error */
    char verdict[512];           /* what it gave as the reason of its end */
    bool ended;                  /* it says that the session is no more */
};

static void close_fd(struct live_child *c, int *fd)
{
    if (*fd >= 0) {
        loop_remove_fd(c->loop, *fd);
        close(*fd);
    }
    *fd = -1;
}

void live_child_stop(struct live_child *c)
{
    int status;
    close_fd(c, &c->out_fd);
    close_fd(c, &c->reply_fd);
    close_fd(c, &c->complaint_fd);
    batch_reader_done(&c->batches);
    if (c->process.pid > 0) {
        kill(c->process.pid, SIGKILL);
        process_wait(&c->process, second_ns, &status);
    }
}

static void on_status(void *self, enum reader_status status, const char *text)
{
    struct live_child *c = self;
    c->ended |= status == READER_ENDED;
    if (status == READER_ENDED || status == READER_FAILED)
        text_copy(c->verdict, sizeof(c->verdict), text);
    else
        c->owner->status(c->owner->self, status, text);
}

static void on_time(void *self, int64_t time_ns, bool events)
{
    const struct live_child *c = self;
    c->owner->time(c->owner->self, time_ns, events);
}

/* Keeps the last line the library wrote: an assertion says there what broke. */
static int on_complaint(void *self)
{
    struct live_child *c = self;
    char text[4096];
    ssize_t n = read(c->complaint_fd, text, sizeof(text) - 1);
    if (n <= 0) {
        if (n == 0)
            close_fd(c, &c->complaint_fd);
        return 0;
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    text[n] = '\0';
    const char *line = strrchr(text, '\n');
    if (n > 0)
        text_copy(c->complaint, sizeof(c->complaint), line ? line + 1 : text);
    return 0;
}

/* It is gone or will be: why? */
static void on_end(struct live_child *c, int result)
{
    char how[PROCESS_STATUS_MAX], reason[1100];
    int status = 0;
    struct text_out out = text_out_init(reason, sizeof(reason));
    bool over = process_wait(&c->process, second_ns / 2, &status);
    if (over && c->complaint_fd >= 0)
        on_complaint(c); /* its last words may not have been read yet */
    if (result == -EBADMSG)
        text_puts(&out, "the reader wrote nonsense");
    else if (over && WIFSIGNALED(status))
        text_printf(&out, "the reader %s%s%s", process_describe(status, how), c->complaint[0] ? ": " : "", c->complaint);
    else
        text_puts(&out, c->verdict[0] ? c->verdict : c->complaint[0] ? c->complaint : "the reader ended");
    c->complaint[0] = c->verdict[0] = '\0';
    live_child_stop(c);
    c->owner->status(c->owner->self, c->ended ? READER_ENDED : READER_FAILED, reason);
}

static int on_readable(void *self)
{
    struct live_child *c = self;
    struct batch_events events = { .consumer = c->owner->consumer, .self = c, .status = on_status, .time = on_time };
    int r = batch_read(&c->batches, &events);
    c->owner->heard(c->owner->self);
    if (r != 1)
        on_end(c, r);
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

static int spawn(struct live_child *c, const struct relay_url *relay, int64_t live_timer_ns, int pipes[3][2], struct error *err)
{
    char url[RELAY_URL_MAX], poll_text[24];
    int64_t poll_ns = live_timer_ns / 10;
    poll_ns = poll_ns < 1000000 ? 1000000 : poll_ns > 10000000 ? 10000000 : poll_ns;
    snprintf(poll_text, sizeof(poll_text), "%" PRId64, poll_ns);
    const char *const argv[] = { PROCESS_OWN_PATH, HELPER_LIVE_READER, relay_url_format(relay, url), poll_text, NULL };
    struct process_spec spec = { .argv = argv, .stdin_fd = pipes[1][0], .stdout_fd = pipes[0][1],
                                 .stderr_fd = pipes[2][1], .death_signal = SIGKILL, .own = true };
    return process_spawn(&c->process, &spec, err);
}

int live_child_start(struct live_child *c, const struct relay_url *url, int64_t live_timer_ns, struct error *err)
{
    int pipes[3][2];
    live_child_stop(c);
    int r = open_pipes(pipes);
    r = r < 0 ? error_set(err, r, "cannot start a reader: %s", strerror(-r)) : spawn(c, url, live_timer_ns, pipes, err);
    const int theirs[3] = { pipes[0][1], pipes[1][0], pipes[2][1] };
    for (int i = 0; i < 3; i++)
        if (theirs[i] >= 0)
            close(theirs[i]);
    c->out_fd = pipes[0][0];
    c->reply_fd = pipes[1][1];
    c->complaint_fd = pipes[2][0];
    c->ended = false;
    if (r < 0) {
        live_child_stop(c);
        return r;
    }
    fcntl(c->complaint_fd, F_SETFL, O_NONBLOCK);
    fcntl(c->out_fd, F_SETPIPE_SZ, PIPE_SIZE); /* fewer switches; the default works as well */
    batch_reader_init(&c->batches, c->out_fd, c->reply_fd);
    loop_add_fd(c->loop, c->out_fd, on_readable, c);
    loop_add_fd(c->loop, c->complaint_fd, on_complaint, c);
    return 0;
}

bool live_child_unread(const struct live_child *c)
{
    struct pollfd p = { .fd = c->out_fd, .events = POLLIN };
    return poll(&p, 1, 0) > 0;
}

struct live_child *live_child_new(struct loop *loop, const struct live_source_owner *owner)
{
    struct live_child *c = xcalloc(1, sizeof(*c));
    c->loop = loop;
    c->owner = owner;
    c->out_fd = c->reply_fd = c->complaint_fd = -1;
    return c;
}

void live_child_free(struct live_child *c)
{
    if (!c)
        return;
    live_child_stop(c);
    free(c);
}
