#include "stream/report_table.h"
#include "base/bytes.h"
#include "stream/report_runs.h"
#include <stdlib.h>
#include <string.h>

/* ---- finding ---- */

static uint64_t hash_value(uint64_t hash, const struct value *v)
{
    return hash_mix(hash, v->kind == VALUE_TEXT ? hash_bytes(v->text, v->size) : v->kind == VALUE_NONE ? 0 : v->u);
}

/* The hash of a row tells threads apart; that of its key alone does not. */
static uint64_t hash_thread(uint64_t hash, int64_t born_ns)
{
    return born_ns == INT64_MIN ? hash : hash_mix(hash, (uint64_t)born_ns);
}

static inline bool has_key(const struct report_row *row, const struct observer_group *g, const struct value *fields, int64_t born_ns)
{
    for (uint32_t i = 0; i < g->by_count; i++)
        if (!row_equal(&row->key[i], &fields[g->by[i]]))
            return false;
    return row->born_ns == born_ns;
}

/* Both ends of a text, and its size. */
static uint64_t text_word(const char *text, uint32_t size)
{
    uint64_t first = 0, last;
    uint32_t half = 0, other = 0;
    if (size >= sizeof(first)) {
        memcpy(&first, text, sizeof(first));
        memcpy(&last, text + size - sizeof(last), sizeof(last));
        return first + (last << 7) + size;
    }
    if (size >= sizeof(half)) {
        memcpy(&half, text, sizeof(half));
        memcpy(&other, text + size - sizeof(other), sizeof(other));
        return half + ((uint64_t)other << 32) + size;
    }
    for (uint32_t i = 0; i < size; i++)
        first = first << 8 | (unsigned char)text[i];
    return first + size;
}

static uint32_t recent_place(const struct observer_group *g, const struct value *fields)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < g->by_count; i++) {
        const struct value *v = &fields[g->by[i]];
        hash = (hash + (v->kind == VALUE_TEXT ? text_word(v->text, v->size) : v->kind == VALUE_NONE ? 0 : v->u)) * UINT64_C(0x9e3779b97f4a7c15);
    }
    return (uint32_t)(hash >> 58);
}

static int by_key(const void *a, const void *b, void *t)
{
    return row_compare(*(struct report_row *const *)a, *(struct report_row *const *)b, ((const struct report_table *)t)->group->by_count);
}

static int128 weight(const struct report_row *row, enum measure measure)
{
    if (measure == MEASURE_EVENTS || measure == MEASURE_STATE)
        return (int128)row->count;
    return row->sum < 0 ? -row->sum : row->sum;
}

static bool lighter(const struct report_row *a, const struct report_row *b, enum measure measure)
{
    int128 x = weight(a, measure), y = weight(b, measure);
    return x != y ? x < y : a->hash > b->hash;
}

static int by_weight(const void *a, const void *b, void *t)
{
    const struct report_row *x = *(struct report_row *const *)a, *y = *(struct report_row *const *)b;
    return lighter(y, x, ((const struct report_table *)t)->measure) ? -1 : lighter(x, y, ((const struct report_table *)t)->measure);
}

/* Rows from `from` on go to the file. */
static void evict(struct report_table *t, uint32_t from)
{
    if (!t->runs)
        t->runs = runs_new();
    qsort_r(t->rows + from, t->count - from, sizeof(*t->rows), by_key, t);
    runs_write(t->runs, t->rows + from, t->count - from, t);
    t->evicted += t->count - from;
    for (uint32_t i = from; i < t->count; i++)
        row_free(t->rows[i], t);
    t->count = from;
    memset(t->recent, 0, sizeof(t->recent));
    hash_index_clear(&t->index);
    for (uint32_t i = 0; i < from; i++)
        hash_index_insert(&t->index, t->rows[i]->hash, i);
}

static void make_room(struct report_table *t)
{
    if (t->count < t->max_rows || t->count < REPORT_ROWS_LEAST)
        return;
    qsort_r(t->rows, t->count, sizeof(*t->rows), by_weight, t);
    evict(t, t->count / 2);
}

static struct report_row *look_up(struct report_table *t, const struct value *fields, int64_t born_ns, bool make)
{
    const struct observer_group *g = t->group;
    uint64_t hash = HASH_START;
    uint32_t at;
    for (uint32_t i = 0; i < g->by_count; i++)
        hash = hash_value(hash, &fields[g->by[i]]);
    hash = hash_thread(hash, born_ns);
    for (uint32_t s = hash_index_first(&t->index, hash, &at); s != HASH_NONE; s = hash_index_next(&t->index, hash, &at)) {
        struct report_row *row = t->rows[s];
        if (row->hash == hash && has_key(row, g, fields, born_ns))
            return row;
    }
    if (!make)
        return &t->other;
    make_room(t);
    GROW(t->rows, t->count, t->capacity);
    struct report_row *row = t->rows[t->count] = row_new(t);
    row->hash = hash;
    row->born_ns = born_ns;
    for (uint32_t i = 0; i < g->by_count; i++)
        row_keep(&row->key[i], &fields[g->by[i]]);
    hash_index_insert(&t->index, hash, t->count++);
    return row;
}

/* Most observations are of rows that were met lately. */
static struct report_row *find_row(struct report_table *t, const struct value *fields, int64_t born_ns, bool make)
{
    struct report_row **recent = &t->recent[recent_place(t->group, fields)];
    if (*recent && has_key(*recent, t->group, fields, born_ns))
        return *recent;
    struct report_row *row = look_up(t, fields, born_ns, make);
    if (row != &t->other)
        *recent = row;
    return row;
}

/* ---- the table ---- */

void table_init(struct report_table *t, const struct observer_group *group, const struct observable *what, uint32_t max_rows)
{
    *t = (struct report_table){ .metric = group->metric, .group = group, .measure = what->measure, .max_rows = max_rows, .value_count = group->by_count + group->show_count };
    for (uint32_t i = 0; i < group->by_count && t->by == REPORT_BY_OTHER; i++)
        t->by = strcmp(group->metric->by[i], "tid") == 0 ? REPORT_BY_TID : strcmp(group->metric->by[i], "pid") == 0 ? REPORT_BY_PID : REPORT_BY_OTHER;
    hash_index_init(&t->index, 16);
}

void table_done(struct report_table *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        row_free(t->rows[i], t);
    row_empty(&t->other, 0);
    if (t->runs)
        runs_free(t->runs, t);
    free(t->rows);
    hash_index_done(&t->index);
}

static void add_state(struct report_row *row, int64_t value)
{
    if (row->state_count > 0 && row->last == value)
        return;
    if (row->state_count < REPORT_STATES_MAX)
        row->states[row->state_count] = value;
    row->state_count++;
}

static void add_to_row(struct report_row *row, enum measure measure, int64_t value)
{
    if (measure == MEASURE_STATE)
        add_state(row, value);
    if (row->count == 0 || value < row->min)
        row->min = value;
    if (row->count == 0 || value > row->max)
        row->max = value;
    row->last = value;
    row->count++;
    row->sum += value;
    row->squares += (int128)value * value;
    if (measure != MEASURE_DURATION)
        return;
    uint32_t bits = value > 0 ? 64 - (uint32_t)__builtin_clzll((uint64_t)value) : 0;
    if (bits - row->log2_first < row->log2_count)
        row->log2[bits - row->log2_first]++;
    else
        row_add_log2(row, bits, 1);
}

void table_add(struct report_table *t, const struct observed *x, const int64_t born_ns[REPORT_BY_KINDS])
{
    const struct observer_group *g = t->group;
    struct report_row *row = find_row(t, x->fields, born_ns[t->by], true);
    for (uint32_t i = 0; i < g->show_count; i++)
        if (x->fields[g->show[i]].kind != VALUE_NONE)
            row_keep(&row->show[i], &x->fields[g->show[i]]);
    add_to_row(row, t->measure, x->value);
}

static void add_to_bin(struct report_row *row, int64_t value)
{
    double low = (double)row->min / 1000, step = ((double)row->max / 1000 - low) / REPORT_BINS;
    uint32_t i = step > 0 ? (uint32_t)(((double)value / 1000 - low) / step) : 0;
    if (!row->bins)
        row->bins = xcalloc(REPORT_BINS, sizeof(*row->bins));
    row->bins[i < REPORT_BINS ? i : REPORT_BINS - 1]++;
}

void table_add_to_bin(struct report_table *t, const struct observed *x, const int64_t born_ns[REPORT_BY_KINDS])
{
    add_to_bin(find_row(t, x->fields, born_ns[t->by], false), x->value);
}

/* ---- the end: a heap of the heaviest, the lightest of them on top ---- */

static void sift(struct report_table *t, uint32_t at)
{
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < t->count; child++)
            if (lighter(t->rows[child], t->rows[least], t->measure))
                least = child;
        if (least == at)
            return;
        struct report_row *row = t->rows[at];
        t->rows[at] = t->rows[least];
        t->rows[least] = row;
        at = least;
    }
}

/* Takes a whole row: it is among the heaviest, or a part of other. */
static void choose(struct report_table *t, struct report_row *row)
{
    t->keys++;
    if (t->count < t->max_rows) {
        GROW(t->rows, t->count, t->capacity);
        t->rows[t->count++] = row;
        for (uint32_t i = t->count / 2; t->count == t->max_rows && i-- > 0;)
            sift(t, i);
        return;
    }
    struct report_row *out = row;
    if (lighter(t->rows[0], row, t->measure)) {
        out = t->rows[0];
        t->rows[0] = row;
        sift(t, 0);
    }
    row_merge(&t->other, out, t);
    row_free(out, t);
}

/* Without a file: what is beyond max_rows, which may be less than there was room for. */
static void cut(struct report_table *t)
{
    t->keys = t->count;
    for (; t->count > t->max_rows; t->count--) {
        row_merge(&t->other, t->rows[t->count - 1], t);
        row_free(t->rows[t->count - 1], t);
    }
}

/* A key that is a thread's number may be that of several. */
static void mark_reused(struct report_table *t)
{
    struct hash_index keys;
    uint32_t at;
    hash_index_init(&keys, t->count);
    for (uint32_t i = 0; t->by != REPORT_BY_OTHER && i < t->count; i++) {
        struct report_row *row = t->rows[i];
        uint64_t hash = HASH_START;
        for (uint32_t v = 0; v < t->group->by_count; v++)
            hash = hash_value(hash, &row->key[v]);
        for (uint32_t s = hash_index_first(&keys, hash, &at); s != HASH_NONE; s = hash_index_next(&keys, hash, &at)) {
            bool same = true;
            for (uint32_t v = 0; v < t->group->by_count && same; v++)
                same = row_equal(&row->key[v], &t->rows[s]->key[v]);
            row->reused |= same;
            t->rows[s]->reused |= same;
            if (same)
                break;
        }
        hash_index_insert(&keys, hash, i);
    }
    hash_index_done(&keys);
}

int table_finish(struct report_table *t)
{
    int r = 0;
    if (t->runs) {
        evict(t, 0);
        r = runs_begin(t->runs, t);
        for (struct report_row *row; r == 0 && (row = runs_next(t->runs, t));)
            choose(t, row);
    }
    if (t->count > 0)
        qsort_r(t->rows, t->count, sizeof(*t->rows), by_weight, t);
    if (!t->runs)
        cut(t);
    memset(t->recent, 0, sizeof(t->recent));
    hash_index_clear(&t->index);
    for (uint32_t i = 0; i < t->count; i++)
        hash_index_insert(&t->index, t->rows[i]->hash, i);
    mark_reused(t);
    return r;
}
