/* link_receiver_private.h - what the parts of the receiving end share: link_receiver.c has the
 * socket and the snapshots, link_receiver_take.c the frames that come in, link_receiver_apply.c
 * their order and the journal, link_receiver_ack.c what senders are told. For them and their tests. */
#ifndef FT_BASE_LINK_RECEIVER_PRIVATE_H
#define FT_BASE_LINK_RECEIVER_PRIVATE_H
#include "base/link_receiver.h"
#include "base/monitor.h"

enum { ROUTE_MAX = 64, LANE_BYTES_MAX = 16 << 20, MARKS_MAX = 1024, REPLACED_MAX = 4 };

/* What a record of the journal is. */
enum record_kind { RECORD_SENDER = 1, RECORD_MESSAGE = 2, RECORD_PRESENCE = 3 };

/* One sender. `received` counts what came in, `applied` what was taken from the lane. */
struct peer {
    char name[LINK_NAME_MAX];
    uint8_t route[ROUTE_MAX];
    size_t route_size;               /* 0: not connected since we started */
    bool live, synced, applied_synced, silent, ended, left_out, ack_due;
    bool missed;                     /* it was told to be silent, and nothing of it was applied since */
    bool awaited;                    /* it is there, or was before a restart, and has not said how far it is */
    bool overflowed;                 /* something was not taken for want of room */
    bool recalling, skipping;        /* within a resync; within one that tells nothing new */
    uint64_t recall_base;
    uint32_t lives;                  /* times that its numbers began again */
    uint64_t epoch, applied_epoch;
    uint64_t replaced[REPLACED_MAX]; /* epochs of earlier ones of this name */
    uint64_t received, applied, durable;
    struct backlog lane;             /* frames that wait for others' time */
    bool has_watermark, has_pending;
    int64_t watermark_ns, pending_ns;
    uint64_t pending_at;             /* the watermark holds once so much was received */
    uint64_t pulse_received;         /* what was received at the last heartbeat that said there was more */
    int64_t heard_ns, moved_ns, asked_ns;
};

/* Up to here a sender's messages need not be sent again once `made` is settled. */
struct mark {
    uint32_t sender, life;
    uint64_t applied, made;
};

struct link_receiver {
    struct link_receiver_setup setup;
    void *socket;
    struct journal *journal;
    struct peer *peers[LINK_SENDERS_MAX];
    uint32_t count;
    struct mark marks[MARKS_MAX];
    uint32_t first_mark, mark_count;
    struct link_receiver_totals totals;
    uint64_t refused_told;
    int64_t complained_ns;
    uint8_t *message;
    struct monitor monitor;  /* of the connections, where there are keys to disagree on */
    int lock_fd;
    struct bytes record, answer;
};

void link_receiver_notice(const struct link_receiver *link, bool warning, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* One frame of a peer. 0, or a failure of the consumer or the journal. */
int link_receiver_take(struct link_receiver *link, const uint8_t *route, size_t route_size, const void *data, size_t size);

/* Written before it happens; 0 without a journal. */
int link_receiver_record(struct link_receiver *link, enum record_kind kind, uint32_t sender, uint8_t what, int64_t time_ns,
                         const void *data, size_t size);
/* A new sender at the end, or in the place of one that has ended. */
void link_receiver_name_peer(struct link_receiver *link, uint32_t sender, const char *name);
int link_receiver_record_presence(struct link_receiver *link, uint32_t sender, enum link_presence what);
/* Applies what may be applied now. */
int link_receiver_drain(struct link_receiver *link);

/* How far it is with that sender: WIRE_WELCOME asks it to go on from there. */
void link_receiver_answer(struct link_receiver *link, const struct peer *p, enum wire_type type);
/* refusal: why nothing of it is taken; NULL: it is to say hello first. */
void link_receiver_answer_stranger(struct link_receiver *link, const uint8_t *route, size_t route_size, const char *refusal);
/* Acknowledges what was applied and what is safe. */
void link_receiver_settle(struct link_receiver *link);

#endif
