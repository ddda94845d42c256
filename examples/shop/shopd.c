/* shopd.c - a small instrumented service, to be watched. Two threads for each of
 * three operations take requests at a steady pace and work on them for a while,
 * with the jitter real services have. On request it falls ill, at times it says.
 *
 *   shopd --duration 60 --fault step=22+8 --fault stuck=34 --marks FILE
 */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "shop_tp.h"
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS_PER_OPERATION = 2, OPERATIONS = 3, FAULTS = 4 };

static const struct operation {
    const char *name;
    double work_ms, period_ms; /* of a request; between two requests of a thread */
} operations[OPERATIONS] = { { "search", 3, 16 }, { "checkout", 5, 20 }, { "payment", 8, 25 } };

static struct fault {
    const char *name, *what, *operation;
    double begin_s, length_s; /* after the start; begin_s < 0: never */
    bool announced;
} faults[FAULTS] = {
    { "step", "searches take three times as long", "search", -1, 0, false },
    { "stuck", "one payment never completes", "payment", -1, 0, false },
    { "drop", "two of three checkouts stay away", "checkout", -1, 0, false },
    { "drift", "payments slow down, 4 % a second", "payment", -1, 0, false },
};
enum { STEP, STUCK, DROP, DRIFT };

static atomic_ullong next_id = 1;
static atomic_bool stuck_done, over;
static struct timespec start;
static double duration_s = 60;
static FILE *marks;

static double seconds_since_start(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9;
}

static void sleep_until(double at_s)
{
    double whole = floor(at_s);
    struct timespec t = { .tv_sec = start.tv_sec + (time_t)whole,
                          .tv_nsec = start.tv_nsec + (long)((at_s - whole) * 1e9) };
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

static bool active(int fault, const char *operation, double now_s)
{
    const struct fault *f = &faults[fault];
    return f->begin_s >= 0 && now_s >= f->begin_s && now_s < f->begin_s + f->length_s && strcmp(f->operation, operation) == 0;
}

/* A normal deviate, by Box and Muller. */
static double deviate(unsigned *seed)
{
    double u = (rand_r(seed) + 1.0) / (RAND_MAX + 2.0), v = (rand_r(seed) + 1.0) / (RAND_MAX + 2.0);
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979 * v);
}

static double work_ms(const struct operation *op, double now_s, unsigned *seed)
{
    double ms = op->work_ms * exp(0.1 * deviate(seed));
    if (rand_r(seed) % 100 == 0)
        ms *= 1.6; /* now and then something gets in the way */
    if (active(STEP, op->name, now_s))
        ms *= 3;
    if (active(DRIFT, op->name, now_s))
        ms *= pow(1.04, now_s - faults[DRIFT].begin_s);
    return ms;
}

static void serve(const struct operation *op, double now_s, unsigned *seed)
{
    uint64_t id = atomic_fetch_add(&next_id, 1);
    lttng_ust_tracepoint(shop, request_begin, id, op->name);
    if (active(STUCK, op->name, now_s) && !atomic_exchange(&stuck_done, true))
        return;
    sleep_until(now_s + work_ms(op, now_s, seed) / 1e3);
    lttng_ust_tracepoint(shop, request_end, id, 0);
}

static void *worker(void *arg)
{
    size_t number = (size_t)(uintptr_t)arg;
    const struct operation *op = &operations[number % OPERATIONS];
    unsigned seed = (unsigned)number + 1;
    double at_s = op->period_ms / 1e3 * (double)number / (OPERATIONS * THREADS_PER_OPERATION);
    while (!atomic_load(&over) && at_s < duration_s) {
        sleep_until(at_s);
        if (!active(DROP, op->name, at_s) || rand_r(&seed) % 3 == 0)
            serve(op, at_s, &seed);
        at_s += op->period_ms / 1e3 * (0.9 + 0.2 * rand_r(&seed) / RAND_MAX);
    }
    return NULL;
}

/* Says when a fault begins, in the terms of the trace: ns since the epoch. */
static void announce(struct fault *f)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    f->announced = true;
    printf("shopd: %5.1f s: fault '%s': %s\n", seconds_since_start(), f->name, f->what);
    fflush(stdout);
    if (!marks)
        return;
    fprintf(marks, "%s\t%lld%09ld\t%s\n", f->name, (long long)now.tv_sec, now.tv_nsec, f->what);
    fflush(marks);
}

static void run(void)
{
    pthread_t threads[OPERATIONS * THREADS_PER_OPERATION];
    size_t count = sizeof(threads) / sizeof(threads[0]);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, worker, (void *)(uintptr_t)i) != 0)
            exit(1);
    while (!atomic_load(&over) && seconds_since_start() < duration_s) {
        for (int i = 0; i < FAULTS; i++)
            if (!faults[i].announced && faults[i].begin_s >= 0 && seconds_since_start() >= faults[i].begin_s)
                announce(&faults[i]);
        sleep_until(seconds_since_start() + 0.002);
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static int parse_fault(const char *text)
{
    char name[16];
    double begin, length = 1;
    if (sscanf(text, "%15[a-z]=%lf+%lf", name, &begin, &length) < 2)
        return -1;
    for (int i = 0; i < FAULTS; i++) {
        if (strcmp(faults[i].name, name) != 0)
            continue;
        faults[i].begin_s = begin;
        faults[i].length_s = length;
        return 0;
    }
    return -1;
}

static void on_signal(int number)
{
    (void)number;
    atomic_store(&over, true);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool last = i + 1 == argc;
        if (strcmp(argv[i], "--duration") == 0 && !last)
            duration_s = atof(argv[++i]);
        else if (strcmp(argv[i], "--marks") == 0 && !last && (marks = fopen(argv[i + 1], "w")))
            i++;
        else if (strcmp(argv[i], "--fault") == 0 && !last && parse_fault(argv[i + 1]) == 0)
            i++;
        else {
            fprintf(stderr, "usage: shopd [--duration SECONDS] [--marks FILE] "
                            "[--fault step|stuck|drop|drift=BEGIN[+LENGTH]]...\n");
            return 2;
        }
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    run();
    return 0;
}
