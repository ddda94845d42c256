/* live.h - one live session, read by our own client or, by libbabeltrace2, in a child that may be killed and
 * started again; events come out as from any reader. It waits for a session that is not there yet, notices a
 * relayd that is gone, frozen or lying, starts anew with a back-off, and accounts for every outage: with our own
 * client one after which everything was still to be had is none. Nothing in here ever blocks. */
#ifndef FT_COLLECTOR_LIVE_H
#define FT_COLLECTOR_LIVE_H
#include "base/loop.h"
#include "collector/ctf_delivery.h"
#include "collector/relay.h"

struct live;

enum live_phase {
    LIVE_STARTING,
    LIVE_WAITING,  /* the session is not there, or taken */
    LIVE_ATTACHED,
    LIVE_BACKOFF,  /* the reader failed and will be started again */
    LIVE_LOST,     /* our own session is gone: waiting for live_redirect() */
    LIVE_ENDED     /* the session ended, and so does this (once) */
};

enum live_reader { LIVE_READER_AUTO, LIVE_READER_BABELTRACE2, LIVE_READER_NATIVE }; /* auto: native, unless that does not understand the metadata */

struct live_setup {
    struct relay_url url;
    enum live_reader reader;
    bool from_now;                /* nothing of what lttng-relayd holds already; our own reader only: the library never has that */
    uint64_t buffer_bytes;        /* of packets that our own reader reads ahead */
    const char *tap_path;         /* where others may read along (live_tap.h); NULL: nowhere. Our own reader only */
    struct positions *positions;  /* kept while it is read by our own reader; NULL: nobody asks */
    int64_t window_ns;            /* what an earlier process has handed on; INT64_MIN: nothing */
    int64_t skip_ns;              /* of what lttng-relayd holds nothing from before is needed; INT64_MIN: all is. Our own reader only */
    ctf_raw_fn raw;               /* of ctf_delivery.h, or NULL; our own reader only */
    void *raw_self;
    int64_t live_timer_ns;        /* of the session, as far as known: sets how patient to be */
    bool once;                    /* its end is the end, and not an outage */
    bool own;                     /* our own session: its end is one only after live_expect_end() */
    struct loop *loop;
    struct event_consumer consumer;
    void (*notice)(void *self, bool warning, const char *text);
    void (*phase)(void *self, enum live_phase phase);
    void (*current)(void *self);  /* all that lttng-relayd held at first has been read, or will not be; NULL: nobody asks */
    void *self;                   /* of notice, phase and current */
};

struct live *live_open(const struct live_setup *setup, struct error *err);
/* Kills the reader, if one runs. */
void live_close(struct live *live);

/* To be called every 100 ms or so: watchdog and back-off. */
void live_tick(struct live *live);
enum live_phase live_phase(const struct live *live);
/* Goes on with another session in the place of the one that was read, after an outage. */
void live_redirect(struct live *live, const struct relay_url *url);
/* Tells that tracing has stopped and everything was handed to lttng-relayd: the
 * session should end. When it does not (LTTng 2.13.9 ends no live session while
 * a later one lives), it is over once no event came for a while; after grace_ns
 * the reader is given up. */
void live_expect_end(struct live *live, int64_t grace_ns);

struct live_totals {
    uint64_t outages, restarts;
    uint64_t delays;              /* outages after which all was still to be had */
    bool events;                  /* any at all */
    int64_t last_event_time_ns;   /* INT64_MIN: none yet */
};
void live_totals(const struct live *live, struct live_totals *ret_totals);

#endif
