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

/* What a begin does when its key is pending already, and which one an end then ends. */
enum pairing_duplicates {
    PAIRING_NEWEST,  /* both stay; an end ends the newest: nested calls */
    PAIRING_OLDEST,  /* both stay; an end ends the oldest: a queue */
    PAIRING_ALL,     /* both stay; an end ends all of them: latency-tracker's default */
    PAIRING_REPLACE, /* the new one replaces the old: latency-tracker's unique keys */
    PAIRING_IGNORE   /* the first one stays: wake-ups */
};

/* An operation that has begun. Its key, and what the user keeps, stand behind it. */
struct pending {
    int64_t begin_ns;
    uint64_t hash;
    struct pending *older, *newer; /* in order of begin; newer is the next one when it is free */
    struct pending *above, *below; /* same key: ring, newest above oldest */
    uint32_t slot;
    bool timed_out;
    uint64_t key[];
};

struct pairing_config {
    uint32_t key_count;          /* words of a key, 1 to PAIRING_KEY_MAX: numbers, or 64-bit hashes of texts */
    int64_t timeout_ns;          /* 0: none */
    int64_t collect_ns;          /* pending ones older than this are given up; 0: never */
    uint32_t max_pending;
    bool evict;                  /* a full table gives up its oldest instead of refusing the new one */
    enum pairing_duplicates duplicates;
    size_t data_size;            /* bytes the user keeps with each pending operation */
};

/* Called with the pending operation; its data is valid during the call. */
typedef void (*pairing_ended)(void *self, struct pending *p, int64_t end_ns, const void *context);

struct pairing_ops {
    void (*timed_out)(void *self, struct pending *p, int64_t deadline_ns);
    /* A timed-out operation leaves without having ended (collected, evicted, replaced or suspect). */
    void (*abandoned)(void *self, struct pending *p, int64_t time_ns);
    /* Any operation leaves without having ended; after abandoned(). May be NULL. */
    void (*dropped)(void *self, struct pending *p);
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
    unsigned char *entries;      /* struct pending, key, data: stride bytes each */
    size_t stride, data_at;
    uint32_t used, count;
    struct pending *free_list;
    struct pending *oldest, *newest;
    struct pending *next_timeout; /* the oldest that has not timed out */
    int64_t loss_end_ns;         /* of the latest loss */
    struct hash_index index;     /* key -> oldest pending with it */
    struct pairing_counts counts;
};

/* Reserves memory for max_pending operations; it is touched as it is used. */
void pairing_init(struct pairing *p, const struct pairing_config *config, const struct pairing_ops *ops, void *self);
void pairing_done(struct pairing *p);

/* An operation begins, with a key of key_count words. Returns its data for the caller to fill (what
 * was there before is undefined), or NULL when it was skipped or ignored. */
void *pairing_begin(struct pairing *p, const uint64_t *key, int64_t time_ns);
/* An operation ends: calls ended, with self and context, for what it ends. */
void pairing_end(struct pairing *p, const uint64_t *key, int64_t time_ns, pairing_ended ended, const void *context);
/* The earliest instant after which there is something to do (INT64_MAX: none). */
int64_t pairing_due(const struct pairing *p);
/* Event time has come to now_ns: timeouts and collections due before it happen. */
void pairing_advance(struct pairing *p, int64_t now_ns);
/* Gives up all that is pending: after a loss, say. Returns how many there were. */
uint32_t pairing_forget(struct pairing *p, int64_t time_ns);
/* Events before end_ns may be missing: whatever is pending or begins before it is suspect. */
void pairing_lost(struct pairing *p, int64_t end_ns);

static inline void *pairing_data(const struct pairing *p, struct pending *entry)
{
    return (unsigned char *)entry + p->data_at;
}
static inline struct pending *pairing_pending(const struct pairing *p, void *data)
{
    return (struct pending *)(void *)((unsigned char *)data - p->data_at);
}

#endif
