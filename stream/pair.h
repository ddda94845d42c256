/* pair.h - a latency: operations between `begin` and `end` events, by the
 * pairing engine, as observations of a meter and as exceedances. Every latency
 * analysis is a description of one or more of these. */
#ifndef FT_STREAM_PAIR_H
#define FT_STREAM_PAIR_H
#include "stream/analysis.h"
#include "stream/pairing.h"

enum { PAIR_LABELS_MAX = LABELS_MAX, PAIR_EVIDENCE_MAX = 4 };

struct pair_spec {
    const char *analysis;                         /* as in series */
    uint32_t key_count;
    const char *begin_key[PAIRING_KEY_MAX];       /* fields of the begin event */
    const char *end_key[PAIRING_KEY_MAX];         /* of the end event, compared one by one */
    uint32_t label_count;
    const char *labels[PAIR_LABELS_MAX];          /* fields of the begin event, else of the end event */
    const char *constant_label, *constant_value;  /* one more label, the same for all; or NULL */
    uint32_t evidence_count;
    const char *evidence[PAIR_EVIDENCE_MAX];      /* fields kept for the worst operations */
    int64_t threshold_ns;                         /* exceedance above it; 0: none */
    int64_t timeout_ns, collect_ns;               /* 0: none, never */
    uint32_t max_pending;
    bool evict, worst_only;
    enum pairing_duplicates duplicates;
};

struct pair;

/* Where the fields of one event class are that a pair reads. */
struct pair_side {
    int key[PAIRING_KEY_MAX], labels[PAIR_LABELS_MAX], evidence[PAIR_EVIDENCE_MAX];
    int pid_ns;
};
/* Finds a field's place in an event's values; -1: none. binder_field() is one. */
typedef int (*field_lookup)(void *self, const char *name);

/* The texts of spec are copied. */
struct pair *pair_new(struct stream *stream, const struct pair_spec *spec);
void pair_free(struct pair *pair);

/* Resolves the fields of a class that begins or ends operations. -ENOENT when it
 * lacks a field of the key, which is named in err. */
int pair_side_init(struct pair *pair, struct pair_side *side, bool begins, field_lookup lookup, void *self,
                   const char *class_name, struct error *err);
void pair_begin(struct pair *pair, const struct pair_side *side, const struct event *event);
void pair_end(struct pair *pair, const struct pair_side *side, const struct event *event);

/* Events before end_ns may be missing. */
void pair_lost(struct pair *pair, int64_t end_ns);
/* Publishes what was skipped, evicted, ... since the last call. */
void pair_publish(struct pair *pair);
/* Publishes and ends the series of a pair with a constant label: it was none. */
void pair_retire(struct pair *pair);
const struct pairing_counts *pair_counts(const struct pair *pair);

#endif
