/* live_private.h - live.c and its watchdog (live_watch.c). */
#ifndef FT_COLLECTOR_LIVE_PRIVATE_H
#define FT_COLLECTOR_LIVE_PRIVATE_H
#include "collector/live.h"
#include "collector/live_child.h"
#include "collector/live_client.h"
#include "collector/live_outage.h"

struct live {
    struct live_setup setup;
    enum live_phase phase;
    struct live_source_owner owner;
    struct live_client *client;  /* the reader; or: */
    struct live_child *child;
    struct live_client *retired;
    char failure[512];           /* the reason it gave */
    /* Wall time, monotonic: */
    int64_t heard_ns;            /* anything */
    int64_t moved_ns;            /* event time advanced */
    int64_t event_ns;            /* an event came */
    int64_t start_again_ns, give_up_ns, backoff_ns;
    int64_t tick_ns;             /* the last time that anybody looked */
    int64_t attached_ns;         /* 0: not attached, or already settled */
    bool attach_told, was_attached;
    bool gone;                   /* the reader says the session is no more */
    bool apart;                  /* the client has no connection that goes on with what the last one had */
    uint64_t attempts;
    /* Event time: */
    int64_t time_ns;             /* how far it has come; INT64_MIN: nowhere */
    struct live_outage outage;
    struct live_totals totals;
};

void live_say(struct live *live, bool warning, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void live_enter_phase(struct live *live, enum live_phase phase);
/* The attachment is worth a word, once. */
void live_tell_attached(struct live *live);
/* Nothing more will be read: what was missed ends here, as far as anybody knows. */
void live_close_outage(struct live *live);
/* Tells when streams begin to stall, and when they go on. */
void live_watch_streams(struct live *live);
int live_start_reader(struct live *live, struct error *err);
/* It does not read any more. What the client has and has not delivered waits for its next connection, unless there is none. */
void live_stop_reader(struct live *live, bool for_good);
/* The reader failed: it is started again after a while. */
void live_fail(struct live *live, const char *reason);
/* The session is no more: the end of it all, or, when it was ours and not meant to end, a loss. */
void live_end_session(struct live *live);

#endif
