#include "detector_fixture.h"

static struct series s;
static struct run run;

static void start(void)
{
    memset(&s, 0, sizeof(s));
    s.kind = METRIC_COUNTER;
    s.statistic = STATISTIC_RATE;
}

static void add(size_t n, double value)
{
    for (size_t i = 0; i < n; i++)
        series_add(&s, value);
}

static void test_what_always_came(void **unused)
{
    (void)unused;
    start();
    add(60, 10);
    add(10, 0);
    add(5, 10);
    run_detector("silence", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 62), 0);
    assert_int_equal(count_grades(&run, 62, 70), 8); /* from the third empty window on */
    assert_int_equal(count_grades(&run, 70, 75), 0);
    assert_int_equal(run.last[65].finding, FINDING_SILENCE);
    assert_int_equal(run.last[65].onset_ns, INT64_C(60000000000));
    assert_near(run.last[65].expected, 10, 0.01);
}

static void test_pauses_are_learned(void **unused)
{
    (void)unused;
    start();
    for (int i = 0; i < 40; i++) { /* four windows of work, five of rest */
        add(4, 3);
        add(5, 0);
    }
    add(4, 3);
    add(30, 0);
    run_detector("silence", (const char *const[][2]){ { "max_empty", "0.8" }, { NULL, NULL } }, &s, &run);
    assert_int_equal(count_grades(&run, 0, 364), 0);
    assert_true(count_grades(&run, 374, 394) > 0);
}

static void test_rare_events_are_not_expected(void **unused)
{
    (void)unused;
    start();
    for (int i = 0; i < 20; i++) {
        add(1, 1);
        add(30, 0);
    }
    add(500, 0);
    run_detector("silence", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, s.length), 0);
}

static void test_warm_up_and_loss(void **unused)
{
    (void)unused;
    start();
    add(10, 5);
    add(100, 0); /* nobody knows yet whether it should come */
    run_detector("silence", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, s.length), 0);
    start();
    add(60, 5);
    for (int i = 0; i < 20; i++) {
        s.quality[s.length] = QUALITY_LOSSY;
        series_add(&s, 0);
    }
    run_detector("silence", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, s.length), 0);
}

/* What was called silence is no precedent, until it has come again and again. */
static void test_outages_are_not_learned(void **unused)
{
    (void)unused;
    static const size_t lengths[] = { 100, 150, 280 };
    size_t at = 60;
    start();
    add(60, 10);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        add(lengths[i], 0);
        add(100, 10);
    }
    run_detector("silence", NULL, &s, &run);
    for (size_t i = 0; i < COUNT(lengths); at += lengths[i++] + 100)
        assert_true(count_grades(&run, at, at + lengths[i]) > lengths[i] - 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_always_came), cmocka_unit_test(test_pauses_are_learned),
                                        cmocka_unit_test(test_rare_events_are_not_expected),
                                        cmocka_unit_test(test_outages_are_not_learned),
                                        cmocka_unit_test(test_warm_up_and_loss) };
    return cmocka_run_group_tests_name("silence", tests, NULL, NULL);
}
