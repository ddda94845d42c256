#include "detector_fixture.h"

/* Series are made of stretches: so many rows, from a level, with a slope, with noise around it. */
struct stretch {
    int rows;
    double level, slope, noise;
};
enum { STRETCHES_MAX = 4, DAY_ROWS = 3000 };

static struct series s;
static struct run run;

static void make(const struct stretch *stretches, uint64_t seed)
{
    memset(&s, 0, sizeof(s));
    s.kind = METRIC_VALUE;
    s.statistic = STATISTIC_MEAN;
    for (const struct stretch *x = stretches; x < stretches + STRETCHES_MAX && x->rows; x++)
        for (int i = 0; i < x->rows; i++)
            series_add(&s, x->level + x->slope * i + x->noise * random_normal(&seed));
}

/* The row whose window begins at a time; windows are a second long unless said. */
static int row_of(int64_t time_ns)
{
    return (int)(time_ns / (s.window_ns ? s.window_ns : 1000000000));
}

/* Rows at which something new is called. */
static int calls(int *ret_first)
{
    int n = 0;
    int64_t onset_ns = -1;
    for (size_t i = 0; i < s.length; i++) {
        if (run.last[i].severity == SEVERITY_OK || run.last[i].onset_ns == onset_ns)
            continue;
        onset_ns = run.last[i].onset_ns;
        if (n++ == 0)
            *ret_first = (int)i;
    }
    return n;
}

static void test_breaks(void **unused)
{
    (void)unused;
    static const struct row {
        const char *what;
        struct stretch stretches[STRETCHES_MAX];
        int onset, within, delay; /* of the first call; onset 0: there must be none */
        int calls;
    } rows[] = {
        { "nothing", { { 2000, 100, 0, 1 } }, 0, 0, 0, 0 },
        { "constant", { { 500, 100, 0, 0 } }, 0, 0, 0, 0 },
        { "a first movement below the floor", { { 300, 100, 0, 0 }, { 300, 100.1, 0, 0 } }, 0, 0, 0, 0 },
        { "a first movement above it", { { 300, 100, 0, 0 }, { 300, 105, 0, 0 } }, 300, 0, 5, 1 },
        { "a step of three deviations", { { 200, 100, 0, 1 }, { 200, 103, 0, 1 } }, 200, 4, 15, 1 },
        { "a step down", { { 200, 100, 0, 1 }, { 200, 90, 0, 1 } }, 200, 1, 5, 1 },
        { "soon after the start", { { 30, 100, 0, 1 }, { 100, 110, 0, 1 } }, 30, 1, 6, 1 },
        { "a ramp throughout", { { 600, 100, 0.5, 1 } }, 0, 0, 0, 0 },
        { "a level that begins to climb", { { 200, 100, 0, 1 }, { 60, 100, 0.5, 1 } }, 200, 8, 30, 1 },
        { "up and back", { { 200, 100, 0, 1 }, { 100, 110, 0, 1 }, { 100, 100, 0, 1 } }, 200, 1, 5, 2 },
        { "a level within the memory, long after", { { 3000, 100, 0, 1 }, { 100, 110, 0, 1 } }, 3000, 1, 5, 1 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        int first = 0;
        make(row->stretches, i + 1);
        run_detector("segment", NULL, &s, &run);
        int n = calls(&first), onset = n ? row_of(run.last[first].onset_ns) : 0;
        if (n != row->calls || abs(onset - row->onset) > row->within || (n && first > row->onset + row->delay))
            fail_msg("%s: %d calls, the first at row %d since %d", row->what, n, first, onset);
    }
}

static void test_what_is_told(void **unused)
{
    (void)unused;
    int first = 0;
    make((const struct stretch[STRETCHES_MAX]){ { 100, 50, 0, 1 }, { 400, 80, 0, 1 } }, 3);
    run_detector("segment", (const char *const[][2]){ { "relearn", "1m" }, { NULL, NULL } }, &s, &run);
    assert_int_equal(calls(&first), 1);
    const struct judgement *j = &run.last[first];
    assert_int_equal(j->finding, FINDING_CHANGE);
    assert_near(j->expected, 50, 0.02);
    assert_near(j->magnitude, 30, 0.05);
    assert_true(j->score > 0.5 && j->score < 1);
    /* For as long as `relearn`, then it is the new normal. */
    assert_int_equal(count_grades(&run, 0, s.length), 60);
    assert_true(run.last[first + 59].new_normal && !run.last[first + 58].new_normal);
    assert_int_equal(run.grades[first + 60], 'o');
    assert_true(run.last[first + 60].score < 0.5);
}

/* Back to where it came from: told, and over. */
static void test_return(void **unused)
{
    (void)unused;
    int first = 0;
    make((const struct stretch[STRETCHES_MAX]){ { 100, 50, 0, 1 }, { 60, 80, 0, 1 }, { 60, 50, 0, 1 } }, 4);
    run_detector("segment", NULL, &s, &run);
    assert_int_equal(calls(&first), 2);
    assert_int_equal(count_grades(&run, 0, 160), (size_t)(160 - first));
    assert_true(count_grades(&run, 160, 170) < 10);
    assert_int_equal(count_grades(&run, 170, 220), 0);
    for (size_t i = 0; i < s.length; i++)
        assert_false(run.last[i].new_normal);
}

/* Spikes, alone or in twos, are no level; and one that is in the segment hides none. */
static void test_spikes(void **unused)
{
    (void)unused;
    int first = 0;
    make((const struct stretch[STRETCHES_MAX]){ { 400, 100, 0, 1 }, { 100, 106, 0, 1 } }, 5);
    for (size_t i = 50; i < 400; i += 50)
        s.values[i] = 1000;
    s.values[225] = s.values[226] = 120;
    run_detector("segment", NULL, &s, &run);
    assert_int_equal(calls(&first), 1);
    assert_true(first >= 400 && first < 410);
}

/* What wanders is not cut to pieces as levels in white noise would be. */
static void test_what_resembles_its_neighbours(void **unused)
{
    (void)unused;
    uint64_t seed = 6;
    int first, n = 0;
    for (int k = 0; k < 10; k++) {
        double x = 0;
        make((const struct stretch[STRETCHES_MAX]){ { DAY_ROWS, 100, 0, 0 } }, 1);
        for (int i = 0; i < DAY_ROWS; i++)
            s.values[i] += x = 0.9 * x + random_normal(&seed);
        run_detector("segment", NULL, &s, &run);
        n += calls(&first);
    }
    assert_true(n < 10 * DAY_ROWS / 400); /* there could be one every nine rows */
}

static void test_doubtful_samples(void **unused)
{
    (void)unused;
    int first = 0;
    make((const struct stretch[STRETCHES_MAX]){ { 100, 100, 0, 1 }, { 60, 200, 0, 1 }, { 100, 100, 0, 1 } }, 7);
    for (size_t i = 100; i < 160; i++)
        s.quality[i] = i % 2 ? QUALITY_LOSSY : QUALITY_LATE;
    run_detector("segment", NULL, &s, &run);
    assert_int_equal(calls(&first), 0);
    assert_true(run.last[22].abstains && !run.last[23].abstains && run.last[130].abstains);
    /* The onset is right behind a gap, too. */
    make((const struct stretch[STRETCHES_MAX]){ { 100, 100, 0, 1 }, { 60, 100, 0, 1 }, { 100, 120, 0, 1 } }, 8);
    for (size_t i = 100; i < 160; i++)
        s.quality[i] = QUALITY_LOSSY;
    run_detector("segment", NULL, &s, &run);
    assert_int_equal(calls(&first), 1);
    assert_int_equal(row_of(run.last[first].onset_ns), 160);
}

static void test_short_windows(void **unused)
{
    (void)unused;
    make((const struct stretch[STRETCHES_MAX]){ { 300, 5e6, 0, 2e5 }, { 100, 9e6, 0, 4e5 } }, 9);
    s.kind = METRIC_LATENCY;
    s.statistic = STATISTIC_P50;
    s.window_ns = 100000000;
    run_detector("segment", NULL, &s, &run);
    assert_true(run.grades[305] != 'o');
    assert_int_equal(row_of(run.last[305].onset_ns), 300);
    assert_near(run.last[305].magnitude, 4e6, 0.15);
}

/* Half a million windows later the rows still are what they are. */
static void test_long_life(void **unused)
{
    (void)unused;
    const struct detector *d = detector_find("segment");
    uint64_t seed = 10;
    void *config = calloc(1, d->config_size);
    options_default(d->options, config);
    void *state = calloc(1, d->state_size(config));
    struct judgement j;
    int alarms = 0;
    for (int64_t i = 0; i < 500100; i++) {
        struct observation o = { .begin_ns = i * 100000000, .end_ns = (i + 1) * 100000000, .count = 10, .kind = METRIC_VALUE, .statistic = STATISTIC_MEAN };
        o.value = 1e9 + random_normal(&seed) * 1e7 + (i >= 500000 ? 1e8 : 0);
        d->observe(state, config, &o, &j);
        alarms += i < 500000 && j.severity != SEVERITY_OK;
    }
    assert_true(j.severity != SEVERITY_OK);
    assert_int_equal(j.onset_ns / 100000000, 500000);
    assert_true(alarms <= 3000); /* a break is told for 3,000 windows */
    free(state);
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_breaks), cmocka_unit_test(test_what_is_told), cmocka_unit_test(test_return), cmocka_unit_test(test_spikes),
        cmocka_unit_test(test_what_resembles_its_neighbours), cmocka_unit_test(test_doubtful_samples), cmocka_unit_test(test_short_windows),
        cmocka_unit_test(test_long_life),
    };
    return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
