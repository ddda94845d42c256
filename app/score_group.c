/* score_group.c - many columns, each row as a whole: what a detector of groups says of it, or the worst of what a detector of
 * series says of each. Where no detector is asked for, a second one looks for changes, in which the columns moved
 * together; incidents begin and end with one, too. */
#include "app/score_judge.h"
#include "base/bytes.h"
#include <math.h>
#include <stdlib.h>

enum { SAME_INCIDENT_ROWS = 10, SAME_CHANGE_ROWS = 20, SETTLED_ROWS = 38 /* what shift compares */ };

static const char default_detector[] = "envelope", default_changes[] = "shift";

struct group {
    uint32_t count;
    bool whole;                   /* one watches the group, or one each column */
    struct score_watch *watches;
    uint64_t last_bad_row;
    bool had_incident;
    struct score_watch changes;   /* no detector: incidents are all the changes there are */
    struct score_rows rows;
    bool in_incident, had_change;
    uint64_t last_change_row, edges[2]; /* rows where the latest incident began and where one ended */
};

static void group_close(void *self)
{
    struct group *g = self;
    for (uint32_t i = 0; g && i < g->count; i++)
        score_watch_close(&g->watches[i]);
    if (g) {
        score_watch_close(&g->changes);
        free(g->watches);
    }
    free(g);
}

static int group_open(const struct score_setup *setup, void **ret_self, struct error *err)
{
    struct group *g = *ret_self = xcalloc(1, sizeof(*g));
    const char *name = setup->detector ? setup->detector : default_detector;
    const struct detector *d = detector_find(name);
    g->whole = d && d->group.observe;
    g->watches = xcalloc(setup->columns, sizeof(*g->watches));
    while (g->count < (g->whole ? 1 : setup->columns)) {
        struct score_watch *watch = &g->watches[g->count++];
        int r = g->whole ? score_watch_open_group(watch, setup, name, err) : score_watch_open(watch, setup, name, err);
        if (r < 0)
            return r;
    }
    return setup->detector ? 0 : score_watch_open_group(&g->changes, setup, default_changes, err);
}

static bool look(struct group *g, uint32_t i, const struct score_row *row, struct judgement *j)
{
    if (g->whole)
        return score_watch_group(&g->watches[i], row, j);
    return score_watch_row(&g->watches[i], row, i, j);
}

/* The incident is over when no row was bad for so long. */
static bool incident_ends(struct group *g, const struct score_row *row, const struct score_result *result)
{
    bool ends = g->in_incident && !result->bad && row->number - g->last_bad_row > SAME_INCIDENT_ROWS;
    g->in_incident = result->bad || (g->in_incident && !ends);
    return ends;
}

/* An incident's begin and its end are changes; each lasts: when the levels before it have left the windows that are compared, the
 * group is where it will stay, which is told, too. So is each movement of the group; nothing twice within SAME_CHANGE_ROWS. */
static void find_change(struct group *g, const struct score_row *row, struct score_result *result)
{
    struct judgement j;
    uint64_t onset = row->number;
    if (!g->changes.detector) {
        result->change = result->alert;
        return;
    }
    bool moves = score_watch_group(&g->changes, row, &j) && j.severity != SEVERITY_OK;
    bool ends = incident_ends(g, row, result), settled = false;
    for (uint32_t i = 0; i < 2; i++)
        settled |= g->edges[i] && row->number - g->edges[i] == SETTLED_ROWS;
    if (result->alert)
        g->edges[0] = row->number;
    if (ends)
        g->edges[1] = row->number;
    result->change = (result->alert || ends || settled || moves) && (!g->had_change || row->number - g->last_change_row >= SAME_CHANGE_ROWS);
    if (!result->change)
        return;
    if (moves && j.onset_ns)
        onset = score_rows_find(&g->rows, j.onset_ns);
    else if (ends)
        onset = g->last_bad_row + 1;
    result->onset = onset;
    g->had_change = true;
    g->last_change_row = row->number;
}

static void group_row(void *self, const struct score_row *row, struct score_result *result)
{
    struct group *g = self;
    struct judgement j;
    score_rows_add(&g->rows, row);
    for (uint32_t i = 0; i < g->count; i++) {
        if (!look(g, i, row, &j))
            continue;
        result->bad |= j.severity != SEVERITY_OK;
        if (j.score > result->score)
            result->score = j.score;
    }
    result->onset = row->number;
    if (result->bad) {
        result->alert = !g->had_incident || row->number - g->last_bad_row > SAME_INCIDENT_ROWS;
        g->had_incident = true;
        g->last_bad_row = row->number;
    }
    find_change(g, row, result);
}

const struct score_judge score_group = { group_open, group_row, group_close };
