#include "hygiene.h"

static struct series s;
static struct run run;

static void test_jump_not_drift(void **unused)
{
    (void)unused;
    uint64_t seed = 1;
    memset(&s, 0, sizeof(s));
    s.kind = METRIC_VALUE;
    s.statistic = STATISTIC_MEAN;
    for (int i = 0; i < 400; i++) /* a fifth more, slowly: followed */
        series_add(&s, 1000 * (1 + 0.0005 * i) + 20 * random_normal(&seed));
    series_add(&s, 3000);
    for (int i = 0; i < 20; i++)
        series_add(&s, 1200 + 20 * random_normal(&seed));
    run_detector("moving_average", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 400), 0);
    assert_true(run.grades[400] != 'o');
    assert_near(run.last[400].expected, 1200, 0.05);
    assert_int_equal(count_grades(&run, 401, 421), 0); /* the jump did not spoil the average */
}

static void test_new_level_becomes_normal(void **unused)
{
    (void)unused;
    memset(&s, 0, sizeof(s));
    s.kind = METRIC_VALUE;
    s.statistic = STATISTIC_MEAN;
    for (int i = 0; i < 60; i++)
        series_add(&s, 100 + i % 3);
    for (int i = 0; i < 100; i++)
        series_add(&s, 500 + i % 3);
    run_detector("moving_average", (const char *const[][2]){ { "relearn", "30s" }, { NULL, NULL } }, &s, &run);
    assert_int_equal(count_grades(&run, 60, 90), 30);
    assert_int_equal(count_grades(&run, 90, 160), 0);
}

/* What always stood at zero has no scale to say what is much. */
static void test_zero(void **unused)
{
    (void)unused;
    memset(&s, 0, sizeof(s));
    s.kind = METRIC_VALUE;
    s.statistic = STATISTIC_LAST;
    for (int i = 0; i < 100; i++)
        series_add(&s, 0);
    for (int i = 0; i < 100; i++)
        series_add(&s, 7);
    run_detector("moving_average", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 200), 0);
}

static void test_hygiene(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(hygiene_rows); i++) {
        uint64_t seed = 1000 + i;
        hygiene_row(&(struct hygiene){ .detector = "moving_average", .warmup = 30, .lasting = 1, .noise = 0.1, .change = 8 }, &hygiene_rows[i], &seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_hygiene), cmocka_unit_test(test_jump_not_drift), cmocka_unit_test(test_new_level_becomes_normal),
                                        cmocka_unit_test(test_zero) };
    return cmocka_run_group_tests_name("moving_average", tests, NULL, NULL);
}
