#include "app/samples_csv.h"
#include "base/text.h"
#include "stream/pair_names.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char header[] = "time_ns,series,value,count,quality";
enum { FIELDS = 5, QUALITIES = 16 };
static const int64_t last_time_ns = INT64_C(1) << 62;

static int complain(const struct samples_csv *csv, struct error *err, const char *what)
{
    return error_set(err, -EINVAL, "%s:%llu: %s", csv->path, (unsigned long long)csv->line_number, what);
}

/* ---- one line ---- */

/* The next field, unquoted in place; NULL: there is none, or its quotes do not end. */
static char *take_field(char **at)
{
    char *start = *at, *to = start, *from;
    if (!start)
        return NULL;
    if (*start != '"') {
        char *comma = strchr(start, ',');
        *at = comma ? comma + 1 : NULL;
        if (comma)
            *comma = '\0';
        return start;
    }
    for (from = start + 1; *from && (*from != '"' || from[1] == '"'); from++) {
        from += *from == '"';
        *to++ = *from;
    }
    if (*from != '"' || (from[1] != '\0' && from[1] != ','))
        return NULL;
    *at = from[1] == ',' ? from + 2 : NULL;
    *to = '\0';
    return start;
}

static bool parse_statistic(const char *text, size_t size, enum statistic *ret_statistic)
{
    for (enum statistic s = 0; s < STATISTIC_KINDS; s++) {
        if (strlen(statistic_name(s)) == size && memcmp(statistic_name(s), text, size) == 0) {
            *ret_statistic = s;
            return true;
        }
    }
    return false;
}

/* ANALYSIS.METRIC.STATISTIC{LABELS} */
static bool parse_series(struct samples_row *row, const char *series)
{
    size_t end = strcspn(series, "{"), dot = end;
    while (dot > 0 && series[dot - 1] != '.')
        dot--;
    if (dot < 2 || strlen(series) >= sizeof(row->meter) || !parse_statistic(series + dot, end - dot, &row->statistic))
        return false;
    snprintf(row->meter, sizeof(row->meter), "%.*s%s", (int)(dot - 1), series, series + end);
    return true;
}

static bool parse_value(const char *text, double *ret_value)
{
    char *end;
    if (*text != '-' && (*text < '0' || *text > '9'))
        return false;
    *ret_value = strtod(text, &end);
    return *end == '\0' && isfinite(*ret_value);
}

static bool parse_quality(const char *text, uint32_t *ret_quality)
{
    char name[QUALITY_TEXT_MAX];
    for (uint32_t q = 0; q < QUALITIES; q++) {
        if (strcmp(text, quality_text(q, name)) == 0) {
            *ret_quality = q & ~(uint32_t)QUALITY_ZERO;
            return true;
        }
    }
    return false;
}

static const char *parse_row(struct samples_row *row, char *line)
{
    char *fields[FIELDS];
    uint64_t time_ns;
    for (int i = 0; i < FIELDS; i++)
        if (!(fields[i] = take_field(&line)))
            return "five fields were expected: time_ns,series,value,count,quality";
    if (line)
        return "more than five fields: time_ns,series,value,count,quality";
    if (text_parse_u64(fields[0], &time_ns) < 0 || time_ns == 0 || time_ns >= (uint64_t)last_time_ns)
        return "the first field is no time in nanoseconds since the epoch";
    row->time_ns = (int64_t)time_ns;
    if (!parse_series(row, fields[1]))
        return "the second field is no series: ANALYSIS.METRIC.STATISTIC{LABEL=VALUE,...}";
    if (!parse_value(fields[2], &row->value))
        return "the third field is no number";
    if (text_parse_u64(fields[3], &row->count) < 0)
        return "the fourth field is no count";
    return parse_quality(fields[4], &row->quality) ? NULL : "the fifth field is no quality, such as complete or lossy|partial";
}

/* 1: csv->row is the next one. */
static int read_row(struct samples_csv *csv, struct error *err)
{
    ssize_t n = getline(&csv->line, &csv->capacity, csv->file);
    if (n < 0)
        return ferror(csv->file) ? error_set(err, -EIO, "%s: cannot be read", csv->path) : 0;
    csv->line_number++;
    if (strlen(csv->line) != (size_t)n)
        return complain(csv, err, "a NUL byte");
    csv->line[strcspn(csv->line, "\r\n")] = '\0';
    if (csv->line_number == 1)
        return strcmp(csv->line, header) == 0 ? read_row(csv, err)
                                              : error_set(err, -EINVAL, "%s:1: '%s' was expected, as --samples writes it", csv->path, header);
    const char *wrong = parse_row(&csv->row, csv->line);
    return wrong ? complain(csv, err, wrong) : 1;
}

/* ---- meters ---- */

static uint32_t find_meter(const struct samples_csv *csv, const char *name, uint64_t hash)
{
    uint32_t at;
    for (uint32_t s = hash_index_first(&csv->by_name, hash, &at); s != HASH_NONE; s = hash_index_next(&csv->by_name, hash, &at))
        if (strcmp(csv->meters[s].name, name) == 0)
            return s;
    return HASH_NONE;
}

static bool parse_meter(const struct samples_csv_meter *meter, struct meter_description *d);

static int learn_meter(struct samples_csv *csv, struct error *err)
{
    uint64_t hash = hash_bytes(csv->row.meter, strlen(csv->row.meter));
    uint32_t place = find_meter(csv, csv->row.meter, hash);
    if (place == HASH_NONE) {
        struct meter_description d;
        if (csv->count == SAMPLES_CSV_METERS_MAX)
            return complain(csv, err, "too many series");
        GROW(csv->meters, csv->count, csv->meters_capacity);
        place = csv->count++;
        csv->meters[place] = (struct samples_csv_meter){ .name = xstrdup(csv->row.meter), .latest_ns = INT64_MIN };
        hash_index_insert(&csv->by_name, hash, place);
        if (!parse_meter(&csv->meters[place], &d))
            return complain(csv, err, "the second field is no series that foretrace names: ANALYSIS.METRIC.STATISTIC{LABEL=VALUE,...}");
    }
    csv->meters[place].statistics |= 1U << csv->row.statistic;
    return 0;
}

enum metric_kind samples_csv_kind(const struct samples_csv_meter *meter)
{
    uint32_t statistics = meter->statistics;
    if (statistics & (1U << STATISTIC_MIN | 1U << STATISTIC_LAST))
        return METRIC_VALUE;
    return statistics & ~(1U << STATISTIC_COUNT | 1U << STATISTIC_RATE) ? METRIC_LATENCY : METRIC_COUNTER;
}

static int64_t greatest_common(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int learn_all(struct samples_csv *csv, struct error *err)
{
    int r;
    while ((r = read_row(csv, err)) > 0) {
        const int64_t time_ns = csv->row.time_ns;
        if (csv->first_ns == 0)
            csv->first_ns = csv->window_ns = time_ns;
        if (time_ns < csv->last_ns)
            return complain(csv, err, "its window ends before that of the line before; samples of several sessions cannot be told apart");
        if (time_ns != csv->last_ns && time_ns != csv->first_ns)
            csv->window_ns = greatest_common(csv->last_ns == csv->first_ns ? time_ns - csv->first_ns : csv->window_ns, time_ns - csv->last_ns);
        csv->last_ns = time_ns;
        if ((r = learn_meter(csv, err)) < 0)
            return r;
    }
    return r == 0 && csv->count == 0 ? error_set(err, -EINVAL, "%s: there are no samples in it", csv->path) : r;
}

int samples_csv_open(struct samples_csv *csv, const char *path, struct error *err)
{
    static const int64_t usual_ns = 1000000000;
    csv->path = path;
    hash_index_init(&csv->by_name, 256);
    csv->file = fopen(path, "re");
    if (!csv->file)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    int r = learn_all(csv, err);
    if (csv->first_ns == csv->last_ns)
        csv->window_ns = usual_ns; /* a single window does not tell */
    if (r == 0 && fseek(csv->file, 0, SEEK_SET) < 0)
        r = error_set(err, -errno, "%s: must be a file: it is read twice", path);
    csv->line_number = 0;
    return r;
}

void samples_csv_close(struct samples_csv *csv)
{
    if (csv->file)
        fclose(csv->file);
    for (uint32_t i = 0; i < csv->count; i++)
        free(csv->meters[i].name);
    free(csv->meters);
    free(csv->line);
    hash_index_done(&csv->by_name);
    memset(csv, 0, sizeof(*csv));
}

/* ---- samples ---- */

static void take_value(struct samples_csv *csv, const enum statistic *list)
{
    for (uint32_t i = 0; i < csv->sample.value_count; i++)
        if (list[i] == csv->row.statistic)
            csv->sample.values[i] = csv->row.value;
}

int samples_csv_next(struct samples_csv *csv, struct error *err)
{
    const enum statistic *list;
    int r = csv->pending ? 1 : read_row(csv, err);
    csv->pending = false;
    if (r <= 0)
        return r;
    uint32_t place = find_meter(csv, csv->row.meter, hash_bytes(csv->row.meter, strlen(csv->row.meter)));
    if (place == HASH_NONE)
        return complain(csv, err, "the file has changed while it was read");
    struct samples_csv_meter *m = &csv->meters[place];
    if (m->latest_ns == csv->row.time_ns)
        return complain(csv, err, "a series for the second time in one window; samples of several sessions cannot be told apart");
    m->latest_ns = csv->time_ns = csv->row.time_ns;
    csv->meter = place;
    csv->quality = csv->row.quality;
    csv->sample = (struct meter_sample){ .id = place, .count = csv->row.count, .value_count = metric_statistics(samples_csv_kind(m), &list) };
    for (uint32_t i = 0; i < csv->sample.value_count; i++)
        csv->sample.values[i] = (double)NAN;
    for (; r > 0 && csv->row.time_ns == csv->time_ns && strcmp(csv->row.meter, m->name) == 0; r = read_row(csv, err))
        take_value(csv, list);
    csv->pending = r > 0;
    return r < 0 ? r : 1;
}

/* ---- descriptions ---- */

static bool is_label_name(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && ((c >= '0' && c <= '9') || c == '.' || c == ':'));
}

/* Where the label's value ends: at a comma behind which there is NAME=. */
static const char *value_end(const char *at, const char *end)
{
    for (; at < end; at++) {
        const char *name = at + 1;
        while (*at == ',' && name < end && is_label_name(*name, name == at + 1))
            name++;
        if (*at == ',' && name > at + 1 && *name == '=')
            break;
    }
    return at;
}

static bool take_text(char *to, size_t capacity, const char *from, const char *end)
{
    size_t size = (size_t)(end - from);
    if (size >= capacity)
        return false;
    memcpy(to, from, size);
    to[size] = '\0';
    return true;
}

static bool take_labels(struct meter_description *d, const char *at)
{
    const char *end = at + strlen(at);
    if (at == end)
        return true;
    if (*--end != '}')
        return false;
    while (at < end) {
        struct label *l = &d->labels[d->label_count];
        const char *name = at + 1, *equals = memchr(name, '=', (size_t)(end - name));
        if (d->label_count == LABELS_MAX || !equals)
            return false;
        at = d->label_count == LABELS_MAX - 1 ? end : value_end(equals + 1, end);
        if (!take_text(l->name, sizeof(l->name), name, equals) || !take_text(l->value, sizeof(l->value), equals + 1, at))
            return false;
        d->label_count++;
    }
    return true;
}

static const struct metric_info *find_metric(const struct analysis *a, const struct meter_description *d)
{
    for (const struct metric_info *m = a->emits; m->name; m++)
        if (strcmp(m->name, d->metric) == 0 && m->kind == d->kind)
            return m;
    return NULL;
}

static bool has_name(const struct analysis_instance *instance, const char *name)
{
    const char *given;
    for (uint32_t i = 0; (given = analysis_instance_name(instance, i)); i++)
        if (strcmp(given, name) == 0)
            return true;
    return false;
}

/* An event that begins or ends a pair is a detail of that pair (stream/analyses/auto.c). */
static bool is_of_a_pair(const struct samples_csv *csv, const struct meter_description *d)
{
    char pair[SERIES_NAME_MAX];
    size_t stem;
    if (d->kind != METRIC_COUNTER || strcmp(d->analysis, "rate") != 0 || d->label_count != 1 || strcmp(d->labels[0].name, "event") != 0)
        return false;
    const char *event = d->labels[0].value;
    for (int i = 0; i < PAIR_SCHEMES * (1 + PAIR_ENDS_MAX); i++) {
        const struct pair_scheme *s = &pair_schemes[i / (1 + PAIR_ENDS_MAX)];
        const char *word = i % (1 + PAIR_ENDS_MAX) == 0 ? s->begin : s->ends[i % (1 + PAIR_ENDS_MAX) - 1];
        if (!word || !pair_name_ends_in(event, word, &stem))
            continue;
        snprintf(pair, sizeof(pair), "latency.duration{pair=%.*s}", (int)stem, event);
        if (find_meter(csv, pair, hash_bytes(pair, strlen(pair))) != HASH_NONE)
            return true;
    }
    return false;
}

/* Of the analysis that goes by that name, or else one that makes such a metric. */
static void take_facts(struct meter_description *d, const struct config *config)
{
    const struct metric_info *found = NULL;
    for (uint32_t i = 0; i < config->analysis_count; i++) {
        const struct analysis_instance *instance = &config->analyses[i];
        if (!has_name(instance, d->analysis))
            continue;
        const struct option *unit = option_find(instance->analysis->options, "unit"); /* of fields: none, ns, B */
        if (unit)
            d->unit = (enum unit)((const struct choice *)((const char *)instance->config + unit->offset))->index;
        if ((found = find_metric(instance->analysis, d)))
            break;
    }
    for (const struct analysis *const *a = analyses; *a && !found; a++)
        if (strcmp((*a)->name, d->analysis) == 0)
            found = find_metric(*a, d);
    for (const struct analysis *const *a = analyses; *a && !found; a++)
        found = find_metric(*a, d);
    if (!found)
        return;
    d->unit = found->unit;
    d->detail = found->faces & FACE_DETAIL;
}

static bool parse_meter(const struct samples_csv_meter *meter, struct meter_description *d)
{
    char name[SERIES_NAME_MAX];
    const char *labels = meter->name + strcspn(meter->name, "{"), *dot = labels;
    *d = (struct meter_description){ .kind = samples_csv_kind(meter) };
    d->unit = d->kind == METRIC_LATENCY ? UNIT_NANOSECONDS : UNIT_NONE;
    while (dot > meter->name && dot[-1] != '.')
        dot--;
    if (dot == meter->name || dot == labels || dot - 1 == meter->name || !take_text(d->analysis, sizeof(d->analysis), meter->name, dot - 1) ||
        !take_text(d->metric, sizeof(d->metric), dot, labels) || !take_labels(d, labels))
        return false;
    return strcmp(series_name(d, STATISTIC_KINDS, name), meter->name) == 0;
}

void samples_csv_describe(const struct samples_csv *csv, uint32_t meter, const struct config *config, struct meter_description *d)
{
    parse_meter(&csv->meters[meter], d); /* it could when it was read first */
    d->id = meter;
    take_facts(d, config);
    d->detail |= is_of_a_pair(csv, d);
}
