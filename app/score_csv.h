/* score_csv.h - rows of numbers from a CSV file, one at a time.
 *
 * Fields are separated by ',' or ';', whichever the first line has more of, and may be in double quotes. A first line in which nothing is
 * a number is the header. The time column is the one named timestamp, datetime, time, date or ds; without a header
 * the first of several columns. Columns that are labels or results by their name (anomaly, changepoint, label, is_anomaly,
 * anomaly_score, alert) are no values and are passed over. An empty field, "nan", "na" or "null" is a missing value. */
#ifndef FT_APP_SCORE_CSV_H
#define FT_APP_SCORE_CSV_H
#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What a time column may be called, for people; the list is take_column()'s. */
#define SCORE_TIME_NAMES "timestamp, datetime, time, date or ds"

enum { SCORE_COLUMNS_MAX = 1024, SCORE_NAME_MAX = 64, SCORE_STAMP_MAX = 64 };

struct score_csv {
    const char *path;
    FILE *file;
    char *line;             /* the last one read */
    size_t capacity;
    uint64_t line_number;   /* of it, from 1 */
    char separator;
    bool pending;           /* the line is the first row of data: there is no header */
    uint32_t fields;        /* in every line */
    int32_t time_field;     /* -1: there is none */
    char time_name[SCORE_NAME_MAX];
    uint32_t columns;       /* of values */
    uint32_t field_of[SCORE_COLUMNS_MAX];
    char (*names)[SCORE_NAME_MAX];
    uint32_t passed_over;   /* columns of labels */
    /* The row. */
    char stamp[SCORE_STAMP_MAX];   /* as it stands there; "" without a time column */
    double time;            /* seconds since the epoch; NAN without a time column */
    double values[SCORE_COLUMNS_MAX]; /* NAN: missing */
    const char *texts[SCORE_COLUMNS_MAX]; /* as they stand there; until the next row */
};

/* Path "-" is standard input. Reads the header. Must be zeroed; close in any case. */
int score_csv_open(struct score_csv *csv, const char *path, struct error *err);
/* 1: a row; 0: the end; -EINVAL: FILE:LINE says what is wrong. */
int score_csv_next(struct score_csv *csv, struct error *err);
void score_csv_close(struct score_csv *csv);

/* "2014-04-01 00:05:00", with 'T' for the blank, fractions, 'Z' or "+01:00", or only the date, or "1992-01"; or a number:
 * seconds, milliseconds, microseconds or nanoseconds since the epoch by its size. Seconds; NAN: it is none of these. */
double score_time_parse(const char *text);

#endif
