/* delivery.h - what a stage is told about its links and its memory. */
#ifndef FT_BASE_DELIVERY_H
#define FT_BASE_DELIVERY_H
#include "base/link_receiver.h"
#include "base/link_sender.h"

/* Of one stage. Texts stay valid while it runs. */
struct delivery {
    const char *in, *out;          /* ZeroMQ endpoints: binds in, connects out; either may be NULL */
    const char *name;              /* at the receiver */
    uint64_t epoch;                /* unless a state says otherwise */
    struct security *security;     /* NULL: none */
    uint64_t buffer_bytes;         /* sent, and not yet safe with the receiver */
    int64_t heartbeat_ns, silent_after_ns; /* 0: silence is not watched */
    int64_t still_after_ns;        /* of link_receiver_setup */
    const char *state_dir;         /* NULL: nothing outlives the process */
    uint64_t journal_bytes, config_hash;
    uint64_t boot_hash;            /* of the machine's latest start */
    uint32_t expected;             /* senders that must have come before anything is applied */
    bool anew;                     /* its senders are of this process: one that had ended is there again */
    bool once;                     /* ends when all senders have ended; else it waits for others */
};

/* What came of it. */
struct delivery_totals {
    uint64_t refused, repeated, silences, dropped, undelivered;
    uint64_t connections_refused, strange; /* of link_receiver_totals */
    uint64_t snapshots;
};

/* The setups that follow from it; owner and consumer are for the caller to add. */
struct link_sender_setup delivery_sender(const struct delivery *d, void *zmq, const char *peer);
struct link_receiver_setup delivery_receiver(const struct delivery *d, void *zmq);
/* What the receiver counted. */
void delivery_take_totals(struct delivery_totals *totals, const struct link_receiver *link);

#endif
