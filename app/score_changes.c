/* score_changes.c - change points of one or many columns. Rows are a second apart here whatever their times: what is asked
 * for is a row. */
#include "app/score_judge.h"
#include "base/bytes.h"
#include <math.h>
#include <stdlib.h>

/* Columns that break within so many rows of each other broke together. */
enum { SAME_BREAK_ROWS = 10, SAME_BREAKS = 16 };

struct changes {
    uint32_t count;
    struct change_column {
        struct score_watch watch;
        bool under_way;
        int64_t onset_ns;     /* of the change under way */
    } *columns;
    uint64_t told[SAME_BREAKS]; /* onsets of the latest ones, a ring */
    uint64_t changes;
};

static const int64_t row_ns = 1000000000;

static void changes_close(void *self)
{
    struct changes *c = self;
    for (uint32_t i = 0; c && i < c->count; i++)
        score_watch_close(&c->columns[i].watch);
    if (c)
        free(c->columns);
    free(c);
}

static int changes_open(const struct score_setup *setup, void **ret_self, struct error *err)
{
    struct changes *c = *ret_self = xcalloc(1, sizeof(*c));
    c->columns = xcalloc(setup->columns, sizeof(*c->columns));
    while (c->count < setup->columns) {
        int r = score_watch_open(&c->columns[c->count++].watch, setup, setup->detector ? setup->detector : "segment", err);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool is_news(struct changes *c, uint64_t onset)
{
    for (uint32_t i = 0; i < SAME_BREAKS && i < c->changes; i++)
        if (c->told[i] + SAME_BREAK_ROWS >= onset && onset + SAME_BREAK_ROWS >= c->told[i])
            return false;
    c->told[c->changes++ % SAME_BREAKS] = onset;
    return true;
}

/* One that is under way may be followed by another before it is over. */
static bool begins(struct change_column *column, const struct judgement *j)
{
    bool bad = j->severity != SEVERITY_OK, anew = bad && (!column->under_way || j->onset_ns != column->onset_ns);
    column->under_way = bad;
    column->onset_ns = j->onset_ns;
    return anew;
}

static void changes_row(void *self, const struct score_row *row, struct score_result *result)
{
    struct changes *c = self;
    struct score_row counted = *row;
    struct judgement j;
    counted.begin_ns = (int64_t)row->number * row_ns;
    counted.end_ns = counted.begin_ns + row_ns;
    result->onset = row->number;
    for (uint32_t i = 0; i < c->count; i++) {
        if (!score_watch_row(&c->columns[i].watch, &counted, i, &j))
            continue;
        result->bad |= j.severity != SEVERITY_OK;
        if (j.score > result->score)
            result->score = j.score;
        uint64_t onset = j.onset_ns ? (uint64_t)(j.onset_ns / row_ns) : row->number;
        if (!begins(&c->columns[i], &j) || !is_news(c, onset))
            continue;
        result->alert = result->change = true;
        if (onset < result->onset)
            result->onset = onset;
    }
}

const struct score_judge score_changes = { changes_open, changes_row, changes_close };
