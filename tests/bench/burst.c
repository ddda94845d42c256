/* burst.c - emits pairs of op_begin and op_end in bursts, without a pause within them. They begin with whole seconds,
 * so that several of these programs burst together.
 *
 *     burst BURSTS EVENTS RATE     so many bursts of so many events each, at no more than RATE events a second
 *
 * Says how many it emitted, and how long its bursts took in all.                                                        */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "emitter_tp.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const int64_t second_ns = 1000000000;
enum { STRIDE = 128 };     /* operations between two looks at the clock */

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * second_ns + t.tv_nsec;
}

static void wait_for_second(void)
{
    struct timespec t = { .tv_sec = (time_t)(now_ns() / second_ns + 1), .tv_nsec = 0 };
    clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
}

static void burst(uint64_t first, int64_t operations, int64_t rate)
{
    int64_t begin_ns = now_ns();
    for (int64_t i = 0; i < operations; i++) {
        lttng_ust_tracepoint(emitter, op_begin, first + (uint64_t)i);
        lttng_ust_tracepoint(emitter, op_end, first + (uint64_t)i, 0);
        if (i % STRIDE == 0)
            while (now_ns() - begin_ns < i * 2 * second_ns / rate)
                ;
    }
}

int main(int argc, char **argv)
{
    if (argc != 4 || atoll(argv[3]) <= 0) {
        fprintf(stderr, "usage: burst BURSTS EVENTS RATE\n");
        return 2;
    }
    int64_t bursts = atoll(argv[1]), operations = atoll(argv[2]) / 2, busy_ns = 0;
    uint64_t first = (uint64_t)getpid() << 32;
    for (int64_t b = 0; b < bursts; b++) {
        wait_for_second();
        int64_t begin_ns = now_ns();
        burst(first + (uint64_t)(b * operations), operations, atoll(argv[3]));
        busy_ns += now_ns() - begin_ns;
    }
    printf("%" PRId64 " %.3f\n", bursts * operations * 2, (double)busy_ns / (double)second_ns);
    return 0;
}
