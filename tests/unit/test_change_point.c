#include "detector_fixture.h"

static struct series s;
static struct run run;

static size_t first_alarm(size_t from)
{
    while (from < s.length && run.grades[from] == 'o')
        from++;
    return from;
}

/* Too small a step for a single sample, and yet it is found, with its onset and size. */
static void test_small_step(void **unused)
{
    (void)unused;
    for (int down = 0; down < 2; down++) {
        uint64_t seed = 1;
        memset(&s, 0, sizeof(s));
        add_latencies(&s, 100, 5e6, 0.2, &seed);
        add_latencies(&s, 50, down ? 3e6 : 8e6, 0.2, &seed);
        run_detector("change_point", NULL, &s, &run);
        assert_int_equal(count_grades(&run, 0, 100), 0);
        size_t at = first_alarm(100);
        assert_true(at < 118);
        assert_true(run.last[at].onset_ns >= INT64_C(97000000000) && run.last[at].onset_ns <= INT64_C(107000000000));
        assert_near(run.last[at].expected + run.last[at].magnitude, down ? 3e6 : 8e6, 0.3); /* a few samples */
        size_t later = at + 20;
        while (run.grades[later] == 'o')
            later--;
        assert_near(run.last[later].expected + run.last[later].magnitude, down ? 3e6 : 8e6, 0.2); /* better known by then */
        assert_int_equal(run.last[at].finding, FINDING_CHANGE);
    }
}

static void test_slow_drift(void **unused)
{
    (void)unused;
    uint64_t seed = 2;
    memset(&s, 0, sizeof(s));
    add_latencies(&s, 100, 5e6, 0.05, &seed);
    for (int i = 0; i < 40; i++)
        series_add(&s, 5e6 * pow(1.02, i) * exp(0.05 * random_normal(&seed)));
    run_detector("change_point", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 100), 0);
    assert_true(first_alarm(100) < 125);
}

static void test_one_spike_is_no_change(void **unused)
{
    (void)unused;
    uint64_t seed = 3;
    memset(&s, 0, sizeof(s));
    for (int k = 0; k < 10; k++) {
        add_latencies(&s, 50, 5e6, 0.1, &seed);
        series_add(&s, 500e6);
    }
    run_detector("change_point", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, s.length), 0);
}

static void test_back_to_normal_and_new_normal(void **unused)
{
    (void)unused;
    uint64_t seed = 4;
    memset(&s, 0, sizeof(s));
    add_latencies(&s, 100, 5e6, 0.1, &seed);
    add_latencies(&s, 20, 15e6, 0.1, &seed);
    add_latencies(&s, 50, 5e6, 0.1, &seed); /* back */
    add_latencies(&s, 200, 15e6, 0.1, &seed); /* and now to stay */
    run_detector("change_point", (const char *const[][2]){ { "relearn", "1m" }, { NULL, NULL } }, &s, &run);
    assert_true(count_grades(&run, 100, 120) >= 15);
    assert_int_equal(count_grades(&run, 130, 170), 0);
    assert_true(count_grades(&run, 170, 240) >= 50);
    assert_int_equal(count_grades(&run, 245, 370), 0);
}

/* Neighbours that resemble each other make sums wander by themselves. */
static void test_correlated_noise(void **unused)
{
    (void)unused;
    uint64_t seed = 5;
    size_t alarms = 0;
    for (int k = 0; k < 10; k++) {
        double x = 0;
        memset(&s, 0, sizeof(s));
        s.kind = METRIC_LATENCY;
        s.statistic = STATISTIC_P50;
        for (int i = 0; i < 2000; i++) {
            x = 0.6 * x + 0.2 * random_normal(&seed);
            series_add(&s, 5e6 * exp(x));
        }
        run_detector("change_point", NULL, &s, &run);
        for (size_t i = 1; i < s.length; i++)
            alarms += run.grades[i] != 'o' && run.grades[i - 1] == 'o';
    }
    print_message("  %zu alarms\n", alarms);
    assert_true(alarms <= 2); /* of 20,000 samples */
}

static void test_doubtful_samples(void **unused)
{
    (void)unused;
    uint64_t seed = 6;
    memset(&s, 0, sizeof(s));
    add_rates(&s, 100, 300, &seed);
    for (int i = 0; i < 50; i++) {
        s.quality[s.length] = QUALITY_LOSSY;
        series_add(&s, 20); /* events were lost: of course there are fewer */
    }
    add_rates(&s, 50, 300, &seed);
    run_detector("change_point", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, s.length), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_step),         cmocka_unit_test(test_slow_drift),
        cmocka_unit_test(test_one_spike_is_no_change), cmocka_unit_test(test_back_to_normal_and_new_normal),
        cmocka_unit_test(test_correlated_noise),   cmocka_unit_test(test_doubtful_samples),
    };
    return cmocka_run_group_tests_name("change_point", tests, NULL, NULL);
}
