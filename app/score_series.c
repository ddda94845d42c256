/* score_series.c - one column, watched as the configuration says; where that says auto, by the vote of views. */
#include "app/score_judge.h"
#include "base/bytes.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Of a detector that does not say when its trouble began, bad rows so near to each other are one incident. */
enum { SAME_INCIDENT_ROWS = 30 };

struct series {
    uint32_t count;
    struct score_watch watches[RULE_DETECTORS_MAX];
    struct score_rows rows;
    bool had_incident;
    uint64_t alert_row, last_bad_row;
};

static const char default_detector[] = "vote";

static void series_close(void *self)
{
    struct series *s = self;
    for (uint32_t i = 0; s && i < s->count; i++)
        score_watch_close(&s->watches[i]);
    free(s);
}

static int series_open(const struct score_setup *setup, void **ret_self, struct error *err)
{
    const struct rule *rule = rules_find(&setup->config->rules, setup->names[0]);
    struct series *s = *ret_self = xcalloc(1, sizeof(*s));
    bool chosen = setup->detector || rule->automatic;
    if (setup->columns != 1 && !setup->timed)
        return error_set(err, -EINVAL, "no column is named as a time (" SCORE_TIME_NAMES "), so %u are values, and one is expected here; --multivariate judges many",
                         setup->columns);
    if (setup->columns != 1)
        return error_set(err, -EINVAL, "%u columns of values: --multivariate judges many, and one is expected here", setup->columns);
    if (!chosen && rule->count == 0)
        return error_set(err, -EINVAL, "the configuration says to ignore '%s'", setup->names[0]);
    do {
        const char *name = setup->detector ? setup->detector : chosen ? default_detector : rule->use[s->count].detector->name;
        int r = score_watch_open(&s->watches[s->count++], setup, name, err);
        if (r < 0)
            return r;
    } while (!chosen && s->count < rule->count);
    return 0;
}

/* A bad row belongs to the incident whose alert its trouble was before, or that it is near to. */
static bool begins_incident(const struct series *s, const struct score_row *row, const struct judgement *worst)
{
    if (!s->had_incident)
        return true;
    if (worst->onset_ns)
        return score_rows_find(&s->rows, worst->onset_ns) > s->alert_row;
    return row->number - s->last_bad_row > SAME_INCIDENT_ROWS;
}

static void series_row(void *self, const struct score_row *row, struct score_result *result)
{
    struct series *s = self;
    struct judgement worst = JUDGEMENT_OK, j;
    score_rows_add(&s->rows, row);
    for (uint32_t i = 0; i < s->count; i++)
        if (score_watch_row(&s->watches[i], row, 0, &j) &&
            (j.severity > worst.severity || (j.severity == worst.severity && j.score > worst.score)))
            worst = j;
    result->score = worst.score;
    result->onset = worst.onset_ns ? score_rows_find(&s->rows, worst.onset_ns) : row->number;
    result->bad = worst.severity != SEVERITY_OK;
    if (!result->bad)
        return;
    result->alert = result->change = begins_incident(s, row, &worst);
    s->had_incident = true;
    s->last_bad_row = row->number;
    if (result->alert)
        s->alert_row = row->number;
}

const struct score_judge score_series = { series_open, series_row, series_close };
