#include "base/process.h"
#include "base/clock.h"
#include "base/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What we were started with: a program under nohup stays under nohup. */
static struct {
    bool ignored[NSIG];
    sigset_t mask;
} inherited;

void process_remember_signals(void)
{
    struct sigaction now;
    for (int s = 1; s < NSIG; s++)
        inherited.ignored[s] = sigaction(s, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
    sigprocmask(SIG_SETMASK, NULL, &inherited.mask);
}

bool process_inherited_ignored(int signal_number)
{
    return inherited.ignored[signal_number];
}

/* A daemon or helper of ours must be open to what ends it, whatever we were started with. */
static void restore_signals(bool service)
{
    struct sigaction dfl = { .sa_handler = SIG_DFL }, ign = { .sa_handler = SIG_IGN };
    sigset_t none;
    for (int s = 1; s < NSIG; s++)
        sigaction(s, inherited.ignored[s] && !service ? &ign : &dfl, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, service ? &none : &inherited.mask, NULL);
}

/* Our children, to be told from orphans that came to us. Threads share it. */
enum { CHILDREN_MAX = 512 };
static _Atomic pid_t children[CHILDREN_MAX];
static _Atomic int spawning; /* forked, perhaps, and not noted yet: any number may be one of ours */

static void note_child(pid_t before, pid_t after)
{
    for (int i = 0; i < CHILDREN_MAX; i++) {
        pid_t expected = before;
        if (atomic_compare_exchange_strong(&children[i], &expected, after))
            return;
    }
}

bool process_is_child(pid_t pid)
{
    for (int i = 0; i < CHILDREN_MAX; i++)
        if (atomic_load(&children[i]) == pid)
            return true;
    return atomic_load(&spawning) > 0;
}

/* Returns false when the descriptor cannot be put in place. */
static bool place_fd(int from, int to)
{
    if (from == -1 || from == to)
        return true;
    if (from == PROCESS_NULL) {
        from = open("/dev/null", to == STDIN_FILENO ? O_RDONLY : O_WRONLY);
        if (from < 0)
            return false;
    }
    return dup2(from, to) == to;
}

/* In the child: only async-signal-safe calls until exec, but for setenv(),
 * whose lock no other thread of ours holds. */
static _Noreturn void run_child(const struct process_spec *spec, int release_fd, int exec_fd, pid_t parent)
{
    char go;
    ssize_t n = spec->hold ? -1 : 1;
    bool service = spec->own || spec->death_signal;
    if (service)
        setpgid(0, 0); /* a terminal's interrupt is for us: we end them, in order */
    if (spec->death_signal)
        prctl(PR_SET_PDEATHSIG, spec->death_signal);
    if (getppid() != parent)
        _exit(127);
    while (n < 0) {
        n = read(release_fd, &go, 1);
        if (n < 0 && errno != EINTR)
            _exit(127);
    }
    if (n == 0) /* the parent ended without releasing us */
        _exit(127);
    if (place_fd(spec->stdin_fd, STDIN_FILENO) && place_fd(spec->stdout_fd, STDOUT_FILENO) &&
        place_fd(spec->stderr_fd, STDERR_FILENO)) {
        for (const char *const *e = spec->setenv; e && e[0]; e += 2)
            setenv(e[0], e[1], 1);
        restore_signals(service);
        execvp(spec->argv[0], (char *const *)(uintptr_t)spec->argv);
    }
    int failure = errno;
    n = write(exec_fd, &failure, sizeof(failure));
    (void)n; /* the parent then sees an end without a reason */
    _exit(127);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int process_spawn(struct process *p, const struct process_spec *spec, struct error *err)
{
    int release[2] = { -1, -1 }, exec[2] = { -1, -1 };
    pid_t parent = getpid();
    *p = (struct process){ .release_fd = -1, .exec_fd = -1 };
    int r = pipe2(release, O_CLOEXEC) < 0 || pipe2(exec, O_CLOEXEC) < 0 ? -errno : 0;
    atomic_fetch_add(&spawning, 1);
    pid_t pid = r < 0 ? -1 : fork();
    if (pid == 0) {
        close(release[1]); /* so that the end of the parent releases a held child to its end */
        run_child(spec, release[0], exec[1], parent);
    }
    if (pid < 0 && r == 0)
        r = -errno;
    if (pid > 0)
        note_child(0, pid);
    atomic_fetch_sub(&spawning, 1);
    close_fd(&release[0]);
    close_fd(&exec[1]);
    if (r < 0) {
        close_fd(&release[1]);
        close_fd(&exec[0]);
        return error_set(err, r, "cannot start %s: %s", spec->argv[0], strerror(-r));
    }
    *p = (struct process){ .pid = pid, .release_fd = release[1], .exec_fd = exec[0],
                          .own = spec->own, .held = spec->hold };
    return spec->hold ? 0 : process_release(p, spec->argv[0], err);
}

int process_release(struct process *p, const char *name, struct error *err)
{
    int failure = 0;
    ssize_t n;
    char go = 1;
    if (p->held)
        do
            n = write(p->release_fd, &go, 1);
        while (n < 0 && errno == EINTR);
    p->held = false;
    close_fd(&p->release_fd);
    do
        n = read(p->exec_fd, &failure, sizeof(failure));
    while (n < 0 && errno == EINTR);
    close_fd(&p->exec_fd);
    if (n != (ssize_t)sizeof(failure))
        return 0;
    int status;
    process_wait(p, INT64_MAX, &status);
    return error_set(err, -failure, "cannot run %s: %s", name, strerror(failure));
}

/* The only thing threads share besides sockets: a sum for the summary. */
static _Atomic int64_t helpers_cpu_ns;

static int64_t rusage_ns(const struct rusage *u)
{
    return ((int64_t)u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000000000 +
           ((int64_t)u->ru_utime.tv_usec + u->ru_stime.tv_usec) * 1000;
}

int64_t process_cpu_ns(void)
{
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    return rusage_ns(&own) + atomic_load(&helpers_cpu_ns);
}

bool process_wait(struct process *p, int64_t timeout_ns, int *ret_status)
{
    int64_t start = clock_monotonic_ns(), pause = 500000;
    for (;;) {
        int status;
        struct rusage used;
        pid_t r = wait4(p->pid, &status, WNOHANG, &used);
        if (r == p->pid || (r < 0 && errno == ECHILD)) {
            if (r == p->pid && p->own)
                atomic_fetch_add(&helpers_cpu_ns, rusage_ns(&used));
            *ret_status = r == p->pid ? status : 0;
            close_fd(&p->release_fd);
            close_fd(&p->exec_fd);
            note_child(p->pid, 0);
            p->pid = 0;
            return true;
        }
        if (clock_monotonic_ns() - start >= timeout_ns)
            return false;
        clock_sleep_ns(pause);
        if (pause < 10000000)
            pause *= 2;
    }
}

void process_stop(struct process *p, int64_t grace_ns)
{
    int status;
    if (p->pid <= 0)
        return;
    close_fd(&p->release_fd);
    kill(p->pid, SIGTERM);
    if (!process_wait(p, grace_ns, &status)) {
        kill(p->pid, SIGKILL);
        /* A killed process ends, unless the kernel itself hangs: then do not hang with it. */
        process_wait(p, 5000000000, &status);
    }
}

const char *process_describe(int status, char buffer[PROCESS_STATUS_MAX])
{
    if (WIFSIGNALED(status))
        snprintf(buffer, PROCESS_STATUS_MAX, "was killed by signal %d (%s)", WTERMSIG(status),
                 sigdescr_np(WTERMSIG(status)) ? sigdescr_np(WTERMSIG(status)) : "unknown");
    else
        snprintf(buffer, PROCESS_STATUS_MAX, "exited with status %d", WEXITSTATUS(status));
    return buffer;
}

uint64_t process_boot_hash(void)
{
    char id[64] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, id, sizeof(id)) : 0;
    if (fd >= 0)
        close(fd);
    return n > 0 ? hash_bytes(id, (size_t)n) : 0;
}
