#include "detector_fixture.h"

static struct series s;
static struct run run;
static const int64_t five_minutes = 300000000000;

static const char *const sensitive[][2] = { { "threshold", "4" }, { NULL, NULL } };

static void start(int64_t window_ns)
{
    memset(&s, 0, sizeof(s));
    s.window_ns = window_ns;
}

static void test_warm_up_abstains(void **unused)
{
    (void)unused;
    start(five_minutes);
    s.kind = METRIC_VALUE;
    s.statistic = STATISTIC_MEAN;
    for (int i = 0; i < 100; i++)
        series_add(&s, i % 2 ? 1e6 : 1);
    series_add(&s, 1);
    run_detector("vote", sensitive, &s, &run);
    assert_int_equal(count_grades(&run, 0, 100), 0);
    for (int i = 0; i < 100; i++)
        assert_true(run.last[i].abstains);
    assert_false(run.last[100].abstains);
}

/* The first shape is not far from any other: healthy series alerted at the very row in which it was kept. */
static void test_first_shape(void **unused)
{
    (void)unused;
    size_t most = 0, at[700] = { 0 };
    for (uint64_t n = 1; n <= 40; n++) {
        uint64_t seed = n;
        double x = 0;
        start(60000000000);
        s.kind = METRIC_VALUE;
        s.statistic = STATISTIC_MEAN;
        for (int i = 0; i < 700; i++) {
            x = 0.95 * x + random_normal(&seed);
            series_add(&s, 100 + 3 * x);
        }
        run_detector("vote", NULL, &s, &run);
        for (size_t i = 0; i < s.length; i++)
            at[i] += run.grades[i] != 'o';
    }
    for (size_t i = 0; i < COUNT(at); i++)
        most = at[i] > most ? at[i] : most;
    print_message("  at one row %zu of 40\n", most);
    assert_true(most <= 3);
}

/* A value outside everything seen is said at once, with the range it left; one incident, whatever follows it. */
static void test_new_extreme(void **unused)
{
    (void)unused;
    uint64_t seed = 1;
    start(five_minutes);
    add_gauge(&s, 600, 100, 3, 0, &seed);
    for (int i = 0; i < 3; i++)
        series_add(&s, 200);
    add_gauge(&s, 300, 100, 3, 0, &seed);
    run_detector("vote", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 600), 0);
    assert_int_not_equal(run.grades[600], 'o');
    assert_int_equal(run.last[600].onset_ns, 600 * five_minutes);
    assert_true(run.last[600].low > 80 && run.last[600].low < 100 && run.last[600].high > 100 && run.last[600].high < 120);
    assert_near(run.last[600].expected, 100, 0.02);
    assert_int_equal(count_incidents(&run, 600, 750), 1);
    /* Three rows of it moved the level by little. */
    assert_near(run.last[600].expected, 100, 0.02);
}

/* The same, on the scale of each kind, up and down. */
static void test_shift(void **unused)
{
    (void)unused;
    static const struct row {
        const char *what;
        enum metric_kind kind;
        enum statistic statistic;
        int64_t window_ns;
        double level, noise, after;
        size_t within; /* rows */
    } rows[] = {
        { "a gauge goes up", METRIC_VALUE, STATISTIC_MEAN, 300000000000, 100, 3, 130, 12 },
        { "a gauge goes down", METRIC_VALUE, STATISTIC_MEAN, 300000000000, 100, 3, 70, 12 },
        { "a negative one", METRIC_VALUE, STATISTIC_MEAN, 300000000000, -50, 2, -30, 12 },
        { "far from zero: floats would do no longer", METRIC_VALUE, STATISTIC_MEAN, 300000000000, 1e9, 1e6, 1.02e9, 12 },
        { "a latency, in seconds", METRIC_LATENCY, STATISTIC_P50, 1000000000, 5e6, 5e5, 15e6, 12 },
        { "a rate", METRIC_COUNTER, STATISTIC_RATE, 1000000000, 200, 14, 50, 12 },
        { "windows of 100 ms", METRIC_VALUE, STATISTIC_MEAN, 100000000, 100, 3, 130, 12 },
        { "a row an hour", METRIC_VALUE, STATISTIC_MEAN, 3600000000000, 100, 3, 130, 6 },
    };
    for (size_t k = 0; k < COUNT(rows); k++) {
        const struct row *r = &rows[k];
        uint64_t seed = k + 1;
        start(r->window_ns);
        s.kind = r->kind;
        s.statistic = r->statistic;
        for (int i = 0; i < 3500; i++)
            series_add(&s, (i < 1000 ? r->level : r->after) + r->noise * random_normal(&seed));
        run_detector("vote", NULL, &s, &run);
        if (count_grades(&run, 0, 1000) > 0)
            fail_msg("%s: called before it happened", r->what);
        if (count_grades(&run, 1000, 1000 + r->within) == 0)
            fail_msg("%s: not called within %zu rows", r->what, r->within);
        /* And is normal in the end. */
        if (count_grades(&run, 3300, 3500) > 0)
            fail_msg("%s: never learned", r->what);
    }
}

static void test_constant_series(void **unused)
{
    (void)unused;
    static const double levels[] = { 100, 0, -3, 1e12 };
    for (size_t k = 0; k < COUNT(levels); k++) {
        start(five_minutes);
        s.kind = METRIC_VALUE;
        s.statistic = STATISTIC_MEAN;
        for (int i = 0; i < 500; i++)
            series_add(&s, levels[k]);
        series_add(&s, levels[k] * 1.00009); /* a tenth of its floor */
        for (int i = 0; i < 5; i++)
            series_add(&s, levels[k]);
        series_add(&s, levels[k] * 2 + 10);
        run_detector("vote", NULL, &s, &run);
        assert_int_equal(count_grades(&run, 0, 506), 0);
        assert_int_not_equal(run.grades[506], 'o');
    }
}

static void test_doubtful_samples(void **unused)
{
    (void)unused;
    uint64_t seed = 3;
    start(five_minutes);
    add_gauge(&s, 500, 100, 3, 0, &seed);
    for (int i = 0; i < 60; i++) {
        s.quality[s.length] = i % 2 ? QUALITY_LOSSY : QUALITY_LATE;
        series_add(&s, 1000);
    }
    add_gauge(&s, 100, 100, 3, 0, &seed);
    series_add(&s, 300);
    run_detector("vote", NULL, &s, &run);
    for (int i = 500; i < 560; i++)
        assert_true(run.last[i].abstains);
    assert_int_equal(count_grades(&run, 0, 660), 0);
    assert_int_not_equal(run.grades[660], 'o'); /* nothing of them was learned: 300 is new */
}

/* A day's wave is normal; its peak staying away is not, though every value was seen before. */
static void test_daily_wave(void **unused)
{
    (void)unused;
    uint64_t seed = 4;
    start(five_minutes);
    add_gauge(&s, 288 * 10, 100, 2, 30, &seed);
    size_t at = s.length;
    for (int i = 0; i < 144; i++)
        series_add(&s, 70 + 2 * random_normal(&seed));
    run_detector("vote", sensitive, &s, &run);
    assert_true(count_incidents(&run, 288, at) <= 1);
    assert_true(count_incidents(&run, at, s.length) >= 1);
}

/* Hours without windows: neither a movement nor a shape. */
static void test_gap(void **unused)
{
    (void)unused;
    uint64_t seed = 5;
    start(1000000000);
    add_gauge(&s, 800, 100, 3, 0, &seed);
    s.pause_ns[s.length] = INT64_C(7200000000000);
    add_gauge(&s, 800, 100, 3, 0, &seed);
    series_add(&s, 300);
    run_detector("vote", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 1600), 0);
    assert_int_not_equal(run.grades[1600], 'o');
}

/* The same series begun any number of days later is judged the same. */
static void test_starts_late(void **unused)
{
    (void)unused;
    static struct run late;
    uint64_t seed = 6;
    start(five_minutes);
    add_gauge(&s, 1000, 100, 3, 20, &seed);
    series_add(&s, 300);
    run_detector("vote", NULL, &s, &run);
    s.pause_ns[0] = INT64_C(86400000000000) * 19000;
    run_detector("vote", NULL, &s, &late);
    assert_string_equal(run.grades, late.grades);
    for (size_t i = 0; i < s.length; i++)
        assert_true(run.last[i].score == late.last[i].score);
}

/* Each incident makes the next one a little harder to call, and that fades. What the threshold is shows by the scores of two
 * runs, one of which never calls anything: score = tail / (tail + threshold). */
static void test_habituation(void **unused)
{
    (void)unused;
    static const char *const never[][2] = { { "threshold", "100" }, { NULL, NULL } };
    static struct run calm;
    static const size_t spikes = 5, every = 300;
    uint64_t seed = 7;
    start(five_minutes);
    add_gauge(&s, 500, 100, 3, 0, &seed);
    for (size_t k = 0; k < spikes; k++) {
        series_add(&s, 200 * pow(2, (double)k)); /* each beyond the last */
        add_gauge(&s, every - 1, 100, 3, 0, &seed);
    }
    run_detector("vote", sensitive, &s, &run);
    run_detector("vote", never, &s, &calm);
    assert_true(count_incidents(&run, 0, s.length) >= spikes);
    double last = 0;
    for (size_t k = 1; k <= spikes; k++) {
        size_t i = 499 + k * every;
        assert_true(run.last[i].score > 0 && run.last[i].score < 0.49);
        double tail = calm.last[i].score / (1 - calm.last[i].score) * 100, threshold = tail * (1 - run.last[i].score) / run.last[i].score;
        assert_true(threshold > 4 + last && threshold < 4 * (1 + 0.05 * (double)count_incidents(&run, 0, i + 1)));
        last = threshold - 4;
    }
}

/* The scale of the surprise: on healthy noise of several kinds an incident is rare. */
static void test_false_alarms(void **unused)
{
    (void)unused;
    static const int64_t windows[] = { 100000000, 1000000000, 60000000000, 300000000000 };
    size_t sensitive_calls = 0, default_calls = 0;
    for (uint64_t k = 0; k < 24; k++) {
        uint64_t seed = k + 100;
        double walk = 0;
        start(windows[k % 4]);
        s.kind = METRIC_VALUE;
        s.statistic = STATISTIC_MEAN;
        for (int i = 0; i < 4000; i++) {
            walk = 0.9 * walk + random_normal(&seed);
            double noise = k % 3 == 0 ? random_normal(&seed) : k % 3 == 1 ? walk : -log(random_unit(&seed) + 1e-12);
            series_add(&s, 100 + 5 * noise);
        }
        run_detector("vote", sensitive, &s, &run);
        sensitive_calls += count_incidents(&run, 0, 4000);
        run_detector("vote", NULL, &s, &run);
        default_calls += count_incidents(&run, 0, 4000);
    }
    print_message("incidents in 96,000 healthy rows: %zu at threshold 4, %zu by default\n", sensitive_calls, default_calls);
    assert_true(sensitive_calls <= 48 && default_calls <= 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warm_up_abstains), cmocka_unit_test(test_new_extreme),
        cmocka_unit_test(test_first_shape),
        cmocka_unit_test(test_shift),            cmocka_unit_test(test_constant_series),
        cmocka_unit_test(test_doubtful_samples), cmocka_unit_test(test_daily_wave),
        cmocka_unit_test(test_gap),              cmocka_unit_test(test_starts_late),
        cmocka_unit_test(test_habituation),      cmocka_unit_test(test_false_alarms),
    };
    return cmocka_run_group_tests_name("vote", tests, NULL, NULL);
}
