/* process.h - starting and ending other programs. The signal mask and the
 * dispositions are restored before every exec; every wait has a bound. What is our
 * own or ends with us has a process group of its own. */
#ifndef FT_BASE_PROCESS_H
#define FT_BASE_PROCESS_H
#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_spec {
    const char *const *argv;   /* argv[0] is looked up in PATH */
    const char *const *setenv; /* name, value, name, value, ... NULL; may be NULL */
    int stdin_fd, stdout_fd, stderr_fd; /* -1: inherited; PROCESS_NULL: /dev/null */
    int death_signal;          /* sent to it when the thread that started it ends; 0: none */
    bool hold;                 /* wait for process_release() before exec */
    bool own;                  /* part of foretrace: its cpu time is ours */
};

enum { PROCESS_NULL = -2 };

struct process {
    pid_t pid;                 /* 0: none */
    int release_fd, exec_fd;
    bool own, held;
};

/* To be called first of all in main(): a program that is run inherits what we did. */
void process_remember_signals(void);
/* Whether we were started with this signal ignored, as by nohup. */
bool process_inherited_ignored(int signal_number);

/* Started by process_spawn() and not yet waited for; perhaps, while another thread is just starting one. */
bool process_is_child(pid_t pid);

/* User and system time of this process and of its own helpers that have ended. */
int64_t process_cpu_ns(void);

/* Forks. Without `hold` also runs the program, and fails with -ENOENT and the
 * like, with err saying so, when it cannot be. */
int process_spawn(struct process *p, const struct process_spec *spec, struct error *err);
/* Lets a held one run; the failure of its exec is returned here (and it is gone). */
int process_release(struct process *p, const char *name, struct error *err);

/* Waits at most timeout_ns (0: just looks). True when it has ended, with its wait status. */
bool process_wait(struct process *p, int64_t timeout_ns, int *ret_status);
/* SIGTERM, grace_ns, SIGKILL, and reaps it. Nothing when there is none. */
void process_stop(struct process *p, int64_t grace_ns);

/* "exited with status 3", "was killed by signal 6 (Aborted)". Returns buffer. */
enum { PROCESS_STATUS_MAX = 64 };
const char *process_describe(int status, char buffer[PROCESS_STATUS_MAX]);

/* The running program, for starting itself again: the very file, even when another
 * has been installed in its place meanwhile. */
#define PROCESS_OWN_PATH "/proc/self/exe"

/* The same as long as the machine runs; another one after each start. 0: it cannot be told. */
uint64_t process_boot_hash(void);

#endif
