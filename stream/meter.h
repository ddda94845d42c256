/* meter.h - meters: one metric under one set of labels, with what it has
 * gathered in the open window. The registry bounds how many there are, finds
 * them by their labels, keeps them in order of name, and purges idle ones. */
#ifndef FT_STREAM_METER_H
#define FT_STREAM_METER_H
#include "base/hash.h"
#include "collector/event.h"
#include "stream/sample.h"
#include "stream/sketch/histogram.h"
#include <stdbool.h>
#include <stdint.h>

/* A label's value as it comes from events: numbers by value, text by content. */
struct label_key {
    uint32_t count;
    struct value values[LABELS_MAX];
};

struct meter {
    uint32_t id, generation;   /* generation changes when the meter is purged: see struct meter_ref */
    bool in_use, described;
    bool sketched;             /* its samples have the sketch, too */
    uint32_t wire_id;          /* what messages call it, once described */
    struct family *family;
    uint64_t hash;             /* of its labels */
    struct label_key key;      /* texts point into `texts` */
    char *texts, *name;        /* name: ANALYSIS.METRIC{LABELS}, what meters are ordered by */
    int64_t active_ns;         /* end of the last window in which something happened */
    /* The open window: */
    uint64_t count;
    double last;
    struct histogram histogram;
    uint32_t exceedances;      /* sent in this window */
    double worst_exceedance;
    double worst_floor;        /* what an operation must exceed to be among the worst */
    uint32_t worst_count;
    struct operation *worst;   /* WORST_MAX, descending by value; latency metrics only */
    /* Across windows: */
    uint64_t overdue;          /* operations pending beyond their timeout */
    uint32_t share;            /* where its observer keeps the share it gathers (observe_window.c) */
};

/* A meter that may be purged in the meantime. */
struct meter_ref {
    struct meter *meter;
    uint32_t generation;
};

/* One metric of one analysis; its meters differ in label values. */
struct family {
    char analysis[NAME_TEXT_MAX], metric[NAME_TEXT_MAX];
    enum metric_kind kind;
    enum unit unit;
    bool detail;
    bool own;                  /* foretrace's counters: max_series does not bound them, their number does */
    uint32_t label_count;
    char label_names[LABELS_MAX][FIELD_NAME_MAX];
    struct meter_registry *registry;
    struct hash_index index;   /* label hash -> number of the meter in the registry */
};

struct meter_registry {
    const char *host, *session;
    uint32_t max_series, series;
    struct meter **meters;     /* by id; ids are used again after a purge */
    uint32_t count, capacity;
    uint32_t *free_ids, free_count, free_capacity;
    struct meter **ordered;    /* by name; rebuilt when there are new ones */
    uint32_t ordered_count, ordered_capacity;
    bool ordered_valid;
    struct family **families;
    uint32_t family_count, family_capacity;
    struct histogram_pool pool;
    uint64_t refused;          /* observations of series beyond the bound */
    uint64_t created;          /* series, ever */
};

/* host and session are the caller's and stay. */
void meter_registry_init(struct meter_registry *reg, const char *host, const char *session, uint32_t max_series,
                         uint64_t histogram_bytes);
void meter_registry_done(struct meter_registry *reg);

/* The family of that name, made if there is none yet (its kind and labels must then agree). */
struct family *family_get(struct meter_registry *reg, const char *analysis, const char *metric,
                          enum metric_kind kind, enum unit unit, bool detail, const char *const *label_names,
                          uint32_t label_count);
/* The meter with these label values, made if needed. When max_series leaves no room for its statistics that is counted in
 * `refused`, and the family's meter of the others is meant, whose label values are "(other)": one a family beyond the
 * bound. A METRIC_VALUE has none, nor has a family without labels: NULL. */
struct meter *family_meter(struct family *family, const struct label_key *key);

static inline struct meter_ref meter_ref(struct meter *m)
{
    return (struct meter_ref){ m, m ? m->generation : 0 };
}
static inline struct meter *meter_get(struct meter_ref ref)
{
    return ref.meter && ref.meter->generation == ref.generation ? ref.meter : NULL;
}

/* Something happened n times. */
static inline void meter_count(struct meter *m, uint64_t n)
{
    m->count += n;
}
/* One observation of a value. */
static inline void meter_observe(struct meter *m, double value)
{
    m->count++;
    m->last = value;
    histogram_add(&m->histogram, &m->family->registry->pool, value);
}
/* Whether an operation with this value would be among the worst of the window. */
static inline bool meter_wants_operation(const struct meter *m, double value)
{
    return value > m->worst_floor;
}
/* Where to write it: a cleared place, already in order. */
struct operation *meter_worst(struct meter *m, double value);

/* All meters in order of name. */
struct meter *const *meter_registry_ordered(struct meter_registry *reg, uint32_t *ret_count);
void meter_describe(const struct meter *m, struct meter_description *ret_description);
/* Fills the sample of the open window and clears it. window_end_ns marks activity. */
void meter_take(struct meter *m, int64_t window_begin_ns, int64_t window_end_ns, struct meter_sample *ret_sample);
/* Forgets a meter. */
void meter_purge(struct meter_registry *reg, struct meter *m);

/* Cuts a longer text to capacity (at least 16) bytes in buffer, a hash of the whole
 * at its end: texts that begin alike stay apart. False when nothing was cut. */
bool value_shorten(struct value *v, char *buffer, size_t capacity);
/* A value as text for people. */
void value_text(const struct value *v, char *buffer, size_t capacity);

#endif
