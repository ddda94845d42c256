#include "base/loop.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/process.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <zmq.h>

/* A socket's descriptor says only that something has happened inside it, and only once: what that is the socket is asked for, and
 * again after whatever may have used it. */
struct item {
    void *socket;          /* NULL: a descriptor */
    loop_fn fn;            /* NULL: removed */
    void *self;
    bool quiet;
    bool asked;            /* of a socket: there was nothing, and nobody has used it since */
};

struct loop_timer {
    loop_fn fn;
    void *self;
    int64_t at_ns;
    struct loop_timer *next;
};

struct loop {
    struct item items[LOOP_ITEMS_MAX];
    struct pollfd polled[LOOP_ITEMS_MAX];
    int count;
    struct loop_timer *timers;
    int64_t period_ns, next_tick_ns;
    loop_fn tick, after;
    void *tick_self, *after_self;
};

static _Thread_local uint64_t uses;

void loop_note_use(void)
{
    uses++;
}

struct loop *loop_new(void)
{
    return xcalloc(1, sizeof(struct loop));
}

void loop_free(struct loop *loop)
{
    free(loop);
}

/* ---- what is watched ---- */

static int add(struct loop *loop, struct item item, int fd)
{
    if (loop->count == LOOP_ITEMS_MAX)
        return -ENOSPC;
    loop->polled[loop->count] = (struct pollfd){ .fd = fd, .events = POLLIN };
    loop->items[loop->count++] = item;
    return 0;
}

int loop_add_socket(struct loop *loop, void *socket, loop_fn fn, void *self)
{
    int fd = -1;
    size_t size = sizeof(fd);
    zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
    return add(loop, (struct item){ .socket = socket, .fn = fn, .self = self }, fd);
}

int loop_add_fd(struct loop *loop, int fd, loop_fn fn, void *self)
{
    return add(loop, (struct item){ .fn = fn, .self = self }, fd);
}

int loop_add_quiet_fd(struct loop *loop, int fd, loop_fn fn, void *self)
{
    return add(loop, (struct item){ .fn = fn, .self = self, .quiet = true }, fd);
}

static int find_fd(const struct loop *loop, int fd)
{
    for (int i = 0; i < loop->count; i++)
        if (!loop->items[i].socket && loop->polled[i].fd == fd && loop->items[i].fn)
            return i;
    return -1;
}

void loop_want_out(struct loop *loop, int fd, bool want)
{
    int i = find_fd(loop, fd);
    if (i >= 0)
        loop->polled[i].events = (short)(POLLIN | (want ? POLLOUT : 0));
}

/* The place is emptied at once and closed up before the next poll, so that
 * callbacks of the round under way keep their places. */
void loop_remove_fd(struct loop *loop, int fd)
{
    int i = find_fd(loop, fd);
    if (i >= 0)
        loop->items[i].fn = NULL;
}

void loop_remove_socket(struct loop *loop, void *socket)
{
    for (int i = 0; i < loop->count; i++)
        if (loop->items[i].socket == socket)
            loop->items[i].fn = NULL;
}

static void close_gaps(struct loop *loop)
{
    int kept = 0;
    for (int i = 0; i < loop->count; i++) {
        if (!loop->items[i].fn)
            continue;
        loop->items[kept] = loop->items[i];
        loop->polled[kept++] = loop->polled[i];
    }
    loop->count = kept;
}

void loop_set_tick(struct loop *loop, int64_t period_ns, loop_fn fn, void *self)
{
    loop->period_ns = period_ns;
    loop->tick = fn;
    loop->tick_self = self;
    loop->next_tick_ns = clock_monotonic_ns() + period_ns;
}

void loop_set_after(struct loop *loop, loop_fn fn, void *self)
{
    loop->after = fn;
    loop->after_self = self;
}

struct loop_timer *loop_add_timer(struct loop *loop, loop_fn fn, void *self)
{
    struct loop_timer *t = xcalloc(1, sizeof(*t));
    *t = (struct loop_timer){ .fn = fn, .self = self, .at_ns = INT64_MAX, .next = loop->timers };
    return loop->timers = t;
}

void loop_remove_timer(struct loop *loop, struct loop_timer *timer)
{
    struct loop_timer **at = &loop->timers;
    while (*at && *at != timer)
        at = &(*at)->next;
    if (*at)
        *at = timer->next;
    free(timer);
}

void loop_set_timer(struct loop_timer *timer, int64_t at_ns)
{
    timer->at_ns = at_ns;
}

/* ---- running ---- */

static void forget_answers(struct loop *loop)
{
    for (int i = 0; i < loop->count; i++)
        loop->items[i].asked = false;
}

/* What a callback may have done to the sockets, unless it is known to have done nothing. */
static int call(struct loop *loop, loop_fn fn, void *self, bool quiet)
{
    uint64_t before = uses;
    int r = fn(self);
    if (!quiet || uses != before)
        forget_answers(loop);
    return r;
}

static bool is_readable(struct item *item)
{
    int events = 0;
    size_t size = sizeof(events);
    if (zmq_getsockopt(item->socket, ZMQ_EVENTS, &events, &size) < 0)
        events = 0;
    item->asked = !(events & ZMQ_POLLIN);
    return events & ZMQ_POLLIN;
}

/* 1: some had something. */
static int run_sockets(struct loop *loop, int *ret_result)
{
    int some = 0;
    for (int i = 0, n = loop->count; i < n; i++) {
        struct item *item = &loop->items[i];
        if (!item->socket || !item->fn || item->asked || !is_readable(item))
            continue;
        some = 1;
        *ret_result = call(loop, item->fn, item->self, false);
        if (*ret_result != 0)
            return 1;
    }
    return some;
}

static int run_descriptors(struct loop *loop)
{
    for (int i = 0, n = loop->count; i < n; i++) {
        struct item *item = &loop->items[i];
        if (!loop->polled[i].revents || !item->fn)
            continue;
        item->asked = false;
        int r = item->socket ? 0 : call(loop, item->fn, item->self, item->quiet);
        if (r != 0)
            return r;
    }
    return 0;
}

static int run_timers(struct loop *loop)
{
    int64_t now_ns = clock_monotonic_ns();
    for (struct loop_timer *t = loop->timers, *next; t; t = next) {
        next = t->next;
        if (t->at_ns > now_ns)
            continue;
        t->at_ns = INT64_MAX;
        int r = call(loop, t->fn, t->self, true);
        if (r != 0)
            return r;
    }
    if (!loop->tick || now_ns < loop->next_tick_ns)
        return 0;
    loop->next_tick_ns = now_ns + loop->period_ns;
    return call(loop, loop->tick, loop->tick_self, false);
}

static int wait(struct loop *loop, bool no_time)
{
    int64_t until_ns = loop->tick ? loop->next_tick_ns : INT64_MAX, left_ns = 0;
    for (const struct loop_timer *t = loop->timers; t; t = t->next)
        if (t->at_ns < until_ns)
            until_ns = t->at_ns;
    if (!no_time && until_ns != INT64_MAX)
        left_ns = until_ns - clock_monotonic_ns();
    if (left_ns < 0)
        left_ns = 0;
    struct timespec left = { .tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000 };
    int r = ppoll(loop->polled, (nfds_t)loop->count, no_time || until_ns != INT64_MAX ? &left : NULL, NULL);
    for (int i = 0; r <= 0 && i < loop->count; i++)
        loop->polled[i].revents = 0;
    return r < 0 && errno != EINTR ? -errno : 0;
}

int loop_run(struct loop *loop)
{
    forget_answers(loop);
    for (;;) {
        int r = 0;
        close_gaps(loop);
        bool some = run_sockets(loop, &r);
        if (r == 0)
            close_gaps(loop);
        if (r == 0)
            r = wait(loop, some);
        if (r == 0)
            r = run_descriptors(loop);
        if (r == 0)
            r = run_timers(loop);
        if (r == 0 && loop->after)
            r = call(loop, loop->after, loop->after_self, true);
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
