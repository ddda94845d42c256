/* stream.h - the stream stage for one source: its analyses, windows and series. */
#ifndef FT_STREAM_STREAM_H
#define FT_STREAM_STREAM_H
#include "stream/analysis.h"
#include "stream/output.h"

/* Configuration of all streams; plain bytes, from the option table below. */
struct stream_config {
    struct duration window;       /* length of the tumbling windows */
    struct duration idle_after;   /* a series without observations for this long is purged */
    uint32_t max_series;          /* per source */
    uint32_t max_tasks;           /* per source, of the kernel's */
    struct size histogram_memory; /* per source */
};
extern const struct option stream_options[];

/* One configured analysis. */
struct analysis_instance {
    const struct analysis *analysis;
    void *config;
};

enum { STREAM_ANALYSES_MAX = 64 };

struct stream_setup {
    struct stream_config config;
    struct report_sink *report;   /* takes observations, and there are no windows but one; NULL: live */
    const struct analysis_instance *analyses;
    uint32_t analysis_count;
    struct output *output;
    /* Whether somebody wants the sketches of such a series; NULL: nobody wants any. */
    bool (*wants_sketch)(const void *self, const struct meter_description *d);
    const void *wants_sketch_self;
    /* Where sentences for people go. */
    void (*notice)(void *self, const char *text);
    void *notice_self;
};

struct hook {
    hook_fn fn;
    void *self, *data;
};

/* What a stream does with the events of one class. */
struct hooks {
    uint32_t count;
    struct hook *hooks;
    void **blocks;                /* from binder_alloc() */
    uint32_t block_count;
};

/* binder.c: offers a class to analyses; the work behind stream_bind(). */
struct hooks *binder_offer(struct stream *s, const struct event_class *class,
                           const struct analysis_instance *instances, void *const *selves, uint32_t count,
                           struct event_selection *ret_selection);
void hooks_free(struct hooks *hooks);

/* For binder.c and observe.c. */
struct kernel;
struct callstacks;
struct kernel *stream_has_kernel(const struct stream *s);
struct report_sink *stream_report(const struct stream *s);
struct callstacks **stream_callstacks(struct stream *s); /* NULL in it: none yet */
/* Whether a report has a begin or an end; then a hook of every class. */
bool stream_counts_within(const struct stream *s);
void stream_count_within(void *self, void *data, const struct event *event);
void stream_add_observer(struct stream *s, struct observer *o);
int64_t stream_idle_after(const struct stream *s);

/* setup stays valid until close; host and session are copied. */
struct stream *stream_open(const struct stream_setup *setup, const char *host, const char *session);
void stream_close(struct stream *s);
bool stream_is(const struct stream *s, const char *host, const char *session);
const char *stream_host(const struct stream *s);
const char *stream_session(const struct stream *s);

/* Offers a class to the analyses; what they hooked comes back, and in
 * ret_selection the fields they asked for. */
struct hooks *stream_bind(struct stream *s, const struct event_class *class, struct event_selection *ret_selection);

/* Time has come to time_ns: closes windows and fires timers that are due. */
void stream_advance(struct stream *s, int64_t time_ns);
void stream_lost(struct stream *s, const struct loss *loss);
/* How far event time has come; INT64_MIN: nothing was seen yet. */
int64_t stream_now(const struct stream *s);
/* An event, its class's hooks in hand. */
void stream_event(struct stream *s, const struct hooks *hooks, const struct event *event);
/* An event nobody hooked. time is not advanced. */
void stream_count_events(struct stream *s, uint64_t count);
/* Windows that end no later than until_ns are known to others already, or are to be known to nobody: they are made for the
 * state that comes of them, and not handed on. INT64_MAX: none are handed on until that is changed. */
void stream_hold(struct stream *s, int64_t until_ns);
/* Where the window that is open begins; INT64_MIN: there is none yet. */
int64_t stream_window(const struct stream *s);
/* No more events: closes the last window, which is partial. */
void stream_finish(struct stream *s);

struct stream_totals {
    uint64_t events_within;       /* of a report: from its begin to its end, both included; else as events */
    uint64_t events, discarded_events, lost_packets, outages, late_events;
    bool discarded_at_least;      /* the true counts are higher by an unknown number */
    uint64_t windows, samples, series;
    int64_t first_event_ns, last_event_ns; /* INT64_MIN: none */
};
void stream_add_totals(const struct stream *s, struct stream_totals *totals);

#endif
