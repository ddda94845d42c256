/* score_judge.h - what stands behind `foretrace score`: rows in, scores out. One judge is one way of looking at the rows; it
 * sees a row once, in order, and nothing of later ones, so that what it says of a row depends on earlier rows alone. */
#ifndef FT_APP_SCORE_JUDGE_H
#define FT_APP_SCORE_JUDGE_H
#include "app/args.h"
#include "app/config.h"
#include "app/score_csv.h"

struct score_row {
    uint64_t number;              /* from 0, warm-up rows included */
    int64_t begin_ns, end_ns;     /* the window: as long as the usual distance of rows so far; end_ns always grows */
    bool wall_clock;              /* end_ns is since the epoch; else rows have no time, and are 1 s apart */
    uint32_t count;
    const double *values;         /* count of them; NAN: missing */
};

struct score_result {
    double score;                 /* detectors/score.h; 0 while nothing can be said */
    bool bad;                     /* the row is anomalous */
    bool alert;                   /* an incident begins to be known: once each */
    bool change;                  /* a change point was found; then */
    uint64_t onset;               /* the row with which it began, as far as can be told now */
};

struct score_setup {
    const struct config *config;  /* for its rules, and what it says of auto */
    const char *detector;         /* NULL: the judge's own choice */
    struct arg_list options;      /* NAME=VALUE, of the detector */
    uint32_t columns;
    bool timed;                   /* one more column was taken for the time */
    const char (*names)[SCORE_NAME_MAX];
};

struct score_judge {
    int (*open)(const struct score_setup *setup, void **ret_self, struct error *err);
    void (*row)(void *self, const struct score_row *row, struct score_result *ret_result);
    void (*close)(void *self);    /* NULL is fine */
};
extern const struct score_judge score_series;  /* one column */
extern const struct score_judge score_group;   /* many, each row as a whole */
extern const struct score_judge score_changes; /* one or many: change points */

/* ---- for judges ---- */

/* A detector with its configuration and state. */
struct score_watch {
    const struct detector *detector;
    void *config, *state;
};
/* The detector with that name, its options from the setup, thresholds from what the configuration says of auto. */
int score_watch_open(struct score_watch *watch, const struct score_setup *setup, const char *name, struct error *err);
/* The same of all columns together. */
int score_watch_open_group(struct score_watch *watch, const struct score_setup *setup, const char *name, struct error *err);
void score_watch_close(struct score_watch *watch);
/* Shows it one column of the row. False: nothing can be said (a missing value, learning). */
bool score_watch_row(struct score_watch *watch, const struct score_row *row, uint32_t column, struct judgement *ret_judgement);

/* Shows all columns to a detector of groups. */
bool score_watch_group(struct score_watch *watch, const struct score_row *row, struct judgement *ret_judgement);

/* From times to rows, of the latest rows. */
enum { SCORE_ROWS_KEPT = 1 << 15 };
struct score_rows {
    uint64_t count;
    int64_t begin_ns[SCORE_ROWS_KEPT];
};
void score_rows_add(struct score_rows *rows, const struct score_row *row);
/* The first row that begins at or after the time; the oldest that is kept when it was before that. */
uint64_t score_rows_find(const struct score_rows *rows, int64_t time_ns);

#endif
