/* The detect stage's host: messages in, verdicts out; rules, bounds, hostile messages. */
#include "detectors/host.h"
#include "detectors/watches.h"
#include "base/text.h"
#include "testing.h"
#include "outlet_fixture.h"
#include <errno.h>

struct bench {
    struct outlet_fixture out;
    struct rules rules;
    struct host *host;
    char complaints[1024];
    char log[8192];
    struct verdict last;
};
static struct bench b;

static void complain(void *self, const char *text)
{
    struct bench *bench = self;
    strncat(bench->complaints, text, sizeof(bench->complaints) - strlen(bench->complaints) - 2);
    strcat(bench->complaints, "\n");
}

static void start(const char *memory)
{
    struct host_config config;
    struct error err;
    memset(&b, 0, sizeof(b));
    outlet_fixture_init(&b.out);
    options_default(host_options, &config);
    if (memory)
        assert_int_equal(option_set(host_options, &config, "memory", memory, &err), 0);
    if (b.rules.fallback.count == 0)
        rules_init(&b.rules);
    b.host = host_new(&config, &b.rules, &b.out.outlet, complain, &b);
}

static void stop(void)
{
    host_free(b.host);
    rules_done(&b.rules);
    outlet_fixture_done(&b.out);
}

static void drain(void)
{
    struct wire_header h;
    struct wire_reader body;
    static struct verdict v;
    while (outlet_fixture_take(&b.out, &h, &body)) {
        size_t n = strlen(b.log);
        if (h.type == WIRE_VERDICT) {
            assert_true(verdict_get(&body, &v) && wire_finished(&body));
            b.last = v;
            snprintf(b.log + n, sizeof(b.log) - n, "%s:%s:%s@%lld ", v.detector,
                     v.statistic < STATISTIC_KINDS ? statistic_name(v.statistic) : "-", severity_name(v.severity), (long long)(v.end_ns / 1000000));
        } else if (h.type != WIRE_WINDOW) {
            snprintf(b.log + n, sizeof(b.log) - n, "message %u ", h.type);
        }
    }
}

static int deliver(enum wire_type type, struct bytes *body)
{
    struct wire_header h = { .version = WIRE_VERSION, .type = type };
    struct wire_reader r = wire_reader_init(body->data, body->size);
    int result = host_message(b.host, 0, &h, r);
    bytes_done(body);
    drain();
    return result;
}

static int describe(uint32_t id, const char *metric, enum metric_kind kind, enum unit unit, bool detail)
{
    struct meter_description d = { .id = id, .host = "h", .session = "s", .analysis = "a", .kind = kind, .unit = unit, .detail = detail };
    struct bytes body = { 0 };
    snprintf(d.metric, sizeof(d.metric), "%s", metric);
    meter_description_put(&body, &d);
    return deliver(WIRE_SERIES, &body);
}

/* One window of one meter, whose value is that of all its statistics. */
static int send_window(uint32_t id, int64_t end_ms, int64_t length_ms, double value, uint64_t count, uint32_t quality, uint32_t values)
{
    struct bytes body = { 0 };
    struct window_header w = { .host = "h", .session = "s", .begin_ns = (end_ms - length_ms) * 1000000, .end_ns = end_ms * 1000000,
                               .quality = quality, .last = true };
    struct meter_sample s = { .id = id, .count = count, .value_count = values };
    for (uint32_t i = 0; i < values; i++)
        s.values[i] = i == 0 ? (double)count : i == 1 ? (double)count * 1000 / (double)length_ms : value;
    wire_put_array(&body, 2);
    window_header_put(&body, &w);
    wire_put_array(&body, 1);
    meter_sample_put(&body, &s);
    return deliver(WIRE_SAMPLES, &body);
}

/* One window of a latency with its sketch: so many operations in either bucket. */
static void send_sketch(uint32_t id, int64_t end_ms, uint32_t usual, uint32_t slow, uint32_t quality)
{
    struct bytes body = { 0 };
    struct window_header w = { .host = "h", .session = "s", .begin_ns = (end_ms - 1000) * 1000000, .end_ns = end_ms * 1000000, .quality = quality, .last = true };
    static struct meter_sample s;
    s = (struct meter_sample){ .id = id, .count = usual + slow, .value_count = 7, .sketched = true, .sketch = { 1 + (slow > 0), { { 80, usual }, { 90, slow } } } };
    wire_put_array(&body, 2);
    window_header_put(&body, &w);
    wire_put_array(&body, 1);
    meter_sample_put(&body, &s);
    assert_int_equal(deliver(WIRE_SAMPLES, &body), 0);
}

static void test_auto_chooses_by_kind(void **unused)
{
    (void)unused;
    start(NULL);
    assert_int_equal(describe(1, "duration", METRIC_LATENCY, UNIT_NANOSECONDS, false), 0);
    for (int i = 1; i <= 60; i++)
        send_window(1, i * 1000, 1000, 5e6, 100, 0, 7);
    assert_string_equal(b.log, "");
    send_window(1, 61000, 1000, 50e6, 100, 0, 7);
    assert_string_equal(b.log, "combined:p50:critical@61000 combined:p99:critical@61000 ");
    assert_near(b.last.expected, 5e6, 0.01);
    /* Once in trouble, good windows are reported, too: alerts count them. */
    b.log[0] = '\0';
    send_window(1, 62000, 1000, 5e6, 100, 0, 7);
    assert_string_equal(b.log, "combined:p50:ok@62000 combined:p99:ok@62000 ");
    stop();
}

static void test_details_and_partial_windows(void **unused)
{
    (void)unused;
    start(NULL);
    describe(1, "duration", METRIC_LATENCY, UNIT_NANOSECONDS, true);
    describe(2, "other", METRIC_LATENCY, UNIT_NANOSECONDS, false);
    for (int i = 1; i <= 60; i++) {
        send_window(1, i * 1000, 1000, 5e6, 100, 0, 7);
        send_window(2, i * 1000, 1000, 5e6, 100, 0, 7);
    }
    send_window(1, 61000, 1000, 500e6, 100, 0, 7);                /* a detail: shown, not judged */
    send_window(2, 61000, 1000, 500e6, 100, QUALITY_PARTIAL, 7);  /* not observed whole */
    assert_string_equal(b.log, "");
    stop();
}

/* At short windows counts come in bursts: auto judges them over a second. */
static void test_rates_are_gathered(void **unused)
{
    (void)unused;
    start(NULL);
    describe(1, "events", METRIC_COUNTER, UNIT_NONE, false);
    for (int i = 1; i <= 600; i++)
        send_window(1, i * 100, 100, 0, i % 10 == 0 ? 100 : 0, 0, 2); /* all in one tenth of a second */
    assert_string_equal(b.log, "");
    for (int i = 601; i <= 610; i++)
        send_window(1, i * 100, 100, 0, i % 10 == 0 ? 1000 : 0, 0, 2);
    assert_string_equal(b.log, "combined:rate:warning@61000 ");
    assert_true(b.last.begin_ns == INT64_C(60000000000) && b.last.value == 1000);
    stop();
}

static void add_rule(const char *pattern, const char *detector, const char *option, const char *value)
{
    struct error err;
    if (b.rules.fallback.count == 0)
        rules_init(&b.rules);
    struct rule *rule = &b.rules.list[b.rules.count++];
    snprintf(rule->pattern.s, sizeof(rule->pattern.s), "%s", pattern);
    if (!detector)
        return;
    const struct detector *d = detector_find(detector);
    void *config = calloc(1, d->config_size);
    options_default(d->options, config);
    assert_int_equal(option_set(d->options, config, option, value, &err), 0);
    assert_int_equal(rule_add(rule, d, &config, &err), 0);
}

/* A sketch is of all statistics together: it is watched once, whatever its rule matches, and only where there is one. */
static void test_sketches(void **unused)
{
    (void)unused;
    struct meter_description latency = { .host = "h", .session = "s", .analysis = "a", .metric = "duration", .kind = METRIC_LATENCY },
                             other = { .host = "h", .session = "s", .analysis = "a", .metric = "other", .kind = METRIC_LATENCY },
                             counter = { .host = "h", .session = "s", .analysis = "a", .metric = "duration", .kind = METRIC_COUNTER };
    start(NULL);
    assert_false(rules_want_sketch(&b.rules, &latency));
    add_rule("a.duration.*", "distribution", "relearn", "5m");
    assert_true(rules_want_sketch(&b.rules, &latency));
    assert_false(rules_want_sketch(&b.rules, &other));
    assert_false(rules_want_sketch(&b.rules, &counter));
    describe(1, "duration", METRIC_LATENCY, UNIT_NANOSECONDS, false);
    describe(2, "duration", METRIC_COUNTER, UNIT_NONE, false);
    int i = 1;
    for (; i <= 100; i++)
        send_sketch(1, i * 1000, 100, 0, 0);
    send_sketch(1, i++ * 1000, 50, 50, QUALITY_PARTIAL);
    assert_string_equal(b.log, "");
    send_sketch(1, i++ * 1000, 50, 50, 0);
    assert_string_equal(b.log, "distribution:-:warning@102000 ");
    assert_string_equal(b.last.detail, "50 % of operations now at 6.29 ms to 7.34 ms, were 0.0 %");
    assert_true(isnan(b.last.value) && isnan(b.last.expected) && b.last.unit == UNIT_NANOSECONDS);
    /* From a collector that sends none. */
    b.log[0] = '\0';
    send_window(1, i++ * 1000, 1000, 5e6, 100, 0, 7);
    send_window(1, i++ * 1000, 1000, 5e6, 100, 0, 7);
    send_window(2, i++ * 1000, 1000, 0, 100, 0, 2);
    assert_string_equal(b.log, "");
    assert_string_equal(b.complaints, "a detector looks at sketches (distribution), and samples come without: the collector needs the same rules; "
                                      "a file of samples has none\n");
    stop();
}

/* What was learned of windows of one length says nothing of those of another. */
static void test_another_length_of_windows(void **unused)
{
    (void)unused;
    struct host_totals totals;
    start(NULL);
    describe(1, "duration", METRIC_LATENCY, UNIT_NANOSECONDS, false);
    for (int i = 1; i <= 60; i++)
        send_window(1, i * 1000, 1000, 5e6, 100, 0, 7);
    for (int i = 31; i <= 60; i++)
        send_window(1, i * 2000, 2000, 50e6, 100, 0, 7);
    assert_string_equal(b.log, "");
    assert_string_equal(b.complaints, "windows are 2 s long, and were 1 s when it was learned what is normal: it is learned anew\n");
    host_totals(b.host, &totals);
    assert_int_equal(totals.restarted, 4); /* combined of the rate, p50 and p99; silence */
    send_window(1, 122000, 2000, 500e6, 100, 0, 7);
    assert_string_equal(b.log, "combined:p50:critical@122000 combined:p99:critical@122000 ");
    stop();
}

/* Whatever the window, a period is a whole number of them. */
static void test_odd_windows_are_gathered(void **unused)
{
    (void)unused;
    static const int64_t lengths_ms[] = { 300, 400, 600, 700, 800, 900 };
    for (size_t i = 0; i < COUNT(lengths_ms); i++) {
        int64_t end_ms = 0;
        start(NULL);
        describe(1, "events", METRIC_COUNTER, UNIT_NONE, false);
        for (int n = 0; n < 250; n++)
            send_window(1, end_ms += lengths_ms[i], lengths_ms[i], 0, 100, 0, 2);
        assert_string_equal(b.log, "");
        for (int n = 0; n < 10; n++)
            send_window(1, end_ms += lengths_ms[i], lengths_ms[i], 0, 1000, 0, 2);
        assert_non_null(strstr(b.log, "combined:rate:"));
        stop();
    }
}

/* Windows that never came are no windows without events. */
static void test_a_gap_in_what_is_gathered(void **unused)
{
    (void)unused;
    static const int64_t gaps_ms[] = { 800, 1800, 3600800 }; /* from a period's first window to the last one of it, or of a later one */
    for (size_t i = 0; i < COUNT(gaps_ms); i++) {
        int64_t end_ms = 0;
        start(NULL);
        describe(1, "events", METRIC_COUNTER, UNIT_NONE, false);
        for (int n = 0; n < 1001; n++)
            send_window(1, end_ms += 100, 100, 0, 100, 0, 2);
        end_ms += gaps_ms[i];
        for (int n = 0; n < 100; n++)
            send_window(1, end_ms += 100, 100, 0, 100, 0, 2);
        if (b.log[0])
            fail_msg("a gap of %d ms: %s", (int)gaps_ms[i], b.log);
        stop();
    }
}

static int retire(uint32_t id)
{
    struct bytes body = { 0 };
    wire_put_uint(&body, id);
    return deliver(WIRE_RETIRED, &body);
}

/* A series goes with the last of its numbers, not with the first. */
static void test_two_numbers_of_one_series(void **unused)
{
    (void)unused;
    struct host_totals totals;
    start(NULL);
    describe(1, "duration", METRIC_LATENCY, UNIT_NANOSECONDS, false);
    describe(2, "duration", METRIC_LATENCY, UNIT_NANOSECONDS, false);
    describe(2, "duration", METRIC_LATENCY, UNIT_NANOSECONDS, false); /* said again for a late joiner */
    retire(1);
    retire(1);
    for (int i = 1; i <= 60; i++)
        assert_int_equal(send_window(2, i * 1000, 1000, 5e6, 100, 0, 7), 0);
    host_totals(b.host, &totals);
    assert_int_equal(totals.series, 1);
    describe(2, "other", METRIC_LATENCY, UNIT_NANOSECONDS, false); /* the number means another one now */
    host_totals(b.host, &totals);
    assert_int_equal(totals.series, 1);
    retire(2);
    host_totals(b.host, &totals);
    assert_int_equal(totals.series, 0);
    stop();
}

/* Series purged in mid-trouble are remembered, but not without bound. */
static void test_orphans_are_bounded(void **unused)
{
    (void)unused;
    struct host_totals totals;
    start("1GiB");
    add_rule("*", "threshold", "warning", "1ms");
    for (uint32_t i = 0; i < WATCHES_ORPHANS_MAX + 100; i++) {
        char name[32];
        snprintf(name, sizeof(name), "m%u", i);
        describe(i, name, METRIC_LATENCY, UNIT_NANOSECONDS, false);
        send_window(i, 1000, 1000, 5e6, 100, 0, 7);
        b.log[0] = '\0';
        retire(i);
    }
    host_totals(b.host, &totals);
    assert_int_equal(totals.series, WATCHES_ORPHANS_MAX);
    assert_int_equal(totals.forgotten, 100);
    stop();
}

/* What cannot be judged is not called good: nothing is sent that alerts/ would count as a clean window. */
static void test_abstaining_is_not_good_news(void **unused)
{
    (void)unused;
    start(NULL);
    describe(1, "duration", METRIC_LATENCY, UNIT_NANOSECONDS, false);
    for (int i = 1; i <= 60; i++)
        send_window(1, i * 1000, 1000, 5e6, 100, 0, 7);
    send_window(1, 61000, 1000, 50e6, 100, 0, 7);
    b.log[0] = '\0';
    send_window(1, 62000, 1000, 50e6, 100, QUALITY_LOSSY, 7);
    send_window(1, 63000, 1000, 5e6, 2, 0, 7);
    assert_null(strstr(b.log, ":p"));
    stop();
}

static void test_rules_override(void **unused)
{
    (void)unused;
    start(NULL);
    add_rule("a.duration.p99", "threshold", "warning", "10ms");
    add_rule("a.duration.*", NULL, NULL, NULL); /* ignored */
    describe(1, "duration", METRIC_LATENCY, UNIT_NANOSECONDS, false);
    send_window(1, 1000, 1000, 11e6, 100, 0, 7);
    assert_string_equal(b.log, "threshold:p99:warning@1000 ");
    assert_true(b.last.limit == 10e6);
    stop();
}

static void test_units_must_fit(void **unused)
{
    (void)unused;
    start(NULL);
    add_rule("a.duration.p*", "threshold", "warning", "10");
    add_rule("a.*", "threshold", "warning", "10");
    describe(1, "duration", METRIC_LATENCY, UNIT_NANOSECONDS, false);
    /* The first fits none of its series; the second some, and is not complained about. */
    assert_string_equal(b.complaints, "a.duration.p50: detector 'threshold': warning is a plain number where the series is a time: it does not watch it\n");
    b.log[0] = '\0';
    send_window(1, 1000, 1000, 1e9, 100, 0, 7);
    assert_string_equal(b.log, "threshold:count:warning@1000 threshold:rate:warning@1000 "); /* 10 is a fair limit for these */
    stop();
}

static void test_memory_is_bounded(void **unused)
{
    (void)unused;
    struct host_totals totals;
    start("1MiB");
    for (uint32_t i = 0; i < 2000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "m%u", i);
        describe(i, name, METRIC_LATENCY, UNIT_NANOSECONDS, false);
    }
    host_totals(b.host, &totals);
    assert_true(totals.series > 100 && totals.refused == 2000 - totals.series);
    assert_true(totals.state_bytes <= 1 << 20);
    assert_non_null(strstr(b.complaints, "the memory for detectors is used up"));
    /* What is retired makes room. */
    struct bytes body = { 0 };
    wire_put_uint(&body, 0);
    assert_int_equal(deliver(WIRE_RETIRED, &body), 0);
    describe(0, "xx", METRIC_LATENCY, UNIT_NANOSECONDS, false);
    struct host_totals after;
    host_totals(b.host, &after);
    assert_int_equal(after.series, totals.series);
    /* Numbers cost memory, too: a sender that jumps to a high one cannot have what it likes. */
    describe(4000000, "far", METRIC_LATENCY, UNIT_NANOSECONDS, false);
    host_totals(b.host, &after);
    assert_true(after.state_bytes <= 1 << 20);
    stop();
}

/* A series that was in trouble when it was purged is known when it comes back. */
static void test_a_series_in_trouble_is_kept(void **unused)
{
    (void)unused;
    start(NULL);
    describe(1, "duration", METRIC_LATENCY, UNIT_NANOSECONDS, false);
    for (int i = 1; i <= 60; i++)
        send_window(1, i * 1000, 1000, 5e6, 100, 0, 7);
    send_window(1, 61000, 1000, 50e6, 100, 0, 7);
    struct bytes body = { 0 };
    wire_put_uint(&body, 1);
    deliver(WIRE_RETIRED, &body);
    describe(9, "duration", METRIC_LATENCY, UNIT_NANOSECONDS, false);
    b.log[0] = '\0';
    send_window(9, 70000, 1000, 50e6, 100, 0, 7);
    assert_non_null(strstr(b.log, "combined:p50:critical@70000"));
    stop();
}

static void test_hostile_messages(void **unused)
{
    (void)unused;
    static const struct {
        enum wire_type type;
        const char *body;
        size_t size;
    } rows[] = {
        { WIRE_SERIES, "\xc0", 1 },          { WIRE_SAMPLES, "\x92\xc0\xc0", 3 },       { WIRE_SAMPLES, "\xdd\xff\xff\xff\xff", 5 },
        { WIRE_EXCEEDANCE, "\x97", 1 },      { WIRE_LOSS, "\x01", 1 },                  { WIRE_RETIRED, "\xa1x", 2 },
        { WIRE_RETIRED, "\x01\x01", 2 },     { (enum wire_type)99, "\xc0", 1 },         { WIRE_VERDICT, "\xc0", 1 },
    };
    start(NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes body = { 0 };
        bytes_append(&body, rows[i].body, rows[i].size);
        assert_int_equal(deliver(rows[i].type, &body), -EBADMSG);
    }
    /* A meter id beyond all bounds, and a sample nobody described. */
    assert_int_equal(describe(UINT32_MAX, "x", METRIC_COUNTER, UNIT_NONE, false), -EBADMSG);
    assert_int_equal(send_window(123456, 1000, 1000, 1, 1, 0, 2), 0);
    struct host_totals totals;
    host_totals(b.host, &totals);
    assert_int_equal(totals.unknown, 2);
    assert_string_equal(b.log, "");
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auto_chooses_by_kind), cmocka_unit_test(test_details_and_partial_windows),
        cmocka_unit_test(test_rates_are_gathered),   cmocka_unit_test(test_rules_override),
        cmocka_unit_test(test_sketches), cmocka_unit_test(test_another_length_of_windows), cmocka_unit_test(test_odd_windows_are_gathered),
        cmocka_unit_test(test_a_gap_in_what_is_gathered), cmocka_unit_test(test_two_numbers_of_one_series),
        cmocka_unit_test(test_orphans_are_bounded), cmocka_unit_test(test_abstaining_is_not_good_news),
        cmocka_unit_test(test_units_must_fit),       cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_a_series_in_trouble_is_kept), cmocka_unit_test(test_hostile_messages),
    };
    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
