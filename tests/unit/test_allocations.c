/* After warm-up nothing is allocated: not per event, not per window, not per sample. */
#include "alerts/life.h"
#include "allocations.h"
#include "collector/ctf_reader.h"
#include "detectors/host.h"
#include "stream_fixture.h"
#include "trace_fixture.h"

static const char *const words[] = { "search", "checkout", "payment" };

/* One round: requests that overlap, a value, a rate, an operation that times out. */
static void feed_round(struct fixture *f, const uint32_t classes[2], uint64_t round)
{
    struct value in[] = { { .kind = VALUE_UNSIGNED, .u = round }, { .kind = VALUE_TEXT }, { .kind = VALUE_SIGNED, .i = 5 } };
    struct value out[] = { { .kind = VALUE_UNSIGNED, .u = round }, { .kind = VALUE_SIGNED, .i = 5 } };
    struct value chosen[8];
    in[1].text = words[round % 3];
    in[1].size = (uint32_t)strlen(words[round % 3]);
    struct event e = { .class_id = classes[0], .time_ns = (int64_t)round * 1000000, .values = chosen };
    for (uint32_t i = 0; i < f->selection[classes[0]].count; i++)
        chosen[i] = in[f->selection[classes[0]].fields[i]];
    f->consumer.event(f->consumer.self, &e);
    if (round % 1000 == 7)
        return;
    e.class_id = classes[1];
    e.time_ns += 300000 + (int64_t)(round * 7919 % 500000);
    for (uint32_t i = 0; i < f->selection[classes[1]].count; i++)
        chosen[i] = out[f->selection[classes[1]].fields[i]];
    f->consumer.event(f->consumer.self, &e);
}

static void run_stream(const char *analysis, const char *const (*set)[2])
{
    static struct fixture f;
    struct wire_header h;
    struct wire_reader body;
    fixture_open(&f, analysis, "100ms", set);
    uint32_t classes[] = { fixture_class(&f, "shop:request_begin", "id:u op:t ctx.vtid:s"),
                           fixture_class(&f, "shop:request_end", "id:u ctx.vtid:s") };
    uint64_t round = 1000;
    for (; round < 21000; round++) {
        feed_round(&f, classes, round);
        while (outlet_fixture_take(&f.out, &h, &body))
            ;
    }
    unsigned long before = allocations;
    for (; round < 121000; round++) {
        feed_round(&f, classes, round);
        while (outlet_fixture_take(&f.out, &h, &body))
            ;
    }
    print_message("  %s: %lu allocations in 200,000 events and 1,000 windows\n", analysis, allocations - before);
    assert_int_equal(allocations - before, 0);
    fixture_close(&f);
}

static void test_events_and_windows(void **unused)
{
    (void)unused;
    static const char *const latency[][2] = { { "in", "*_begin" }, { "out", "*_end" }, { "key", "id" }, { "labels", "op" },
                                              { "timeout", "50ms" }, { "threshold", "700us" }, { "collect_after", "5s" }, { NULL, NULL } };
    static const char *const rate[][2] = { { "events", "*" }, { "labels", "op" }, { NULL, NULL } };
    static const char *const value[][2] = { { "events", "*" }, { "field", "id" }, { "labels", "op" }, { NULL, NULL } };
    /* Its first counts of what was given up come with the warm-up. */
    static const char *const automatic[][2] = { { "collect_after", "5s" }, { NULL, NULL } };
    run_stream("auto", automatic);
    run_stream("latency", latency);
    run_stream("rate", rate);
    run_stream("value", value);
}

/* A process that forks: the child opens files of many names, reads, duplicates, and ends. */
static void run_files(const char *analysis)
{
    enum { WARM = 3000, ROUNDS = 6000 };
    static const char *const names[][2] = { { "sched_process_fork", "parent_tid:s parent_pid:s child_tid:s child_pid:s child_comm:t" },
                                            { "syscall_entry_openat", "flags:s filename:t" }, { "syscall_exit_openat", "ret:s" },
                                            { "syscall_entry_read", "fd:s" }, { "syscall_exit_read", "ret:s" },
                                            { "syscall_entry_dup2", "oldfd:s newfd:s" }, { "syscall_exit_dup2", "ret:s" },
                                            { "sched_process_free", "tid:s" } };
    static struct fixture f;
    uint32_t classes[COUNT(names)];
    unsigned long before = 0;
    fixture_open(&f, analysis, "100ms", NULL);
    for (size_t i = 0; i < COUNT(names); i++) {
        char fields[256];
        snprintf(fields, sizeof(fields), "cpu_id:u ctx.tid:s ctx.pid:s ctx.procname:t %s", names[i][1]);
        classes[i] = fixture_class(&f, names[i][0], fields);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t tid = 100 + round % 500;
        char values[COUNT(names)][128];
        if (round == WARM)
            before = allocations;
        snprintf(values[0], 128, "0 7 7 a 7 7 %u %u a", tid, tid);
        snprintf(values[1], 128, "1 %u %u a 0 /file/%u", tid, tid, round % 1000);
        snprintf(values[2], 128, "1 %u %u a %u", tid, tid, 3 + round % 20);
        snprintf(values[3], 128, "1 %u %u a %u", tid, tid, 3 + round % 20);
        snprintf(values[4], 128, "1 %u %u a 100", tid, tid);
        snprintf(values[5], 128, "1 %u %u a %u 1", tid, tid, 3 + round % 20);
        snprintf(values[6], 128, "1 %u %u a 1", tid, tid);
        snprintf(values[7], 128, "0 7 7 a %u", tid);
        for (size_t i = 0; i < COUNT(names); i++)
            fixture_event(&f, classes[i], 1000 + round * 10 + (double)i, values[i]);
        fixture_clear(&f);
    }
    print_message("  %s: %lu allocations in %u events\n", analysis, allocations - before, (ROUNDS - WARM) * (unsigned)COUNT(names));
    assert_int_equal(allocations - before, 0);
    fixture_close(&f);
}

static void test_files(void **unused)
{
    (void)unused;
    run_files("io");
    run_files("syscall");
}

static void want_all(void *self, const struct event_class *class, struct event_selection *sel)
{
    (void)self;
    for (uint32_t i = 0; i < class->field_count; i++)
        sel->fields[sel->count++] = (uint16_t)i;
}

static void count_event(void *self, const struct event *event)
{
    (void)event;
    ++*(uint64_t *)self;
}

static void ignore_watermark(void *self, int64_t time_ns)
{
    (void)self;
    (void)time_ns;
}

/* Three streams of packets of some thousand events, of one run and of steps. */
static void test_reader(void **unused)
{
    (void)unused;
    enum { STREAMS = 3, EVENTS = 100000 };
    static struct trace_fixture t;
    uint64_t events = 0;
    const struct event_consumer consumer = { .self = &events, .select = want_all, .event = count_event, .watermark = ignore_watermark };
    struct ctf_reader *reader;
    struct error err;
    trace_begin(&t);
    for (unsigned s = 0; s < STREAMS; s++) {
        trace_begin_stream(&t, s);
        for (unsigned i = 0; i < EVENTS; i++)
            trace_event(&t, 3000 * (uint64_t)i + 1000 * s, i);
        trace_end_stream(&t);
    }
    const struct ctf_reader_setup setup = { .paths = &(const char *){ t.dir }, .count = 1, .consumer = &consumer };
    assert_int_equal(ctf_reader_open(&setup, &reader, &err), 0);
    assert_int_equal(ctf_reader_step(reader, &err), 1);
    unsigned long before = allocations;
    uint64_t warm = events;
    while (ctf_reader_step(reader, &err) == 1)
        ;
    print_message("  native reader: %lu allocations in %llu events\n", allocations - before, (unsigned long long)(events - warm));
    assert_int_equal(allocations - before, 0);
    assert_int_equal(events, STREAMS * EVENTS);
    assert_true(events - warm > 200000);
    ctf_reader_free(reader);
    trace_remove(&t);
}

static void ignore(void *self, const char *text)
{
    (void)self;
    (void)text;
}

static void drop(void *self, struct alert *a)
{
    (void)self;
    (void)a;
}

static void test_samples_and_verdicts(void **unused)
{
    (void)unused;
    enum { METERS = 50 };
    struct rules *rules = calloc(1, sizeof(*rules));
    struct host_config config;
    struct life_config life_config;
    struct outlet_fixture out;
    uint64_t seed = 1;
    static struct verdict v;
    options_default(host_options, &config);
    options_default(life_options, &life_config);
    rules_init(rules);
    outlet_fixture_init(&out);
    struct host *host = host_new(&config, rules, &out.outlet, ignore, NULL);
    struct life *life = life_new(&life_config, drop, NULL);
    struct bytes body = { 0 };
    unsigned long before = 0;
    for (uint32_t i = 0; i < METERS; i++) {
        struct meter_description d = { .id = i, .host = "h", .session = "s", .analysis = "a", .kind = METRIC_LATENCY, .unit = UNIT_NANOSECONDS };
        snprintf(d.metric, sizeof(d.metric), "m%u", i);
        bytes_reset(&body);
        meter_description_put(&body, &d);
        struct wire_header h = { .type = WIRE_SERIES };
        assert_int_equal(host_message(host, 0, &h, wire_reader_init(body.data, body.size)), 0);
    }
    for (int64_t window = 1; window <= 2000; window++) {
        struct window_header w = { .host = "h", .session = "s", .begin_ns = (window - 1) * 1000000000, .end_ns = window * 1000000000, .last = true };
        struct wire_header h = { .type = WIRE_SAMPLES };
        struct wire_reader r;
        if (window == 300)
            before = allocations;
        bytes_reset(&body);
        wire_put_array(&body, 2);
        window_header_put(&body, &w);
        wire_put_array(&body, METERS);
        for (uint32_t i = 0; i < METERS; i++) {
            bool bad = window % 200 < 10 && i % 10 == 0;
            double level = (bad ? 50e6 : 5e6) * exp(0.1 * random_normal(&seed));
            struct meter_sample s = { .id = i, .count = 100, .value_count = 7, .values = { 100, 100, level, level, level, level, level } };
            meter_sample_put(&body, &s);
        }
        assert_int_equal(host_message(host, 0, &h, wire_reader_init(body.data, body.size)), 0);
        while (outlet_fixture_take(&out, &h, &r)) {
            struct window_done done;
            if (h.type == WIRE_VERDICT && verdict_get(&r, &v))
                life_verdict(life, &v);
            if (h.type == WIRE_WINDOW && window_done_get(&r, &done))
                life_window(life, &done);
        }
    }
    struct life_totals totals;
    life_totals(life, &totals);
    print_message("  %lu allocations in 1,700 windows of 350 samples; %llu alerts\n", allocations - before, (unsigned long long)totals.fired);
    assert_true(totals.fired > 10);
    /* A new alert is tracked, and forgotten: that may allocate; samples and verdicts may not. */
    assert_true(allocations - before <= totals.fired);
    bytes_done(&body);
    life_free(life);
    host_free(host);
    rules_done(rules);
    free(rules);
    outlet_fixture_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_files), cmocka_unit_test(test_reader), cmocka_unit_test(test_events_and_windows), cmocka_unit_test(test_samples_and_verdicts) };
    return cmocka_run_group_tests_name("allocations", tests, NULL, NULL);
}
