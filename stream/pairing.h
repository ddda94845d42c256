/* pairing.h - the pairing engine: operations that begin with one event and end
 * with another, matched by a key. What latency-tracker does in the kernel
 * (wrappers/ and latency_tracker.c): threshold, timeout reported while still
 * pending, garbage collection, unique and duplicate keys, a bounded table with
 * counts of what did not fit; and what it does not: after a loss of events no
 * pair that overlaps the loss is trusted.
 *
 * Times are event times. Everything is O(1) per begin and per end. */
#ifndef FT_STREAM_PAIRING_H
#define FT_STREAM_PAIRING_H
#include "base/hash.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAIRING_KEY_MAX = 8 };

/* Numbers are words; a text is the 64-bit hash of its bytes. */
struct pairing_key {
    uint32_t count;
    uint64_t words[PAIRING_KEY_MAX];
};

/* What a begin does when its key is pending already, and which one an end then ends. */
enum pairing_duplicates {
    PAIRING_NEWEST,  /* both stay; an end ends the newest: nested calls */
    PAIRING_OLDEST,  /* both stay; an end ends the oldest: a queue */
    PAIRING_ALL,     /* both stay; an end ends all of them: latency-tracker's default */
    PAIRING_REPLACE, /* the new one replaces the old: latency-tracker's unique keys */
    PAIRING_IGNORE   /* the first one stays: wake-ups */
};

struct pending {
    int64_t begin_ns;
    uint64_t hash;
    uint32_t older, newer;       /* in order of begin */
    uint32_t above, below;       /* same key: ring, newest above oldest */
    bool timed_out, in_use;
    struct pairing_key key;
};

struct pairing_config {
    int64_t timeout_ns;          /* 0: none */
    int64_t collect_ns;          /* pending ones older than this are given up; 0: never */
    uint32_t max_pending;
    bool evict;                  /* a full table gives up its oldest instead of refusing the new one */
    enum pairing_duplicates duplicates;
    size_t data_size;            /* bytes the user keeps with each pending operation */
};

/* Called with the pending operation; its data is valid during the call. */
struct pairing_ops {
    void (*ended)(void *self, struct pending *p, int64_t end_ns, const void *end_context);
    void (*timed_out)(void *self, struct pending *p, int64_t deadline_ns);
    /* A timed-out operation leaves without having ended (collected, evicted, replaced or suspect). */
    void (*abandoned)(void *self, struct pending *p, int64_t time_ns);
};

struct pairing_counts {
    uint64_t begun, ended;
    uint64_t unmatched;  /* ends without a begin */
    uint64_t skipped;    /* begins that found the table full */
    uint64_t evicted;    /* given up for room */
    uint64_t replaced;   /* begins that took the place of, or yielded to, one with their key */
    uint64_t collected;  /* given up for age */
    uint64_t timed_out;
    uint64_t suspect;    /* overlapped a loss: neither latency nor timeout is certain */
    uint64_t backwards;  /* ended before they began: clocks */
};

struct pairing {
    struct pairing_config config;
    const struct pairing_ops *ops;
    void *self;
    struct pending *entries;
    unsigned char *data;
    size_t stride;
    uint32_t used, free_list, count;
    uint32_t oldest, newest;
    uint32_t next_timeout;       /* the oldest that has not timed out */
    int64_t loss_end_ns;         /* of the latest loss */
    struct hash_index index;     /* key -> oldest pending with it */
    struct pairing_counts counts;
};

#define PAIRING_NONE UINT32_MAX

/* Reserves memory for max_pending operations; it is touched as it is used. */
void pairing_init(struct pairing *p, const struct pairing_config *config, const struct pairing_ops *ops, void *self);
void pairing_done(struct pairing *p);

void pairing_key_add(struct pairing_key *key, uint64_t word);

/* An operation begins. Returns its data for the caller to fill (what was there
 * before is undefined), or NULL when it was skipped or ignored. */
void *pairing_begin(struct pairing *p, const struct pairing_key *key, int64_t time_ns);
/* An operation ends: calls ops->ended for what it ends. */
void pairing_end(struct pairing *p, const struct pairing_key *key, int64_t time_ns, const void *end_context);
/* The earliest instant after which there is something to do (INT64_MAX: none). */
int64_t pairing_due(const struct pairing *p);
/* Event time has come to now_ns: timeouts and collections due before it happen. */
void pairing_advance(struct pairing *p, int64_t now_ns);
/* Events before end_ns may be missing: whatever is pending or begins before it is suspect. */
void pairing_lost(struct pairing *p, int64_t end_ns);

void *pairing_data(const struct pairing *p, const struct pending *entry);

#endif
