/* live_source.h - what a reader of a live session tells the one who watches over it (live.c), whichever reader it is. */
#ifndef FT_COLLECTOR_LIVE_SOURCE_H
#define FT_COLLECTOR_LIVE_SOURCE_H
#include "collector/batch.h"
#include "collector/relay.h"

struct live_source_owner {
    struct event_consumer consumer;
    void *self;
    /* WAITING and BUSY: what for; it goes on looking. ATTACHED. ENDED: the session is over and all of it was delivered.
     * FAILED: why; the source stands still until it is started again. */
    void (*status)(void *self, enum reader_status status, const char *text);
    /* Before something is delivered: event time goes on at time_ns. events: there were some. */
    void (*time)(void *self, int64_t time_ns, bool events);
    /* Something was heard of lttng-relayd. */
    void (*heard)(void *self);
};

/* Which of lttng-relayd's sessions are that one; in why, where there is none, what there is instead. */
enum reader_status live_source_look_up(const struct relay_url *url, const struct relay_sessions *sessions, char *why, size_t size);

#endif
