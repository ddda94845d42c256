/* observe.h - what a kernel analysis produces: observations. It says each fact once; who listens makes of it what he needs: live,
 * the windows of series (observe_window.c); in `foretrace report`, exact tables of the whole trace (report.h).
 *
 * An analysis declares observables (what can be observed, with named fields) and, in `emits`, what is made of them: each metric_info
 * with an observable groups its observations by some of the fields. Stable fields (procname, device, call) are labels of series;
 * the others (tid, address, path) are evidence, and labels in reports only. */
#ifndef FT_STREAM_OBSERVE_H
#define FT_STREAM_OBSERVE_H
#include "stream/meter.h"
#include <stdbool.h>
#include <stdint.h>

struct error;
struct stream;
struct text_list;

enum { OBSERVED_FIELDS_MAX = 12 };

/* What windows and reports make of values. */
enum measure {
    MEASURE_DURATION, /* value is ns from begin to end: a latency; METRIC_LATENCY */
    MEASURE_EVENTS,   /* each observation counts one, whatever its value; METRIC_COUNTER */
    MEASURE_AMOUNT,   /* value is added up: bytes, pages; METRIC_COUNTER */
    MEASURE_SHARE,    /* value is ns that something was so: the part of the window's time, 0 to 1 (above, where several are at a
                       * time); METRIC_VALUE */
    MEASURE_STATE     /* value is what something is from now on; METRIC_VALUE */
};

/* A kind of fact; static data of an analysis. */
struct observable {
    const char *name;
    enum measure measure;
    enum unit unit;                               /* of the value */
    const char *fields[OBSERVED_FIELDS_MAX];      /* names; ends with NULL where fewer */
};

/* One fact. fields in the order of the observable; VALUE_NONE: not known. Texts are the caller's. */
struct observed {
    int64_t begin_ns, end_ns; /* the same for what has no duration */
    int64_t value;
    const struct value *fields;
};

struct metric_info;
struct observer;

struct observer_spec {
    const char *analysis;              /* as in series */
    const struct observable *what;
    const struct metric_info *emits;   /* the analysis'; those of this observable are made */
    int64_t threshold_ns;              /* MEASURE_DURATION: exceedance above it; 0: none */
    /* "VALUE=TIME": another threshold (0s: none) where the first label of the first live metric is that; may be NULL. */
    const struct text_list *thresholds;
};

/* For an analysis' check(): each is VALUE=TIME. */
int thresholds_check(const struct text_list *thresholds, struct error *err);

/* What such a list says of a label, ns; -1: nothing. */
int64_t thresholds_find(const struct text_list *thresholds, const char *label);

/* The spec's texts stay valid; the stream frees observers when it closes. */
struct observer *observer_new(struct stream *s, const struct observer_spec *spec);

void observe(struct observer *o, const struct observed *x);
/* MEASURE_DURATION: something that waits by design (for a peer, a timer). How long says little, live: it goes to metrics with
 * FACE_WAITING and not to those with FACE_BUSY, and only thresholds that are set for its label apply. */
void observe_waiting(struct observer *o, const struct observed *x);
/* MEASURE_SHARE: how many things there are whose shares FACE_OF_ALL metrics add up (cpus), and whether these are all that there are;
 * 1 at first. */
void observer_parts(struct observer *o, uint32_t parts, bool all);
/* MEASURE_DURATION: an operation is still pending after `limit_ns` (at x->end_ns: start + limit), ended after all, or was given up.
 * Live only. */
void observe_overdue(struct observer *o, enum exceedance_kind kind, const struct observed *x, int64_t limit_ns);

/* ---- for the stream and the consumers ---- */

struct observer_group {
    const struct metric_info *metric;
    uint32_t by_count, by[LABELS_MAX];       /* indices of fields */
    uint32_t show_count, show[LABELS_MAX];
    struct family *family;                   /* live */
    struct meter_ref only;                   /* live, without labels */
    void *table;                             /* report */
};

struct observer {
    struct stream *stream;
    struct observer_spec spec;
    uint32_t field_count;
    uint32_t group_count;
    struct observer_group *groups;
    uint32_t parts;
    bool all_parts;
    bool waiting;                            /* within observe_waiting() */
    void *data;                              /* report */
    struct label_limit *limits;              /* live: spec.thresholds, taken apart */
    uint32_t limit_count;
    void *owned;                             /* what spec points into, freed with it; or NULL */
    /* Live, MEASURE_SHARE: */
    struct share *shares;
    uint32_t share_count, share_capacity;
    uint64_t suppressed;
};

/* What observations go to instead of windows. */
struct report_sink {
    void *self;
    void (*open)(void *self, struct observer *o);
    void (*observe)(void *self, struct observer *o, const struct observed *x);
    /* A counter of foretrace's own. */
    void (*count)(void *self, const struct stream *stream, const char *name, const char *analysis, uint64_t n);
    /* At the end: events (their names, separated by ", ") that an analysis waits for were not there. */
    void (*missing)(void *self, const struct stream *stream, const char *analysis, const char *events);
    /* A stream's first event, before anything is made of it. */
    void (*begin)(void *self, int64_t time_ns);
    int64_t begin_ns, end_ns; /* observations are cut there; INT64_MIN, INT64_MAX: not */
};

/* Whether anything is made of its observations: a metric need not have both faces. */
static inline bool observer_wanted(const struct observer *o)
{
    return o->group_count > 0;
}

void observer_free(struct observer *o);
/* Live: a window ends; shares become values. */
void observer_window(struct observer *o, int64_t begin_ns, int64_t end_ns);
/* observe_window.c */
void window_observe(struct observer *o, const struct observed *x);
void window_open(struct observer *o);

#endif
