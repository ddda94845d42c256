#include "collector/helpers.h"
#include "base/clock.h"
#include "base/process.h"
#include "base/text.h"
#include "collector/bt2_error.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGS_MAX = 4200, ANSWER_MAX = 16 << 20, COMPLAINT_MAX = 65536 };

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} helpers[] = {
    { HELPER_TRACE_PROBE, helper_trace_probe },
    { HELPER_LIVE_READER, helper_live_reader },
    { HELPER_SESSION, helper_session },
};

void helper_main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(helpers) / sizeof(helpers[0]); i++) {
        if (strcmp(argv[1], helpers[i].name) != 0)
            continue;
        prctl(PR_SET_NAME, "foretrace"); /* not "exe" */
        exit(helpers[i].run(argc - 1, argv + 1));
    }
}

/* Reads what is there into b, of which at most `most` bytes are kept. False at the end. */
static bool drain(int fd, struct bytes *b, size_t most)
{
    char buffer[16384];
    ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n > 0 && b->size + (size_t)n <= most)
        bytes_append(b, buffer, (size_t)n);
    return n > 0 || (n < 0 && errno == EINTR);
}

/* Gathers both outputs until they are closed. -ETIMEDOUT when time is up, -ECANCELED when it is given up. */
static int gather(int out, int complaints, int64_t timeout_ns, bool (*give_up)(void *self), void *self,
                  struct bytes *answer, struct bytes *said)
{
    enum { SLICE_MS = 100 };
    int64_t end_ns = clock_monotonic_ns() + timeout_ns;
    struct pollfd p[2] = { { .fd = out, .events = POLLIN }, { .fd = complaints, .events = POLLIN } };
    while (p[0].fd >= 0 || p[1].fd >= 0) {
        int64_t left_ns = end_ns - clock_monotonic_ns();
        if (left_ns <= 0)
            return -ETIMEDOUT;
        if (give_up && give_up(self))
            return -ECANCELED;
        if (poll(p, 2, left_ns / 1000000 < SLICE_MS ? (int)(left_ns / 1000000 + 1) : SLICE_MS) <= 0)
            continue;
        if (p[0].revents && !drain(out, answer, ANSWER_MAX))
            p[0].fd = -1;
        if (p[1].revents && !drain(complaints, said, COMPLAINT_MAX))
            p[1].fd = -1;
    }
    return 0;
}

/* The last line that says something, and, where the library logged an error
 * before, that: the reason is in its log rather than in what it returns. */
static void put_complaint(struct text_out *out, struct bytes *said)
{
    size_t logged_size;
    bytes_append(said, "", 1);
    char *text = (char *)said->data;
    const char *logged = bt2_first_logged(text, &logged_size);
    size_t n = strlen(text);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    const char *newline = memrchr(text, '\n', n), *line = newline ? newline + 1 : text;
    size_t size = n - (size_t)(line - text);
    const char *colon = logged ? memmem(line, size, ": ", 2) : NULL;
    text_put_clean(out, line, colon ? (size_t)(colon + 2 - line) : size);
    if (colon)
        bt2_clean_message(out, logged, logged_size);
}

static int verdict_of(int status, struct bytes *said, struct error *err)
{
    char how[PROCESS_STATUS_MAX], complaint[800];
    struct text_out out = text_out_init(complaint, sizeof(complaint));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    process_describe(status, how);
    put_complaint(&out, said);
    if (WIFSIGNALED(status))
        return error_set(err, -ECONNABORTED, "the reader %s%s%s", how, out.used ? ": " : "", complaint);
    return error_set(err, -EIO, "%s", out.used ? complaint : how);
}

static int start(const char *const *args, int out, int complaints, struct process *p, struct error *err)
{
    const char **argv = xcalloc(ARGS_MAX, sizeof(*argv));
    size_t n = 0;
    int r = 0;
    argv[n++] = PROCESS_OWN_PATH;
    while (*args && n < ARGS_MAX - 1)
        argv[n++] = *args++;
    if (*args)
        r = error_set(err, -E2BIG, "too many arguments");
    struct process_spec spec = { .argv = argv, .stdin_fd = PROCESS_NULL, .stdout_fd = out, .stderr_fd = complaints,
                                 .death_signal = SIGKILL, .own = true };
    if (r == 0)
        r = process_spawn(p, &spec, err);
    free(argv);
    return r;
}

int helper_ask(const char *const *args, int64_t timeout_ns, bool (*give_up)(void *self), void *self,
               struct bytes *ret_answer, struct error *err)
{
    int out[2], complaints[2], status = 0;
    struct process p = { 0 };
    struct bytes said = { 0 };
    if (pipe2(out, O_CLOEXEC) < 0)
        return error_set(err, -errno, "%s", strerror(errno));
    if (pipe2(complaints, O_CLOEXEC) < 0) {
        int r = -errno;
        close(out[0]);
        close(out[1]);
        return error_set(err, r, "%s", strerror(-r));
    }
    int r = start(args, out[1], complaints[1], &p, err);
    close(out[1]);
    close(complaints[1]);
    int gathered = r == 0 ? gather(out[0], complaints[0], timeout_ns, give_up, self, ret_answer, &said) : r;
    if (gathered == -ECANCELED)
        r = error_set(err, gathered, "interrupted");
    else if (r == 0 && (gathered < 0 || !process_wait(&p, 1000000000, &status)))
        r = error_set(err, -ETIMEDOUT, "no answer within %lld ms", (long long)(timeout_ns / 1000000));
    else if (r == 0)
        r = verdict_of(status, &said, err);
    process_stop(&p, 0);
    close(out[0]);
    close(complaints[0]);
    bytes_done(&said);
    return r;
}
