/* host_series.c - gives a sample to the detectors that watch its series, and makes verdicts of what they say. */
#include "detectors/host_private.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

/* Who voted, unless there is more to say. */
static void tell_voters(struct verdict *v, const struct detector *d, const struct judgement *j)
{
    if (!d->views || !j->voters || j->new_normal)
        return;
    struct text_out out = text_out_init(v->detail, sizeof(v->detail));
    for (uint32_t i = 0; d->views[i]; i++)
        if (j->voters & (1U << i))
            text_printf(&out, "%s%s", out.used ? ", " : "", d->views[i]);
}

static int grade(struct host *h, struct watched *w, uint32_t entry, const struct observation *o, const struct judgement *j)
{
    const struct plan_entry *e = &w->plan->entries[entry];
    if (!host_reports(&watched_reports(w)[entry], j))
        return 0;
    struct verdict *v = host_new_verdict(h, host_describe(h, w));
    host_take_judgement(v, j);
    tell_voters(v, e->bound->detector, j);
    v->statistic = e->statistic;
    if (e->statistic == STATISTIC_RATE)
        v->unit = UNIT_PER_SECOND;
    else if (e->statistic == STATISTIC_COUNT)
        v->unit = UNIT_NONE;
    text_copy(v->detector, sizeof(v->detector), e->bound->detector->name);
    v->begin_ns = j->begin_ns ? j->begin_ns : o->begin_ns;
    v->end_ns = o->end_ns;
    v->onset_ns = j->onset_ns ? j->onset_ns : v->begin_ns;
    v->value = o->value;
    if (j->severity != SEVERITY_OK && !j->new_normal && e->bound->detector->explain) {
        struct text_out detail = text_out_init(v->detail, sizeof(v->detail));
        e->bound->detector->explain(watched_state(w, e), e->bound->config, o, j, &detail);
    }
    v->quality = o->quality;
    v->lost = h->window.lost;
    v->evidence_count = h->sample.worst_count;
    memcpy(v->evidence, h->sample.worst, sizeof(v->evidence));
    return host_send_verdict(h);
}

/* Adds a window's count to those before it; true when the period, a whole number of
 * windows, is complete and the observation stands for all of it. Periods are
 * aligned to the epoch. */
static bool gather(struct gathered *g, int64_t period_ns, struct observation *o)
{
    int64_t window_ns = o->end_ns - o->begin_ns;
    period_ns = (period_ns + window_ns - 1) / window_ns * window_ns;
    if (g->end_ns != o->begin_ns) /* windows that never came are none without events */
        *g = (struct gathered){ .begin_ns = o->begin_ns };
    g->end_ns = o->end_ns;
    g->count += o->count;
    g->quality |= o->quality & ~(uint32_t)QUALITY_ZERO;
    if (o->end_ns / period_ns == o->begin_ns / period_ns)
        return false;
    struct gathered all = *g;
    *g = (struct gathered){ 0 };
    if (o->end_ns - all.begin_ns < period_ns)
        return false; /* the first one, begun in the middle */
    o->begin_ns = all.begin_ns;
    o->count = all.count;
    o->quality = all.quality | (all.count == 0 ? (uint32_t)QUALITY_ZERO : 0);
    o->value = (double)all.count;
    if (o->statistic == STATISTIC_RATE)
        o->value /= (double)(o->end_ns - o->begin_ns) / 1e9;
    return true;
}

/* All statistics of the metric at once, by its sketch. */
static int judge_sketch(struct host *h, struct watched *w, uint32_t entry)
{
    const struct plan_entry *e = &w->plan->entries[entry];
    struct judgement j;
    if (!h->sample.sketched) {
        if (h->sample.count > 0 && !h->sketchless_told)
            h->watches.complain(h->watches.complain_self, "a detector looks at sketches (distribution), and samples come without: the collector needs "
                                                          "the same rules; a file of samples has none");
        h->sketchless_told |= h->sample.count > 0;
        return 0;
    }
    struct observation o = { .begin_ns = h->window.begin_ns,
                             .end_ns = h->window.end_ns,
                             .value = (double)NAN,
                             .count = h->sample.count,
                             .quality = meter_sample_quality(&h->window, &h->sample),
                             .kind = (enum metric_kind)w->kind,
                             .statistic = STATISTIC_KINDS,
                             .unit = (enum unit)w->unit,
                             .sketch = &h->sample.sketch };
    e->bound->detector->observe(watched_state(w, e), e->bound->config, &o, &j);
    return j.abstains ? 0 : grade(h, w, entry, &o, &j);
}

static int judge_entry(struct host *h, struct watched *w, uint32_t entry)
{
    const struct plan_entry *e = &w->plan->entries[entry];
    struct judgement j;
    if (e->statistic == STATISTIC_KINDS)
        return judge_sketch(h, w, entry);
    if (e->value >= h->sample.value_count || !isfinite(h->sample.values[e->value]))
        return 0;
    struct observation o = { .begin_ns = h->window.begin_ns,
                             .end_ns = h->window.end_ns,
                             .value = h->sample.values[e->value],
                             .count = h->sample.count,
                             .quality = meter_sample_quality(&h->window, &h->sample),
                             .kind = (enum metric_kind)w->kind,
                             .statistic = e->statistic,
                             .unit = (enum unit)w->unit };
    if (o.end_ns - o.begin_ns < e->period_ns && !gather(watched_gathered(w, e), e->period_ns, &o))
        return 0;
    e->bound->detector->observe(watched_state(w, e), e->bound->config, &o, &j);
    if (j.abstains)
        return 0;
    return grade(h, w, entry, &o, &j);
}

void host_tell_length(struct host *h, int64_t before_ns, int64_t now_ns)
{
    char text[200], before[UNIT_TEXT_MAX], now[UNIT_TEXT_MAX];
    struct text_out out = text_out_init(text, sizeof(text));
    if (h->length_told)
        return;
    h->length_told = true;
    text_printf(&out, "windows are %s long, and were %s when it was learned what is normal: it is learned anew",
                unit_format(now, (double)now_ns, UNIT_NANOSECONDS), unit_format(before, (double)before_ns, UNIT_NANOSECONDS));
    h->watches.complain(h->watches.complain_self, text);
}

/* What was learned of windows of another length says nothing of these. */
static void mind_length(struct host *h, struct watched *w)
{
    int64_t length_ns = h->window.end_ns - h->window.begin_ns;
    if (w->window_ns == length_ns)
        return;
    if (w->window_ns != 0) {
        watches_restart(w);
        h->totals.restarted += w->plan->count;
        host_tell_length(h, w->window_ns, length_ns);
    }
    w->window_ns = length_ns;
}

/* A window that was not observed whole is not judged, and breaks what is being gathered. */
int host_judge_sample(struct host *h, struct watched *w)
{
    bool partial = h->window.quality & QUALITY_PARTIAL;
    int r = 0;
    mind_length(h, w);
    for (uint32_t i = 0; i < w->plan->count && r == 0; i++) {
        if (partial)
            *watched_gathered(w, &w->plan->entries[i]) = (struct gathered){ 0 };
        else
            r = judge_entry(h, w, i);
    }
    if (!partial)
        groups_take(&h->watches.groups, w->memberships, w->membership_count, &h->sample, h->window.end_ns - h->window.begin_ns);
    return r;
}
