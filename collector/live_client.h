/* live_client.h - our own reader of a live session: lttng-relayd's viewer protocol on one side, events in the order of time on
 * the other, in the loop of the stage. Nothing in here waits, and no exchange may take for ever.
 *
 * What lttng-relayd holds is read from its beginning. After a lost connection the streams that are there again go on where
 * they were: nothing is delivered twice, and what is missing is told as lost. */
#ifndef FT_COLLECTOR_LIVE_CLIENT_H
#define FT_COLLECTOR_LIVE_CLIENT_H
#include "base/loop.h"
#include "collector/live_set.h"
#include "collector/live_source.h"
#include "collector/viewer_wire.h"

struct live_client;

struct live_client_setup {
    struct relay_url url;
    int64_t live_timer_ns;        /* as far as known; lttng-relayd says more */
    enum viewer_seek seek;        /* of the first connection */
    uint64_t buffer_bytes;        /* of packets that are read ahead, besides one of each stream; a packet that is larger is refused */
    struct loop *loop;
    const struct live_source_owner *owner; /* stays valid */
    ctf_raw_fn raw;               /* of ctf_delivery.h, or NULL */
    void *raw_self;
    const char *tap_path;         /* where others may read along (live_tap.h); NULL: nowhere */
    struct positions *positions;  /* of live_set.h */
    int64_t window_ns;
    int64_t skip_ns;              /* packets that ended before need not be read, until it is current; INT64_MIN: all are read */
    void (*notice)(void *self, const char *text); /* of the owner's self */
    /* All that lttng-relayd held when it was attached to has been read, after each connection. NULL: nobody asks. */
    void (*current)(void *self);
    /* Streams stall: before anything is delivered without them. NULL: nobody asks. */
    void (*stalled)(void *self);
    /* A new connection stands. continued: it has what the one before had; else that is over. lacking: not what programs left that ended
     * meanwhile. */
    void (*connected)(void *self, bool continued, bool lacking);
};

struct live_client *live_client_new(const struct live_client_setup *setup);
void live_client_free(struct live_client *c);

/* Begins to connect. 0, or negative with err. */
int live_client_start(struct live_client *c, struct error *err);
/* Breaks off; what was read and not delivered stays for the next connection. */
void live_client_stop(struct live_client *c);
/* Another session from now on; what waits of the old one is delivered. */
void live_client_redirect(struct live_client *c, const struct relay_url *url);
/* All that waits is delivered as if nothing more came. */
void live_client_drain(struct live_client *c);
/* Every 20 to 200 ms: nobody answers for longer than patience_ns, or a stream stalls for so long while others go on. */
void live_client_tick(struct live_client *c, int64_t now_ns, int64_t patience_ns);

/* The session's, as lttng-relayd says; the least of its domains. */
int64_t live_client_timer_ns(const struct live_client *c);
/* How many streams neither end nor were heard for so long; the name of one. */
uint32_t live_client_silent(const struct live_client *c, int64_t now_ns, int64_t patience_ns, const char **ret_name);
/* How many streams are not waited for, as nothing came of them for so long; the name of one. */
uint32_t live_client_stalled(const struct live_client *c, const char **ret_name);

#endif
