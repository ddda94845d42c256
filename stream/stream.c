#include "stream/stream_private.h"
#include "base/bytes.h"
#include "base/text.h"
#include "stream/callstack.h"
#include "stream/kernel.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct option stream_options[] = {
    OPTION(struct stream_config, window, 0.001, 3600, "1s", "length of a window, in event time"),
    OPTION(struct stream_config, idle_after, 1, 604800, "10m", "forget a series after this long without an event"),
    OPTION(struct stream_config, max_series, 16, 10000000, "20000", "series per session; what is beyond is taken together, and counted"),
    OPTION(struct stream_config, max_tasks, 8192, 4194304, "131072", "threads of the traced kernel that are known at a time; beyond it those not seen for longest are forgotten and counted"),
    OPTION(struct stream_config, histogram_memory, 65536, 68719476736.0, "64MiB", "memory for histograms, per session"),
    OPTION_END
};

/* ---- opening and closing ---- */

struct stream *stream_open(const struct stream_setup *setup, const char *host, const char *session)
{
    struct stream *s = xcalloc(1, sizeof(*s));
    assert(setup->analysis_count <= STREAM_ANALYSES_MAX);
    s->setup = setup;
    seen_init(&s->seen);
    s->host = xstrdup(host);
    s->session = xstrdup(session);
    meter_registry_init(&s->meters, s->host, s->session, setup->config.max_series,
                        setup->config.histogram_memory.bytes);
    s->now_ns = s->lossy_until_ns = s->outage_until_ns = s->lossy_before_ns = s->hold_ns = INT64_MIN;
    s->next_stop_ns = INT64_MIN; /* the first event stops */
    s->next_due_ns = INT64_MAX;
    s->totals.first_event_ns = s->totals.last_event_ns = INT64_MIN;
    for (uint32_t i = 0; i < setup->analysis_count; i++)
        s->instances[i] = setup->analyses[i].analysis->open(setup->analyses[i].config, s);
    return s;
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->setup->analysis_count; i++)
        s->setup->analyses[i].analysis->close(s->instances[i]);
    for (uint32_t i = 0; i < s->observer_count; i++)
        observer_free(s->observers[i]);
    free(s->observers);
    kernel_free(s->kernel);
    callstacks_free(s->callstacks);
    meter_registry_done(&s->meters);
    seen_done(&s->seen);
    free(s->host);
    free(s->session);
    free(s);
}

bool stream_is(const struct stream *s, const char *host, const char *session)
{
    return strcmp(s->host, host) == 0 && strcmp(s->session, session) == 0;
}

const char *stream_host(const struct stream *s)
{
    return s->host;
}

const char *stream_session(const struct stream *s)
{
    return s->session;
}

struct hooks *stream_bind(struct stream *s, const struct event_class *class, struct event_selection *ret_selection)
{
    seen_add(&s->seen, class->name);
    return binder_offer(s, class, s->setup->analyses, s->instances, s->setup->analysis_count, ret_selection);
}

struct kernel *stream_kernel(struct stream *s, uint32_t parts)
{
    if (!s->kernel)
        s->kernel = kernel_new(s, s->setup->config.max_tasks);
    s->kernel->parts |= parts | (parts & (KERNEL_FILES | KERNEL_SYSCALLS) ? KERNEL_TASKS : 0);
    return s->kernel;
}

struct kernel *stream_has_kernel(const struct stream *s)
{
    return s->kernel;
}

const struct seen *stream_seen(const struct stream *s)
{
    return &s->seen;
}

struct report_sink *stream_report(const struct stream *s)
{
    return s->setup->report;
}

struct callstacks **stream_callstacks(struct stream *s)
{
    return &s->callstacks;
}

int64_t stream_idle_after(const struct stream *s)
{
    return s->setup->config.idle_after.ns;
}

void stream_add_observer(struct stream *s, struct observer *o)
{
    GROW(s->observers, s->observer_count, s->observer_capacity);
    s->observers[s->observer_count++] = o;
}

struct meter_registry *stream_meters(struct stream *s)
{
    return &s->meters;
}

void stream_notice(struct stream *s, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (s->setup->notice)
        s->setup->notice(s->setup->notice_self, text);
}

/* ---- timers ---- */

void stream_reckon_stop(struct stream *s)
{
    s->next_due_ns = INT64_MAX;
    for (uint32_t i = 0; i < s->timer_count; i++)
        if (s->timers[i].due_ns < s->next_due_ns)
            s->next_due_ns = s->timers[i].due_ns;
    if (s->now_ns == INT64_MIN)
        return;
    s->next_stop_ns = s->window_end_ns;
    if (s->next_due_ns < s->window_end_ns)
        s->next_stop_ns = s->next_due_ns + 1;
}

uint32_t stream_timer(struct stream *s, timer_fn fn, void *self)
{
    uint32_t i = 0;
    while (i < s->timer_count && s->timers[i].fn)
        i++;
    assert(i < TIMERS_MAX);
    s->timers[i] = (struct timer){ .fn = fn, .self = self, .due_ns = INT64_MAX };
    if (i == s->timer_count)
        s->timer_count++;
    return i;
}

void stream_timer_remove(struct stream *s, uint32_t timer)
{
    s->timers[timer] = (struct timer){ .due_ns = INT64_MAX };
}

void stream_timer_due(struct stream *s, uint32_t timer, int64_t due_ns)
{
    if (due_ns >= s->timers[timer].due_ns)
        return;
    s->timers[timer].due_ns = due_ns;
    stream_reckon_stop(s);
}

/* Fires what is due before limit_ns, in order of time whatever the analysis. */
void stream_run_timers(struct stream *s, int64_t limit_ns)
{
    while (s->next_due_ns < limit_ns) {
        int64_t due_ns = s->next_due_ns;
        for (uint32_t i = 0; i < s->timer_count; i++)
            if (s->timers[i].due_ns == due_ns)
                s->timers[i].due_ns = s->timers[i].fn(s->timers[i].self, due_ns + 1);
        stream_reckon_stop(s);
    }
}

/* Observation begins with the first event, in a replay as in a live session:
 * what beacons and packets say of the time before depends on who looked when. */
static void begin_observing(struct stream *s, int64_t time_ns)
{
    s->now_ns = s->observed_from_ns = s->totals.first_event_ns = time_ns;
    if (s->setup->report)
        s->setup->report->begin(s->setup->report->self, time_ns);
    stream_open_window(s, s->setup->report ? time_ns : stream_floor(time_ns, s->setup->config.window.ns));
}

void stream_advance(struct stream *s, int64_t time_ns)
{
    if (s->now_ns == INT64_MIN)
        return;
    if (time_ns > s->now_ns)
        s->now_ns = time_ns;
    if (time_ns < s->next_stop_ns)
        return;
    stream_close_windows(s, time_ns);
    stream_run_timers(s, time_ns);
}

int64_t stream_now(const struct stream *s)
{
    return s->now_ns;
}

static __attribute__((noinline)) void run_hooks(const struct hooks *hooks, const struct event *event)
{
    for (uint32_t i = 0; i < hooks->count; i++)
        hooks->hooks[i].fn(hooks->hooks[i].self, hooks->hooks[i].data, event);
}

/* A window ends, a timer is due, nothing was seen before, or time goes back. */
static __attribute__((noinline)) void event_out_of_line(struct stream *s, const struct hooks *hooks, const struct event *event)
{
    if (s->now_ns == INT64_MIN)
        begin_observing(s, event->time_ns);
    if (event->time_ns >= s->next_stop_ns)
        stream_advance(s, event->time_ns);
    if (event->time_ns >= s->now_ns) {
        s->now_ns = event->time_ns;
    } else if (event->time_ns < s->window_begin_ns) {
        s->totals.late_events++;
        s->late_in_window++;
        stream_count(s, "late_events", "", 1);
        return;
    }
    s->totals.last_event_ns = s->now_ns;
    run_hooks(hooks, event);
}

void stream_event(struct stream *s, const struct hooks *hooks, const struct event *event)
{
    int64_t time_ns = event->time_ns;
    s->totals.events++;
    if (time_ns >= s->next_stop_ns || time_ns < s->now_ns) {
        event_out_of_line(s, hooks, event);
        return;
    }
    s->now_ns = s->totals.last_event_ns = time_ns;
    if (hooks->count == 1)
        hooks->hooks[0].fn(hooks->hooks[0].self, hooks->hooks[0].data, event);
    else
        run_hooks(hooks, event);
}

void stream_count_events(struct stream *s, uint64_t count)
{
    s->totals.events += count;
}

void stream_hold(struct stream *s, int64_t until_ns)
{
    s->hold_ns = until_ns;
}

int64_t stream_window(const struct stream *s)
{
    return s->now_ns == INT64_MIN ? INT64_MIN : s->window_begin_ns;
}

void stream_finish(struct stream *s)
{
    if (s->now_ns != INT64_MIN) {
        stream_run_timers(s, s->now_ns);
        stream_close_window(s, true);
    }
    seen_report(&s->seen, s->setup->analyses, s->setup->analysis_count, s);
}

void stream_exceed(struct stream *s, struct meter *m, struct exceedance *x)
{
    if (x->time_ns < s->hold_ns || s->setup->report)
        return;
    stream_describe(s, m);
    x->meter = m->wire_id;
    x->pending = m->overdue;
    output_exceedance(s->setup->output, x);
}

bool stream_counts_within(const struct stream *s)
{
    const struct report_sink *report = s->setup->report;
    return report && (report->begin_ns != INT64_MIN || report->end_ns != INT64_MAX);
}

void stream_count_within(void *self, void *data, const struct event *event)
{
    struct stream *s = self;
    (void)data;
    s->totals.events_within += event->time_ns >= s->setup->report->begin_ns && event->time_ns <= s->setup->report->end_ns;
}

void stream_add_totals(const struct stream *s, struct stream_totals *t)
{
    const struct stream_totals *own = &s->totals;
    t->events_within += stream_counts_within(s) ? own->events_within : own->events;
    t->events += own->events;
    t->discarded_events += own->discarded_events;
    t->lost_packets += own->lost_packets;
    t->outages += own->outages;
    t->late_events += own->late_events;
    t->discarded_at_least |= own->discarded_at_least;
    t->windows += own->windows;
    t->samples += own->samples;
    t->series += s->meters.created;
    if (own->first_event_ns != INT64_MIN && (t->first_event_ns == INT64_MIN || own->first_event_ns < t->first_event_ns))
        t->first_event_ns = own->first_event_ns;
    if (own->last_event_ns > t->last_event_ns)
        t->last_event_ns = own->last_event_ns;
}
