#include "collector/session.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/process.h"
#include "base/text.h"
#include "collector/helpers.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t call_timeout_ns = 15000000000, left_timeout_ns = 3000000000;

const struct option session_options[] = {
    OPTION(struct session_config, live_timer, 0.001, 10, "100ms", "how often the tracer hands over what it has: the latency of live reading"),
    OPTION(struct session_config, subbuffer_size, 4096, 1073741824, "512KiB", "size of a sub-buffer, a power of two; each cpu has subbuffer_count of them"),
    OPTION(struct session_config, subbuffer_count, 2, 65536, "8", "sub-buffers per cpu, a power of two"),
    OPTION(struct session_config, trace_file_size, 0, 1099511627776.0, "16MiB", "what lttng-relayd keeps on disk: files of this size per cpu; 0B: no bound"),
    OPTION(struct session_config, trace_file_count, 0, 1000000, "8", "how many of these files; the oldest is overwritten"),
    OPTION(struct session_config, relayd, 0, 0, "", "use this lttng-relayd, net://HOST[:LIVE_PORT], instead of starting one"),
    OPTION_END
};

static bool power_of_two(uint64_t n)
{
    return n && !(n & (n - 1));
}

int session_config_check(const struct session_config *c, struct error *err)
{
    if (!power_of_two(c->subbuffer_size.bytes))
        return error_set(err, -EINVAL, "subbuffer_size (%" PRIu64 " bytes) is not a power of two", c->subbuffer_size.bytes);
    if (!power_of_two(c->subbuffer_count))
        return error_set(err, -EINVAL, "subbuffer_count (%u) is not a power of two", c->subbuffer_count);
    if (c->trace_file_size.bytes && c->trace_file_size.bytes < c->subbuffer_size.bytes)
        return error_set(err, -EINVAL, "trace_file_size is smaller than subbuffer_size");
    return 0;
}

struct session {
    struct process helper;
    int to, from;
    struct bytes answer;
    bool created, has_ust, has_kernel, bounded;
    int64_t timeout_ns; /* of a call */
    struct session_config config;
};

int session_open(struct session **ret_session, struct error *err)
{
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) < 0)
        return error_set(err, -errno, "%s", strerror(errno));
    if (pipe2(from, O_CLOEXEC) < 0) {
        int r = -errno;
        close(to[0]);
        close(to[1]);
        return error_set(err, r, "%s", strerror(-r));
    }
    struct session *s = xcalloc(1, sizeof(*s));
    s->timeout_ns = call_timeout_ns;
    const char *const argv[] = { PROCESS_OWN_PATH, HELPER_SESSION, NULL };
    struct process_spec spec = { .argv = argv, .stdin_fd = to[0], .stdout_fd = from[1], .stderr_fd = -1, .own = true };
    int r = process_spawn(&s->helper, &spec, err);
    close(to[0]);
    close(from[1]);
    s->to = to[1];
    s->from = from[0];
    if (r < 0)
        session_close(s);
    else
        *ret_session = s;
    return r;
}

void session_abandon(struct session *s)
{
    if (!s)
        return;
    process_stop(&s->helper, 0);
    s->created = false;
    session_close(s);
}

void session_close(struct session *s)
{
    struct error ignored;
    int status;
    if (!s)
        return;
    if (s->created)
        session_destroy(s, &ignored);
    close(s->to); /* the helper ends when its input does */
    if (s->helper.pid > 0 && !process_wait(&s->helper, 1000000000, &status))
        process_stop(&s->helper, 1000000000);
    close(s->from);
    bytes_done(&s->answer);
    free(s);
}

static int send_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno != EINTR)
            return -errno;
        text += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Reads one line, NUL-terminated, into s->answer. */
static int receive_line(struct session *s)
{
    int64_t end_ns = clock_monotonic_ns() + s->timeout_ns;
    bytes_reset(&s->answer);
    for (;;) {
        struct pollfd p = { .fd = s->from, .events = POLLIN };
        int64_t left_ns = end_ns - clock_monotonic_ns();
        char c;
        if (left_ns <= 0 || poll(&p, 1, (int)(left_ns / 1000000 + 1)) == 0)
            return -ETIMEDOUT;
        ssize_t n = read(s->from, &c, 1);
        if (n == 0)
            return -EPIPE;
        if (n < 0)
            continue;
        if (c == '\n')
            break;
        bytes_append(&s->answer, &c, 1);
    }
    bytes_append(&s->answer, "", 1);
    return 0;
}

/* Puts a request ("verb TAB argument ...") and takes the answer: "ok TAB ..." or
 * "error TAB text". A helper that does not answer is killed: the call hangs in
 * lttng-sessiond. ret_answer (may be NULL) is what follows "ok TAB". */
static int call(struct session *s, const char **ret_answer, struct error *err, const char *const *words, size_t count)
{
    char line[8192];
    struct text_out out = text_out_init(line, sizeof(line));
    for (size_t i = 0; i < count; i++)
        text_printf(&out, "%s%s", i ? "\t" : "", words[i]);
    text_puts(&out, "\n");
    if (out.truncated)
        return error_set(err, -E2BIG, "request to lttng-sessiond too long");
    if (s->helper.pid <= 0)
        return error_set(err, -EPIPE, "session control has failed before");
    int r = send_all(s->to, line, out.used);
    if (r == 0)
        r = receive_line(s);
    if (r == -ETIMEDOUT) {
        process_stop(&s->helper, 0);
        return error_set(err, r, "lttng-sessiond does not answer (%s)", words[0]);
    }
    if (r < 0)
        return error_set(err, r, "session control ended unexpectedly (%s)", words[0]);
    char *answer = (char *)s->answer.data, *rest = strchr(answer, '\t');
    if (rest)
        *rest++ = '\0';
    if (strcmp(answer, "ok") != 0)
        return error_set(err, -EIO, "%s", rest ? rest : "session control failed");
    if (ret_answer)
        *ret_answer = rest ? rest : "";
    return 0;
}

#define CALL(s, ret_answer, err, ...)                                                                        \
    call(s, ret_answer, err, (const char *const[]){ __VA_ARGS__ },                                           \
         sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

static const char *number(char buffer[24], uint64_t value)
{
    struct text_out out = text_out_init(buffer, 24);
    text_printf(&out, "%" PRIu64, value);
    return buffer;
}

int session_daemon_alive(struct session *s, struct error *err)
{
    const char *answer;
    int r = CALL(s, &answer, err, "alive");
    return r < 0 ? r : strcmp(answer, "yes") == 0;
}

int session_create(struct session *s, const char *name, const char *control_url, const char *data_url,
                   const struct session_config *config, bool bounded, struct error *err)
{
    char timer[24];
    s->config = *config;
    s->bounded = bounded;
    int r = CALL(s, NULL, err, "create", name, control_url, data_url, number(timer, (uint64_t)config->live_timer.ns / 1000));
    s->created = r == 0;
    return r;
}

static int make_channel(struct session *s, const char *domain, bool *made, struct error *err)
{
    char size[24], count[24], file_size[24], file_count[24];
    const struct session_config *c = &s->config;
    if (*made)
        return 0;
    int r = CALL(s, NULL, err, "channel", domain, number(size, c->subbuffer_size.bytes), number(count, c->subbuffer_count),
                 number(file_size, s->bounded ? c->trace_file_size.bytes : 0),
                 number(file_count, s->bounded ? c->trace_file_count : 0));
    *made = r == 0;
    return r;
}

static bool is_kernel_event(const char *pattern)
{
    return strchr(pattern, ':') == NULL && strcmp(pattern, "*") != 0;
}

static int enable_event(struct session *s, const char *pattern, const struct text *exclusions, uint32_t count, struct error *err)
{
    const char *words[64] = { "event", is_kernel_event(pattern) ? "kernel" : "ust", pattern };
    size_t n = 3;
    int r = make_channel(s, words[1], is_kernel_event(pattern) ? &s->has_kernel : &s->has_ust, err);
    for (uint32_t i = 0; i < count && n < sizeof(words) / sizeof(words[0]); i++)
        words[n++] = exclusions[i].s;
    return r < 0 ? r : call(s, NULL, err, words, n);
}

static int enable_probe(struct session *s, const char *text, struct error *err)
{
    char name[TEXT_MAX];
    size_t n = strcspn(text, "=");
    struct text_out out = text_out_init(name, sizeof(name));
    text_put(&out, text, n);
    int r = make_channel(s, "kernel", &s->has_kernel, err);
    return r < 0 ? r : CALL(s, NULL, err, "probe", name, text + n + 1);
}

/* "a|b": kernels and tracers differ in the name. LTTng accepts names that it does not know (a module may bring them), so all of
 * them are enabled; one that is refused may be another's. "a|b|": none of them is
 * no error. */
int session_enable_event(struct session *s, const char *pattern, const struct text *exclusions, uint32_t count, struct error *err)
{
    char one[TEXT_MAX];
    int result = -EINVAL;
    if (strchr(pattern, '='))
        return enable_probe(s, pattern, err);
    for (const char *at = pattern; *at;) {
        size_t n = strcspn(at, "|");
        struct text_out out = text_out_init(one, sizeof(one));
        text_put(&out, at, n);
        at += n + (at[n] == '|');
        int r = enable_event(s, one, exclusions, count, err);
        if (r == -ETIMEDOUT || r == -EPIPE)
            return r;
        result = r == 0 || result < 0 ? r : result;
    }
    return *pattern && pattern[strlen(pattern) - 1] == '|' ? 0 : result;
}

/* What only the kernel's tracer offers. */
static bool is_kernel_context(const char *name)
{
    static const char *const names[] = { "pid",  "tid",  "ppid", "prio", "nice", "hostname", "uid",  "euid",
                                         "suid", "gid",  "egid", "sgid", "interruptible", "preemptible", "need_reschedule", "migratable" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

int session_add_context(struct session *s, const char *name, struct error *err)
{
    int r = s->has_ust && !(s->has_kernel && is_kernel_context(name)) ? CALL(s, NULL, err, "context", "ust", name) : 0;
    return r == 0 && s->has_kernel ? CALL(s, NULL, err, "context", "kernel", name) : r;
}

int session_track_pid(struct session *s, int pid, struct error *err)
{
    char text[24];
    return CALL(s, NULL, err, "track-pid", number(text, (uint64_t)pid));
}

int session_untrack_pid(struct session *s, int pid, struct error *err)
{
    char text[24];
    return CALL(s, NULL, err, "untrack-pid", number(text, (uint64_t)pid));
}

int session_track_user(struct session *s, const char *user, struct error *err)
{
    return CALL(s, NULL, err, "track-user", user);
}

int session_start(struct session *s, struct error *err)
{
    return CALL(s, NULL, err, "start");
}

int session_stop(struct session *s, struct error *err)
{
    return CALL(s, NULL, err, "stop");
}

int session_losses(struct session *s, uint64_t *ret_discarded_events, uint64_t *ret_lost_packets, struct error *err)
{
    const char *answer;
    int r = CALL(s, &answer, err, "losses");
    if (r == 0 && sscanf(answer, "%" SCNu64 "\t%" SCNu64, ret_discarded_events, ret_lost_packets) != 2)
        r = error_set(err, -EBADMSG, "session control answered '%s'", answer);
    return r;
}

int session_destroy(struct session *s, struct error *err)
{
    s->created = false;
    return CALL(s, NULL, err, "destroy");
}

int session_destroy_left(const char *name, struct error *err)
{
    struct session *s;
    int r = session_open(&s, err);
    if (r < 0)
        return r;
    s->timeout_ns = left_timeout_ns;
    r = CALL(s, NULL, err, "destroy-left", name);
    session_abandon(s);
    return r;
}
