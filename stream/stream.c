#include "stream/stream.h"
#include "base/bytes.h"
#include "base/text.h"
#include "stream/seen.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct option stream_options[] = {
    OPTION(struct stream_config, window, 0.001, 3600, "1s", "length of a window, in event time"),
    OPTION(struct stream_config, idle_after, 1, 604800, "10m", "forget a series after this long without an event"),
    OPTION(struct stream_config, max_series, 16, 10000000, "20000", "series per session; what is beyond is refused and counted"),
    OPTION(struct stream_config, histogram_memory, 65536, 68719476736.0, "64MiB", "memory for histograms, per session"),
    OPTION_END
};

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
    bool refusal_told;
    struct stream_totals totals;
    struct meter_sample sample;  /* scratch */
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

struct hooks *stream_bind(struct stream *s, const struct event_class *class, struct event_selection *ret_selection)
{
    seen_add(&s->seen, class->name);
    return binder_offer(s, class, s->setup->analyses, s->instances, s->setup->analysis_count, ret_selection);
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

static void reckon_next_stop(struct stream *s)
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
    reckon_next_stop(s);
}

/* Fires what is due before limit_ns, in order of time whatever the analysis. */
static void run_timers(struct stream *s, int64_t limit_ns)
{
    while (s->next_due_ns < limit_ns) {
        int64_t due_ns = s->next_due_ns;
        for (uint32_t i = 0; i < s->timer_count; i++)
            if (s->timers[i].due_ns == due_ns)
                s->timers[i].due_ns = s->timers[i].fn(s->timers[i].self, due_ns + 1);
        reckon_next_stop(s);
    }
}

/* ---- foretrace's own counters ---- */

void stream_count(struct stream *s, const char *name, const char *analysis, uint64_t n)
{
    if (n == 0)
        return;
    for (uint32_t i = 0; i < s->counter_count; i++) {
        struct own_counter *c = &s->counters[i];
        if (strcmp(c->name, name) == 0 && strcmp(c->analysis, analysis) == 0) {
            c->pending += n;
            return;
        }
    }
    if (s->counter_count == COUNTERS_MAX - 1 && strcmp(name, "other") != 0) {
        stream_count(s, "other", "", n); /* the last one, for all that have no room */
        return;
    }
    struct own_counter *c = &s->counters[s->counter_count++];
    text_copy(c->name, sizeof(c->name), name);
    text_copy(c->analysis, sizeof(c->analysis), analysis);
    c->pending = n;
}

static void publish_counters(struct stream *s)
{
    static const char *const label = "analysis";
    const struct meter_registry *reg = &s->meters;
    stream_count(s, "refused_observations", "", reg->refused - s->refused_before);
    stream_count(s, "unplaced_observations", "", reg->pool.unplaced - s->unplaced_before);
    s->refused_before = reg->refused;
    s->unplaced_before = reg->pool.unplaced;
    for (uint32_t i = 0; i < s->counter_count; i++) {
        struct own_counter *c = &s->counters[i];
        bool labelled = c->analysis[0] != '\0';
        struct label_key key = { .count = labelled };
        if (c->pending == 0)
            continue;
        key.values[0] = (struct value){ .kind = VALUE_TEXT, .size = (uint32_t)strlen(c->analysis), .text = c->analysis };
        struct family *f = family_get(&s->meters, "foretrace", c->name, METRIC_COUNTER, UNIT_NONE, true,
                                      labelled ? &label : NULL, labelled);
        struct meter *m = family_meter(f, &key);
        if (m)
            meter_count(m, c->pending);
        c->pending = 0;
    }
    if (reg->refused > 0 && !s->refusal_told) {
        s->refusal_told = true;
        stream_notice(s, "the bound of %u series is reached: further series are refused and counted "
                         "(foretrace.refused_observations); raise max_series or use fewer labels",
                      reg->max_series);
    }
}

/* ---- windows ---- */

static int64_t floor_to(int64_t time_ns, int64_t step_ns)
{
    int64_t rest = time_ns % step_ns;
    return time_ns - (rest < 0 ? rest + step_ns : rest);
}

static void open_window(struct stream *s, int64_t begin_ns)
{
    s->window_begin_ns = begin_ns;
    s->window_end_ns = begin_ns + s->setup->config.window.ns;
    s->lost_in_window = s->late_in_window = 0;
    reckon_next_stop(s);
}

static uint32_t window_quality(const struct stream *s, bool cut_short)
{
    uint32_t quality = 0;
    if (s->window_begin_ns < s->lossy_until_ns || s->lost_in_window > 0)
        quality |= QUALITY_LOSSY;
    if (s->late_in_window > 0)
        quality |= QUALITY_LATE;
    if (s->window_begin_ns < s->observed_from_ns || s->window_begin_ns < s->outage_until_ns || cut_short)
        quality |= QUALITY_PARTIAL;
    return quality;
}

/* Samples and exceedances follow the description of what they are of. */
static void describe_once(struct stream *s, struct meter *m)
{
    struct meter_description d;
    if (m->described)
        return;
    m->wire_id = output_new_id(s->setup->output);
    m->described = true;
    meter_describe(m, &d);
    output_meter(s->setup->output, &d);
}

static void emit_meter(struct stream *s, struct meter *m)
{
    describe_once(s, m);
    meter_take(m, s->window_begin_ns, s->window_end_ns, &s->sample);
    output_sample(s->setup->output, &s->sample);
    s->totals.samples += s->sample.value_count;
}

void stream_retire(struct stream *s, struct meter *m)
{
    if (m->described)
        output_retired(s->setup->output, m->wire_id);
    meter_purge(&s->meters, m);
}

/* Purged are series idle for long, but not one with operations overdue: its
 * alert waits for their end. */
static void purge_idle(struct stream *s)
{
    uint32_t count;
    int64_t oldest_ns = s->window_end_ns - s->setup->config.idle_after.ns;
    struct meter *const *meters = meter_registry_ordered(&s->meters, &count);
    uint64_t purged = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (meters[i]->active_ns >= oldest_ns || meters[i]->overdue > 0)
            continue;
        stream_retire(s, meters[i]);
        purged++;
    }
    stream_count(s, "purged_series", "", purged);
}

static void hand_on_window(struct stream *s, bool cut_short, struct meter *const *meters, uint32_t count)
{
    struct output *out = s->setup->output;
    struct window_header header = { .begin_ns = s->window_begin_ns,
                                    .end_ns = s->window_end_ns,
                                    .quality = window_quality(s, cut_short),
                                    .lost = s->lost_in_window };
    text_copy(header.host, sizeof(header.host), s->host);
    text_copy(header.session, sizeof(header.session), s->session);
    output_window_begin(out, &header);
    for (uint32_t i = 0; i < count; i++)
        emit_meter(s, meters[i]);
    output_window_end(out);
    s->totals.windows++;
}

static void close_window(struct stream *s, bool cut_short)
{
    uint32_t count;
    for (uint32_t i = 0; i < s->setup->analysis_count; i++)
        if (s->setup->analyses[i].analysis->window)
            s->setup->analyses[i].analysis->window(s->instances[i]);
    publish_counters(s);
    struct meter *const *meters = meter_registry_ordered(&s->meters, &count);
    if (s->window_end_ns > s->hold_ns)
        hand_on_window(s, cut_short, meters, count);
    else
        for (uint32_t i = 0; i < count; i++)
            meter_take(meters[i], s->window_begin_ns, s->window_end_ns, &s->sample);
    purge_idle(s);
}

/* Closes windows up to time_ns. Once no series is left to say zero for, the
 * rest of a gap is jumped over: a trace may pause for days. */
static void close_windows(struct stream *s, int64_t time_ns)
{
    while (time_ns >= s->window_end_ns) {
        int64_t next_ns = s->window_end_ns;
        run_timers(s, s->window_end_ns);
        close_window(s, false);
        if (s->meters.series == 0)
            next_ns = floor_to(time_ns, s->setup->config.window.ns);
        open_window(s, next_ns);
    }
}

/* Observation begins with the first event, in a replay as in a live session:
 * what beacons and packets say of the time before depends on who looked when. */
static void begin_observing(struct stream *s, int64_t time_ns)
{
    s->now_ns = s->observed_from_ns = s->totals.first_event_ns = time_ns;
    open_window(s, floor_to(time_ns, s->setup->config.window.ns));
}

void stream_advance(struct stream *s, int64_t time_ns)
{
    if (s->now_ns == INT64_MIN)
        return;
    if (time_ns > s->now_ns)
        s->now_ns = time_ns;
    if (time_ns < s->next_stop_ns)
        return;
    close_windows(s, time_ns);
    run_timers(s, time_ns);
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
    if (s->now_ns == INT64_MIN)
        return;
    run_timers(s, s->now_ns);
    close_window(s, true);
    seen_report(&s->seen, s->setup->analyses, s->setup->analysis_count, s);
}

/* ---- loss ---- */

/* Of what is not handed on losses in the trace were told before; when nobody could read it was not. */
static void forward_loss(struct stream *s, const struct loss *loss)
{
    if (loss->end_ns <= s->hold_ns && loss->kind != LOSS_OUTAGE)
        return;
    struct loss_record record = { .kind = loss->kind,
                                  .count = loss->count,
                                  .at_least = loss->at_least,
                                  .ongoing = loss->ongoing,
                                  .begin_ns = loss->begin_ns,
                                  .end_ns = loss->end_ns };
    text_copy(record.host, sizeof(record.host), s->host);
    text_copy(record.session, sizeof(record.session), s->session);
    text_copy(record.reason, sizeof(record.reason), loss->reason);
    output_loss(s->setup->output, &record);
}

static void count_loss(struct stream *s, const struct loss *loss)
{
    s->totals.discarded_at_least |= loss->at_least || loss->kind != LOSS_EVENTS;
    switch (loss->kind) {
    case LOSS_EVENTS:
        s->totals.discarded_events += loss->count;
        stream_count(s, "discarded_events", "", loss->count);
        break;
    case LOSS_PACKETS:
        s->totals.lost_packets += loss->count;
        stream_count(s, "lost_packets", "", loss->count);
        break;
    case LOSS_OUTAGE:
        s->totals.outages++;
        stream_count(s, "outages", "", 1);
        break;
    }
}

/* While it goes on, windows are lossy that are made of the rest. */
static void begin_partial_outage(struct stream *s)
{
    if (s->lossy_until_ns != INT64_MAX)
        s->lossy_before_ns = s->lossy_until_ns;
    s->lossy_until_ns = INT64_MAX;
}

static void mark_lossy(struct stream *s, const struct loss *loss)
{
    if (loss->partly && s->lossy_until_ns == INT64_MAX)
        s->lossy_until_ns = s->lossy_before_ns;
    if (loss->end_ns > s->lossy_until_ns)
        s->lossy_until_ns = loss->end_ns;
    if (loss->kind == LOSS_OUTAGE && !loss->partly && loss->end_ns > s->outage_until_ns)
        s->outage_until_ns = loss->end_ns;
}

void stream_lost(struct stream *s, const struct loss *loss)
{
    if (loss->ongoing && loss->partly)
        begin_partial_outage(s);
    if (!loss->ongoing && loss->count > 0) {
        if (loss->begin_ns > s->now_ns && loss->begin_ns != INT64_MIN)
            stream_advance(s, loss->begin_ns);
        count_loss(s, loss);
        s->lost_in_window += loss->kind == LOSS_EVENTS ? loss->count : 1;
        mark_lossy(s, loss);
        for (uint32_t i = 0; i < s->setup->analysis_count; i++)
            if (s->setup->analyses[i].analysis->lost)
                s->setup->analyses[i].analysis->lost(s->instances[i], loss->begin_ns, loss->end_ns);
    }
    forward_loss(s, loss);
}

void stream_exceed(struct stream *s, struct meter *m, struct exceedance *x)
{
    if (x->time_ns < s->hold_ns)
        return;
    describe_once(s, m);
    x->meter = m->wire_id;
    x->pending = m->overdue;
    output_exceedance(s->setup->output, x);
}

void stream_add_totals(const struct stream *s, struct stream_totals *t)
{
    const struct stream_totals *own = &s->totals;
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
