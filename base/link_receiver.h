/* link_receiver.h - the receiving end of links between stages: any number of
 * senders, each message of each applied once and in order, across lost connections
 * and, with a journal, across restarts of this process.
 *
 * Windows are put in the order of their end, and then of the senders' names: one is
 * applied when no sender that is heard can still send an earlier one. A sender that
 * is silent for too long is left out, and the consumer is told. One thread only;
 * nothing blocks. */
#ifndef FT_BASE_LINK_RECEIVER_H
#define FT_BASE_LINK_RECEIVER_H
#include "base/backlog.h"
#include "base/journal.h"
#include "base/link_wire.h"
#include "base/outlet.h"

enum { LINK_SENDERS_MAX = 256 };

struct security;

/* The numbers are in journals: append only. */
enum link_presence {
    LINK_BEGAN,    /* another life of it begins: what its numbers meant is void, as with LINK_RECALL */
    LINK_RECALL,   /* what it describes from here on is all there is ... */
    LINK_RECALLED, /* ... up to here */
    LINK_SILENT,   /* nothing is heard of it */
    LINK_BACK,     /* it is heard again */
    LINK_ENDED,    /* it said that nothing more comes */
    LINK_BROKE_OFF /* its last life ended without END, before anybody missed it; LINK_BEGAN follows */
};

/* Who takes the messages. A sender is a number from 0, below LINK_SENDERS_MAX. */
struct link_consumer {
    /* Applies one message. -EBADMSG: it is malformed, nothing of it was applied, and
     * it is counted; any other failure ends the link. */
    int (*apply)(void *self, uint32_t sender, const struct wire_header *header, struct wire_reader body);
    /* What happened to a sender, in order with its messages. time_ns: wall time, for an alert of it. */
    int (*presence)(void *self, uint32_t sender, enum link_presence what, int64_t time_ns);
    /* The end of the window that a message closes; INT64_MIN when it closes none. NULL: no order is kept. */
    int64_t (*window_end)(const struct wire_header *header, struct wire_reader body);
    /* Whether more can be taken now; NULL: always. */
    bool (*ready)(void *self);
    /* Numbers of the newest message that was made of those applied, and of the newest such that need not be
     * made again; NULL: what is applied need not be sent again. */
    uint64_t (*made)(void *self);
    uint64_t (*settled)(void *self);
    void (*notice)(void *self, bool warning, const char *text);
};

struct link_receiver_setup {
    void *zmq;
    const char *endpoint;      /* to bind; stays valid */
    struct security *security; /* NULL: none */
    uint64_t epoch;
    int64_t silent_after_ns;   /* 0: never */
    int64_t still_after_ns;    /* one whose time stands still for that long, and for silent_after_ns, is not waited for */
    uint32_t expected;         /* nothing is applied before so many senders have come */
    const struct link_consumer *consumer;
    void *self;                /* the consumer's */
};

struct link_receiver_totals {
    uint64_t refused;          /* messages: malformed, too large, of another version */
    uint64_t strange;          /* messages of somebody who had not said hello (or not since we started) */
    uint64_t handshakes;       /* connections refused before there was a message: wrong keys or none, no ZeroMQ */
    uint64_t repeated;         /* had before */
    uint64_t silences;         /* of senders */
    uint32_t senders;          /* known */
};

struct link_receiver;

/* Recovers nothing and binds nothing yet. */
struct link_receiver *link_receiver_new(const struct link_receiver_setup *setup);
void link_receiver_free(struct link_receiver *link);
int link_receiver_bind(struct link_receiver *link, struct error *err);
/* Everything is written there before it is applied. NULL: nowhere. */
void link_receiver_set_journal(struct link_receiver *link, struct journal *journal);
/* Applies a record of the journal again. False: malformed. */
bool link_receiver_replay(struct link_receiver *link, const void *record, size_t size);

/* ZeroMQ: readable when link_receive() has work. */
void *link_receiver_socket(const struct link_receiver *link);
/* Takes what is there, a bounded number of messages, and applies what can be. 0, or a failure of the consumer or the journal. */
int link_receive(struct link_receiver *link);
/* The same without taking anything: the consumer is ready again, or has settled more. */
int link_receiver_resume(struct link_receiver *link);
/* Silence; call it every 20 to 200 ms. */
int link_receiver_tick(struct link_receiver *link);
/* Senders that were ever heard; those of them that have not ended. */
uint32_t link_receiver_known(const struct link_receiver *link);
uint32_t link_receiver_active(const struct link_receiver *link);
void link_receiver_totals(const struct link_receiver *link, struct link_receiver_totals *ret_totals);
const char *link_receiver_name(const struct link_receiver *link, uint32_t sender);

/* Who was heard and how far each was applied, for a snapshot. load() before binding. */
void link_receiver_save(const struct link_receiver *link, struct bytes *b);
bool link_receiver_load(struct link_receiver *link, struct wire_reader *r);

#endif
