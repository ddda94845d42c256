/* report_row.c - rows of a report's table: what they know, and what two of them know together. */
#include "base/bytes.h"
#include "stream/report_table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ---- */

void row_keep(struct value *kept, const struct value *v)
{
    if (row_equal(kept, v))
        return;
    if (kept->kind == VALUE_TEXT)
        free((char *)kept->text);
    *kept = *v;
    if (v->kind != VALUE_TEXT)
        return;
    char *copy = xcalloc(1, v->size + 1);
    memcpy(copy, v->text, v->size);
    kept->text = copy;
}

static int compare_values(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->kind == VALUE_NONE)
        return 0;
    if (a->kind != VALUE_TEXT)
        return a->u < b->u ? -1 : a->u > b->u;
    int r = memcmp(a->text, b->text, a->size < b->size ? a->size : b->size);
    return r ? r : a->size < b->size ? -1 : a->size > b->size;
}

/* ---- rows ---- */

/* One run of memory: the row, the values, the states. */
struct report_row *row_new(const struct report_table *t)
{
    uint32_t states = t->measure == MEASURE_STATE ? REPORT_STATES_MAX : 0;
    struct report_row *row = xcalloc(1, sizeof(*row) + t->value_count * sizeof(struct value) + states * sizeof(int64_t));
    row->key = (struct value *)(row + 1);
    row->show = row->key + t->group->by_count;
    row->states = states ? (int64_t *)(row->show + t->group->show_count) : NULL;
    row->born_ns = INT64_MIN;
    return row;
}

void row_empty(struct report_row *row, uint32_t values)
{
    static const struct value none = { .kind = VALUE_NONE };
    for (uint32_t i = 0; i < values; i++)
        row_keep(&row->key[i], &none);
    free(row->log2);
    free(row->bins);
}

void row_free(struct report_row *row, const struct report_table *t)
{
    row_empty(row, t->value_count);
    free(row);
}

/* Places for a few more to either side are cheap, and a range seldom grows far. */
void row_add_log2(struct report_row *row, uint32_t bits, uint64_t count)
{
    if (bits - row->log2_first >= row->log2_count) {
        uint32_t first = row->log2_count && row->log2_first < bits ? row->log2_first : bits;
        uint32_t end = row->log2_count && row->log2_first + row->log2_count > bits + 1 ? row->log2_first + row->log2_count : bits + 1;
        uint64_t *wider = xcalloc(end - first, sizeof(*wider));
        if (row->log2)
            memcpy(wider + (row->log2_first - first), row->log2, row->log2_count * sizeof(*wider));
        free(row->log2);
        row->log2 = wider;
        row->log2_first = first;
        row->log2_count = end - first;
    }
    row->log2[bits - row->log2_first] += count;
}

static void merge_states(struct report_row *row, const struct report_row *from)
{
    uint32_t same = row->state_count > 0 && from->state_count > 0 && row->last == from->states[0];
    for (uint32_t i = same; i < from->state_count && i < REPORT_STATES_MAX && row->state_count + i - same < REPORT_STATES_MAX; i++)
        row->states[row->state_count + i - same] = from->states[i];
    row->state_count += from->state_count - same;
}

void row_merge(struct report_row *row, const struct report_row *from, const struct report_table *t)
{
    if (from->count == 0)
        return;
    if (row->states && from->states)
        merge_states(row, from);
    if (row->count == 0 || from->min < row->min)
        row->min = from->min;
    if (row->count == 0 || from->max > row->max)
        row->max = from->max;
    row->last = from->last;
    row->count += from->count;
    row->sum += from->sum;
    row->squares += from->squares;
    for (uint32_t i = 0; i < from->log2_count; i++)
        if (from->log2[i])
            row_add_log2(row, from->log2_first + i, from->log2[i]);
    for (uint32_t i = 0; row != &t->other && i < t->group->show_count; i++)
        if (from->show[i].kind != VALUE_NONE)
            row_keep(&row->show[i], &from->show[i]);
}

int row_compare(const struct report_row *a, const struct report_row *b, uint32_t key_count)
{
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    int r = a->born_ns < b->born_ns ? -1 : a->born_ns > b->born_ns;
    for (uint32_t i = 0; i < key_count && r == 0; i++)
        r = compare_values(&a->key[i], &b->key[i]);
    return r;
}

double report_stdev(const struct report_row *row)
{
    if (row->count < 2)
        return (double)NAN;
    int128 n = (int128)row->count;
    return (double)sqrtl((long double)(n * row->squares - row->sum * row->sum) / (long double)(n * (n - 1)));
}

void report_bin(const struct report_row *row, uint32_t i, double *ret_lower_ns, double *ret_upper_ns)
{
    double low = (double)row->min / 1000, step = ((double)row->max / 1000 - low) / REPORT_BINS;
    *ret_lower_ns = (i * step + low) * 1000;
    *ret_upper_ns = ((i + 1) * step + low) * 1000;
}
