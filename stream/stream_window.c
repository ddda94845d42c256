/* stream_window.c - windows: opened, closed by the watermark, handed on; and the counters of foretrace's own that go with them. */
#include "base/text.h"
#include "stream/kernel.h"
#include "stream/stream_private.h"
#include <string.h>

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
    for (uint32_t i = 0; s->setup->report && i < s->counter_count; i++) {
        s->setup->report->count(s->setup->report->self, s, s->counters[i].name, s->counters[i].analysis, s->counters[i].pending);
        s->counters[i].pending = 0;
    }
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
        stream_notice(s, "the bound of %u series is reached: further ones are taken together as (other), and their observations counted "
                         "(foretrace.refused_observations); raise max_series or use fewer labels",
                      reg->max_series);
    }
}

/* ---- windows ---- */

int64_t stream_floor(int64_t time_ns, int64_t step_ns)
{
    int64_t rest = time_ns % step_ns;
    return time_ns - (rest < 0 ? rest + step_ns : rest);
}

/* A report has one window, and what is before and behind it. */
static int64_t report_window_end(const struct report_sink *report, int64_t begin_ns)
{
    return begin_ns < report->begin_ns ? report->begin_ns : begin_ns < report->end_ns ? report->end_ns : INT64_MAX;
}

void stream_open_window(struct stream *s, int64_t begin_ns)
{
    s->window_begin_ns = begin_ns;
    s->window_end_ns = s->setup->report ? report_window_end(s->setup->report, begin_ns) : begin_ns + s->setup->config.window.ns;
    s->lost_in_window = s->late_in_window = 0;
    stream_reckon_stop(s);
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
void stream_describe(struct stream *s, struct meter *m)
{
    struct meter_description d;
    if (m->described)
        return;
    m->wire_id = output_new_id(s->setup->output);
    m->described = true;
    meter_describe(m, &d);
    m->sketched = s->setup->wants_sketch && s->setup->wants_sketch(s->setup->wants_sketch_self, &d);
    output_meter(s->setup->output, &d);
}

static void emit_meter(struct stream *s, struct meter *m)
{
    stream_describe(s, m);
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

void stream_span(const struct stream *s, int64_t *ret_begin_ns, int64_t *ret_end_ns)
{
    *ret_begin_ns = s->window_begin_ns > s->observed_from_ns ? s->window_begin_ns : s->observed_from_ns;
    *ret_end_ns = s->ended ? s->totals.last_event_ns : s->window_end_ns; /* a packet may end after its last event */
}

static void close_observers(struct stream *s)
{
    int64_t begin_ns, end_ns;
    stream_span(s, &begin_ns, &end_ns);
    for (uint32_t i = 0; i < s->observer_count; i++)
        observer_window(s->observers[i], begin_ns, end_ns);
    if (s->kernel)
        kernel_window(s->kernel);
}

void stream_close_window(struct stream *s, bool cut_short)
{
    uint32_t count;
    s->ended = cut_short;
    for (uint32_t i = 0; i < s->setup->analysis_count; i++)
        if (s->setup->analyses[i].analysis->window)
            s->setup->analyses[i].analysis->window(s->instances[i]);
    close_observers(s);
    publish_counters(s);
    if (s->setup->report)
        return;
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
void stream_close_windows(struct stream *s, int64_t time_ns)
{
    while (time_ns >= s->window_end_ns) {
        int64_t next_ns = s->window_end_ns;
        stream_run_timers(s, s->window_end_ns);
        stream_close_window(s, false);
        if (s->meters.series == 0 && !s->setup->report)
            next_ns = stream_floor(time_ns, s->setup->config.window.ns);
        stream_open_window(s, next_ns);
    }
}
