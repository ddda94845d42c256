/* ctf_items.h - what a stream gives, one thing after the other, wherever its packets come from: what was lost before a
 * packet, its beginning, its events, its end. */
#ifndef FT_COLLECTOR_CTF_ITEMS_H
#define FT_COLLECTOR_CTF_ITEMS_H
#include "collector/ctf_stream.h"

/* In this order. NONE: there is no packet, or none yet. */
enum ctf_item { CTF_ITEM_NONE, CTF_ITEM_LOST_PACKETS, CTF_ITEM_LOST_EVENTS, CTF_ITEM_PACKET_BEGIN, CTF_ITEM_EVENT, CTF_ITEM_PACKET_END };

struct ctf_items;

/* Whose packets they are. */
struct ctf_items_owner {
    /* Reads the next packet with ctf_stream_packet(). 1: done; 0: there is none (yet); negative with err. */
    int (*enter)(struct ctf_items *s, struct error *err);
    /* That packet has been read to its end. 0, or negative with err: what was read is not certain. */
    int (*leave)(struct ctf_items *s, struct error *err);
    /* Adds to err where the packet is; returns r, or another failure that is the cause. */
    int (*place)(const struct ctf_items *s, int r, struct error *err);
};

struct ctf_items {
    struct ctf_stream stream;
    const struct ctf_items_owner *owner;
    enum ctf_item item;
    int64_t time_ns;           /* of the item; INT64_MIN: none */
    struct loss loss;          /* of a lost item */
    /* Of the packet before: */
    bool has_before;
    struct ctf_packet before;  /* without texts in its fields */
    int64_t before_end_ns;
    bool before_unknown;       /* which it was is not known, only that some are missing since */
    uint64_t discarded;        /* the tracer's count, at its highest: lttng-ust now and then writes an older one */
};

/* Goes to the next item; from NONE it looks for a packet once more. 0, or negative with err, which names the place. */
int ctf_items_advance(struct ctf_items *s, struct error *err);
/* Gives up the packet under way, after a failure: the next item is of the next packet, which is the owner's to provide. */
void ctf_items_abandon(struct ctf_items *s);
int64_t ctf_packet_ns(const struct ctf_stream *s, uint64_t cycles);

#endif
