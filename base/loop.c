#include "base/loop.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/process.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <zmq.h>

struct watch {
    loop_fn fn;
    void *self;
};

struct loop {
    zmq_pollitem_t items[LOOP_ITEMS_MAX];
    struct watch watches[LOOP_ITEMS_MAX];
    int count;
    int64_t period_ns, next_tick_ns;
    struct watch tick;
};

struct loop *loop_new(void)
{
    return xcalloc(1, sizeof(struct loop));
}

void loop_free(struct loop *loop)
{
    free(loop);
}

static int add(struct loop *loop, zmq_pollitem_t item, loop_fn fn, void *self)
{
    if (loop->count == LOOP_ITEMS_MAX)
        return -ENOSPC;
    loop->items[loop->count] = item;
    loop->watches[loop->count++] = (struct watch){ fn, self };
    return 0;
}

int loop_add_socket(struct loop *loop, void *socket, loop_fn fn, void *self)
{
    return add(loop, (zmq_pollitem_t){ .socket = socket, .events = ZMQ_POLLIN }, fn, self);
}

int loop_add_fd(struct loop *loop, int fd, loop_fn fn, void *self)
{
    return add(loop, (zmq_pollitem_t){ .fd = fd, .events = ZMQ_POLLIN }, fn, self);
}

static int find_fd(const struct loop *loop, int fd)
{
    for (int i = 0; i < loop->count; i++)
        if (!loop->items[i].socket && loop->items[i].fd == fd && loop->watches[i].fn)
            return i;
    return -1;
}

void loop_want_out(struct loop *loop, int fd, bool want)
{
    int i = find_fd(loop, fd);
    if (i >= 0)
        loop->items[i].events = (short)(ZMQ_POLLIN | (want ? ZMQ_POLLOUT : 0));
}

/* The place is emptied at once and closed up before the next poll, so that
 * callbacks of the round under way keep their places. */
void loop_remove_fd(struct loop *loop, int fd)
{
    int i = find_fd(loop, fd);
    if (i >= 0)
        loop->watches[i].fn = NULL;
}

void loop_remove_socket(struct loop *loop, void *socket)
{
    for (int i = 0; i < loop->count; i++)
        if (loop->items[i].socket == socket)
            loop->watches[i].fn = NULL;
}

static void close_gaps(struct loop *loop)
{
    int kept = 0;
    for (int i = 0; i < loop->count; i++) {
        if (!loop->watches[i].fn)
            continue;
        loop->items[kept] = loop->items[i];
        loop->watches[kept++] = loop->watches[i];
    }
    loop->count = kept;
}

void loop_set_tick(struct loop *loop, int64_t period_ns, loop_fn fn, void *self)
{
    loop->period_ns = period_ns;
    loop->tick = (struct watch){ fn, self };
    loop->next_tick_ns = clock_monotonic_ns() + period_ns;
}

static long time_to_tick_ms(const struct loop *loop)
{
    if (!loop->tick.fn)
        return -1;
    int64_t left = loop->next_tick_ns - clock_monotonic_ns();
    return left <= 0 ? 0 : (long)((left + 999999) / 1000000);
}

static int run_tick(struct loop *loop)
{
    int64_t now = clock_monotonic_ns();
    if (!loop->tick.fn || now < loop->next_tick_ns)
        return 0;
    loop->next_tick_ns = now + loop->period_ns;
    return loop->tick.fn(loop->tick.self);
}

int loop_run(struct loop *loop)
{
    for (;;) {
        close_gaps(loop);
        int r = zmq_poll(loop->items, loop->count, time_to_tick_ms(loop));
        if (r < 0 && errno != EINTR)
            return -errno;
        for (int i = 0, n = r > 0 ? loop->count : 0; i < n; i++) {
            if (!loop->items[i].revents || !loop->watches[i].fn)
                continue;
            r = loop->watches[i].fn(loop->watches[i].self);
            if (r != 0)
                return r < 0 ? r : 0;
        }
        r = run_tick(loop);
        if (r != 0)
            return r < 0 ? r : 0;
    }
}

int loop_open_signals(void)
{
    sigset_t set;
    static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (!process_inherited_ignored(ends[i]))
            sigaddset(&set, ends[i]);
    int r = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (r != 0)
        return -r;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 ? fd : -errno;
}
