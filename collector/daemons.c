#include "collector/daemons.h"
#include "base/clock.h"
#include "base/dirs.h"
#include "base/text.h"
#include "collector/relay.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t start_timeout_ns = 10000000000, stop_grace_ns = 5000000000, look_period_ns = 20000000,
                     restart_timeout_ns = 3000000000, restart_period_ns = 200000000;
enum { CONTROL_PORT = 5342, DATA_PORT = 5343, START_ATTEMPTS = 5 };

/* ---- lttng-sessiond ---- */

static int start_sessiond(struct sessiond *d, struct error *err)
{
    static const char *const argv[] = { "lttng-sessiond", NULL };
    struct process_spec spec = { .argv = argv, .stdin_fd = PROCESS_NULL, .stdout_fd = PROCESS_NULL,
                                 .stderr_fd = PROCESS_NULL, .death_signal = SIGTERM };
    int r = process_spawn(&d->process, &spec, err);
    return r < 0 ? error_wrap(err, r, "Debian: package lttng-tools") : 0;
}

/* One that ends at once may have found another that was just ending, or just
 * starting: then it is tried again for a while. */
int sessiond_ensure(struct sessiond *d, struct session *session, struct error *err)
{
    char how[PROCESS_STATUS_MAX];
    int status;
    *d = (struct sessiond){ 0 };
    int r = session_daemon_alive(session, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = start_sessiond(d, err);
    int64_t begin_ns = clock_monotonic_ns();
    while (r == 0 && clock_monotonic_ns() - begin_ns < start_timeout_ns) {
        r = session_daemon_alive(session, err);
        if (r != 0)
            return r < 0 ? r : 0;
        if (!process_wait(&d->process, look_period_ns, &status))
            continue;
        if (clock_monotonic_ns() - begin_ns > restart_timeout_ns)
            return error_set(err, -EIO, "lttng-sessiond %s as soon as it was started", process_describe(status, how));
        clock_sleep_ns(restart_period_ns);
        r = start_sessiond(d, err);
    }
    if (r < 0)
        return r;
    sessiond_stop(d);
    return error_set(err, -ETIMEDOUT, "lttng-sessiond was started but does not answer");
}

void sessiond_stop(struct sessiond *d)
{
    process_stop(&d->process, stop_grace_ns);
}

/* ---- lttng-relayd ---- */

/* A port that is free now. All three are held open until all are known. */
static int free_ports(uint32_t ports[3], struct error *err)
{
    int fds[3] = { -1, -1, -1 }, r = 0;
    for (int i = 0; i < 3 && r == 0; i++) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(a);
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fds[i] < 0 || bind(fds[i], (struct sockaddr *)&a, sizeof(a)) < 0 ||
            getsockname(fds[i], (struct sockaddr *)&a, &size) < 0)
            r = error_set(err, -errno, "no free port on loopback: %s", strerror(errno));
        ports[i] = ntohs(a.sin_port);
    }
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return r;
}

static bool listens(uint32_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

/* 0: it listens; 1: it ended, as when somebody else took a port; negative: it hangs. */
static int wait_listening(struct relayd *d, struct error *err)
{
    int status;
    for (int64_t end_ns = clock_monotonic_ns() + start_timeout_ns; clock_monotonic_ns() < end_ns;) {
        if (process_wait(&d->process, look_period_ns, &status))
            return 1;
        if (listens(d->live_port) && listens(d->control_port))
            return 0;
    }
    return error_set(err, -ETIMEDOUT, "lttng-relayd was started but does not listen");
}

static int start_once(struct relayd *d, struct error *err)
{
    uint32_t ports[3];
    char urls[3][64];
    int r = free_ports(ports, err);
    if (r < 0)
        return r;
    for (int i = 0; i < 3; i++)
        snprintf(urls[i], sizeof(urls[i]), "tcp://127.0.0.1:%u", ports[i]);
    const char *const argv[] = { "lttng-relayd", "--control-port", urls[0], "--data-port", urls[1], "--live-port", urls[2],
                                 "--output", d->output, NULL };
    struct process_spec spec = { .argv = argv, .stdin_fd = PROCESS_NULL, .stdout_fd = PROCESS_NULL,
                                 .stderr_fd = PROCESS_NULL, .death_signal = SIGTERM };
    d->control_port = ports[0];
    d->data_port = ports[1];
    d->live_port = ports[2];
    r = process_spawn(&d->process, &spec, err);
    if (r < 0)
        return error_wrap(err, r, "Debian: package lttng-tools");
    return wait_listening(d, err);
}

static const char output_mark[] = "relayd-";

/* The lock in an output directory; -1 when it is taken, or is none of ours. */
static int take_output_lock(const char *dir)
{
    char path[PATH_MAX + 8];
    struct stat st;
    snprintf(path, sizeof(path), "%s/.lock", dir);
    if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Removes what monitors that were killed left behind. */
static void remove_stale(const char *parent)
{
    DIR *dir = opendir(parent);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        char path[PATH_MAX];
        if (strncmp(e->d_name, output_mark, strlen(output_mark)) != 0 ||
            snprintf(path, sizeof(path), "%s/%s", parent, e->d_name) >= (int)sizeof(path))
            continue;
        int fd = take_output_lock(path);
        if (fd < 0)
            continue;
        dirs_remove(path);
        close(fd);
    }
    if (dir)
        closedir(dir);
}

static int use_directory(struct relayd *d, const char *keep, struct error *err)
{
    struct stat st;
    if (mkdir(keep, 0700) < 0 && errno != EEXIST)
        return error_set(err, -errno, "%s: %s", keep, strerror(errno));
    if (!realpath(keep, d->output) || stat(d->output, &st) < 0)
        return error_set(err, -errno, "%s: %s", keep, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return error_set(err, -ENOTDIR, "%s is not a directory", keep);
    if (access(d->output, W_OK) < 0)
        return error_set(err, -errno, "%s: %s", keep, strerror(errno));
    return 0;
}

static int make_output(struct relayd *d, const char *keep, const char *parent, struct error *err)
{
    if (keep)
        return use_directory(d, keep, err);
    remove_stale(parent);
    struct text_out out = text_out_init(d->output, sizeof(d->output));
    text_printf(&out, "%s/%sXXXXXX", parent, output_mark);
    if (!mkdtemp(d->output)) /* 0700 */
        return error_set(err, -errno, "%s: %s", d->output, strerror(errno));
    d->lock_fd = take_output_lock(d->output);
    d->own_output = true;
    return 0;
}

int relayd_start(struct relayd *d, const char *keep, const char *parent, struct error *err)
{
    *d = (struct relayd){ .address = "127.0.0.1", .lock_fd = -1 };
    int r = make_output(d, keep, parent, err);
    for (int i = 0; i < START_ATTEMPTS && r == 0; i++) {
        r = start_once(d, err);
        if (r == 0)
            return 0;
        if (r == 1)
            r = i + 1 < START_ATTEMPTS ? 0 : error_set(err, -EIO, "lttng-relayd ends as soon as it is started");
    }
    relayd_stop(d);
    return r;
}

int relayd_use(struct relayd *d, const char *url, struct error *err)
{
    struct relay_url u;
    int r = relay_url_parse(url, &u, err);
    if (r < 0)
        return r;
    if (u.session[0])
        return error_set(err, -EINVAL, "'%s': only net://HOST[:LIVE_PORT] is expected here", url);
    *d = (struct relayd){ .lock_fd = -1, .control_port = CONTROL_PORT, .data_port = DATA_PORT, .live_port = u.port };
    text_copy(d->address, sizeof(d->address), u.address);
    return 0;
}

void relayd_stop(struct relayd *d)
{
    process_stop(&d->process, stop_grace_ns);
    if (!d->own_output)
        return;
    dirs_remove(d->output);
    close(d->lock_fd);
    d->own_output = false;
}
