#include "detector_fixture.h"
#include "group_fixture.h"

static struct series one;
static struct run run;
static struct group_series s;
static struct group_run group;

static void season(size_t rows, uint64_t *seed)
{
    one.kind = METRIC_VALUE;
    one.statistic = STATISTIC_MEAN;
    for (size_t i = 0; i < rows; i++)
        series_add(&one, 100 + 10 * sin(2 * M_PI * (double)i / 24) + 0.5 * random_normal(seed));
}

/* Values that were all there before, but not next to each other; a spike; and nothing. */
static void test_series(void **unused)
{
    (void)unused;
    enum { AT = 3000 };
    static const struct row {
        const char *what;
        size_t rows;
        bool leaps;       /* from AT on, from one of its extremes to the other */
        double by;
        uint32_t quality;
        size_t least, most;
    } rows[] = {
        { "nothing", 0, false, 0, 0, 0, 1 },
        { "a spike", 1, false, 60, 0, 1, 8 },
        { "it leaps between its extremes", 60, true, 0, 0, 20, 80 },
        { "in windows that lost events", 60, false, 60, QUALITY_LOSSY, 0, 1 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t seed = i + 1;
        memset(&one, 0, sizeof(one));
        season(3200, &seed);
        for (size_t k = AT; k < AT + rows[i].rows; k++) {
            one.values[k] = (rows[i].leaps ? 100 + (k % 2 ? 9 : -9) : one.values[k]) + rows[i].by;
            one.quality[k] = rows[i].quality;
        }
        run_detector("forest", NULL, &one, &run);
        size_t bad = count_grades(&run, AT, 3200);
        if (bad < rows[i].least || bad > rows[i].most)
            fail_msg("%s: %zu windows are called bad", rows[i].what, bad);
        assert_true(count_grades(&run, 0, AT) <= 3);
        assert_true(run.last[900].abstains && !run.last[1100].abstains);
    }
}

static void test_constant_and_sparse(void **unused)
{
    (void)unused;
    uint64_t seed = 9;
    memset(&one, 0, sizeof(one));
    one.kind = METRIC_COUNTER;
    one.statistic = STATISTIC_RATE;
    for (int i = 0; i < 3000; i++)
        series_add(&one, random_unit(&seed) < 0.1 ? 50 : 0);
    run_detector("forest", NULL, &one, &run);
    assert_int_equal(count_grades(&run, 0, 3000), 0);
    memset(&one, 0, sizeof(one));
    one.kind = METRIC_LATENCY;
    one.statistic = STATISTIC_P50;
    one.window_ns = 100000000;
    for (int i = 0; i < 3000; i++)
        series_add(&one, i == 2900 ? 1.02e6 : 1e6);
    run_detector("forest", NULL, &one, &run);
    assert_true(count_grades(&run, 0, 2900) == 0);
}

static void shift(uint32_t member, size_t from, size_t to, double by)
{
    for (size_t i = from; i < to; i++)
        s.values[i][member] += by;
}

static void test_group(void **unused)
{
    (void)unused;
    enum { AT = 3000 };
    static const struct row {
        const char *what;
        uint32_t member;
        size_t from, to;
        double by;
        uint32_t quality;
        size_t least, most; /* windows called bad, from AT on */
    } rows[] = {
        { "nothing", 0, 0, 0, 0, 0, 0, 3 },
        { "one far off", 3, AT, 3200, 60, 0, 150, 200 },
        { "one away", 3, AT, 3200, NAN, 0, 0, 3 },
        { "in windows that lost events", 3, AT, 3200, 60, QUALITY_LOSSY, 0, 0 },
        { "one that starts late", 5, 0, 1500, NAN, 0, 0, 3 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        memset(&s, 0, sizeof(s));
        s.seed = i + 20;
        group_rows(&s, 10, 3200, 1);
        shift(row->member, row->from, row->to, row->by);
        for (size_t k = row->from; k < row->to; k++)
            s.quality[k] = row->quality;
        run_group("forest", NULL, &s, &group);
        size_t bad = count_bad(&group, AT, 3200);
        if (bad < row->least || bad > row->most)
            fail_msg("%s: %zu windows are called bad", row->what, bad);
        if (row->least)
            assert_int_equal(group.last[AT + 50].named[0].place, row->member);
    }
}

/* What is called bad is not counted, until it has lasted so long that everything is counted anew. */
static void test_learning(void **unused)
{
    (void)unused;
    static const char *const quick[][2] = { { "relearn", "300" }, { "period", "200" }, { NULL, NULL } };
    memset(&s, 0, sizeof(s));
    s.seed = 40;
    group_rows(&s, 10, 4000, 1);
    shift(3, 2000, 4000, 60);
    run_group("forest", NULL, &s, &group);
    assert_true(count_bad(&group, 2000, 2900) > 850);
    run_group("forest", quick, &s, &group);
    assert_true(count_bad(&group, 2000, 2300) > 280);
    assert_true(count_bad(&group, 2400, 4000) < 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_series), cmocka_unit_test(test_constant_and_sparse), cmocka_unit_test(test_group), cmocka_unit_test(test_learning),
    };
    return cmocka_run_group_tests_name("forest", tests, NULL, NULL);
}
