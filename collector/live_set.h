/* live_set.h - the streams of a live session, merged: what has come of each is delivered in the order of time, as far as no
 * other stream can still have something earlier. It outlives the connection that fills it: streams that a new connection
 * brings again go on where they were. */
#ifndef FT_COLLECTOR_LIVE_SET_H
#define FT_COLLECTOR_LIVE_SET_H
#include "collector/ctf_delivery.h"
#include "collector/live_metadata.h"
#include "collector/live_stream.h"
#include "collector/positions.h"

enum { LIVE_STREAMS_MAX = 32768 }; /* of a session */

/* So often an event waits for its class: a question for metadata each 10 ms or so. */
enum { LIVE_CLASS_FAILURES_MAX = 200 };

/* A trace of the session: one for each domain, and for each program where buffers are per process. */
struct live_trace {
    uint64_t session, id;        /* at the relayd */
    uint64_t metadata_id;        /* of the stream that has it */
    bool connected, has_metadata_id;
    bool metadata_asked;
    int64_t since_ns;            /* when it was heard of, monotonic; the client's */
    bool metadata_wanted;        /* there is more, or an event's class is not known */
    struct live_metadata metadata;
    struct ctf_trace *trace;     /* NULL: nothing is known of it yet */
    struct bytes raw;            /* all of it, as it came, for those who come to see it later */
    uint64_t given, come;        /* bytes of text: given to trace, ever; of this connection */
    uint32_t stream_count;
    bool had_streams;
    uint64_t over_look;          /* when none is left: which look for new ones must have been answered */
    bool unreadable;             /* it ended before its metadata came */
};

/* Sees all that goes into a set, so that another one can be made the same. */
struct live_set_observer {
    void *self;
    void (*metadata)(void *self, const struct live_trace *trace, const void *data, size_t size);
    void (*stream)(void *self, const struct live_trace *trace, uint64_t id, const char *channel);
    void (*packet)(void *self, const struct live_stream *s, const struct bytes *data, uint64_t begin, uint64_t end);
    void (*advance)(void *self, const struct live_stream *s, int64_t time_ns);
    void (*over)(void *self, const struct live_stream *s); /* hung up, or no longer waited for */
    void (*connection)(void *self, bool connected);
};

struct live_set_setup {
    const struct event_consumer *consumer;
    ctf_raw_fn raw;              /* of ctf_delivery.h, or NULL */
    void *raw_self;
    void (*notice)(void *self, const char *text);
    struct positions *positions; /* how far an earlier process came, and this one comes; NULL: nobody asks */
    int64_t window_ns;           /* up to here windows need not be made again; INT64_MIN: nothing is known */
    void (*begin)(void *self, int64_t time_ns); /* before something is delivered: event time goes on there */
    void *self;
};

struct live_set {
    struct live_set_setup setup;
    struct ctf_class_ids ids;
    struct live_trace **traces;
    uint32_t trace_count, trace_capacity;
    struct live_stream **streams; /* in the order of items at one instant */
    uint32_t stream_count, stream_capacity;
    bool unordered;
    bool leftovers;              /* only of streams that the connection does not have */
    struct ctf_delivery delivery;
    struct ctf_merge merge;
    struct ctf_turn *turns;
    uint32_t turn_capacity;
    uint64_t waiting_bytes;      /* of packets, all together */
    struct bytes *buffers;       /* empty ones */
    uint32_t buffer_count, buffer_capacity;
    size_t buffer_bytes;
    const struct live_set_observer *observer; /* NULL: nobody looks */
    struct live_stream *awaited; /* the stream that the last delivery came to wait for; NULL: none */
    uint64_t looks, looked;      /* for new streams: asked, answered; the client's */
    bool per_process;            /* there was a trace of one program */
    bool continued;              /* what the relayd has now was had before, by us or by an earlier process */
    uint64_t damaged;            /* packets that were given up */
};

void live_set_init(struct live_set *set, const struct live_set_setup *setup);
void live_set_done(struct live_set *set);

/* ---- what the relayd has ---- */

/* That connection is gone: what was delivered and what waits stays. */
void live_set_disconnect(struct live_set *set);
/* The trace of that number; made if there is none. */
struct live_trace *live_set_trace(struct live_set *set, uint64_t session, uint64_t id);
/* A stream of it, now_ns (monotonic). */
void live_set_stream(struct live_set *set, struct live_trace *trace, uint64_t id, const char *channel, int64_t now_ns);
/* More of its metadata. Negative with err: it is not understood. */
int live_set_metadata(struct live_set *set, struct live_trace *trace, const void *data, size_t size, struct error *err);
/* Every trace that the relayd has is known: streams that it does not have any more have come to their end, and are delivered. */
void live_set_connected(struct live_set *set);
/* Programs may have ended unseen while there was no connection: lttng-relayd shows no stream of theirs then. */
bool live_set_may_lack(const struct live_set *set);
/* Nothing can be read of it: its streams are over. */
void live_set_drop_trace(struct live_set *set, struct live_trace *trace);

/* Delivers what can be, up to so many items. 1: there is more; 0: that was all for now. */
int live_set_deliver(struct live_set *set, uint32_t budget);
/* All that is there, as if nothing more came. */
void live_set_drain(struct live_set *set);
/* No packets wait. */
bool live_set_is_empty(const struct live_set *set);

#endif
