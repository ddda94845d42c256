#include "base/timer.h"
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

int timer_open(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

void timer_set(int fd, int64_t at_ns)
{
    struct itimerspec when = { 0 };
    if (at_ns < 1)
        at_ns = 1;
    if (at_ns != INT64_MAX) {
        when.it_value.tv_sec = at_ns / 1000000000;
        when.it_value.tv_nsec = at_ns % 1000000000;
    }
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void timer_clear(int fd)
{
    uint64_t times;
    ssize_t n = read(fd, &times, sizeof(times));
    (void)n;
}
