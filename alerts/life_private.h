/* life_private.h - what the parts of the life of alerts share: life.c knows which there are,
 * life_windows.c counts windows, life_raise.c takes what does not wait for one, life_deliver.c
 * makes the transitions, life_state.c the snapshots. */
#ifndef FT_ALERTS_LIFE_PRIVATE_H
#define FT_ALERTS_LIFE_PRIVATE_H
#include "alerts/life.h"
#include "base/hash.h"

/* What an alert is about, besides metric and labels: a crossed limit and odd
 * behaviour are two things; anomaly, change and silence are one. */
enum aspect { ASPECT_BEHAVIOUR, ASPECT_LIMIT, ASPECT_TIMEOUT, ASPECT_LOSS, ASPECT_OUTAGE };

/* One detector on one statistic. */
struct voter {
    enum statistic statistic;
    char detector[DETECTOR_NAME_MAX];
    uint32_t history;      /* of windows: bit 0 the latest, set when bad */
    int64_t end_ns, window_ns; /* of the latest; windows are longer where counts are gathered */
    int64_t onset_ns;      /* of the current trouble */
    enum finding finding;
    enum severity severity;
    bool clean;            /* the latest was well below the threshold */
};

struct tracked {
    uint64_t key, source;
    enum aspect aspect;
    bool firing, raised;   /* raised: in the open window */
    bool new_normal;       /* in the last bad window a voter has taken the trouble for normal */
    uint64_t lost_told;    /* of a loss that goes on: as delivered last */
    uint32_t clean;        /* windows in a row */
    uint32_t voter_count;
    struct voter voters[VOTERS_MAX];
    int64_t heard_ns, cool_until_ns;
    enum severity cooled;  /* severity of the episode that is cooling down */
    uint64_t count;
    struct verdict lead;   /* the clearest verdict of the latest bad window */
    bool lead_convinced;
    struct alert alert;    /* as last delivered */
};

struct life {
    struct life_config config;
    void (*deliver)(void *self, struct alert *a);
    void *self;
    struct tracked **tracked;
    uint32_t count, capacity;
    struct hash_index by_key;
    struct life_totals totals;
};

/* For life_state.c: one more is known. */
void life_insert(struct life *life, struct tracked *t);

/* Transitions. */
void life_deliver(struct life *life, struct tracked *t);
void life_fire(struct life *life, struct tracked *t, int64_t time_ns);
void life_escalate(struct life *life, struct tracked *t);
void life_resolve(struct life *life, struct tracked *t, int64_t time_ns, const char *why);

/* The windows that count, as bits. */
uint32_t life_recent(const struct life *life, const struct voter *v);
/* Its last episode is over for so short a time that another, no worse, is not told. */
bool life_cooling(const struct tracked *t, int64_t time_ns);

/* What is said of it: a grade, an operation or a loss; and the end of a window. */
void life_take_grade(struct life *life, struct tracked *t, const struct verdict *v);
void life_raise(struct life *life, struct tracked *t, const struct verdict *v);
void life_step_firing(struct life *life, struct tracked *t, const struct window_done *w);
void life_step_quiet(struct life *life, struct tracked *t, const struct window_done *w);

#endif
