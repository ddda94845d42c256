/* Saved and loaded at any instant, a life goes on as if nothing had happened: the same transitions,
 * to the byte, and the same state. Memory that is cut is refused. */
#include "alerts/life.h"
#include "seed.h"

enum { STEPS = 3000, SERIES = 6 };

struct log {
    uint64_t sequence;
    struct bytes bytes;
};

static void deliver(void *self, struct alert *a)
{
    struct log *log = self;
    a->sequence = ++log->sequence;
    alert_put(&log->bytes, a);
}

static struct verdict random_verdict(uint64_t *seed, int64_t now_ns)
{
    static const char *const detectors_[] = { "zscore", "change_point", "silence", "threshold" };
    static const enum finding grades[] = { FINDING_ANOMALY, FINDING_CHANGE, FINDING_SILENCE, FINDING_THRESHOLD };
    static const enum finding raises[] = { FINDING_TIMEOUT, FINDING_LOSS, FINDING_OUTAGE, FINDING_THRESHOLD };
    uint64_t dice = random_next(seed), which = dice % 4;
    struct verdict v = { .kind = VERDICT_GRADE, .analysis = "a", .host = "h", .finding = grades[which], .label_count = 1,
                         .statistic = dice / 16 % 2 ? STATISTIC_P99 : STATISTIC_RATE, .expected = 1, .low = NAN, .high = 2.5, .limit = NAN, .magnitude = NAN };
    snprintf(v.session, sizeof(v.session), "s%d", (int)(dice / 64 % 2));
    snprintf(v.metric, sizeof(v.metric), "m%d", (int)(dice / 128 % SERIES));
    snprintf(v.labels[0].name, sizeof(v.labels[0].name), "op");
    snprintf(v.labels[0].value, sizeof(v.labels[0].value), "%d", (int)(dice / 1024 % 2));
    snprintf(v.detector, sizeof(v.detector), "%s", detectors_[which]);
    v.begin_ns = now_ns - 1000000000 * (int64_t)(1 + dice / 4096 % 3);
    v.end_ns = now_ns;
    v.onset_ns = v.begin_ns - (int64_t)(dice / 8192 % 5) * 500000000;
    v.value = (double)(dice % 1000);
    v.severity = dice / 32768 % 10 < 5 ? SEVERITY_OK : dice / 32768 % 10 < 8 ? SEVERITY_WARNING : SEVERITY_CRITICAL;
    v.score = v.severity == SEVERITY_OK ? 0.1 : 0.6;
    v.evidence_count = 1;
    v.evidence[0] = (struct operation){ .begin_ns = v.begin_ns, .value = 7.25, .field_count = 1, .fields = { { "id", "77" } } };
    if (dice / 524288 % 20 == 0)
        snprintf(v.detail, sizeof(v.detail), "%s", VERDICT_NEW_NORMAL);
    if (dice / 16777216 % 8 == 0) {
        v.kind = dice / 134217728 % 3 ? VERDICT_RAISE : VERDICT_CLEAR;
        v.finding = raises[which];
        v.severity = SEVERITY_WARNING;
        v.statistic = STATISTIC_KINDS;
        v.lost = dice % 50;
        v.pending = v.kind == VERDICT_RAISE ? dice % 3 : 0;
    }
    verdict_identify(&v);
    return v;
}

/* What both lives are told. */
static void step(struct life *life, uint64_t seed, int64_t now_ns)
{
    uint64_t n = random_next(&seed) % 6;
    for (uint64_t i = 0; i < n; i++) {
        struct verdict v = random_verdict(&seed, now_ns);
        life_verdict(life, &v);
    }
    if (random_next(&seed) % 8 == 0)
        return;
    for (int i = 0; i < 2; i++) {
        struct window_done w = { .host = "h", .begin_ns = now_ns - 1000000000, .end_ns = now_ns };
        snprintf(w.session, sizeof(w.session), "s%d", i);
        w.quality = random_next(&seed) % 15 == 0 ? QUALITY_LOSSY : 0;
        life_window(life, &w);
    }
}

static struct life *reload(struct life *life, const struct life_config *config, struct log *log, uint64_t *seed)
{
    struct bytes b = { 0 }, again = { 0 };
    life_save(life, &b);
    life_free(life);
    for (int i = 0; i < 3; i++) { /* cut anywhere it is refused */
        struct wire_reader cut = wire_reader_init(b.data, (size_t)(random_next(seed) % b.size));
        life = life_new(config, deliver, log);
        assert_false(life_load(life, &cut));
        life_free(life);
    }
    struct wire_reader r = wire_reader_init(b.data, b.size);
    life = life_new(config, deliver, log);
    assert_true(life_load(life, &r) && wire_finished(&r));
    life_save(life, &again);
    assert_int_equal(b.size, again.size);
    assert_memory_equal(b.data, again.data, b.size);
    bytes_done(&b);
    bytes_done(&again);
    return life;
}

static void test_interrupted_is_uninterrupted(void **unused)
{
    (void)unused;
    uint64_t seed = seed_of_test(), interruptions = 0;
    struct life_config config;
    struct log logs[2] = { 0 };
    struct life_totals totals[2];
    options_default(life_options, &config);
    config.max_alerts = 12;
    config.stale_after.ns = 20000000000;
    struct life *whole = life_new(&config, deliver, &logs[0]), *torn = life_new(&config, deliver, &logs[1]);
    for (int i = 1; i <= STEPS; i++) {
        uint64_t told = random_next(&seed);
        step(whole, told, i * INT64_C(1000000000));
        step(torn, told, i * INT64_C(1000000000));
        size_t size = logs[0].bytes.size;
        if (size != logs[1].bytes.size || (size > 0 && memcmp(logs[0].bytes.data, logs[1].bytes.data, size) != 0))
            fail_msg("step %d differs after %d interruptions", i, (int)interruptions);
        bytes_reset(&logs[0].bytes);
        bytes_reset(&logs[1].bytes);
        if (random_next(&seed) % 10 == 0) {
            torn = reload(torn, &config, &logs[1], &seed);
            interruptions++;
        }
    }
    life_totals(whole, &totals[0]);
    life_totals(torn, &totals[1]);
    assert_memory_equal(&totals[0], &totals[1], sizeof(totals[0]));
    printf("fired %d, resolved %d, suppressed %d, refused %d\n", (int)totals[0].fired, (int)totals[0].resolved, (int)totals[0].suppressed, (int)totals[0].refused);
    assert_true(totals[0].fired > 10 && totals[0].refused > 0);
    life_free(whole);
    life_free(torn);
    bytes_done(&logs[0].bytes);
    bytes_done(&logs[1].bytes);
}

/* More than a new configuration admits: those that are there stay, and no more come. */
static void test_fewer_are_admitted_now(void **unused)
{
    (void)unused;
    struct life_config config;
    struct log log = { 0 };
    struct life_totals totals;
    struct bytes b = { 0 };
    options_default(life_options, &config);
    struct verdict v = { .kind = VERDICT_RAISE, .finding = FINDING_LOSS, .severity = SEVERITY_WARNING, .host = "h", .session = "s", .end_ns = 5, .statistic = STATISTIC_KINDS };
    struct life *life = life_new(&config, deliver, &log);
    for (int i = 0; i < 10; i++) {
        snprintf(v.metric, sizeof(v.metric), "m%d", i);
        life_verdict(life, &v);
    }
    life_save(life, &b);
    life_free(life);
    config.max_alerts = 5;
    life = life_new(&config, deliver, &log);
    struct wire_reader r = wire_reader_init(b.data, b.size);
    assert_true(life_load(life, &r));
    snprintf(v.metric, sizeof(v.metric), "new");
    life_verdict(life, &v);
    life_totals(life, &totals);
    assert_int_equal(totals.firing, 10);
    assert_int_equal(totals.refused, 1);
    life_free(life);
    bytes_done(&b);
    bytes_done(&log.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_interrupted_is_uninterrupted), cmocka_unit_test(test_fewer_are_admitted_now) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
