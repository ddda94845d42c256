/* samples_csv.h - what --samples wrote, read again: the samples of one source, a meter and window at a time.
 *
 * Lines are time_ns,series,value,count,quality. The file is read twice: first for the windows' length (the greatest one of which
 * all ends are multiples), and for the statistics of each meter, which tell its kind; then for the samples. What a name does not
 * tell (unit, whether it is only a detail) follows from the analyses of the configuration, or else those there are.
 * What is not in such a file: host and session, operations, exceedances, losses, windows without series. */
#ifndef FT_APP_SAMPLES_CSV_H
#define FT_APP_SAMPLES_CSV_H
#include "app/config.h"
#include "base/hash.h"
#include <stdio.h>

enum { SAMPLES_CSV_METERS_MAX = 1 << 20 };

struct samples_row {
    int64_t time_ns;              /* end of the window */
    char meter[SERIES_NAME_MAX];  /* the series' name without its statistic */
    enum statistic statistic;
    double value;
    uint64_t count;
    uint32_t quality;             /* without QUALITY_ZERO */
};

struct samples_csv_meter {
    char *name;
    uint32_t statistics;          /* bits: those it has somewhere in the file */
    bool described;               /* for the caller */
    int64_t latest_ns;            /* the window it was last seen in */
};

struct samples_csv {
    const char *path;
    FILE *file;
    char *line;
    size_t capacity;
    uint64_t line_number;         /* of the row read last, from 1 */
    struct samples_row row;
    bool pending;                 /* the row is not part of a sample yet */
    struct samples_csv_meter *meters;
    uint32_t count, meters_capacity;
    struct hash_index by_name;
    int64_t window_ns, first_ns, last_ns; /* windows, and the ends of the first and the last one */
    /* The sample: */
    int64_t time_ns;
    uint32_t quality, meter;      /* meter: its place */
    struct meter_sample sample;   /* id is the meter's place */
};

/* Reads the file once and stands before its first sample. Must be zeroed; close in any case. -EINVAL: FILE:LINE says what is wrong. */
int samples_csv_open(struct samples_csv *csv, const char *path, struct error *err);
/* 1: a sample; 0: the end; -EINVAL as above. */
int samples_csv_next(struct samples_csv *csv, struct error *err);
void samples_csv_close(struct samples_csv *csv);

enum metric_kind samples_csv_kind(const struct samples_csv_meter *meter);
/* What the meter's name and statistics tell, and the configuration. */
void samples_csv_describe(const struct samples_csv *csv, uint32_t meter, const struct config *config, struct meter_description *ret_description);

#endif
