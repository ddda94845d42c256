/* report_spool.h - all observations of an observable, in order: in memory while they are few, then in a temporary file. */
#ifndef FT_STREAM_REPORT_SPOOL_H
#define FT_STREAM_REPORT_SPOOL_H
#include "stream/report_table.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct spool {
    FILE *file;             /* NULL: all of it is in the buffer */
    unsigned char *buffer, *map;
    size_t used, capacity, map_size;
    uint64_t count;
    int failure;            /* -errno: what is beyond is missing */
};

/* Numbers of call stacks (callstack.h); 0: none. */
struct stack_pair {
    uint32_t begin, end;
};

/* A reader stays valid while nothing is written. */
struct spool_reader {
    const unsigned char *at, *end;
    uint32_t field_count;
};

void spool_done(struct spool *s);
/* born_ns: as of table_add(). */
void spool_write(struct spool *s, const struct observed *x, const int64_t born_ns[REPORT_BY_KINDS], struct stack_pair stacks, uint32_t field_count);
/* On failure there is nothing to read, and s->failure says why. */
struct spool_reader spool_read(struct spool *s, uint32_t field_count);
/* False at the end. Texts of fields (room for field_count) are the spool's. */
bool spool_next(struct spool_reader *r, struct observed *ret_x, int64_t ret_born_ns[REPORT_BY_KINDS], struct stack_pair *ret_stacks, struct value *fields);

#endif
