/* bench_stages.c - what an event and a sample cost, stage by stage, without a reader:
 * ns of CPU each, the median of several rounds. Run the one of the preset bench.
 *
 *     bench_stages [DETECTOR...]                  (of these alone) */
#include "detectors/host.h"
#include "detector_fixture.h"
#include "sketch_fixture.h"
#include "stream_fixture.h"
#include <time.h>

enum { ROUNDS = 7 };

static int64_t thread_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, double rounds[ROUNDS], const char *unit)
{
    qsort(rounds, ROUNDS, sizeof(*rounds), by_size);
    printf("%-44s %8.1f ns a %-10s (%.1f to %.1f)\n", what, rounds[ROUNDS / 2], unit, rounds[0], rounds[ROUNDS - 1]);
}

/* ---- the stream ---- */

static void give(struct fixture *f, uint32_t class, int64_t time_ns, const struct value *all)
{
    struct value chosen[EVENT_VALUES_MAX];
    for (uint32_t i = 0; i < f->selection[class].count; i++)
        chosen[i] = all[f->selection[class].fields[i]];
    struct event e = { .class_id = class, .time_ns = time_ns, .values = chosen };
    f->consumer.event(f->consumer.self, &e);
}

static void bench_stream(const char *what, const char *analysis, const char *const (*set)[2])
{
    enum { PAIRS = 500000 };
    static const char *const words[] = { "search", "checkout", "payment" };
    static struct fixture f;
    double rounds[ROUNDS];
    struct wire_header h;
    struct wire_reader body;
    fixture_open(&f, analysis, "1s", set);
    uint32_t begin = fixture_class(&f, "shop:request_begin", "id:u op:t ctx.vtid:s"),
             end = fixture_class(&f, "shop:request_end", "id:u ctx.vtid:s");
    int64_t now_ns = 1000000000;
    for (size_t round = 0; round < ROUNDS; round++) {
        int64_t start_ns = thread_cpu_ns();
        for (uint64_t i = 0; i < PAIRS; i++) {
            struct value in[] = { { .kind = VALUE_UNSIGNED, .u = i }, { .kind = VALUE_TEXT, .size = 6, .text = words[i % 3] }, { .kind = VALUE_SIGNED, .i = 5 } };
            struct value out[] = { { .kind = VALUE_UNSIGNED, .u = i }, { .kind = VALUE_SIGNED, .i = 5 } };
            give(&f, begin, now_ns, in);
            give(&f, end, now_ns + 500 + (int64_t)(i * 7919 % 5000), out);
            now_ns += 10000;
            if (i % 4096 == 0)
                while (outlet_fixture_take(&f.out, &h, &body))
                    ;
        }
        rounds[round] = (double)(thread_cpu_ns() - start_ns) / (2.0 * PAIRS);
    }
    report(what, rounds, "event");
    fixture_close(&f);
}

/* ---- detectors ---- */

/* Sketches of 100 operations each, or of 10,000 whose logarithms spread wider. */
static void bench_sketch_detector(const struct detector *d, uint32_t operations, double spread)
{
    enum { SERIES = 1000, SAMPLES = 300 };
    double rounds[ROUNDS];
    struct maker maker = { .seed = 7 };
    char what[80];
    static struct sketch sketches[SAMPLES];
    void *config = calloc(1, d->config_size);
    options_default(d->options, config);
    size_t size = (d->state_size(config) + 7) & ~(size_t)7;
    char *states = calloc(SERIES, size);
    size_t buckets = 0, bytes = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct bytes with = { 0 }, without = { 0 };
        static struct meter_sample s;
        make_sketch(&maker, &(struct operations){ .count = operations, .spread = spread }, &sketches[i]);
        buckets += sketches[i].size;
        meter_sample_put(&without, &s);
        s = (struct meter_sample){ .sketched = true, .sketch = sketches[i] };
        meter_sample_put(&with, &s);
        s = (struct meter_sample){ 0 };
        bytes += with.size - without.size;
        bytes_done(&with);
        bytes_done(&without);
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        int64_t start_ns = thread_cpu_ns();
        for (size_t i = 0; i < SAMPLES; i++) {
            int64_t at = (int64_t)(round * SAMPLES + i) * 1000000000;
            struct observation o = { .begin_ns = at, .end_ns = at + 1000000000, .value = (double)NAN, .count = operations, .kind = METRIC_LATENCY,
                                     .statistic = STATISTIC_KINDS, .unit = UNIT_NANOSECONDS, .sketch = &sketches[i] };
            struct judgement j;
            for (size_t s = 0; s < SERIES; s++)
                d->observe(states + s * size, config, &o, &j);
        }
        rounds[round] = (double)(thread_cpu_ns() - start_ns) / ((double)SERIES * SAMPLES);
    }
    snprintf(what, sizeof(what), "detector %s, %zu bytes a series", d->name, size);
    report(what, rounds, "sketch");
    printf("    of %u operations, in %.1f buckets: %.1f bytes more a sample that travels\n", operations, (double)buckets / SAMPLES, (double)bytes / SAMPLES);
    free(states);
    free(config);
}

static void bench_detector(const struct detector *d)
{
    enum { SERIES = 1000, SAMPLES = 500 };
    struct error err;
    double rounds[ROUNDS];
    uint64_t seed = 7;
    char what[80];
    void *config = calloc(1, d->config_size);
    options_default(d->options, config);
    if (option_find(d->options, "warning"))
        option_set(d->options, config, "warning", "1s", &err);
    size_t size = (d->state_size(config) + 7) & ~(size_t)7;
    char *states = calloc(SERIES, size + 8);
    static double values[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++)
        values[i] = 5e6 * exp(0.1 * random_normal(&seed));
    for (size_t s = 0; s < SERIES && d->init; s++)
        d->init(states + s * size, config);
    for (size_t round = 0; round < ROUNDS; round++) {
        int64_t start_ns = thread_cpu_ns();
        for (size_t i = 0; i < SAMPLES; i++) {
            struct observation o = { .begin_ns = (int64_t)i * 1000000000, .end_ns = (int64_t)(i + 1) * 1000000000, .value = values[i],
                                     .count = 100, .kind = METRIC_LATENCY, .statistic = STATISTIC_P50, .unit = UNIT_NANOSECONDS };
            struct judgement j;
            for (size_t s = 0; s < SERIES; s++)
                d->observe(states + s * size, config, &o, &j);
        }
        rounds[round] = (double)(thread_cpu_ns() - start_ns) / ((double)SERIES * SAMPLES);
    }
    snprintf(what, sizeof(what), "detector %s, %zu bytes a series", d->name, size);
    report(what, rounds, "sample");
    free(states);
    free(config);
}

/* Groups of as many members as machines of a benchmark have metrics. */
static void bench_group_detector(const struct detector *d)
{
    enum { GROUPS = 50, WINDOWS = 1000, MEMBERS = 38 };
    double rounds[ROUNDS];
    uint64_t seed = 7;
    char what[80];
    void *config = calloc(1, d->config_size);
    options_default(d->options, config);
    size_t size = (d->group.state_size(config, MEMBERS) + 7) & ~(size_t)7;
    char *states = calloc(GROUPS, size);
    static double values[WINDOWS][MEMBERS];
    for (size_t i = 0; i < WINDOWS * MEMBERS; i++)
        values[i / MEMBERS][i % MEMBERS] = 5e6 * exp(0.1 * random_normal(&seed));
    for (size_t g = 0; g < GROUPS && d->group.init; g++)
        d->group.init(states + g * size, config, MEMBERS);
    for (size_t round = 0; round < ROUNDS; round++) {
        int64_t start_ns = thread_cpu_ns();
        for (size_t i = 0; i < WINDOWS; i++) {
            struct group_observation o = { .begin_ns = (int64_t)i * 1000000000, .end_ns = (int64_t)(i + 1) * 1000000000, .places = MEMBERS, .values = values[i] };
            struct judgement j;
            for (size_t g = 0; g < GROUPS; g++)
                d->group.observe(states + g * size, config, &o, &j);
        }
        rounds[round] = (double)(thread_cpu_ns() - start_ns) / ((double)GROUPS * WINDOWS);
    }
    snprintf(what, sizeof(what), "detector %s, %zu bytes a group of %d", d->name, size, MEMBERS);
    report(what, rounds, "window");
    free(states);
    free(config);
}

static void ignore(void *self, const char *text)
{
    (void)self;
    (void)text;
}

/* Messages of one window with many series, decoded and judged with the default detectors. */
static void bench_host(void)
{
    enum { METERS = 5000, WINDOWS = 40, PER_MESSAGE = 500 };
    struct rules *rules = calloc(1, sizeof(*rules));
    struct host_config config;
    struct outlet_fixture out;
    struct bytes body = { 0 };
    struct wire_header h, got;
    struct wire_reader r;
    double rounds[ROUNDS];
    uint64_t seed = 1;
    options_default(host_options, &config);
    rules_init(rules);
    outlet_fixture_init(&out);
    struct host *host = host_new(&config, rules, &out.outlet, ignore, NULL);
    for (uint32_t i = 0; i < METERS; i++) {
        struct meter_description d = { .id = i, .host = "h", .session = "s", .analysis = "a", .kind = METRIC_LATENCY, .unit = UNIT_NANOSECONDS };
        snprintf(d.metric, sizeof(d.metric), "m%05u", i);
        bytes_reset(&body);
        meter_description_put(&body, &d);
        h = (struct wire_header){ .type = WIRE_SERIES };
        host_message(host, 0, &h, wire_reader_init(body.data, body.size));
    }
    int64_t window = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        int64_t spent_ns = 0;
        for (int w = 0; w < WINDOWS; w++, window++) {
            for (uint32_t first = 0; first < METERS; first += PER_MESSAGE) {
                struct window_header header = { .host = "h", .session = "s", .begin_ns = window * 1000000000, .end_ns = (window + 1) * 1000000000,
                                                .last = first + PER_MESSAGE >= METERS };
                bytes_reset(&body);
                wire_put_array(&body, 2);
                window_header_put(&body, &header);
                wire_put_array(&body, PER_MESSAGE);
                for (uint32_t i = 0; i < PER_MESSAGE; i++) {
                    double level = 5e6 * exp(0.1 * random_normal(&seed));
                    struct meter_sample s = { .id = first + i, .count = 100, .value_count = 7, .values = { 100, 100, level, level, level, level, level } };
                    meter_sample_put(&body, &s);
                }
                h = (struct wire_header){ .type = WIRE_SAMPLES };
                int64_t start_ns = thread_cpu_ns();
                host_message(host, 0, &h, wire_reader_init(body.data, body.size));
                spent_ns += thread_cpu_ns() - start_ns;
                while (outlet_fixture_take(&out, &got, &r))
                    ;
            }
        }
        rounds[round] = (double)spent_ns / ((double)METERS * WINDOWS * 7);
    }
    report("host: decode, 4 judgements a meter of 7 samples", rounds, "sample");
    host_free(host);
    outlet_fixture_done(&out);
    bytes_done(&body);
    rules_done(rules);
    free(rules);
}

static bool named(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc < 2;
}

static void bench_streams(void)
{
    static const char *const latency[][2] = { { "in", "*_begin" }, { "out", "*_end" }, { "key", "id" }, { "labels", "op" }, { NULL, NULL } };
    static const char *const bare[][2] = { { "in", "*_begin" }, { "out", "*_end" }, { "key", "id" }, { "evidence", "" }, { NULL, NULL } };
    static const char *const rate[][2] = { { "events", "*" }, { NULL, NULL } };
    static const char *const labelled[][2] = { { "events", "*_begin" }, { "labels", "op" }, { NULL, NULL } };
    bench_stream("latency, by op, with evidence", "latency", latency);
    bench_stream("latency, neither labels nor evidence", "latency", bare);
    bench_stream("rate", "rate", rate);
    bench_stream("rate of every second event, by op", "rate", labelled);
    bench_stream("auto", "auto", NULL);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        bench_streams();
    for (const struct detector *const *d = detectors; *d; d++) {
        if (!named(argc, argv, (*d)->name))
            continue;
        if ((*d)->group.observe)
            bench_group_detector(*d);
        if ((*d)->sketch) {
            bench_sketch_detector(*d, 100, 0.3);
            bench_sketch_detector(*d, 10000, 1);
            bench_sketch_detector(*d, 10000, 4);
        } else if ((*d)->observe) {
            bench_detector(*d);
        }
    }
    if (argc < 2)
        bench_host();
    return 0;
}
