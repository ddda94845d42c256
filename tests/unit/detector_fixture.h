/* detector_fixture.h - an array of samples in, a string of grades out. */
#ifndef FT_TESTS_DETECTOR_FIXTURE_H
#define FT_TESTS_DETECTOR_FIXTURE_H
#include "detectors/detector.h"
#include "testing.h"

enum { SERIES_MAX = 4096 };

struct series {
    enum metric_kind kind;
    enum statistic statistic;
    int64_t window_ns;
    double values[SERIES_MAX];
    uint32_t quality[SERIES_MAX];
    uint64_t count[SERIES_MAX]; /* 0: 100, or the value itself for counts and rates */
    int64_t pause_ns[SERIES_MAX]; /* before the sample: a time without windows */
    size_t length;
};

static inline void series_add(struct series *s, double value)
{
    assert_true(s->length < SERIES_MAX);
    s->values[s->length++] = value;
}

struct run {
    char grades[SERIES_MAX + 1];           /* 'o', 'w', 'c' */
    struct judgement last[SERIES_MAX];
};

static inline void run_detector(const char *name, const char *const (*set)[2], const struct series *s, struct run *run)
{
    const struct detector *d = detector_find(name);
    struct error err;
    assert_non_null(d);
    void *config = calloc(1, d->config_size);
    options_default(d->options, config);
    for (; set && (*set)[0]; set++)
        if (option_set(d->options, config, (*set)[0], (*set)[1], &err) < 0)
            fail_msg("%s", err.text);
    if (d->check && d->check(config, &err) < 0)
        fail_msg("%s", err.text);
    void *state = calloc(1, d->state_size(config) + 1);
    if (d->init)
        d->init(state, config);
    int64_t window_ns = s->window_ns ? s->window_ns : 1000000000, paused_ns = 0;
    memset(run, 0, sizeof(*run));
    for (size_t i = 0; i < s->length; i++) {
        paused_ns += s->pause_ns[i];
        bool counts = s->statistic == STATISTIC_COUNT || s->statistic == STATISTIC_RATE;
        struct observation o = { .begin_ns = paused_ns + (int64_t)i * window_ns,
                                 .end_ns = paused_ns + (int64_t)(i + 1) * window_ns,
                                 .value = s->values[i],
                                 .count = s->count[i] ? s->count[i] : counts ? (uint64_t)llround(s->values[i]) : 100,
                                 .quality = s->quality[i],
                                 .kind = s->kind,
                                 .statistic = s->statistic };
        d->observe(state, config, &o, &run->last[i]);
        run->grades[i] = "owc"[run->last[i].severity];
    }
    free(state);
    free(config);
}

static inline size_t count_grades(const struct run *run, size_t from, size_t to)
{
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        n += run->grades[i] != 'o';
    return n;
}

/* Grades that begin trouble: another onset than the bad one before. */
static inline size_t count_incidents(const struct run *run, size_t from, size_t to)
{
    size_t n = 0;
    int64_t onset_ns = INT64_MIN;
    for (size_t i = from; i < to; i++) {
        if (run->grades[i] == 'o')
            continue;
        n += run->last[i].onset_ns != onset_ns;
        onset_ns = run->last[i].onset_ns;
    }
    return n;
}

/* A gauge: level, noise, and a daily wave. */
static inline void add_gauge(struct series *s, size_t n, double level, double noise, double wave, uint64_t *seed)
{
    int64_t window_ns = s->window_ns ? s->window_ns : 1000000000;
    s->kind = METRIC_VALUE;
    s->statistic = STATISTIC_MEAN;
    for (size_t i = 0; i < n; i++) {
        double day = (double)s->length * (double)window_ns / 86400e9;
        series_add(s, level + noise * random_normal(seed) + wave * sin(2 * 3.14159265358979 * day));
    }
}

/* A latency around `level` ns with log-normal noise. */
static inline void add_latencies(struct series *s, size_t n, double level, double sigma, uint64_t *seed)
{
    s->kind = METRIC_LATENCY;
    s->statistic = STATISTIC_P50;
    for (size_t i = 0; i < n; i++)
        series_add(s, level * exp(sigma * random_normal(seed)));
}

/* Poisson counts, by their normal approximation. */
static inline void add_rates(struct series *s, size_t n, double rate, uint64_t *seed)
{
    s->kind = METRIC_COUNTER;
    s->statistic = STATISTIC_RATE;
    for (size_t i = 0; i < n; i++)
        series_add(s, fmax(0, round(rate + sqrt(rate) * random_normal(seed))));
}

#endif
