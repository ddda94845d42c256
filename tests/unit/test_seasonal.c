#include "hygiene.h"

static struct series s;
static struct run run;
static const int64_t minute = 60000000000, quarter = 900000000000;

static void start(int64_t window_ns)
{
    memset(&s, 0, sizeof(s));
    s.window_ns = window_ns;
    s.kind = METRIC_VALUE;
    s.statistic = STATISTIC_MEAN;
}

static void test_hygiene(void **unused)
{
    (void)unused;
    check_hygiene(&(struct hygiene){ .detector = "seasonal", .warmup = 61, .lasting = 1, .noise = 0.1, .change = 4 });
}

/* A period that nobody named is found; then a beat that is missing is an anomaly, and so is one at the wrong time. */
static void test_short_period(void **unused)
{
    (void)unused;
    static const struct row {
        const char *what;
        size_t period;
        bool beat_missing;
    } rows[] = {
        { "a beat every 12 samples is missing", 12, true },   { "one too many", 12, false },
        { "every 60", 60, true },                             { "one too many of 60", 60, false },
        { "every 7", 7, true },                               { "every 96", 96, true },
    };
    for (size_t k = 0; k < COUNT(rows); k++) {
        uint64_t seed = k;
        size_t period = rows[k].period, last = period * (2400 / period);
        start(1000000000);
        for (size_t i = 0; i < last + 3; i++) {
            bool beat = i % period == 0 || i % period == 1;
            if (i == last)
                beat = !rows[k].beat_missing;
            if (i == last + 2)
                beat = !rows[k].beat_missing;
            series_add(&s, 100 + (beat ? 60 : 0) + 2 * random_normal(&seed));
        }
        run_detector("seasonal", (const char *const[][2]){ { "min_spread", "0.02" }, { NULL, NULL } }, &s, &run);
        size_t early = count_grades(&run, 1000, last), late = count_grades(&run, last, last + 3);
        if (early > 0 || late != 1)
            fail_msg("%s: called %zu times before, %zu times then", rows[k].what, early, late);
    }
}

/* A day's wave: the peak that stays away is an anomaly, though every value was there before. */
static void test_day(void **unused)
{
    (void)unused;
    uint64_t seed = 2;
    size_t days = 10, a_day = 96;
    start(quarter);
    add_gauge(&s, days * a_day + 24, 100, 2, 40, &seed);
    for (int i = 0; i < 4; i++)
        series_add(&s, 60 + 2 * random_normal(&seed)); /* the level of the night */
    run_detector("seasonal", (const char *const[][2]){ { "min_spread", "0.02" }, { NULL, NULL } }, &s, &run);
    assert_int_equal(count_grades(&run, 0, s.length - 4), 0);
    assert_true(count_grades(&run, s.length - 4, s.length) >= 3);
    assert_near(run.last[s.length - 4].expected, 140, 0.05);
}

/* Mondays to Fridays are busy, weekends are not: from the third week on both are known. */
static void test_week(void **unused)
{
    (void)unused;
    uint64_t seed = 3;
    size_t a_week = 168;
    start(INT64_C(3600000000000));
    for (size_t i = 0; i < 6 * a_week; i++) {
        size_t hour = i % 24, day = i / 24 % 7;
        bool busy = day < 5 && hour >= 8 && hour < 18;
        if (i == 5 * a_week + 6 * 24 + 10)
            busy = true; /* of a Sunday */
        series_add(&s, (busy ? 200 : 100) + 4 * random_normal(&seed));
    }
    run_detector("seasonal", NULL, &s, &run);
    size_t odd = 5 * a_week + 6 * 24 + 10;
    assert_int_equal(count_grades(&run, 3 * a_week, odd), 0);
    assert_int_not_equal(run.grades[odd], 'o');
}

/* The job at six: an anomaly twice, and none from the third day on; at another time it is one again. */
static void test_job_at_six(void **unused)
{
    (void)unused;
    static const int delay[] = { 0, 3, -2 }; /* minutes: it is not to the second */
    uint64_t seed = 4;
    start(5 * minute);
    size_t a_day = 288, six = 72, days = 8;
    for (size_t i = 0; i < days * a_day; i++) {
        size_t at = six + (size_t)(delay[i / a_day % 3] / 5);
        bool runs = i % a_day == at || (i / a_day == days - 1 && i % a_day == 200);
        series_add(&s, 100 + (runs ? 150 : 0) + 3 * random_normal(&seed));
    }
    run_detector("seasonal", (const char *const[][2]){ { "min_spread", "0.05" }, { NULL, NULL } }, &s, &run);
    assert_int_not_equal(run.grades[six], 'o');
    assert_int_not_equal(run.grades[six + a_day], 'o');
    for (size_t day = 2; day < days; day++)
        assert_int_equal(count_grades(&run, day * a_day, day * a_day + 199), 0);
    assert_int_not_equal(run.grades[(days - 1) * a_day + 200], 'o');
    assert_int_equal(count_grades(&run, 0, s.length), 3);
}

/* A level that moved for good takes its seasons with it. */
static void test_shift_keeps_the_season(void **unused)
{
    (void)unused;
    uint64_t seed = 5;
    start(quarter);
    add_gauge(&s, 96 * 8, 100, 2, 40, &seed);
    size_t at = s.length;
    add_gauge(&s, 96 * 4, 300, 2, 40, &seed);
    run_detector("seasonal", (const char *const[][2]){ { "min_spread", "0.02" }, { NULL, NULL } }, &s, &run);
    assert_int_equal(count_grades(&run, 0, at), 0);
    assert_true(run.grades[at] != 'o');
    assert_true(count_grades(&run, at, s.length) <= 14);
}

static void test_false_alarms(void **unused)
{
    (void)unused;
    size_t n = false_alarms("seasonal", 20, 4000, 0.3, 79);
    print_message("of 80,000 samples called: %zu\n", n);
    assert_true(n <= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hygiene),    cmocka_unit_test(test_short_period),           cmocka_unit_test(test_day),
        cmocka_unit_test(test_week),       cmocka_unit_test(test_job_at_six),             cmocka_unit_test(test_shift_keeps_the_season),
        cmocka_unit_test(test_false_alarms),
    };
    return cmocka_run_group_tests_name("seasonal", tests, NULL, NULL);
}
