#include "detector_fixture.h"
#include <errno.h>

static const struct {
    const char *what;
    const char *set[5][2];
    double values[8];
    const char *want;
} rows[] = {
    { "above", { { "warning", "5" } }, { 4, 5, 6, 5 }, "oowo" },
    { "critical outranks", { { "warning", "5" }, { "critical", "10" } }, { 4, 6, 11, 6 }, "owcw" },
    { "critical alone", { { "critical", "10" } }, { 4, 6, 11, 6 }, "ooco" },
    { "below", { { "below_warning", "5" }, { "below_critical", "2" } }, { 6, 5, 4, 1 }, "oowc" },
    { "both sides", { { "warning", "10" }, { "below_warning", "5" } }, { 7, 11, 4, 7 }, "owwo" },
    { "negative limits", { { "warning", "-5" } }, { -6, -5, -4, 3 }, "ooww" },
    { "zero as a limit", { { "warning", "0" } }, { -1, 0, 1, 2 }, "ooww" },
};

static void test_rows(void **unused)
{
    (void)unused;
    static struct series s;
    static struct run run;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].what);
        memset(&s, 0, sizeof(s));
        s.kind = METRIC_VALUE;
        s.statistic = STATISTIC_MEAN;
        for (size_t k = 0; rows[i].want[k]; k++)
            series_add(&s, rows[i].values[k]);
        run_detector("threshold", rows[i].set, &s, &run);
        assert_string_equal(run.grades, rows[i].want);
        for (size_t k = 0; k < s.length; k++) /* 0.5 is the limit, on either side of it */
            assert_true(run.grades[k] == 'o' ? run.last[k].score <= 0.5 + 1e-12 : run.last[k].score >= 0.5);
    }
}

static void test_lossy_rates_are_no_fact(void **unused)
{
    (void)unused;
    static struct series s;
    static struct run run;
    memset(&s, 0, sizeof(s));
    s.kind = METRIC_COUNTER;
    s.statistic = STATISTIC_RATE;
    s.quality[0] = QUALITY_LOSSY;
    series_add(&s, 1);
    series_add(&s, 1);
    run_detector("threshold", (const char *const[][2]){ { "below_warning", "5/s" }, { NULL, NULL } }, &s, &run);
    assert_string_equal(run.grades, "ow");
}

/* An alert ends once scores are well below 0.5. */
static void test_the_other_side_of_zero(void **unused)
{
    (void)unused;
    static struct series s;
    static struct run run;
    memset(&s, 0, sizeof(s));
    s.kind = METRIC_VALUE;
    series_add(&s, -5);
    run_detector("threshold", (const char *const[][2]){ { "warning", "10" }, { NULL, NULL } }, &s, &run);
    assert_true(run.grades[0] == 'o' && run.last[0].score == 0);
    s.values[0] = 5;
    run_detector("threshold", (const char *const[][2]){ { "below_warning", "-10" }, { NULL, NULL } }, &s, &run);
    assert_true(run.grades[0] == 'o' && run.last[0].score == 0);
    run_detector("threshold", (const char *const[][2]){ { "warning", "-10" }, { NULL, NULL } }, &s, &run);
    assert_true(run.grades[0] == 'w' && run.last[0].score == 1);
}

static void test_options(void **unused)
{
    (void)unused;
    static const struct {
        const char *set[3][2], *error;
    } bad[] = {
        { { { NULL, NULL } }, "no limit is given (warning, critical, below_warning, below_critical)" },
        { { { "warning", "11" }, { "critical", "10" } }, "warning (11) is above critical (10)" },
        { { { "below_warning", "1" }, { "below_critical", "2" } }, "below_warning (1) is below below_critical (2)" },
    };
    const struct detector *d = detector_find("threshold");
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct error err;
        void *config = calloc(1, d->config_size);
        options_default(d->options, config);
        for (const char *const(*set)[2] = bad[i].set; (*set)[0]; set++)
            assert_int_equal(option_set(d->options, config, (*set)[0], (*set)[1], &err), 0);
        assert_int_equal(d->check(config, &err), -EINVAL);
        assert_string_equal(err.text, bad[i].error);
        free(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_lossy_rates_are_no_fact),
                                        cmocka_unit_test(test_the_other_side_of_zero),
        cmocka_unit_test(test_options) };
    return cmocka_run_group_tests_name("threshold", tests, NULL, NULL);
}
