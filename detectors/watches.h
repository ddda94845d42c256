/* watches.h - the series that are watched: found by the sender's numbers, known by
 * their descriptions, each with the plain bytes of its detectors' states. Bounded
 * in memory. 100,000 of them are ordinary: what they have in common is shared. */
#ifndef FT_DETECTORS_WATCHES_H
#define FT_DETECTORS_WATCHES_H
#include "base/bytes.h"
#include "base/hash.h"
#include "detectors/groups.h"

/* One meter. */
struct watched {
    uint64_t hash;                  /* of the encoded description */
    const struct plan *plan;        /* who watches it; NULL: a free place */
    uint8_t *description;           /* meter_description_put() with id 0 */
    uint32_t description_size;
    uint32_t ids;                   /* of the sender's numbers that mean it */
    uint8_t kind, unit;             /* enum metric_kind, enum unit */
    uint64_t overdue;               /* operations, as the sender said last */
    int64_t window_ns;              /* length of the windows that the states are of; 0: none yet */
    unsigned char *states;          /* all detectors' states, then a byte each: windows still to be reported */
    struct membership *memberships; /* in groups */
    uint32_t membership_count;
};

/* What a sender's numbers mean: number -> place, HASH_NONE: nothing. */
struct watch_ids {
    uint32_t *slots, count, capacity;
    uint32_t *old, old_count, old_capacity; /* what they meant before it began anew */
    bool anew;                              /* it is another life of it that will describe its series as they come */
    int64_t old_until_ns;                   /* until then the old ones are remembered; INT64_MIN: not known yet */
};

enum {
    WATCHES_ORPHANS_MAX = 4096,             /* purged by the sender in mid-trouble, and remembered */
    WATCHES_SENDERS_MAX = 256
};

struct watches {
    uint64_t memory;                /* bytes, at most */
    const struct rules *rules;
    void (*complain)(void *self, const char *text);
    void *complain_self;
    struct watched **list;
    uint32_t count, capacity;
    uint32_t *free_slots, free_count, free_capacity;
    struct watch_ids ids[WATCHES_SENDERS_MAX];
    uint32_t orphans, next_orphan;          /* in trouble, without a number; where to look for one to forget */
    struct hash_index by_name;
    struct plan **plans;                    /* distinct ones */
    uint32_t plan_count, plan_capacity;
    bool refusal_told;
    bool rules_used[RULES_MAX];
    struct groups groups;
    struct bytes encoded;                   /* scratch */
    struct plan plan;
    /* Counts: */
    uint64_t series, bytes, refused, forgotten; /* bytes: without those of groups */
};

/* rules stay valid. complain gets sentences for people. */
void watches_init(struct watches *w, uint64_t memory, const struct rules *rules,
                  void (*complain)(void *self, const char *text), void *self);
void watches_done(struct watches *w);

enum { WATCHES_IDS_MAX = 1 << 22 };
/* A number means this series from now on; -EBADMSG when it is out of range. A
 * series for which there is no memory, or whose number there is none, is refused, and counted. */
int watches_describe(struct watches *w, uint32_t sender, const struct meter_description *d);
/* A number means nothing any more. */
void watches_forget(struct watches *w, uint32_t sender, uint32_t id);
/* The sender describes everything from here on, up to watches_recalled(): what its numbers
 * meant is void. anew: in another life, where its series come back one by one; they
 * keep their detectors' memory for WATCHES_OLD_NS of event time. */
#define WATCHES_OLD_NS INT64_C(600000000000)
void watches_recall(struct watches *w, uint32_t sender, bool anew);
void watches_recalled(struct watches *w, uint32_t sender);
/* A window of the sender ended. */
void watches_advance(struct watches *w, uint32_t sender, int64_t end_ns);
/* Everything but the rules, for a snapshot; load() into what was just init()ed. States of detectors
 * that are configured differently now start anew, and are counted in *ret_restarted. False: malformed. */
void watches_save(const struct watches *w, struct bytes *b);
bool watches_load(struct watches *w, struct wire_reader *r, uint64_t *ret_restarted);
/* For watches_state.c: watches what is described, if there is memory (HASH_NONE: there is none); an
 * empty place; what no number means is forgotten, unless it is in trouble. */
uint32_t watches_add(struct watches *w, const struct meter_description *d);
void watches_add_empty(struct watches *w);
void watches_settle(struct watches *w);
/* Its detectors begin anew. */
void watches_restart(struct watched *x);
/* Tells of the rules that no series has matched, if there were any series. */
void watches_tell_unused(const struct watches *w);
/* NULL: unknown, or refused. */
struct watched *watches_find(const struct watches *w, uint32_t sender, uint32_t id);

/* How many more windows each entry of the plan is to report. */
static inline uint8_t *watched_reports(const struct watched *w)
{
    return w->states + w->plan->state_size;
}
static inline struct gathered *watched_gathered(const struct watched *w, const struct plan_entry *e)
{
    return (struct gathered *)(void *)(w->states + e->state_offset);
}
static inline void *watched_state(const struct watched *w, const struct plan_entry *e)
{
    return w->states + e->state_offset + sizeof(struct gathered);
}

#endif
