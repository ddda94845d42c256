/* analysis.h - what every analysis is, and what the stream offers it.
 *
 * An analysis names the events, fields and contexts it needs; is shown every
 * event class once, and hooks those it wants; and hands observations to meters.
 * It reads no clock and does no I/O: time is what events say. Adding one is one
 * file in analyses/ and one line in analyses.def. */
#ifndef FT_STREAM_ANALYSIS_H
#define FT_STREAM_ANALYSIS_H
#include "base/option.h"
#include "collector/event.h"
#include "stream/meter.h"
#include "stream/needs.h"
#include "stream/observe.h"
#include "stream/sample.h"

struct stream; /* one source's windows, series and timers */
struct kernel_hook;
struct binder; /* one event class being offered */

/* Where a metric is made of observations (stream/observe.h). */
enum metric_face {
    FACE_LIVE = 1,   /* series of windows */
    FACE_DETAIL = 2, /* ... that only explicit rules judge */
    FACE_REPORT = 4, /* a table of `foretrace report` */
    FACE_OF_ALL = 8, /* a share is that of all parts together: observer_parts() */
    FACE_BUSY = 16,  /* live, without what waits by design: observe_waiting() */
    FACE_WAITING = 32, /* live, with nothing else */
    FACE_OVERVIEW = 64 /* a table that is shown in short when nothing is asked for */
};

/* What a metric is, for `foretrace list` and the manual. */
struct metric_info {
    const char *name, *help;
    enum metric_kind kind;
    enum unit unit;
    /* Kernel analyses: the observable's name and its fields by which it is kept apart; show: fields of which the report shows the
     * latest value beside. */
    const char *of;
    uint32_t faces;
    const char *by[LABELS_MAX], *show[LABELS_MAX];
};

#define METRIC(metric, what_it_is, metric_kind, metric_unit) { .name = (metric), .help = (what_it_is), .kind = (metric_kind), .unit = (metric_unit) }
/* Made of the observable `what`, kept apart by the fields that follow (NULL: by none). */
#define METRIC_OF(what, metric, what_it_is, metric_kind, metric_unit, where, ...)                                                         \
    { .name = (metric), .help = (what_it_is), .kind = (metric_kind), .unit = (metric_unit), .of = (what), .faces = (where), .by = { __VA_ARGS__ } }
/* By one field, with another one shown beside: tid and procname. */
#define METRIC_SHOWING(what, metric, what_it_is, metric_kind, metric_unit, where, field, beside)                                          \
    { .name = (metric), .help = (what_it_is), .kind = (metric_kind), .unit = (metric_unit), .of = (what), .faces = (where), .by = { field }, .show = { beside } }
#define METRIC_END { .name = NULL }

struct analysis {
    const char *name;
    const char *summary;
    const struct option *options;
    size_t config_size;
    const struct metric_info *emits; /* ends with a NULL name */
    /* What its series go by where there is no option `name`; ends with NULL. */
    const char *const *names;
    /* Relations between options; optional. */
    int (*check)(const void *config, struct error *err);
    /* A kernel analysis with one table of them, for which the struct kernel that it opened with is asked: they are needed, and bound; then
     * needs() and bind() may be NULL. And the parts of the kernel's state (KERNEL_TASKS ...) that must be traced for it. */
    const struct kernel_hook *hooks;
    uint32_t kernel_parts;
    /* The events, contexts and filters that must be traced for it. */
    void (*needs)(const void *config, struct needs *needs);
    /* config stays valid until close. */
    void *(*open)(const void *config, struct stream *stream);
    void (*close)(void *self);
    /* An event class appears (again with the same name after a reader started anew). */
    void (*bind)(void *self, struct binder *binder);
    /* Events of [begin_ns, end_ns) may be missing; optional. */
    void (*lost)(void *self, int64_t begin_ns, int64_t end_ns);
    /* A window is about to be closed: publish counters kept aside; optional. */
    void (*window)(void *self);
};

/* NULL-terminated, in the order of analyses.def. */
extern const struct analysis *const analyses[];
const struct analysis *analysis_find(const char *name);
/* All that must be traced for an analysis. */
void analysis_needs(const struct analysis *a, const void *config, struct needs *needs);

/* ---- within bind() ---- */

const struct event_class *binder_class(const struct binder *b);
/* The place of a field in an event's values, asking for it to be extracted; -1
 * when the class has none of that name (or EVENT_VALUES_MAX are asked for).
 * "NAME" is looked for in payload, event context, channel context and packet
 * context, in this order; "payload.NAME" and "ctx.NAME" look in one of them. */
int binder_field(struct binder *b, const char *name);
/* The same for a field of VALUE_BYTES (event.h). */
int binder_bytes(struct binder *b, const char *name);
/* The description of a field that binder_field() would find; NULL when there is none. */
const struct field *binder_peek(const struct binder *b, const char *name);
/* "vtid" for "ctx.vtid": a field's name as people should see it. */
const char *field_plain_name(const char *name);
/* Memory that lives as long as the hook, zeroed. */
void *binder_alloc(struct binder *b, size_t size);
/* fn is called for each event of the class, in the order of hooks. */
typedef void (*hook_fn)(void *self, void *data, const struct event *event);
void binder_hook(struct binder *b, hook_fn fn, void *self, void *data);

/* ---- at any time ---- */

struct meter_registry *stream_meters(struct stream *s);
/* A sentence for the person who runs the monitor. */
void stream_notice(struct stream *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Adds to a counter of foretrace's own, published as the series
 * foretrace.NAME{analysis=...} and watched like any other. */
void stream_count(struct stream *s, const char *name, const char *analysis, uint64_t n);
/* Sends an exceedance at once; the meter's id and overdue count are filled in. */
void stream_exceed(struct stream *s, struct meter *m, struct exceedance *x);

/* The window that is open: within window(), the time from which and up to which something was observed (its end may come before
 * the window's, when there are no more events). */
void stream_span(const struct stream *s, int64_t *ret_begin_ns, int64_t *ret_end_ns);

/* Forgets a meter; its reference goes stale. */
void stream_retire(struct stream *s, struct meter *m);

/* A timer on event time. fn is called with an instant after due_ns, before any
 * event or window end beyond it, and returns the next due time (INT64_MAX: none). */
typedef int64_t (*timer_fn)(void *self, int64_t now_ns);
uint32_t stream_timer(struct stream *s, timer_fn fn, void *self);
void stream_timer_remove(struct stream *s, uint32_t timer);
/* Something became due earlier than the timer knows. */
void stream_timer_due(struct stream *s, uint32_t timer, int64_t due_ns);

#endif
