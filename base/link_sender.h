/* link_sender.h - the sending end of a link between stages. Messages are numbered
 * and kept until the receiver says that they need not be kept any more; what a
 * lost connection or a restarted receiver lost is sent again. One thread only;
 * nothing blocks but link_send() under LINK_WAIT and link_flush(). */
#ifndef FT_BASE_LINK_SENDER_H
#define FT_BASE_LINK_SENDER_H
#include "base/backlog.h"
#include "base/error.h"
#include "base/link_wire.h"
#include "base/outlet.h"

struct security;

/* What happens when the messages that are kept are more than the bound. */
enum link_full {
    LINK_WAIT, /* the sender waits: a replay; a reader that leaves the data with lttng-relayd */
    LINK_DROP, /* the oldest quarter is dropped, and the owner told of each: live */
    LINK_GROW  /* nothing: the owner asks link_sender_full() and stops taking */
};

/* Why a message is no longer kept. */
enum link_left {
    LINK_LEFT_SAFE,   /* the receiver has it for good */
    LINK_LEFT_UNSENT, /* dropped before it was sent: lost */
    LINK_LEFT_SENT    /* dropped while nothing said that it had arrived: lost if the receiver asks to recall it */
};

struct link_sender;

/* What the owner of the messages may do; each may be NULL. */
struct link_owner {
    void (*left)(void *self, const struct wire_header *header, struct wire_reader body, enum link_left why);
    /* The receiver is at `position` and needs all that was before the messages kept: calls
     * link_recall() for each. restarted: it knows nothing at all any more. */
    void (*recall)(void *self, struct link_sender *link, uint64_t position, bool restarted);
    /* Asked now and then while link_send() or link_flush() waits: true ends that. */
    bool (*give_up)(void *self);
    void (*notice)(void *self, bool warning, const char *text);
};

struct link_sender_setup {
    void *zmq;
    const char *endpoint;      /* of the receiver; stays valid */
    const char *peer;          /* what it is called in notices: "detect" */
    struct security *security; /* NULL: none */
    char name[LINK_NAME_MAX];  /* ours */
    uint64_t epoch;
    bool live;
    enum link_full full;
    uint64_t buffer_bytes;
    int64_t heartbeat_ns, silent_after_ns; /* silent_after_ns 0: never told */
    const struct link_owner *owner;
    void *self;                /* the owner's */
};

struct link_sender_totals {
    uint64_t dropped, resyncs, rewinds;
};

/* Connects, and goes on trying in the background. *link is in place and must not move. */
struct link_sender {
    struct outlet outlet;             /* the way in; first */
    struct link_sender_setup setup;
    void *socket;                     /* readable when link_service() has work */
    struct bytes frame;
    struct backlog kept;
    struct backlog_cursor next;       /* to be sent */
    struct backlog_cursor applied_at; /* first not applied */
    uint64_t applied;
    bool welcomed, failed, silent_told, was_welcomed;
    bool patient;                     /* the owner's: with LINK_DROP, wait all the same while the receiver is there */
    bool has_watermark;
    int64_t watermark_ns, heard_ns, hello_ns, pulse_ns, connected_ns;
    struct link_sender_totals totals;
    struct error failure;
};

int link_sender_open(struct link_sender *link, const struct link_sender_setup *setup, struct error *err);
void link_sender_close(struct link_sender *link);

/* Takes what the receiver said and sends what may be sent: call it when the socket
 * is readable and at least every 100 ms. -errno when the receiver will never take
 * anything (link->failure says why). */
int link_service(struct link_sender *link);
/* One frame of the receiver's; for link_service() and its tests. */
void link_sender_take(struct link_sender *link, const void *data, size_t size, int64_t now_ns);
/* Event time has come so far; told with the next heartbeat, at once when `now`. */
void link_sender_watermark(struct link_sender *link, int64_t time_ns, bool now);
/* No promise about event time: others need not wait for this sender. */
void link_sender_no_watermark(struct link_sender *link);
/* Messages up to that number need not be kept: the receiver had said so in an earlier life of this process. */
void link_sender_settle(struct link_sender *link, uint64_t durable);
/* For link_owner.recall. */
void link_recall(struct link_sender *link, enum wire_type type, const struct bytes *body);

bool link_sender_full(const struct link_sender *link);
/* Sequence of the newest message; of the newest that the receiver has applied, and that it needs not be sent again. */
uint64_t link_sender_newest(const struct link_sender *link);
uint64_t link_sender_durable(const struct link_sender *link);
/* Waits until everything was applied, at most timeout_ns; returns how many messages were not. */
uint64_t link_flush(struct link_sender *link, int64_t timeout_ns);

/* Epoch, numbers and messages, for a snapshot; load() before anything was sent. False: malformed. */
void link_sender_save(const struct link_sender *link, struct bytes *b);
bool link_sender_load(struct link_sender *link, struct wire_reader *r);
/* As if nothing had ever been sent, under that epoch. */
void link_sender_reset(struct link_sender *link, uint64_t epoch);
/* Goes on as another life, under a new epoch: what is kept is numbered anew. */
void link_sender_renumber(struct link_sender *link, uint64_t epoch);

#endif
