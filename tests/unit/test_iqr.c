#include "hygiene.h"

static struct series s;
static struct run run;

static void test_hygiene(void **unused)
{
    (void)unused;
    check_hygiene(&(struct hygiene){ .detector = "iqr", .warmup = 40, .lasting = 1, .noise = 0.1, .change = 4 });
}

/* What is far out on one side is not on the other: each has its own tail. */
static void test_two_sides(void **unused)
{
    (void)unused;
    static const struct row {
        const char *what;
        double value;
        char grade;
    } rows[] = {
        { "within", 100, 'o' },
        { "where a long tail reaches", 180, 'o' },
        { "so far below", 60, 'w' },
        { "beyond the tail", 900, 'c' },
    };
    for (size_t k = 0; k < COUNT(rows); k++) {
        uint64_t seed = 3;
        memset(&s, 0, sizeof(s));
        s.kind = METRIC_VALUE;
        s.statistic = STATISTIC_MEAN;
        for (int i = 0; i < 400; i++)
            series_add(&s, 95 - 15 * log(random_unit(&seed) + 1e-9)); /* exponential above 95 */
        series_add(&s, rows[k].value);
        run_detector("iqr", (const char *const[][2]){ { "min_spread", "0.01" }, { NULL, NULL } }, &s, &run);
        if (run.grades[400] != rows[k].grade)
            fail_msg("%s: '%c', wanted '%c'", rows[k].what, run.grades[400], rows[k].grade);
    }
}

/* The fence of a heavy tail is further out: neither is called more often than promised. */
static void test_false_alarms(void **unused)
{
    (void)unused;
    size_t heavy = 0;
    for (uint64_t k = 0; k < 20; k++) {
        uint64_t seed = k;
        memset(&s, 0, sizeof(s));
        s.kind = METRIC_VALUE;
        s.statistic = STATISTIC_MEAN;
        for (int i = 0; i < 4000; i++)
            series_add(&s, -log(random_unit(&seed) + 1e-300));
        run_detector("iqr", NULL, &s, &run);
        heavy += count_grades(&run, 0, 4000);
    }
    size_t normal = false_alarms("iqr", 20, 4000, 0.3, 77);
    print_message("of 80,000 samples each called: %zu normal, %zu exponential\n", normal, heavy);
    assert_true(normal <= 4 && heavy <= 16);
}

static void test_options(void **unused)
{
    (void)unused;
    const struct detector *d = detector_find("iqr");
    struct error err;
    void *config = calloc(1, d->config_size);
    options_default(d->options, config);
    assert_int_equal(option_set(d->options, config, "warmup", "2000", &err), 0);
    assert_true(d->check(config, &err) < 0);
    assert_string_equal(err.text, "warmup (2000) is longer than window (1000)");
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_hygiene), cmocka_unit_test(test_two_sides),
                                        cmocka_unit_test(test_false_alarms), cmocka_unit_test(test_options) };
    return cmocka_run_group_tests_name("iqr", tests, NULL, NULL);
}
