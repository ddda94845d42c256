/* loop.h - the one loop every stage runs: ZeroMQ sockets, file descriptors, timers and
 * a tick. Callbacks return 0 to go on, LOOP_STOP to end the loop, or -errno to
 * end it with that failure. Not thread-safe: a loop belongs to its thread. */
#ifndef FT_BASE_LOOP_H
#define FT_BASE_LOOP_H
#include <stdbool.h>
#include <stdint.h>

enum { LOOP_STOP = 1, LOOP_ITEMS_MAX = 1024 };

struct loop;
typedef int (*loop_fn)(void *self);

struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* fn is called while the socket (of ZeroMQ, never owned) or descriptor is readable.
 * -ENOSPC beyond LOOP_ITEMS_MAX. */
int loop_add_socket(struct loop *loop, void *socket, loop_fn fn, void *self);
int loop_add_fd(struct loop *loop, int fd, loop_fn fn, void *self);
/* The same for one whose callback uses the loop's sockets only through functions that note it: a wakeup of it costs less. */
int loop_add_quiet_fd(struct loop *loop, int fd, loop_fn fn, void *self);
/* This thread has used a socket that may be in its loop: in loop_add_quiet_fd's callbacks, loop_set_after's and timers'. */
void loop_note_use(void);
/* Whether fn is also called while that descriptor can be written to. */
void loop_want_out(struct loop *loop, int fd, bool want);
/* Fine from within a callback, and for something that was never added. */
void loop_remove_fd(struct loop *loop, int fd);
void loop_remove_socket(struct loop *loop, void *socket);

/* fn every period (one only per loop). Missed ticks are not made up for. */
void loop_set_tick(struct loop *loop, int64_t period_ns, loop_fn fn, void *self);

/* fn once, at an instant that is set, monotonic, in ns; INT64_MAX, as at first: never. Free it before the loop. */
struct loop_timer;
struct loop_timer *loop_add_timer(struct loop *loop, loop_fn fn, void *self);
void loop_set_timer(struct loop_timer *timer, int64_t at_ns);
/* Not from within a timer's callback. */
void loop_remove_timer(struct loop *loop, struct loop_timer *timer);

/* fn after every round of callbacks. */
void loop_set_after(struct loop *loop, loop_fn fn, void *self);

/* Runs until a callback ends it. 0 after LOOP_STOP, else the failure. */
int loop_run(struct loop *loop);

/* A descriptor that becomes readable for SIGCHLD and, unless we were started with them
 * ignored (nohup), SIGINT, SIGTERM and SIGHUP, which are blocked in the calling thread and in all it starts later: call it first of all, in main(). */
int loop_open_signals(void);

#endif
