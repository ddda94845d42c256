#include "hygiene.h"

static struct series s;
static struct run run;

static void test_hygiene(void **unused)
{
    (void)unused;
    check_hygiene(&(struct hygiene){ .detector = "ewma_control", .warmup = 40, .lasting = 30, .noise = 0.2, .change = 2 });
}

/* A small change that no single sample shows: found, with about when it began; on either side. */
static void test_small_changes(void **unused)
{
    (void)unused;
    static const double factors[] = { 1.5, 0.66 };
    for (size_t k = 0; k < COUNT(factors); k++) {
        uint64_t seed = 5 + k;
        memset(&s, 0, sizeof(s));
        add_latencies(&s, 300, 5e6, 0.2, &seed);
        add_latencies(&s, 40, 5e6 * factors[k], 0.2, &seed); /* two deviations */
        run_detector("zscore", NULL, &s, &run);
        assert_true(count_grades(&run, 0, 340) <= 1);
        run_detector("ewma_control", NULL, &s, &run);
        assert_int_equal(count_grades(&run, 0, 300), 0);
        size_t first = 300;
        while (first < 340 && run.grades[first] == 'o')
            first++;
        assert_true(first < 325);
        assert_true(run.last[first].onset_ns >= 298 * INT64_C(1000000000) && run.last[first].onset_ns <= 306 * INT64_C(1000000000));
    }
}

/* Neighbours that resemble each other are no change. */
static void test_autocorrelation(void **unused)
{
    (void)unused;
    size_t called = 0;
    for (uint64_t k = 0; k < 20; k++) {
        uint64_t seed = k;
        double walk = 0;
        memset(&s, 0, sizeof(s));
        s.kind = METRIC_LATENCY;
        s.statistic = STATISTIC_P50;
        for (int i = 0; i < 4000; i++) {
            walk = 0.8 * walk + random_normal(&seed);
            series_add(&s, 5e6 * exp(0.15 * walk));
        }
        run_detector("ewma_control", NULL, &s, &run);
        called += count_grades(&run, 0, 4000);
    }
    size_t plain = false_alarms("ewma_control", 20, 4000, 0.3, 78);
    print_message("of 80,000 samples each called: %zu independent, %zu autocorrelated\n", plain, called);
    assert_true(plain <= 2 && called <= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_hygiene), cmocka_unit_test(test_small_changes),
                                        cmocka_unit_test(test_autocorrelation) };
    return cmocka_run_group_tests_name("ewma_control", tests, NULL, NULL);
}
