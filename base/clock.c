#include "base/clock.h"
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

void clock_sleep_ns(int64_t duration_ns)
{
    struct timespec t = { .tv_sec = duration_ns / 1000000000, .tv_nsec = duration_ns % 1000000000 };
    nanosleep(&t, NULL);
}
