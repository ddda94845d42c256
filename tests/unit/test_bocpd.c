#include "hygiene.h"

static struct series s;
static struct run run;

static void test_hygiene(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(hygiene_rows); i++) {
        uint64_t seed = 1000 + i;
        hygiene_row(&(struct hygiene){ .detector = "bocpd", .warmup = 40, .lasting = 30, .noise = 0.2, .change = 2 }, &hygiene_rows[i], &seed);
    }
}

static void check(double shift, double noise, enum change changed)
{
    uint64_t seed = 1;
    memset(&s, 0, sizeof(s));
    add_gauge(&s, 400, 100, 20, 0, &seed);
    add_gauge(&s, 60, 100 + shift, noise, 0, &seed);
    run_detector("bocpd", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 400), 0);
    assert_true(run.grades[459] != 'o');
    assert_int_equal(run.last[459].changed, changed);
    assert_true(changed == CHANGE_MEAN ? isnan(run.last[459].spread) : run.last[459].spread > 2 && run.last[459].spread < 4);
    assert_true(run.last[459].onset_ns >= INT64_C(393000000000) && run.last[459].onset_ns <= INT64_C(407000000000));
    if (changed != CHANGE_SPREAD)
        assert_near(run.last[459].magnitude, shift, 0.3);
}

static void test_what_changed(void **unused)
{
    (void)unused;
    check(50, 20, CHANGE_MEAN);
    check(-50, 20, CHANGE_MEAN);
    check(0, 60, CHANGE_SPREAD);
}

static void test_false_alarms(void **unused)
{
    (void)unused;
    size_t n = false_alarms("bocpd", 20, 4000, 0.2, 5);
    print_message("  %zu of 80,000\n", n);
    assert_true(n <= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_hygiene), cmocka_unit_test(test_what_changed), cmocka_unit_test(test_false_alarms) };
    return cmocka_run_group_tests_name("bocpd", tests, NULL, NULL);
}
