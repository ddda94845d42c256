/* link_wire.h - what the two ends of a link say to each other besides the messages
 * they carry (docs/wire.md, "Delivery"). Encoders append a whole frame; decoders
 * read the body behind wire_open(). */
#ifndef FT_BASE_LINK_WIRE_H
#define FT_BASE_LINK_WIRE_H
#include "base/wire.h"

enum { LINK_NAME_MAX = 64, LINK_REASON_MAX = 200 };

/* Sender: who I am. The epoch is in the header. */
struct link_hello {
    char name[LINK_NAME_MAX]; /* what the receiver knows it by, over restarts */
    bool live;                /* its time goes on by itself; else it is a replay */
};

/* Sender, as the body of a heartbeat: how far it is. */
struct link_pulse {
    uint64_t newest;      /* sequence of its newest message */
    bool has_watermark;
    int64_t watermark_ns; /* no window that ends here or before will come behind that message */
};

/* Receiver: how far I am with you. As WELCOME: go on behind `received`; as ACK: for information. */
struct link_position {
    uint64_t epoch;    /* the sender's, as the receiver knows it; 0: say hello first */
    bool known;        /* else start with a RESYNC */
    uint64_t received; /* will be applied, if the receiver lives; 0, and not known: nothing at all */
    uint64_t applied;
    uint64_t durable;  /* need not be kept any more */
};

/* Sender: what follows, up to the closing one, is all that a receiver which knows
 * nothing needs for the messages from `base` on. */
struct link_resync {
    bool opening;
    uint64_t base;
    bool anew; /* the sender has forgotten messages which the receiver has: its numbers begin again */
};

void link_hello_put(struct bytes *b, uint64_t epoch, const struct link_hello *hello);
bool link_hello_get(struct wire_reader *r, struct link_hello *ret_hello);
void link_pulse_put(struct bytes *b, uint64_t epoch, const struct link_pulse *pulse);
bool link_pulse_get(struct wire_reader *r, struct link_pulse *ret_pulse);
/* type: WIRE_WELCOME or WIRE_ACK; epoch: the receiver's own. */
void link_position_put(struct bytes *b, enum wire_type type, uint64_t epoch, const struct link_position *position);
bool link_position_get(struct wire_reader *r, struct link_position *ret_position);
void link_resync_put(struct bytes *b, uint64_t epoch, const struct link_resync *resync);
bool link_resync_get(struct wire_reader *r, struct link_resync *ret_resync);
/* Receiver: I do not take your messages, because. */
void link_refused_put(struct bytes *b, uint64_t epoch, const char *reason);
bool link_refused_get(struct wire_reader *r, char reason[LINK_REASON_MAX]);

/* A name can be shown and used in labels: printable, not empty. */
bool link_name_valid(const char *name);

#endif
