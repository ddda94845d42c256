#include "stream/report_runs.h"
#include "base/bytes.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A run that is being read; row: the next one. */
struct runs_cursor {
    const unsigned char *at, *end;
    uint32_t run;
    struct report_row *row;
};

struct report_runs *runs_new(void)
{
    struct report_runs *runs = xcalloc(1, sizeof(*runs));
    if (!(runs->file = tmpfile()))
        runs->failure = -errno;
    return runs;
}

void runs_free(struct report_runs *runs, const struct report_table *t)
{
    for (uint32_t i = 0; i < runs->live; i++)
        row_free(runs->heap[i].row, t);
    if (runs->map)
        munmap(runs->map, runs->size);
    if (runs->file)
        fclose(runs->file);
    free(runs->heap);
    free(runs->ends);
    free(runs);
}

/* ---- writing: the row as it is, its values, the states and powers of two that there are ---- */

static void put(struct report_runs *runs, const void *data, size_t size)
{
    if (runs->failure < 0 || size == 0)
        return;
    if (fwrite(data, 1, size, runs->file) != size)
        runs->failure = errno ? -errno : -EIO;
    runs->size += size;
}

static uint32_t state_count(const struct report_row *row)
{
    return row->state_count < REPORT_STATES_MAX ? row->state_count : REPORT_STATES_MAX;
}

static void write_row(struct report_runs *runs, const struct report_row *row, const struct report_table *t)
{
    put(runs, row, sizeof(*row));
    put(runs, row->key, t->value_count * sizeof(struct value));
    for (uint32_t i = 0; i < t->value_count; i++)
        if (row->key[i].kind == VALUE_TEXT)
            put(runs, row->key[i].text, row->key[i].size);
    if (row->states)
        put(runs, row->states, state_count(row) * sizeof(int64_t));
    put(runs, row->log2, row->log2_count * sizeof(uint64_t));
}

void runs_write(struct report_runs *runs, struct report_row *const *rows, uint32_t count, const struct report_table *t)
{
    if (count == 0)
        return;
    for (uint32_t i = 0; i < count; i++)
        write_row(runs, rows[i], t);
    GROW(runs->ends, runs->count, runs->capacity);
    runs->ends[runs->count++] = runs->size;
}

/* ---- reading ---- */

static void get(struct runs_cursor *c, void *data, size_t size)
{
    if (size > 0)
        memcpy(data, c->at, size);
    c->at += size;
}

/* False at the run's end; the row is then gone. */
static bool read_row(struct runs_cursor *c, const struct report_table *t)
{
    if (c->at == c->end) {
        c->row = NULL;
        return false;
    }
    struct report_row *row = row_new(t), saved = *row;
    get(c, row, sizeof(*row));
    row->key = saved.key;
    row->show = saved.show;
    row->states = saved.states;
    row->bins = NULL;
    row->log2 = row->log2_count ? xcalloc(row->log2_count, sizeof(*row->log2)) : NULL;
    get(c, row->key, t->value_count * sizeof(struct value));
    for (uint32_t i = 0; i < t->value_count; i++) {
        struct value *v = &row->key[i];
        if (v->kind != VALUE_TEXT)
            continue;
        char *text = xcalloc(1, v->size + 1);
        get(c, text, v->size);
        v->text = text;
    }
    if (row->states)
        get(c, row->states, state_count(row) * sizeof(int64_t));
    get(c, row->log2, row->log2_count * sizeof(*row->log2));
    c->row = row;
    return true;
}

/* Of equal keys the run that was written first. */
static bool before(const struct runs_cursor *a, const struct runs_cursor *b, uint32_t key_count)
{
    int r = row_compare(a->row, b->row, key_count);
    return r != 0 ? r < 0 : a->run < b->run;
}

static void sift(struct report_runs *runs, uint32_t at, uint32_t key_count)
{
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < runs->live; child++)
            if (before(&runs->heap[child], &runs->heap[least], key_count))
                least = child;
        if (least == at)
            return;
        struct runs_cursor c = runs->heap[at];
        runs->heap[at] = runs->heap[least];
        runs->heap[least] = c;
        at = least;
    }
}

int runs_begin(struct report_runs *runs, const struct report_table *t)
{
    if (runs->failure == 0 && fflush(runs->file) != 0)
        runs->failure = -errno;
    if (runs->failure < 0)
        return runs->failure;
    runs->map = mmap(NULL, runs->size, PROT_READ, MAP_PRIVATE, fileno(runs->file), 0);
    if (runs->map == MAP_FAILED) {
        runs->map = NULL;
        return runs->failure = -errno;
    }
    runs->heap = xcalloc(runs->count, sizeof(*runs->heap));
    for (uint32_t i = 0; i < runs->count; i++) {
        struct runs_cursor *c = &runs->heap[runs->live++];
        *c = (struct runs_cursor){ runs->map + (i ? runs->ends[i - 1] : 0), runs->map + runs->ends[i], i, NULL };
        read_row(c, t);
    }
    for (uint32_t i = runs->live / 2; i-- > 0;)
        sift(runs, i, t->group->by_count);
    return 0;
}

/* Takes the least row. */
static struct report_row *take(struct report_runs *runs, const struct report_table *t)
{
    struct report_row *row = runs->heap[0].row;
    if (!read_row(&runs->heap[0], t))
        runs->heap[0] = runs->heap[--runs->live];
    sift(runs, 0, t->group->by_count);
    return row;
}

struct report_row *runs_next(struct report_runs *runs, const struct report_table *t)
{
    if (runs->live == 0)
        return NULL;
    struct report_row *row = take(runs, t);
    while (runs->live > 0 && row_compare(row, runs->heap[0].row, t->group->by_count) == 0) {
        struct report_row *part = take(runs, t);
        row_merge(row, part, t);
        row_free(part, t);
    }
    return row;
}
