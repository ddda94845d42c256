/* report.h - the other face of the analyses: whole traces as exact tables. Takes the observations instead of windows
 * (struct report_sink of observe.h): per metric and key count, sum, least, greatest, standard deviation (report_table.h); the greatest
 * observations; and, where asked for, all of them (in a file, as long as they may be) and frequency tables made from that. Each source
 * (a session on a host) has its own, with its own span. */
#ifndef FT_STREAM_REPORT_H
#define FT_STREAM_REPORT_H
#include "base/error.h"
#include "stream/report_spool.h"
#include "stream/report_table.h"
#include "stream/seen.h"

struct report_config {
    int64_t begin_ns, end_ns;   /* what ends in between, both included; INT64_MIN, INT64_MAX: all */
    bool begin_of_day, end_of_day; /* they are times of the day of the first event, UTC */
    int64_t min_ns, max_ns;     /* durations from min to max, both included; min 0, max INT64_MAX: all */
    int64_t tid;                /* -1: all. Of observations that have a tid */
    const char *procname;       /* NULL: all */
    uint32_t top;               /* of the greatest observations */
    bool log, freq;             /* keep all of them */
    uint32_t max_rows;          /* per table; what is beyond goes to the row `other` */
};

/* One observation, kept. */
struct report_entry {
    int64_t begin_ns, end_ns, value;
    uint64_t number;              /* in the order in which they came */
    struct value fields[OBSERVED_FIELDS_MAX];
    char *texts;
    struct stack_pair stacks;     /* of the events at begin_ns and end_ns */
};

struct report_observable {
    const struct observer *observer;
    const char *left_out;         /* the option that it cannot be filtered by, and so has nothing; NULL: none */
    uint32_t table_count;
    struct report_table *tables;
    struct report_entry *top;     /* descending after report_finish(); of equal ones the first */
    uint32_t top_count;
    struct spool spool;           /* log and freq: all observations */
    uint64_t offered, observed;   /* before and after filters */
    int tid_field, procname_field; /* -1: none */
    int by_fields[REPORT_BY_KINDS]; /* what names the thread, the process of tables that are by them; -1: none are */
};

struct report_count {
    char name[FIELD_NAME_MAX], analysis[NAME_TEXT_MAX];
    uint64_t count;
};

/* An analysis that waits for events that are not in the trace. */
struct report_missing {
    char analysis[NAME_TEXT_MAX];
    char events[SEEN_TEXT_MAX];   /* their names, separated by ", " */
};

/* A session on a host. */
struct report_source {
    const struct stream *stream;
    struct report_observable **observables;
    uint32_t count, capacity;
    struct report_count counts[256];
    uint32_t count_count;
    struct report_missing missing[STREAM_ANALYSES_MAX];
    uint32_t missing_count;
};

struct report {
    struct report_config config;
    struct report_sink sink;
    struct report_source **sources;
    uint32_t count, capacity;
    bool began;
    int failure;                  /* -errno of a temporary file */
};

/* config's texts stay valid. The sink is for stream_setup.report; streams live as long as the report is looked at. */
void report_init(struct report *r, const struct report_config *config);
void report_done(struct report *r);
/* After the last event, before streams close: sorts rows and tops, fills bins. */
int report_finish(struct report *r, struct error *err);
/* The kept observations, in order: spool_next(). */
struct spool_reader report_log(struct report_observable *o);

/* ---- report_top.c ---- */

void report_add_to_top(struct report_observable *o, uint32_t most, const struct observed *x, struct stack_pair stacks);
void report_sort_top(struct report_observable *o);

#endif
