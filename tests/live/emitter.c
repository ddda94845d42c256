/* emitter.c - a program for the live tests: so many operations, at such a pace,
 * and then whatever ending was asked for.
 *
 *   emitter COUNT PERIOD_US [WORD...]
 *     work=US       an operation takes that long (0)
 *     slow=N/US     every N-th takes so much longer
 *     exit=CODE     exits with it
 *     crash         aborts at the end
 *     torn          is killed while it writes the last operation's beginning
 *     stubborn      ignores SIGINT and SIGTERM
 *     children=N    starts N copies of itself one after the other, each with COUNT operations, and emits none
 *     ids=N         the operations' ids are 0 to N-1 again and again
 *     batch=N       N operations without a pause between them
 *
 * SIGUSR1 ends the operation that is under way, SIGUSR2 the program after it: who is killed while it writes leaves a buffer
 * that nobody can read (LTTng 2.13), and a stream that stalls.
 */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#define EMITTER_ID(id) written(id)
#include <stdint.h>
static uint64_t written(uint64_t id);
#include "emitter_tp.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long work_us, slow_every, slow_us, ids, batch = 1;

static int torn; /* the operation that begins is the last one */
static volatile sig_atomic_t over;

static uint64_t written(uint64_t id)
{
    if (torn) /* the tracepoint has room in the buffer, and asks what to write */
        raise(SIGKILL);
    return id;
}

static void on_signal(int number)
{
    over = number == SIGUSR2;
}

static void pause_us(long us)
{
    struct timespec t = { us / 1000000, us % 1000000 * 1000 };
    if (us > 0)
        nanosleep(&t, NULL);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void emit(long count, long period_us, int tear)
{
    for (long i = 0; i < count && !over; i++) {
        torn = tear && i == count - 1;
        uint64_t id = ids ? (uint64_t)(i % ids) : (uint64_t)getpid() << 32 | (uint64_t)i;
        lttng_ust_tracepoint(emitter, op_begin, id);
        pause_us(work_us + (slow_every && i % slow_every == slow_every - 1 ? slow_us : 0));
        lttng_ust_tracepoint(emitter, op_end, id, now_ns());
        if (i % batch == batch - 1)
            pause_us(period_us);
    }
}

static void start_children(const char *program, const char *count, const char *period, long children)
{
    for (long i = 0; i < children; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            execl(program, program, count, period, (char *)NULL);
            _exit(127);
        }
        if (pid > 0)
            waitpid(pid, NULL, 0);
    }
}

int main(int argc, char **argv)
{
    long count = argc > 2 ? atol(argv[1]) : 0, period_us = argc > 2 ? atol(argv[2]) : 0, children = 0;
    int code = 0, crash = 0, tear = 0;
    signal(SIGUSR1, on_signal);
    signal(SIGUSR2, on_signal);
    for (int i = 3; i < argc; i++) {
        if (sscanf(argv[i], "work=%ld", &work_us) == 1 || sscanf(argv[i], "exit=%d", &code) == 1 ||
            sscanf(argv[i], "children=%ld", &children) == 1 || sscanf(argv[i], "ids=%ld", &ids) == 1 ||
            sscanf(argv[i], "batch=%ld", &batch) == 1 || sscanf(argv[i], "slow=%ld/%ld", &slow_every, &slow_us) == 2)
            continue;
        if (strcmp(argv[i], "crash") == 0)
            crash = 1;
        else if (strcmp(argv[i], "torn") == 0)
            tear = 1;
        else if (strcmp(argv[i], "stubborn") == 0) {
            signal(SIGINT, SIG_IGN);
            signal(SIGTERM, SIG_IGN);
        }
    }
    if (children)
        start_children(argv[0], argv[1], argv[2], children);
    else
        emit(count, period_us, tear);
    if (crash)
        abort();
    return code;
}
