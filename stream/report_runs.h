/* report_runs.h - rows of a table in a temporary file: runs in order of the key, read back merged. */
#ifndef FT_STREAM_REPORT_RUNS_H
#define FT_STREAM_REPORT_RUNS_H
#include "stream/report_table.h"
#include <stdio.h>

struct runs_cursor;

struct report_runs {
    FILE *file;
    uint64_t *ends;          /* of the runs, in bytes */
    uint32_t count, capacity;
    uint64_t size;
    int failure;             /* -errno */
    unsigned char *map;
    struct runs_cursor *heap; /* the run on top has the least row next */
    uint32_t live;
};

struct report_runs *runs_new(void);
void runs_free(struct report_runs *runs, const struct report_table *t);
/* A run: rows in order of row_compare(). */
void runs_write(struct report_runs *runs, struct report_row *const *rows, uint32_t count, const struct report_table *t);
/* No more are written: begins to read. Memory for one row a run. */
int runs_begin(struct report_runs *runs, const struct report_table *t);
/* The next key with all its parts put together, in the order in which they were written; the caller's. NULL: no more. */
struct report_row *runs_next(struct report_runs *runs, const struct report_table *t);

#endif
