/* live_follow.h - reads a live session along with the collector that watches it (live_tap.h). */
#ifndef FT_COLLECTOR_LIVE_FOLLOW_H
#define FT_COLLECTOR_LIVE_FOLLOW_H
#include "base/loop.h"
#include "collector/live_set.h"

struct live_follow;

struct live_follow_setup {
    const char *path;                        /* live_tap_path() */
    struct loop *loop;
    const struct event_consumer *consumer;   /* stays valid */
    ctf_raw_fn raw;                          /* of ctf_delivery.h, or NULL */
    void *raw_self;
    void (*notice)(void *self, const char *text);
    void (*ended)(void *self);               /* the collector is gone, or does not watch it any more */
    void *self;
};

/* -ENOENT, -ECONNREFUSED: there is no such collector. ret_pid: its process. */
int live_follow_open(const struct live_follow_setup *setup, struct live_follow **ret_follow, int *ret_pid);
void live_follow_close(struct live_follow *f);

#endif
