/* Every struct that crosses a stage's border survives its encoding, and every cut
 * or changed message is refused, or read without harm. */
#include "alerts/alert.h"
#include "testing.h"

static struct meter_description description(void)
{
    struct meter_description d = { .id = 7, .host = "h", .session = "s", .analysis = "a", .metric = "m",
                                   .unit = UNIT_BYTES, .kind = METRIC_VALUE, .detail = true, .label_count = 2,
                                   .labels = { { "op", "read" }, { "dev", "" } } };
    return d;
}

static struct operation operation(void)
{
    struct operation op = { .begin_ns = 5, .end_ns = 9, .value = 4, .field_count = 2, .fields = { { "id", "1" }, { "vtid", "2" } } };
    return op;
}

static struct meter_sample sample(void)
{
    struct meter_sample s = { .id = 3, .count = 11, .value_count = 3, .values = { 1.5, NAN, -2 }, .worst_count = 1 };
    s.worst[0] = operation();
    return s;
}

static struct meter_sample sketched_sample(void)
{
    struct meter_sample s = sample();
    s.sketched = true;
    s.sketch = (struct sketch){ .size = 3, .buckets = { { 0, 1 }, { 90, 200 }, { SKETCH_BUCKETS - 1, 70000 } } };
    return s;
}

static struct verdict verdict(void)
{
    struct verdict v = { .kind = VERDICT_GRADE, .finding = FINDING_CHANGE, .severity = SEVERITY_WARNING, .host = "h", .session = "s",
                         .analysis = "a", .metric = "m", .label_count = 1, .labels = { { "op", "x" } }, .unit = UNIT_NANOSECONDS,
                         .statistic = STATISTIC_P99, .detector = "zscore", .begin_ns = 1, .end_ns = 2, .onset_ns = -3,
                         .value = 4, .expected = NAN, .low = 1, .high = 2, .limit = NAN, .magnitude = 0.5, .score = 0.7,
                         .quality = QUALITY_LOSSY, .lost = 9, .pending = 1, .detail = "d", .evidence_count = 1 };
    v.evidence[0] = operation();
    verdict_identify(&v);
    return v;
}

static struct verdict change(void)
{
    struct verdict v = verdict();
    v.spread = 2.5;
    v.changed = CHANGE_BOTH;
    return v;
}

static struct alert alert(void)
{
    struct alert a = { .id = UINT64_C(0xfedcba9876543210), .key = 2, .sequence = 3, .state = ALERT_FIRING, .kind = FINDING_TIMEOUT,
                       .severity = SEVERITY_CRITICAL, .host = "h", .session = "s", .analysis = "request", .metric = "duration",
                       .label_count = 1, .labels = { { "op", "pay \"now\"" } }, .statistic = STATISTIC_KINDS, .unit = UNIT_NANOSECONDS,
                       .window_begin_ns = 1, .window_end_ns = 2, .began_ns = 3, .detected_ns = 4, .value = 5, .expected = NAN, .low = NAN,
                       .high = NAN, .limit = 2e9, .magnitude = NAN, .spread = NAN, .changed = CHANGE_SPREAD, .score = 0.5, .voter_count = 2, .voters = { "timeout", "zscore(p99)" },
                       .quality = QUALITY_LOSSY | QUALITY_LATE, .lost = 1, .pending = 2, .count = 3, .evidence_count = 1, .detail = "x" };
    a.evidence[0] = operation();
    alert_explain(&a);
    return a;
}

/* For each kind of message: put one, get one, put it again: the same bytes. */
typedef void (*put_fn)(struct bytes *b);
typedef bool (*again_fn)(struct wire_reader *r, struct bytes *b);

#define KIND(name, type, make)                                                                               \
    static void put_##name(struct bytes *b)                                                                  \
    {                                                                                                        \
        struct type x = make;                                                                                \
        name##_put(b, &x);                                                                                   \
    }                                                                                                        \
    static bool again_##name(struct wire_reader *r, struct bytes *b)                                         \
    {                                                                                                        \
        static struct type x;                                                                                \
        if (!name##_get(r, &x))                                                                              \
            return false;                                                                                    \
        name##_put(b, &x);                                                                                   \
        return true;                                                                                         \
    }
KIND(meter_description, meter_description, description())
KIND(operation, operation, operation())
KIND(meter_sample, meter_sample, sample())
#define sketched_sample_put meter_sample_put
#define sketched_sample_get meter_sample_get
KIND(sketched_sample, meter_sample, sketched_sample())
KIND(window_header, window_header, ((struct window_header){ .host = "h", .session = "s", .begin_ns = -5, .end_ns = 7, .quality = 3, .lost = 8, .last = true }))
KIND(exceedance, exceedance, ((struct exceedance){ .kind = EXCEEDANCE_TIMEOUT, .meter = 4, .time_ns = 5, .value = 6, .limit = 7, .pending = 8, .operation = operation() }))
KIND(loss_record, loss_record, ((struct loss_record){ .host = "h", .session = "s", .kind = 3, .count = 1, .at_least = true, .ongoing = true, .begin_ns = 1, .end_ns = 1, .reason = "gone" }))
KIND(verdict, verdict, verdict())
#define change_put verdict_put
#define change_get verdict_get
KIND(change, verdict, change())
KIND(window_done, window_done, ((struct window_done){ .host = "h", .session = "s", .begin_ns = 1, .end_ns = 2, .quality = 1 }))
KIND(alert, alert, alert())

static const struct {
    const char *name;
    put_fn put;
    again_fn again;
} kinds[] = {
#define ROW(name) { #name, put_##name, again_##name }
    ROW(meter_description), ROW(operation), ROW(meter_sample), ROW(window_header), ROW(exceedance),
    ROW(loss_record),       ROW(verdict),   ROW(window_done),  ROW(alert),  ROW(sketched_sample), ROW(change),
};

static void test_round_trips(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct bytes once = { 0 }, twice = { 0 };
        kinds[i].put(&once);
        struct wire_reader r = wire_reader_init(once.data, once.size);
        print_message("  %s, %zu bytes\n", kinds[i].name, once.size);
        assert_true(kinds[i].again(&r, &twice));
        assert_true(wire_finished(&r));
        assert_int_equal(once.size, twice.size);
        assert_memory_equal(once.data, twice.data, once.size);
        bytes_done(&once);
        bytes_done(&twice);
    }
}

static void test_every_cut_is_refused(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct bytes whole = { 0 }, again = { 0 };
        kinds[i].put(&whole);
        for (size_t size = 0; size < whole.size; size++) {
            unsigned char *cut = malloc(size + 1); /* to the byte, for the sanitizer */
            memcpy(cut, whole.data, size);
            struct wire_reader r = wire_reader_init(cut, size);
            assert_false(kinds[i].again(&r, &again));
            free(cut);
        }
        bytes_done(&whole);
        bytes_done(&again);
    }
}

static void test_every_changed_byte_is_harmless(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct bytes whole = { 0 }, again = { 0 };
        kinds[i].put(&whole);
        for (size_t at = 0; at < whole.size; at++) {
            for (int value = 0; value < 256; value++) {
                unsigned char *copy = malloc(whole.size);
                memcpy(copy, whole.data, whole.size);
                copy[at] = (unsigned char)value;
                struct wire_reader r = wire_reader_init(copy, whole.size);
                bytes_reset(&again);
                kinds[i].again(&r, &again);
                free(copy);
            }
        }
        bytes_done(&whole);
        bytes_done(&again);
    }
}

/* What is no sketch is refused; what a later version may add behind it is passed over. */
static void test_sketches(void **unused)
{
    (void)unused;
    static const struct row {
        const char *what;
        uint32_t count, numbers[6];
        bool good;
    } rows[] = {
        { "none", 0, { 0 }, true },
        { "ascending", 4, { 3, 1, 4, 1 }, true },
        { "a bucket without its count", 3, { 3, 1, 4 }, false },
        { "a bucket twice", 4, { 3, 1, 3, 1 }, false },
        { "descending", 4, { 4, 1, 3, 1 }, false },
        { "a count of none", 2, { 3, 0 }, false },
        { "the last bucket", 2, { SKETCH_BUCKETS - 1, 1 }, true },
        { "beyond the last bucket", 2, { SKETCH_BUCKETS, 1 }, false },
    };
    static struct meter_sample back;
    for (size_t i = 0; i < COUNT(rows) * 2; i++) {
        const struct row *row = &rows[i / 2];
        struct bytes b = { 0 };
        wire_put_array(&b, 5 + i % 2);
        wire_put_uint(&b, 7);
        wire_put_uint(&b, 0);
        wire_put_array(&b, 0);
        wire_put_array(&b, 0);
        wire_put_array(&b, row->count);
        for (uint32_t k = 0; k < row->count; k++)
            wire_put_uint(&b, row->numbers[k]);
        if (i % 2)
            wire_put_string(&b, "later");
        struct wire_reader r = wire_reader_init(b.data, b.size);
        if ((meter_sample_get(&r, &back) && wire_finished(&r)) != row->good)
            fail_msg("%s: %s", row->what, row->good ? "refused" : "taken");
        if (row->good)
            assert_true(back.sketched && back.sketch.size == row->count / 2);
        bytes_done(&b);
    }
    assert_true(sketch_low(0) == 1 && sketch_low(4) == 2 && sketch_low(5) == 2.5 && sketch_low(SKETCH_BUCKETS) == ldexp(1, 40));
}

static void test_names(void **unused)
{
    (void)unused;
    char name[SERIES_NAME_MAX], quality[QUALITY_TEXT_MAX], topic[TOPIC_TEXT_MAX];
    struct meter_description d = description();
    assert_string_equal(series_name(&d, STATISTIC_P99, name), "a.m.p99{op=read,dev=}");
    assert_string_equal(series_name(&d, STATISTIC_KINDS, name), "a.m{op=read,dev=}");
    d.label_count = 0;
    assert_string_equal(series_name(&d, STATISTIC_RATE, name), "a.m.rate");
    assert_string_equal(quality_text(0, quality), "complete");
    assert_string_equal(quality_text(QUALITY_LOSSY | QUALITY_PARTIAL | QUALITY_ZERO, quality), "lossy|partial|zero");
    struct alert a = alert();
    assert_string_equal(alert_topic(&a, topic), "alert.critical.request");
}

static void test_verdict_ids(void **unused)
{
    (void)unused;
    struct verdict a = verdict(), b = verdict();
    assert_true(a.id == b.id && a.id != 0);
    b.end_ns++;
    verdict_identify(&b);
    assert_true(a.id != b.id);
    b = verdict();
    b.labels[0].value[0] = 'y';
    verdict_identify(&b);
    assert_true(a.id != b.id);
}

static void test_later_versions_add_fields(void **unused)
{
    (void)unused;
    struct alert a = alert();
    struct bytes b = { 0 }, more = { 0 };
    static struct alert back;
    alert_put(&b, &a);
    assert_int_equal(b.data[0], 0xde); /* map16: add one to its count */
    wire_put_map(&more, (uint32_t)(b.data[1] << 8 | b.data[2]) + 1);
    wire_put_string(&more, "something_new");
    wire_put_array(&more, 2);
    wire_put_uint(&more, 1);
    wire_put_string(&more, "x");
    bytes_append(&more, b.data + 3, b.size - 3);
    struct wire_reader r = wire_reader_init(more.data, more.size);
    assert_true(alert_get(&r, &back));
    assert_true(wire_finished(&r) && back.id == a.id && strcmp(back.summary, a.summary) == 0);
    bytes_done(&b);
    bytes_done(&more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_every_changed_byte_is_harmless), cmocka_unit_test(test_sketches), cmocka_unit_test(test_names),
        cmocka_unit_test(test_verdict_ids), cmocka_unit_test(test_later_versions_add_fields),
    };
    return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
