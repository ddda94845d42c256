/* report_table.h - one table of a report: exact statistics by key. It keeps so many rows in memory; when there is no room for another
 * key, the lighter half goes to a temporary file (report_runs.h), in order of the key. At the end all parts of a key are put together
 * again, one key after the other, and the heaviest are the table's rows: external aggregation by sorting (Larson, "Grouping and
 * Duplicate Elimination: Benefits of Early Aggregation", 1997). So whatever came when, and however often a row was evicted:
 *
 * - the rows are the max_rows keys of the greatest weight, with exact statistics;
 * - `other` has the exact statistics of all other keys, and `keys` says how many keys there are.
 *
 * Weight is the sum's magnitude; how many observations where a sum says nothing (events, states). */
#ifndef FT_STREAM_REPORT_TABLE_H
#define FT_STREAM_REPORT_TABLE_H
#include "base/hash.h"
#include "stream/analysis.h"
#include "stream/observe.h"

enum { REPORT_STATES_MAX = 16, REPORT_LOG2 = 64, REPORT_RECENT = 64, REPORT_BINS = 20, REPORT_ROWS_LEAST = 1024 };

__extension__ typedef __int128 int128;

/* Whether rows are by thread or process: their numbers are given again, so when it began is a part of the key. */
enum report_by { REPORT_BY_OTHER, REPORT_BY_TID, REPORT_BY_PID, REPORT_BY_KINDS };

struct report_row {
    int128 sum, squares;
    uint64_t hash, count;
    int64_t min, max, last;
    int64_t born_ns;              /* by thread: when the thread began, as the trace has it; INT64_MIN: not known, or not by thread */
    bool reused;                  /* after table_finish(): other rows have the same key, of threads with other beginnings */
    uint32_t state_count;         /* MEASURE_STATE: values in order, each time another */
    uint32_t log2_first, log2_count;
    int64_t *states;              /* MEASURE_STATE: REPORT_STATES_MAX */
    uint64_t *log2;               /* values of log2_first bits, and so on; report_log2() */
    uint64_t *bins;               /* REPORT_BINS, linear from min to max; NULL: not filled */
    struct value *key, *show;     /* texts are the row's */
};

struct report_runs;

struct report_table {
    const struct metric_info *metric;
    const struct observer_group *group;
    enum measure measure;
    enum report_by by;
    uint32_t max_rows, value_count; /* of a row: key and show */
    struct report_row **rows;
    uint32_t count, capacity;
    struct hash_index index;
    struct report_row *recent[REPORT_RECENT]; /* found lately, by a cheaper hash; or NULL */
    struct report_row other;
    struct report_runs *runs;     /* NULL: nothing was evicted */
    uint64_t evicted;             /* rows that went to the file */
    uint64_t keys;                /* after table_finish() */
};

/* group is the observer's, and stays until all is done but table_done(). */
void table_init(struct report_table *t, const struct observer_group *group, const struct observable *what, uint32_t max_rows);
void table_done(struct report_table *t);
/* Adds an observation; born_ns: when the thread and the process began that it is of, as in the row. [REPORT_BY_OTHER]: INT64_MIN. */
void table_add(struct report_table *t, const struct observed *x, const int64_t born_ns[REPORT_BY_KINDS]);
/* After the last: rows, sorted by weight, and other. -errno: the temporary file failed. */
int table_finish(struct report_table *t);
/* After that: an observation into the bins of its row, or of other. */
void table_add_to_bin(struct report_table *t, const struct observed *x, const int64_t born_ns[REPORT_BY_KINDS]);

/* ---- rows (report_row.c); for report_runs.c too ---- */

struct report_row *row_new(const struct report_table *t);
void row_free(struct report_row *row, const struct report_table *t);
/* Frees what it refers to, with so many values. */
void row_empty(struct report_row *row, uint32_t values);
/* What from has seen is added; what it saw came later. */
void row_merge(struct report_row *row, const struct report_row *from, const struct report_table *t);
void row_add_log2(struct report_row *row, uint32_t bits, uint64_t count);
/* By hash, then key: total, so that equal ones are the same. */
int row_compare(const struct report_row *a, const struct report_row *b, uint32_t key_count);
/* *kept becomes v, its text owned; VALUE_NONE frees. */
void row_keep(struct value *kept, const struct value *v);

static inline bool row_equal(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == VALUE_TEXT)
        return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
    return a->kind == VALUE_NONE || a->u == b->u;
}

/* Values of so many bits. */
static inline uint64_t report_log2(const struct report_row *row, uint32_t bits)
{
    return bits - row->log2_first < row->log2_count ? row->log2[bits - row->log2_first] : 0;
}
/* Sample standard deviation; NAN for fewer than two. */
double report_stdev(const struct report_row *row);
/* Bounds of bin i as lttng-analyses reckons them: in us, then back. */
void report_bin(const struct report_row *row, uint32_t i, double *ret_lower_ns, double *ret_upper_ns);

#endif
