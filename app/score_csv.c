#include "app/score_csv.h"
#include "base/bytes.h"
#include "base/text.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- times ---- */

/* Days since the epoch of a date in the proleptic Gregorian calendar, by eras of 400 years that begin in March. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_of_month(int64_t year, int month)
{
    return (int)((month == 12 ? days_of(year + 1, 1, 1) : days_of(year, month + 1, 1)) - days_of(year, month, 1));
}

static double zone_of(const char *text)
{
    int hours, minutes = 0, used = 0;
    if (*text == 0 || strcmp(text, "Z") == 0)
        return 0;
    if ((*text != '+' && *text != '-') || sscanf(text + 1, "%2d%n", &hours, &used) < 1)
        return (double)NAN;
    const char *rest = text + 1 + used;
    rest += *rest == ':';
    if (*rest && (sscanf(rest, "%2d%n", &minutes, &used) < 1 || rest[used]))
        return (double)NAN;
    return (*text == '-' ? -1 : 1) * (hours * 3600.0 + minutes * 60.0);
}

double score_time_parse(const char *text)
{
    int year, month, day = 1, hour = 0, minute = 0, used = 0;
    double second = 0;
    char *end;
    double number = strtod(text, &end);
    if (end != text && *end == 0 && isfinite(number)) {
        for (int i = 0; i < 3 && fabs(number) >= 1e11; i++) /* no time in seconds: the year 5138 */
            number /= 1000;
        return number;
    }
    if (sscanf(text, "%4d-%2d%n", &year, &month, &used) < 2 || month < 1 || month > 12)
        return (double)NAN;
    const char *rest = text + used;
    if (*rest == '-' && (sscanf(rest + 1, "%2d%n", &day, &used) < 1 || day < 1 || day > days_of_month(year, month)))
        return (double)NAN;
    rest += *rest == '-' ? 1 + used : 0;
    if (*rest == ' ' || *rest == 'T') {
        if (sscanf(rest + 1, "%2d:%2d%n", &hour, &minute, &used) < 2 || hour > 24 || minute > 59 || hour < 0 || minute < 0)
            return (double)NAN;
        rest += 1 + used;
        if (*rest == ':') {
            second = isdigit((unsigned char)rest[1]) ? strtod(rest + 1, &end) : (double)NAN;
            if (!(second < 62))
                return (double)NAN;
            rest = end;
        }
    }
    return (double)days_of(year, month, day) * 86400 + hour * 3600.0 + minute * 60.0 + second - zone_of(rest);
}

/* ---- lines ---- */

static int complain(const struct score_csv *csv, struct error *err, const char *what, const char *field)
{
    char shown[48];
    struct text_out out = text_out_init(shown, sizeof(shown));
    text_put_clean(&out, field, strlen(field));
    return error_set(err, -EINVAL, "%s:%" PRIu64 ": %s%s%s%s", csv->path, csv->line_number, what, *field ? " '" : "", shown,
                     *field ? "'" : "");
}

/* The next line that is not empty, without its end. 1, 0 at the end, or -errno. */
static int read_line(struct score_csv *csv, struct error *err)
{
    for (;;) {
        errno = 0;
        ssize_t size = getline(&csv->line, &csv->capacity, csv->file);
        if (size < 0)
            return ferror(csv->file) ? error_set(err, errno ? -errno : -EIO, "%s: %s", csv->path, strerror(errno)) : 0;
        csv->line_number++;
        if (strlen(csv->line) != (size_t)size)
            return complain(csv, err, "a NUL byte; this is no text", "");
        while (size > 0 && (csv->line[size - 1] == '\n' || csv->line[size - 1] == '\r'))
            csv->line[--size] = 0;
        if (size > 0)
            return 1;
    }
}

/* Cuts the first field off the line, in place; NULL when there is none left. */
static char *cut(char **line, char separator)
{
    char *at = *line, *field = at;
    if (!at)
        return NULL;
    if (*at == '"') {
        char *to = ++field;
        for (at++; *at && (*at != '"' || at[1] == '"'); at++) {
            *to++ = *at;
            at += *at == '"';
        }
        at += strcspn(at, (char[]){ separator, 0 });
        *to = 0;
    } else {
        at += strcspn(at, (char[]){ separator, 0 });
    }
    *line = *at ? at + 1 : NULL;
    *at = 0;
    while (*field == ' ' || *field == '\t')
        field++;
    for (size_t n = strlen(field); n > 0 && (field[n - 1] == ' ' || field[n - 1] == '\t');)
        field[--n] = 0;
    return field;
}

static bool among(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcasecmp(name, *names) == 0)
            return true;
    return false;
}

static bool is_missing(const char *text)
{
    return *text == 0 || among(text, (const char *const[]){ "nan", "na", "null", "none", NULL });
}

/* The whole field is a finite number, a value that is missing, or neither. */
static bool parse_value(const char *text, double *ret_value)
{
    char *end;
    if (is_missing(text)) {
        *ret_value = (double)NAN;
        return true;
    }
    *ret_value = strtod(text, &end);
    return *end == 0 && isfinite(*ret_value);
}

/* ---- the header ---- */

static bool is_header(const struct score_csv *csv)
{
    char *copy = xstrdup(csv->line), *rest = copy, *field;
    bool words = true;
    double value;
    while (words && (field = cut(&rest, csv->separator)) != NULL)
        words = is_missing(field) || (!parse_value(field, &value) && isnan(score_time_parse(field)));
    free(copy);
    return words;
}

/* A column of the first line: a time, a label to be passed over, or values. */
static void take_column(struct score_csv *csv, const char *name)
{
    static const char *const times[] = { "timestamp", "datetime", "time", "date", "ds", NULL };
    static const char *const labels[] = { "anomaly", "changepoint", "label", "is_anomaly", "anomaly_score", "alert", NULL };
    uint32_t field = csv->fields++;
    if (csv->time_field < 0 && among(name, times)) {
        csv->time_field = (int32_t)field;
        text_copy(csv->time_name, sizeof(csv->time_name), name);
    } else if (among(name, labels)) {
        csv->passed_over++;
    } else {
        csv->field_of[csv->columns] = field;
        text_copy(csv->names[csv->columns++], SCORE_NAME_MAX, name);
    }
}

static int take_first(struct score_csv *csv, struct error *err)
{
    char *copy = xstrdup(csv->line), *rest = copy, *field, name[SCORE_NAME_MAX];
    bool several = strchr(csv->line, csv->separator) != NULL;
    csv->pending = !is_header(csv);
    csv->time_field = -1;
    text_copy(csv->time_name, sizeof(csv->time_name), "timestamp");
    while ((field = cut(&rest, csv->separator)) != NULL && csv->columns < SCORE_COLUMNS_MAX) {
        snprintf(name, sizeof(name), "%" PRIu32, csv->fields);
        take_column(csv, !csv->pending ? field : several && csv->fields == 0 ? "timestamp" : name);
    }
    free(copy);
    if (field)
        return error_set(err, -E2BIG, "%s:%" PRIu64 ": more than %d columns", csv->path, csv->line_number, SCORE_COLUMNS_MAX);
    if (csv->columns == 0)
        return complain(csv, err, "no column of values", "");
    return 0;
}

int score_csv_open(struct score_csv *csv, const char *path, struct error *err)
{
    csv->path = path;
    csv->names = xcalloc(SCORE_COLUMNS_MAX, SCORE_NAME_MAX);
    csv->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!csv->file)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    int r = read_line(csv, err);
    if (r <= 0)
        return r < 0 ? r : error_set(err, -EINVAL, "%s: it is empty", path);
    if (strncmp(csv->line, "\xef\xbb\xbf", 3) == 0)
        memmove(csv->line, csv->line + 3, strlen(csv->line) - 2);
    size_t commas = 0, semicolons = 0;
    for (const char *p = csv->line; *p; p++) {
        commas += *p == ',';
        semicolons += *p == ';';
    }
    csv->separator = semicolons > commas ? ';' : ',';
    return take_first(csv, err);
}

/* ---- rows ---- */

static int take_time(struct score_csv *csv, const char *field, struct error *err)
{
    csv->time = score_time_parse(field);
    if (isnan(csv->time))
        return complain(csv, err, "no time:", field);
    if (!text_copy(csv->stamp, sizeof(csv->stamp), field))
        return complain(csv, err, "too long for a time:", field);
    return 0;
}

int score_csv_next(struct score_csv *csv, struct error *err)
{
    int r = csv->pending ? 1 : read_line(csv, err);
    csv->pending = false;
    if (r <= 0)
        return r;
    char *rest = csv->line, *field;
    uint32_t at = 0, column = 0;
    csv->time = (double)NAN;
    csv->stamp[0] = 0;
    for (; (field = cut(&rest, csv->separator)) != NULL && at < csv->fields; at++) {
        if ((int32_t)at == csv->time_field && take_time(csv, field, err) < 0)
            return -EINVAL;
        if (column == csv->columns || csv->field_of[column] != at)
            continue;
        csv->texts[column] = field;
        if (!parse_value(field, &csv->values[column++]))
            return complain(csv, err, "no number:", field);
    }
    if (field || at < csv->fields)
        return error_set(err, -EINVAL, "%s:%" PRIu64 ": %s fields than the first line's %" PRIu32, csv->path, csv->line_number,
                         field ? "more" : "fewer", csv->fields);
    return 1;
}

void score_csv_close(struct score_csv *csv)
{
    if (csv->file && csv->file != stdin)
        fclose(csv->file);
    free(csv->line);
    free(csv->names);
}
