#include "app/backtest.h"
#include "base/bytes.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

void backtest_run_init(struct backtest_run *run, const char *name)
{
    *run = (struct backtest_run){ .name = name };
    hash_index_init(&run->by_id, 256);
}

void backtest_run_done(struct backtest_run *run)
{
    for (uint32_t i = 0; i < run->count; i++) {
        free(run->episodes[i].series);
        free(run->episodes[i].voters);
        free(run->episodes[i].summary);
    }
    free(run->episodes);
    hash_index_done(&run->by_id);
}

/* ---- the sink ---- */

static struct episode *find_episode(const struct backtest_run *run, uint64_t id)
{
    uint32_t at;
    for (uint32_t s = hash_index_first(&run->by_id, id, &at); s != HASH_NONE; s = hash_index_next(&run->by_id, id, &at))
        if (run->episodes[s].id == id)
            return &run->episodes[s];
    return NULL;
}

static void begin_episode(struct backtest_run *run, const struct alert *a)
{
    char series[SERIES_NAME_MAX], voters[VOTERS_MAX * (VOTER_TEXT_MAX + 2)];
    struct text_out out = text_out_init(voters, sizeof(voters));
    if (run->count == EPISODES_MAX) {
        run->left_out++;
        return;
    }
    for (uint32_t i = 0; i < a->voter_count; i++)
        text_printf(&out, "%s%s", i ? ", " : "", a->voters[i]);
    GROW(run->episodes, run->count, run->capacity);
    hash_index_insert(&run->by_id, a->id, run->count);
    run->episodes[run->count++] = (struct episode){ .id = a->id,
                                                    .key = a->key,
                                                    .began_ns = a->began_ns,
                                                    .fired_ns = a->detected_ns,
                                                    .resolved_ns = INT64_MAX,
                                                    .kind = a->kind,
                                                    .severity = a->severity,
                                                    .series = xstrdup(alert_series(a, series)),
                                                    .voters = xstrdup(voters),
                                                    .summary = xstrdup(a->summary) };
}

static void deliver(void *self, const struct alert *a)
{
    struct backtest_run *run = self;
    struct episode *e = find_episode(run, a->id);
    if (a->state == ALERT_FIRING && !e)
        begin_episode(run, a);
    if (!e)
        return;
    if (a->severity > e->severity)
        e->severity = a->severity;
    if (a->state == ALERT_RESOLVED)
        e->resolved_ns = a->resolved_ns;
}

static int open_gathering(const void *config, const struct sink_setup *setup, void **ret_self, struct error *err)
{
    (void)setup;
    (void)err;
    *ret_self = ((const struct backtest_target *)config)->run;
    return 0;
}

static void close_gathering(void *self)
{
    (void)self; /* the run outlives the stage */
}

const struct sink backtest_sink = {
    .name = "backtest",
    .summary = "gathers what fires",
    .config_size = sizeof(struct backtest_target),
    .open = open_gathering,
    .deliver = deliver,
    .close = close_gathering,
};

/* ---- sums ---- */

double backtest_hours(const struct backtest_run *run)
{
    const struct stream_totals *t = &run->totals;
    return t->first_event_ns == INT64_MIN ? 0 : (double)(t->last_event_ns - t->first_event_ns) / 3.6e12;
}

int64_t backtest_firing_ns(const struct backtest_run *run, const struct episode *e)
{
    int64_t end_ns = e->resolved_ns != INT64_MAX ? e->resolved_ns : run->totals.last_event_ns;
    return end_ns > e->fired_ns ? end_ns - e->fired_ns : 0;
}

/* ---- groups of episodes ---- */

struct entry {
    const struct episode *episode;
    int run;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->episode->key != y->episode->key)
        return x->episode->key < y->episode->key ? -1 : 1;
    if (x->episode->began_ns != y->episode->began_ns)
        return x->episode->began_ns < y->episode->began_ns ? -1 : 1;
    return x->run - y->run;
}

static struct entry *sort_entries(const struct backtest_run *const runs[2], uint32_t *ret_count)
{
    uint32_t count = 0, room = runs[0]->count + (runs[1] ? runs[1]->count : 0);
    struct entry *entries = xcalloc((size_t)room + 1, sizeof(*entries));
    for (int r = 0; r < 2 && runs[r]; r++)
        for (uint32_t i = 0; i < runs[r]->count; i++)
            entries[count++] = (struct entry){ &runs[r]->episodes[i], r };
    qsort(entries, count, sizeof(*entries), compare_entries);
    *ret_count = count;
    return entries;
}

static int64_t incident_fired_ns(const struct backtest_incident *x)
{
    if (!x->first[0] || !x->first[1])
        return x->first[x->first[0] == NULL]->fired_ns;
    return x->first[0]->fired_ns < x->first[1]->fired_ns ? x->first[0]->fired_ns : x->first[1]->fired_ns;
}

static int compare_incidents(const void *a, const void *b)
{
    int64_t x_ns = incident_fired_ns(a), y_ns = incident_fired_ns(b);
    const struct backtest_incident *x = a, *y = b;
    if (x_ns != y_ns)
        return x_ns < y_ns ? -1 : 1;
    return strcmp(x->first[x->first[0] == NULL]->series, y->first[y->first[0] == NULL]->series);
}

struct backtest_incident *backtest_compare(const struct backtest_run *first, const struct backtest_run *second, uint32_t *ret_count)
{
    uint32_t entry_count, count = 0;
    struct entry *entries = sort_entries((const struct backtest_run *const[]){ first, second }, &entry_count);
    struct backtest_incident *incidents = xcalloc((size_t)entry_count + 1, sizeof(*incidents));
    int64_t until_ns = INT64_MIN;
    for (uint32_t i = 0; i < entry_count; i++) {
        const struct episode *e = entries[i].episode;
        if (i == 0 || e->key != entries[i - 1].episode->key || e->began_ns > until_ns) {
            count++;
            until_ns = INT64_MIN;
        }
        struct backtest_incident *x = &incidents[count - 1];
        const struct episode **earliest = &x->first[entries[i].run];
        x->count[entries[i].run]++;
        if (!*earliest || e->fired_ns < (*earliest)->fired_ns)
            *earliest = e;
        if (e->resolved_ns > until_ns)
            until_ns = e->resolved_ns;
    }
    free(entries);
    qsort(incidents, count, sizeof(*incidents), compare_incidents);
    *ret_count = count;
    return incidents;
}

static int compare_metrics(const void *a, const void *b)
{
    const struct backtest_metric *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return strcmp(x->example->series, y->example->series);
}

struct backtest_metric *backtest_metrics(const struct backtest_run *run, uint32_t *ret_count)
{
    uint32_t entry_count, count = 0;
    struct entry *entries = sort_entries((const struct backtest_run *const[]){ run, NULL }, &entry_count);
    struct backtest_metric *metrics = xcalloc((size_t)entry_count + 1, sizeof(*metrics));
    for (uint32_t i = 0; i < entry_count; i++) {
        const struct episode *e = entries[i].episode;
        if (count == 0 || metrics[count - 1].example->key != e->key)
            metrics[count++].example = e;
        metrics[count - 1].count++;
        metrics[count - 1].firing_ns += backtest_firing_ns(run, e);
    }
    free(entries);
    qsort(metrics, count, sizeof(*metrics), compare_metrics);
    *ret_count = count;
    return metrics;
}
