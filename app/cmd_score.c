/* cmd_score.c - scores the rows of a CSV file as they come: what a program that compares detectors wants. */
#include "app/command.h"
#include "app/score_clock.h"
#include "app/score_judge.h"
#include "base/bytes.h"
#include "base/text.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct args {
    struct common_args common;
    const char *detector, *warmup;
    struct arg_list options;
    bool multivariate, changepoints;
};

static const struct arg arg_table[] = {
    { "multivariate", 'm', ARG_FLAG, NULL, offsetof(struct args, multivariate), "many columns, each row judged as a whole" },
    { "changepoints", 0, ARG_FLAG, NULL, offsetof(struct args, changepoints), "the rows at which something changed, as JSON" },
    { "warmup", 0, ARG_TEXT, "FILE", offsetof(struct args, warmup), "rows to learn from first; nothing is printed of them" },
    { "detector", 'd', ARG_TEXT, "NAME", offsetof(struct args, detector), "this detector, whatever the configuration says" },
    { "option", 0, ARG_LIST, "NAME=VALUE", offsetof(struct args, options), "an option of the detector" },
    { "config", 'c', ARG_TEXT, "FILE", offsetof(struct args, common.config), "configuration (YAML): detectors for series named as the column" },
    { "preset", 'p', ARG_LIST, "NAME", offsetof(struct args, common.presets), "ready-made settings below the file's: see `list`; may be given several times" },
    ARG_END
};

static const struct usage usage = {
    .name = "score",
    .synopsis = "score [OPTIONS] FILE.csv",
    .summary = "Scores each row of a CSV file (-: standard input) by nothing but the rows before it. Prints the row with\n"
               "anomaly_score and alert: 0.5 is the threshold, alert is 1 once an incident.",
    .details = "A file has a header; its time column is named " SCORE_TIME_NAMES "; columns named anomaly,\n"
               "changepoint, label, is_anomaly, anomaly_score or alert are passed over. Prints\n"
               "  timestamp,value,anomaly_score,alert          anomaly_score reaches 0.5 in the row of an alert only\n"
               "  timestamp,anomaly_score,alert,anomaly,changepoint   with --multivariate; anomaly_score is each row's own;\n"
               "                                               changepoint: the columns began to move, came back, or have\n"
               "                                               come to rest\n"
               "  {\"cplocations\": [ROW, ...], \"alarms\": [ROW, ...]}   with --changepoints: where changes began, and the\n"
               "                                               rows at which that was known; rows count from 0;\n"
               "                                               with --multivariate: of all columns together\n"
               "Without --detector, and where the configuration names none for the column: vote; with --changepoints\n"
               "segment, with --multivariate envelope, and shift for its change points. `run` watches with others: `list`.\n",
    .args = arg_table,
};

/* What is printed, and how. */
struct printing {
    const struct args *args;
    struct score_csv *csv;
    uint64_t skipped;        /* rows of the warm-up */
    struct bytes onsets, alarms; /* uint64_t */
};

static const double below_half = 0.499999;

static void print_header(const struct printing *p)
{
    if (p->args->multivariate)
        printf("%s,anomaly_score,alert,anomaly,changepoint\n", p->csv->time_name);
    else
        printf("timestamp,value,anomaly_score,alert\n");
}

static void print_row(struct printing *p, const struct score_row *row, const struct score_result *result)
{
    char stamp[SCORE_STAMP_MAX];
    uint64_t number = row->number - p->skipped;
    double score = result->score;
    snprintf(stamp, sizeof(stamp), "%" PRIu64, number);
    if (p->csv->time_field >= 0)
        text_copy(stamp, sizeof(stamp), p->csv->stamp);
    if (!result->bad && score > below_half)
        score = below_half; /* not to be rounded to what it is not */
    if (p->args->multivariate) {
        printf("%s,%.6f,%d,%d,%d\n", stamp, score, result->alert, result->bad, result->change);
        return;
    }
    if (!result->alert && score > below_half)
        score = below_half;
    printf("%s,%s,%.6f,%d\n", stamp, p->csv->texts[0], score, result->alert);
}

static void note_change(struct printing *p, const struct score_row *row, const struct score_result *result)
{
    if (!result->change)
        return;
    uint64_t onset = result->onset > p->skipped ? result->onset - p->skipped : 0, alarm = row->number - p->skipped;
    bytes_append(&p->onsets, &onset, sizeof(onset));
    bytes_append(&p->alarms, &alarm, sizeof(alarm));
}

static void print_list(const char *name, const struct bytes *list)
{
    uint64_t row;
    printf("\"%s\": [", name);
    for (size_t at = 0; at < list->size; at += sizeof(row)) {
        memcpy(&row, list->data + at, sizeof(row));
        printf("%s%" PRIu64, at ? ", " : "", row);
    }
    printf("]");
}

static void print_changes(const struct printing *p)
{
    printf("{");
    print_list("cplocations", &p->onsets);
    printf(", ");
    print_list("alarms", &p->alarms);
    printf("}\n");
}

struct scoring {
    const struct args *args;
    const struct score_judge *judge;
    void *self;              /* the judge's */
    struct score_clock clock;
    uint64_t rows, missing;
    uint64_t out_of_order;   /* rows whose time is not after the one before */
    struct score_csv warmup, csv;
    struct printing printing;
};

static int run_rows(struct scoring *s, struct score_csv *csv, bool print, struct error *err)
{
    int r;
    while ((r = score_csv_next(csv, err)) > 0) {
        struct score_result result = { 0 };
        struct score_row row = { .number = s->rows++, .count = csv->columns, .values = csv->values };
        s->out_of_order += !score_clock_row(&s->clock, csv->time, &row.begin_ns, &row.end_ns);
        row.wall_clock = s->clock.wall;
        for (uint32_t i = 0; i < csv->columns; i++)
            s->missing += isnan(csv->values[i]) ? 1 : 0;
        s->judge->row(s->self, &row, &result);
        if (!print)
            continue;
        if (s->args->changepoints)
            note_change(&s->printing, &row, &result);
        else
            print_row(&s->printing, &row, &result);
    }
    return r;
}

static int score(struct scoring *s, const struct config *config, const char *path, struct error *err)
{
    const struct args *a = s->args;
    int r = score_csv_open(&s->csv, path, err);
    if (r == 0 && a->warmup)
        r = score_csv_open(&s->warmup, a->warmup, err);
    if (r < 0)
        return r;
    if (a->warmup && s->warmup.columns != s->csv.columns)
        return error_set(err, -EINVAL, "%s has %u columns of values, %s has %u", a->warmup, s->warmup.columns, path, s->csv.columns);
    if (s->csv.passed_over)
        fprintf(stderr, "foretrace: %s: %u column%s of labels passed over\n", path, s->csv.passed_over, s->csv.passed_over == 1 ? "" : "s");
    struct score_setup setup = { .config = config, .detector = a->detector, .options = a->options, .columns = s->csv.columns, .timed = s->csv.time_field >= 0,
                                 .names = (const char(*)[SCORE_NAME_MAX])s->csv.names };
    s->judge = a->multivariate ? &score_group : a->changepoints ? &score_changes : &score_series;
    r = s->judge->open(&setup, &s->self, err);
    if (r == 0 && a->warmup)
        r = run_rows(s, &s->warmup, false, err);
    if (r < 0)
        return r;
    s->printing = (struct printing){ .args = a, .csv = &s->csv, .skipped = s->rows };
    if (!a->changepoints)
        print_header(&s->printing);
    r = run_rows(s, &s->csv, true, err);
    if (r == 0 && a->changepoints)
        print_changes(&s->printing);
    return r;
}

static void tell(const struct scoring *s)
{
    if (s->out_of_order)
        fprintf(stderr, "foretrace: warning: %" PRIu64 " row%s whose time is not after the one before: taken as the next\n", s->out_of_order, text_s(s->out_of_order));
    if (s->missing)
        fprintf(stderr, "foretrace: warning: %" PRIu64 " value%s missing: not judged\n", s->missing, s->missing == 1 ? " is" : "s are");
}

int cmd_score(int argc, char **argv)
{
    struct args args = { 0 };
    struct config *config;
    struct error err;
    int first = args_parse(&usage, argc, argv, &args, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    if (argc - first != 1) {
        error_set(&err, -EINVAL, "score takes one FILE (`foretrace score --help`)");
        fail(&err);
        return EXIT_USAGE;
    }
    if (common_config(&args.common, &config, &err) < 0)
        return common_fail(&args.common, &err);
    end_with_reader();
    struct scoring *s = xcalloc(1, sizeof(*s));
    s->args = &args;
    int r = score(s, config, argv[first], &err);
    if (r == 0)
        tell(s);
    if (s->judge)
        s->judge->close(s->self);
    score_csv_close(&s->csv);
    score_csv_close(&s->warmup);
    bytes_done(&s->printing.onsets);
    bytes_done(&s->printing.alarms);
    free(s);
    config_free(config);
    return r < 0 ? fail(&err) : 0;
}
