/* bench_stages.c - what an event and a sample cost, stage by stage, without a reader:
 * ns of CPU each, the median of several rounds. Run the one of the preset bench. */
#include "detectors/host.h"
#include "detector_fixture.h"
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
    report("host: decode, 7 default judgements a meter", rounds, "sample");
    host_free(host);
    outlet_fixture_done(&out);
    bytes_done(&body);
    rules_done(rules);
    free(rules);
}

int main(void)
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
    for (const struct detector *const *d = detectors; *d; d++)
        bench_detector(*d);
    bench_host();
    return 0;
}
