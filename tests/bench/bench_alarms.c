/* bench_alarms.c - what people would be told of healthy series, and of faults put into them: through the host and the life of
 * alerts, k of n and hysteresis included, with default settings.
 *
 *     bench_alarms [--days N] [--seed FIRST] [DETECTOR...]
 *
 * Forty series at a sample a second: eight kinds (noise, correlated noise, waves of a day, bursts, a heavy tail, waves of a minute, a
 * wandering level) with five seeds each, from FIRST on. Without a detector they are watched as `auto` chooses, else by that
 * one alone. Healthy ones for N days; then a day of each with each kind of fault at a random instant of its second half:
 * found is what fires within five minutes of the fault's begin. A series is a whole metric, with all its statistics.
 *
 * And apart from them, since nobody can know them the first time: jobs that run at six each day, or each hour. */
#include "alerts/life.h"
#include "detectors/host.h"
#include "outlet_fixture.h"
#include "testing.h"
#include <math.h>

enum { DAY = 86400, LATEST = 300, SEEDS = 5, DELAYS_MAX = 1024 };
static const int64_t start_s = 20000 * (int64_t)DAY, second_ns = 1000000000;

enum fault { FAULT_NONE, FAULT_STEP, FAULT_SPIKE, FAULT_DROP, FAULT_MODE, FAULT_SILENCE, FAULT_DRIFT, FAULTS };
static const char *const fault_names[] = { "healthy", "step", "spike", "drop", "second mode", "silence", "drift" };

/* ---- the generator ---- */

struct source {
    uint64_t seed;
    double walk, burst;
};

static double day_wave(int64_t i)
{
    return sin(2 * 3.14159265358979 * (double)(i % DAY) / DAY);
}

static double white_latency(struct source *s, int64_t i)
{
    (void)i;
    return 5e6 * exp(0.2 * random_normal(&s->seed));
}

static double correlated_latency(struct source *s, int64_t i)
{
    (void)i;
    s->walk = 0.9 * s->walk + 0.1 * random_normal(&s->seed);
    return 5e6 * exp(s->walk);
}

static double daily_gauge(struct source *s, int64_t i)
{
    return 100 + 40 * day_wave(i) + 4 * random_normal(&s->seed);
}

static double count(struct source *s, double rate)
{
    return fmax(0, round(rate + sqrt(rate) * random_normal(&s->seed)));
}

static double bursty_rate(struct source *s, int64_t i)
{
    (void)i;
    if (s->burst > 0)
        s->burst--;
    else if (random_unit(&s->seed) < 0.01)
        s->burst = 5 + floor(20 * random_unit(&s->seed));
    return count(s, s->burst > 0 ? 300 : 80);
}

static double heavy_gauge(struct source *s, int64_t i)
{
    (void)i;
    return 100 - 10 * log(random_unit(&s->seed) + 1e-300);
}

static double daily_rate(struct source *s, int64_t i)
{
    return count(s, 50 * (1.5 + day_wave(i)));
}

static double minute_gauge(struct source *s, int64_t i)
{
    return 100 + 20 * sin(2 * 3.14159265358979 * (double)(i % 60) / 60) + 3 * random_normal(&s->seed);
}

static double wandering_gauge(struct source *s, int64_t i)
{
    (void)i;
    s->walk = 0.999 * s->walk + random_normal(&s->seed);
    return 1000 + 3 * s->walk;
}

static double daily_job(struct source *s, int64_t i)
{
    int64_t of_day = i % DAY;
    return 100 + 3 * random_normal(&s->seed) + (of_day >= 21600 && of_day < 21660 ? 150 : 0);
}

static double hourly_job(struct source *s, int64_t i)
{
    return 100 + 3 * random_normal(&s->seed) + (i % 3600 >= 1800 && i % 3600 < 1805 ? 50 : 0);
}

static const struct kind {
    const char *name;
    double (*sample)(struct source *s, int64_t i);
    enum metric_kind kind;
    double deviation; /* of a gauge: a fault is so many of them */
} kinds[] = {
    { "noise", white_latency, METRIC_LATENCY, 0 },    { "correlated", correlated_latency, METRIC_LATENCY, 0 },
    { "day's wave", daily_gauge, METRIC_VALUE, 4 },   { "bursts", bursty_rate, METRIC_COUNTER, 0 },
    { "heavy tail", heavy_gauge, METRIC_VALUE, 10 },  { "day's rate", daily_rate, METRIC_COUNTER, 0 },
    { "minute's wave", minute_gauge, METRIC_VALUE, 14 }, { "wandering", wandering_gauge, METRIC_VALUE, 60 },
};
/* Nobody can know these the first time. */
static const struct kind jobs[] = { { "a job at six", daily_job, METRIC_VALUE, 3 }, { "a job each hour", hourly_job, METRIC_VALUE, 3 } };

/* What a fault makes of a value, `since` seconds after its begin. */
static double afflict(const struct kind *k, enum fault fault, int64_t since, double value, struct source *s)
{
    double factor = k->kind == METRIC_LATENCY ? 3 : 2.5, shift = 12 * k->deviation;
    bool gauge = k->kind == METRIC_VALUE;
    switch (fault) {
    case FAULT_STEP:
        return gauge ? value + shift : value * factor;
    case FAULT_SPIKE:
        return since > 2 ? value : gauge ? value + 2 * shift : value * 4 * factor;
    case FAULT_DRIFT:
        factor = fmin(1, (double)since / 240);
        return gauge ? value + shift * factor : value * (1 + 2 * factor);
    case FAULT_DROP:
        return gauge ? value - shift : value / (2 * factor);
    case FAULT_MODE:
        return k->kind == METRIC_LATENCY || random_unit(&s->seed) > 0.3 ? value : gauge ? value + shift : value * factor;
    default:
        return value;
    }
}

/* ---- series, the host and the life of alerts ---- */

struct series {
    const struct kind *kind;
    struct source source;
    enum fault fault;
    int64_t at, end;          /* of the fault, of the series: seconds */
    uint32_t alerts;          /* before the fault */
    bool firing;
    int64_t delay;            /* windows until it fired; 0: it did not */
};

struct run {
    struct series *series;
    uint32_t count;
    struct host *host;
    struct life *life;
    struct outlet_fixture out;
    struct bytes body;
    int64_t now;
    bool verbose;
};

static void deliver(void *self, struct alert *a)
{
    struct run *run = self;
    struct series *s = &run->series[atoi(a->metric + 1)];
    bool fires = a->state == ALERT_FIRING && !s->firing;
    s->firing = a->state == ALERT_FIRING;
    if (!fires)
        return;
    if (s->fault && run->now >= s->at) {
        if (s->delay == 0)
            s->delay = run->now - s->at + 1;
        return;
    }
    s->alerts++;
    if (run->verbose)
        printf("  %s, seed %u, second %lld: %s\n", s->kind->name, (unsigned)((s - run->series) % SEEDS), (long long)run->now, a->summary);
}

static void give(struct run *run, enum wire_type type)
{
    static struct verdict v;
    struct wire_header h = { .version = WIRE_VERSION, .type = type };
    struct wire_reader r;
    struct window_done w;
    assert_int_equal(host_message(run->host, 0, &h, wire_reader_init(run->body.data, run->body.size)), 0);
    bytes_reset(&run->body);
    while (outlet_fixture_take(&run->out, &h, &r)) {
        if (h.type == WIRE_VERDICT && verdict_get(&r, &v))
            life_verdict(run->life, &v);
        else if (h.type == WIRE_WINDOW && window_done_get(&r, &w))
            life_window(run->life, &w);
    }
}

/* All statistics of one window: of a latency those percentiles that follow from its median. */
static void fill(struct meter_sample *m, struct series *s, int64_t i)
{
    const struct kind *k = s->kind;
    bool faulty = s->fault && i >= s->at;
    double value = k->sample(&s->source, i), normal = random_normal(&s->source.seed);
    if (faulty)
        value = afflict(k, s->fault, i - s->at, value, &s->source);
    value = k->kind == METRIC_VALUE ? value : fmax(0, round(value));
    bool nothing = faulty && s->fault == FAULT_SILENCE;
    m->count = nothing ? 0 : k->kind == METRIC_COUNTER ? (uint64_t)value : (uint64_t)count(&s->source, 100);
    const enum statistic *list;
    m->value_count = metric_statistics(k->kind, &list);
    for (uint32_t n = 0; n < m->value_count; n++) {
        double factor = list[n] == STATISTIC_P90 ? 1.5 : list[n] == STATISTIC_P99 ? 2.5 * exp(0.1 * normal) : list[n] == STATISTIC_MAX ? 4 : 1;
        if (faulty && s->fault == FAULT_MODE && factor > 1)
            factor *= 3;
        m->values[n] = nothing ? (double)NAN : k->kind == METRIC_LATENCY ? value * factor : value;
        if (list[n] == STATISTIC_COUNT || list[n] == STATISTIC_RATE)
            m->values[n] = (double)m->count;
    }
}

static void play_second(struct run *run, int64_t i)
{
    struct meter_sample m = { 0 };
    struct window_header w = { .host = "h", .session = "s", .begin_ns = (start_s + i) * second_ns, .end_ns = (start_s + i + 1) * second_ns, .last = true };
    uint32_t there = 0;
    for (uint32_t n = 0; n < run->count; n++)
        there += i < run->series[n].end;
    run->now = i;
    wire_put_array(&run->body, 2);
    window_header_put(&run->body, &w);
    wire_put_array(&run->body, there);
    for (uint32_t n = 0; n < run->count; n++) {
        if (i >= run->series[n].end)
            continue;
        m.id = n;
        fill(&m, &run->series[n], i);
        meter_sample_put(&run->body, &m);
    }
    give(run, WIRE_SAMPLES);
}

static void complain(void *self, const char *text)
{
    (void)self;
    fprintf(stderr, "%s\n", text);
}

static void play(struct series *series, uint32_t n, const struct rules *rules, bool verbose)
{
    struct run run = { .series = series, .count = n, .verbose = verbose };
    struct host_config host;
    struct life_config life;
    struct error err;
    int64_t end = 0;
    options_default(host_options, &host);
    options_default(life_options, &life);
    assert_int_equal(option_set(host_options, &host, "memory", "1GiB", &err), 0);
    outlet_fixture_init(&run.out);
    run.host = host_new(&host, rules, &run.out.outlet, complain, NULL);
    run.life = life_new(&life, deliver, &run);
    for (uint32_t i = 0; i < n; i++) {
        struct meter_description d = { .id = i, .host = "h", .session = "s", .analysis = "a", .kind = series[i].kind->kind,
                                       .unit = series[i].kind->kind == METRIC_LATENCY ? UNIT_NANOSECONDS : UNIT_NONE };
        snprintf(d.metric, sizeof(d.metric), "m%u", i);
        meter_description_put(&run.body, &d);
        give(&run, WIRE_SERIES);
        end = series[i].end > end ? series[i].end : end;
    }
    for (int64_t i = 0; i < end; i++)
        play_second(&run, i);
    host_free(run.host);
    life_free(run.life);
    outlet_fixture_done(&run.out);
    bytes_done(&run.body);
}

/* ---- figures ---- */

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void healthy(const struct rules *rules, int days, uint64_t first, bool verbose)
{
    struct series series[COUNT(kinds) * SEEDS];
    uint32_t total = 0, n = 0;
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (uint64_t seed = 0; seed < SEEDS; seed++)
            series[n++] = (struct series){ .kind = &kinds[k], .source.seed = first + seed, .end = (int64_t)days * DAY };
    play(series, n, rules, verbose);
    printf(" healthy, alerts in %d days:", days);
    for (size_t k = 0; k < COUNT(kinds); k++) {
        uint32_t alerts = 0;
        for (size_t i = 0; i < SEEDS; i++)
            alerts += series[k * SEEDS + i].alerts;
        printf(" %s %u;", kinds[k].name, alerts);
        total += alerts;
    }
    printf(" all %u series: %.2f a day\n", n, (double)total / days);
}

static void at_times(const struct rules *rules, int days, uint64_t first, bool verbose)
{
    for (size_t k = 0; k < COUNT(jobs); k++) {
        struct series series[SEEDS];
        uint32_t total = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++)
            series[seed] = (struct series){ .kind = &jobs[k], .source.seed = first + seed, .end = (int64_t)days * DAY };
        play(series, SEEDS, rules, verbose);
        for (size_t i = 0; i < SEEDS; i++)
            total += series[i].alerts;
        printf(" %s, %d series: %u alerts in %d days\n", jobs[k].name, SEEDS, total, days);
    }
}

static void faulty(const struct rules *rules, uint64_t first, bool verbose)
{
    static struct series series[FAULTS * COUNT(kinds) * SEEDS];
    int64_t delays[DELAYS_MAX], abrupt[DELAYS_MAX];
    uint32_t n = 0, found_all = 0, found_abrupt = 0, early = 0;
    for (enum fault fault = FAULT_STEP; fault < FAULTS; fault++) {
        for (size_t k = 0; k < COUNT(kinds) * SEEDS; k++) {
            uint64_t seed = first + 1000 + k % SEEDS, random = seed * 977 + k / SEEDS * 31 + fault;
            int64_t at = DAY / 2 + (int64_t)(random_next(&random) % (DAY / 2 - LATEST));
            series[n++] = (struct series){ .kind = &kinds[k / SEEDS], .source.seed = seed, .fault = fault, .at = at, .end = at + LATEST };
        }
    }
    play(series, n, rules, verbose);
    for (enum fault fault = FAULT_STEP; fault < FAULTS; fault++) {
        uint32_t found = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (series[i].fault == fault && series[i].delay > 0)
                delays[found++] = series[i].delay;
            else if (series[i].fault == fault && verbose)
                printf("  missed: %s, %s, seed %u\n", fault_names[fault], series[i].kind->name, i % SEEDS);
        }
        qsort(delays, found, sizeof(*delays), compare);
        printf(" %s: found %u of %zu, median delay %lld windows\n", fault_names[fault], found, COUNT(kinds) * SEEDS, found ? (long long)delays[found / 2] : 0);
        found_all += found;
        if (fault != FAULT_DRIFT) {
            memcpy(abrupt + found_abrupt, delays, found * sizeof(*delays));
            found_abrupt += found;
        }
    }
    for (uint32_t i = 0; i < n; i++)
        early += series[i].alerts;
    qsort(abrupt, found_abrupt, sizeof(*abrupt), compare);
    printf(" faults: found %.1f %%, median delay of abrupt ones %lld windows; %u alerts before them\n", 100.0 * found_all / n,
           found_abrupt ? (long long)abrupt[found_abrupt / 2] : 0, early);
}

/* All series are watched by that detector alone. */
static void add_rule(struct rules *rules, const char *name)
{
    const struct detector *d = detector_find(name);
    struct error err;
    if (!d || !d->observe) {
        fprintf(stderr, "no detector of series '%s'\n", name);
        exit(2);
    }
    struct rule *rule = &rules->list[rules->count++];
    snprintf(rule->pattern.s, sizeof(rule->pattern.s), "*");
    void *config = calloc(1, d->config_size + 1);
    options_default(d->options, config);
    assert_int_equal(rule_add(rule, d, &config, &err), 0);
}

int main(int argc, char **argv)
{
    int days = 3, names = 0;
    uint64_t first = 1;
    bool verbose = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--days") == 0 && i + 1 < argc)
            days = atoi(argv[++i]);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            first = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--verbose") == 0)
            verbose = true;
        else
            argv[++names] = argv[i];
    }
    for (int i = 1; i <= names || i == 1; i++) {
        struct rules *rules = calloc(1, sizeof(*rules));
        rules_init(rules);
        if (names > 0)
            add_rule(rules, argv[i]);
        printf("%s, seeds %llu to %llu (faults: %llu to %llu)\n", names > 0 ? argv[i] : "auto", (unsigned long long)first,
               (unsigned long long)first + SEEDS - 1, (unsigned long long)first + 1000, (unsigned long long)first + 1000 + SEEDS - 1);
        healthy(rules, days, first, verbose);
        at_times(rules, days, first, verbose);
        faulty(rules, first, verbose);
        rules_done(rules);
        free(rules);
    }
    return 0;
}
