/* stream_private.h - what the files of the stream share. */
#ifndef FT_STREAM_STREAM_PRIVATE_H
#define FT_STREAM_STREAM_PRIVATE_H
#include "stream/seen.h"
#include "stream/stream.h"

enum { TIMERS_MAX = 512, COUNTERS_MAX = 256 };

struct timer {
    timer_fn fn;
    void *self;
    int64_t due_ns;
};

/* A counter of foretrace's own, until the window's end. */
struct own_counter {
    char name[FIELD_NAME_MAX], analysis[NAME_TEXT_MAX];
    uint64_t pending;
};

struct stream {
    const struct stream_setup *setup;
    char *host, *session;
    struct meter_registry meters;
    void *instances[STREAM_ANALYSES_MAX];
    struct timer timers[TIMERS_MAX];
    uint32_t timer_count;
    struct seen seen;
    struct own_counter counters[COUNTERS_MAX];
    uint32_t counter_count;
    struct kernel *kernel;       /* NULL: no analysis asked for it */
    struct callstacks *callstacks; /* NULL: the trace has none, or there is no report */
    struct observer **observers;
    uint32_t observer_count, observer_capacity;

    int64_t now_ns;              /* INT64_MIN: nothing seen yet */
    int64_t observed_from_ns;    /* windows that begin before are partial */
    int64_t window_begin_ns, window_end_ns;
    int64_t next_due_ns;         /* earliest timer */
    int64_t next_stop_ns;        /* window end, or the instant after the earliest timer */
    int64_t lossy_until_ns, outage_until_ns;
    int64_t lossy_before_ns;     /* lossy_until_ns, before a partial outage that goes on */
    int64_t hold_ns;             /* windows up to here are not handed on */
    uint64_t lost_in_window, late_in_window;
    uint64_t refused_before, unplaced_before;
    bool refusal_told, ended;
    struct stream_totals totals;
    struct meter_sample sample;  /* scratch */
};

/* stream_window.c */
void stream_open_window(struct stream *s, int64_t begin_ns);
/* Closes windows up to time_ns. */
void stream_close_windows(struct stream *s, int64_t time_ns);
/* cut_short: there are no more events. */
void stream_close_window(struct stream *s, bool cut_short);
/* Samples and exceedances follow the description of what they are of. */
void stream_describe(struct stream *s, struct meter *m);
int64_t stream_floor(int64_t time_ns, int64_t step_ns);

/* stream.c */
void stream_reckon_stop(struct stream *s);
/* Fires what is due before limit_ns, in order of time whatever the analysis. */
void stream_run_timers(struct stream *s, int64_t limit_ns);

#endif
