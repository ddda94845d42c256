#include "hygiene.h"

static struct series s;
static struct run run;

static void start(void)
{
    memset(&s, 0, sizeof(s));
}

static void test_spike_and_drop(void **unused)
{
    (void)unused;
    uint64_t seed = 1;
    start();
    add_latencies(&s, 60, 5e6, 0.1, &seed);
    series_add(&s, 50e6);
    add_latencies(&s, 20, 5e6, 0.1, &seed);
    series_add(&s, 0.5e6); /* on either side */
    run_detector("zscore", NULL, &s, &run);
    assert_int_equal(run.grades[60], 'c');
    assert_int_equal(run.grades[81], 'c');
    assert_int_equal(count_grades(&run, 0, 82), 2);
    assert_near(run.last[60].expected, 5e6, 0.1);
    assert_true(run.last[60].low < 5e6 && run.last[60].high > 5e6 && run.last[60].high < 50e6);
    assert_true(run.last[60].score > 0.5 && run.last[60].score < 1);
}

static void test_warm_up_is_silent(void **unused)
{
    (void)unused;
    start();
    s.kind = METRIC_LATENCY;
    s.statistic = STATISTIC_P50;
    for (int i = 0; i < 20; i++)
        series_add(&s, i % 2 ? 1e6 : 1e9);
    run_detector("zscore", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 20), 0);
}

/* A series that never moved does not alarm when it first does, by a little. */
static void test_constant_series(void **unused)
{
    (void)unused;
    start();
    s.kind = METRIC_LATENCY;
    s.statistic = STATISTIC_P50;
    for (int i = 0; i < 100; i++)
        series_add(&s, 1e6);
    series_add(&s, 1.2e6);
    series_add(&s, 10e6);
    run_detector("zscore", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 101), 0);
    assert_int_equal(run.grades[101], 'c');
}

/* What is called anomalous is not learned: the fortieth bad sample is as bad as
 * the first. What lasts becomes the new normal. */
static void test_not_learned_then_relearned(void **unused)
{
    (void)unused;
    uint64_t seed = 2;
    start();
    add_latencies(&s, 60, 5e6, 0.1, &seed);
    add_latencies(&s, 150, 20e6, 0.1, &seed);
    add_latencies(&s, 1, 5e6, 0.01, &seed);
    run_detector("zscore", (const char *const[][2]){ { "relearn", "1m" }, { NULL, NULL } }, &s, &run);
    assert_int_equal(count_grades(&run, 60, 120), 60);
    assert_true(!run.last[118].new_normal && run.last[119].new_normal);
    assert_near(run.last[119].expected, 5e6, 0.1);
    assert_int_equal(count_grades(&run, 120, 210), 0);
    assert_int_equal(run.grades[210], 'c');
}

static void test_doubtful_samples(void **unused)
{
    (void)unused;
    uint64_t seed = 3;
    start();
    add_latencies(&s, 60, 5e6, 0.1, &seed);
    for (int i = 0; i < 30; i++) {
        s.quality[s.length] = i % 2 ? QUALITY_LOSSY : QUALITY_LATE;
        series_add(&s, 100e6);
    }
    s.count[s.length] = 2; /* a median of two */
    series_add(&s, 100e6);
    add_latencies(&s, 1, 5e6, 0.01, &seed);
    series_add(&s, 100e6);
    run_detector("zscore", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 92), 0);
    assert_int_equal(run.grades[92], 'c'); /* and nothing of it was learned */
}

static void test_counts(void **unused)
{
    (void)unused;
    uint64_t seed = 4;
    start();
    add_rates(&s, 300, 200, &seed);
    add_rates(&s, 3, 60, &seed);
    run_detector("zscore", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 300), 0);
    assert_int_equal(count_grades(&run, 300, 303), 3);
    /* Few events are no less normal for coming in ones and twos. */
    start();
    s.kind = METRIC_COUNTER;
    s.statistic = STATISTIC_RATE;
    for (int i = 0; i < 500; i++)
        series_add(&s, (double)(random_next(&seed) % 3));
    run_detector("zscore", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 500), 0);
}

static void test_false_alarms_on_noise(void **unused)
{
    (void)unused;
    uint64_t seed = 6;
    size_t alarms = 0;
    for (int k = 0; k < 20; k++) {
        start();
        add_latencies(&s, 4000, 5e6, 0.3, &seed);
        run_detector("zscore", NULL, &s, &run);
        alarms += count_grades(&run, 0, 4000);
    }
    assert_true(alarms <= 2); /* the threshold is one in a million samples; there are 80,000 */
}

static void test_options(void **unused)
{
    (void)unused;
    const struct detector *d = detector_find("zscore");
    struct error err;
    void *config = calloc(1, d->config_size);
    options_default(d->options, config);
    assert_int_equal(option_set(d->options, config, "warmup", "100", &err), 0);
    assert_true(d->check(config, &err) < 0);
    assert_string_equal(err.text, "warmup (100) is longer than window (60)");
    free(config);
}

/* Bursts in a series that is mostly empty: not anomalies for ever. */
static void test_sporadic_counts(void **unused)
{
    (void)unused;
    uint64_t seed = 11;
    memset(&s, 0, sizeof(s));
    s.kind = METRIC_COUNTER;
    s.statistic = STATISTIC_RATE;
    for (int i = 0; i < 4000; i++)
        series_add(&s, random_unit(&seed) < 0.16 ? 50 : 0);
    run_detector("zscore", NULL, &s, &run);
    assert_true(count_grades(&run, 0, 4000) < 20);
    for (size_t i = 1000; i < 2000; i++)
        assert_true(run.last[i].abstains);
}

/* What cannot be judged is no good sign either. */
static void test_abstains(void **unused)
{
    (void)unused;
    uint64_t seed = 12;
    memset(&s, 0, sizeof(s));
    add_latencies(&s, 60, 5e6, 0.1, &seed);
    s.quality[60] = QUALITY_LOSSY;
    s.count[61] = 2;
    add_latencies(&s, 3, 5e6, 0.1, &seed);
    run_detector("zscore", NULL, &s, &run);
    assert_true(run.last[19].abstains && !run.last[20].abstains); /* the warm-up */
    assert_true(run.last[60].abstains && run.last[61].abstains && !run.last[62].abstains);
}

static void test_hygiene(void **unused)
{
    (void)unused;
    check_hygiene(&(struct hygiene){ .detector = "zscore", .warmup = 20, .lasting = 1, .noise = 0.2, .change = 4 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hygiene), cmocka_unit_test(test_spike_and_drop),   cmocka_unit_test(test_warm_up_is_silent),
        cmocka_unit_test(test_constant_series),  cmocka_unit_test(test_not_learned_then_relearned),
        cmocka_unit_test(test_doubtful_samples), cmocka_unit_test(test_counts),
        cmocka_unit_test(test_false_alarms_on_noise), cmocka_unit_test(test_sporadic_counts), cmocka_unit_test(test_abstains), cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests_name("zscore", tests, NULL, NULL);
}
