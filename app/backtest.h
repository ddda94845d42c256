/* backtest.h - what would have fired: the episodes of alerts of one run, and what two runs have in common. */
#ifndef FT_APP_BACKTEST_H
#define FT_APP_BACKTEST_H
#include "alerts/sink.h"
#include "base/hash.h"
#include "stream/stream.h"
#include <stdio.h>

enum { EPISODES_MAX = 1 << 20 };

/* One alert, from firing to its end. */
struct episode {
    uint64_t id, key;       /* of struct alert */
    int64_t began_ns;       /* as far as the detectors could tell */
    int64_t fired_ns;
    int64_t resolved_ns;    /* INT64_MAX: it fired still at the end */
    enum finding kind;
    enum severity severity; /* the worst it came to */
    char *series, *voters, *summary; /* as it was when it fired; voters: "zscore(p99), ..." */
};

struct backtest_run {
    const char *name;       /* of the configuration */
    struct stream_totals totals;
    struct episode *episodes;
    uint32_t count, capacity;
    uint64_t left_out;      /* beyond EPISODES_MAX */
    struct hash_index by_id;
};

void backtest_run_init(struct backtest_run *run, const char *name);
void backtest_run_done(struct backtest_run *run);

/* A sink that gathers; its configuration is a struct backtest_target. It is in no registry. */
struct backtest_target {
    struct backtest_run *run;
};
extern const struct sink backtest_sink;

/* Event time that was watched, in hours; 0 when there was none. */
double backtest_hours(const struct backtest_run *run);
/* How long it fired, up to the end of the run. */
int64_t backtest_firing_ns(const struct backtest_run *run, const struct episode *e);

/* Of the same thing (struct alert's key) at the same time: what overlaps, from where it began to where it resolved. */
struct backtest_incident {
    const struct episode *first[2]; /* the one that fired first in each run; NULL: it did not */
    uint32_t count[2];              /* episodes */
};
/* All incidents of one or two runs (second may be NULL), in the order in which they fired. For the caller to free(). */
struct backtest_incident *backtest_compare(const struct backtest_run *first, const struct backtest_run *second, uint32_t *ret_count);

/* What one metric came to. */
struct backtest_metric {
    const struct episode *example;
    uint32_t count;
    int64_t firing_ns;
};
/* By key, the most frequent first. For the caller to free(). */
struct backtest_metric *backtest_metrics(const struct backtest_run *run, uint32_t *ret_count);

/* second may be NULL. */
void backtest_print_text(FILE *f, const struct backtest_run *first, const struct backtest_run *second);
void backtest_print_json(FILE *f, const struct backtest_run *first, const struct backtest_run *second);

#endif
