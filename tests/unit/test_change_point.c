#include "hygiene.h"

static struct series s;
static struct run run;

static size_t first_alarm(size_t from)
{
    while (from < s.length && run.grades[from] == 'o')
        from++;
    return from;
}

/* Too small a step for a single sample, and yet it is found, with its onset and size. */
static void test_small_step(void **unused)
{
    (void)unused;
    for (int down = 0; down < 2; down++) {
        uint64_t seed = 1;
        memset(&s, 0, sizeof(s));
        add_latencies(&s, 100, 5e6, 0.2, &seed);
        add_latencies(&s, 50, down ? 3e6 : 8e6, 0.2, &seed);
        run_detector("change_point", NULL, &s, &run);
        assert_int_equal(count_grades(&run, 0, 100), 0);
        size_t at = first_alarm(100);
        assert_true(at < 118);
        assert_true(run.last[at].onset_ns >= INT64_C(97000000000) && run.last[at].onset_ns <= INT64_C(107000000000));
        assert_near(run.last[at].expected + run.last[at].magnitude, down ? 3e6 : 8e6, 0.3); /* a few samples */
        size_t later = at + 20;
        while (run.grades[later] == 'o')
            later--;
        assert_near(run.last[later].expected + run.last[later].magnitude, down ? 3e6 : 8e6, 0.2); /* better known by then */
        assert_int_equal(run.last[at].finding, FINDING_CHANGE);
    }
}

static void test_slow_drift(void **unused)
{
    (void)unused;
    uint64_t seed = 2;
    memset(&s, 0, sizeof(s));
    add_latencies(&s, 100, 5e6, 0.05, &seed);
    for (int i = 0; i < 40; i++)
        series_add(&s, 5e6 * pow(1.02, i) * exp(0.05 * random_normal(&seed)));
    run_detector("change_point", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 100), 0);
    assert_true(first_alarm(100) < 125);
}

static void test_one_spike_is_no_change(void **unused)
{
    (void)unused;
    uint64_t seed = 3;
    memset(&s, 0, sizeof(s));
    for (int k = 0; k < 10; k++) {
        add_latencies(&s, 50, 5e6, 0.1, &seed);
        series_add(&s, 500e6);
    }
    run_detector("change_point", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, s.length), 0);
}

static void test_back_to_normal_and_new_normal(void **unused)
{
    (void)unused;
    uint64_t seed = 4;
    memset(&s, 0, sizeof(s));
    add_latencies(&s, 100, 5e6, 0.1, &seed);
    add_latencies(&s, 20, 15e6, 0.1, &seed);
    add_latencies(&s, 50, 5e6, 0.1, &seed); /* back */
    add_latencies(&s, 200, 15e6, 0.1, &seed); /* and now to stay */
    run_detector("change_point", (const char *const[][2]){ { "relearn", "1m" }, { NULL, NULL } }, &s, &run);
    assert_true(count_grades(&run, 100, 120) >= 15);
    assert_int_equal(count_grades(&run, 130, 170), 0);
    assert_true(count_grades(&run, 170, 240) >= 50);
    assert_int_equal(count_grades(&run, 245, 370), 0);
}

/* Neighbours that resemble each other make sums wander by themselves. */
static void test_correlated_noise(void **unused)
{
    (void)unused;
    uint64_t seed = 5;
    size_t alarms = 0;
    for (int k = 0; k < 10; k++) {
        double x = 0;
        memset(&s, 0, sizeof(s));
        s.kind = METRIC_LATENCY;
        s.statistic = STATISTIC_P50;
        for (int i = 0; i < 2000; i++) {
            x = 0.6 * x + 0.2 * random_normal(&seed);
            series_add(&s, 5e6 * exp(x));
        }
        run_detector("change_point", NULL, &s, &run);
        for (size_t i = 1; i < s.length; i++)
            alarms += run.grades[i] != 'o' && run.grades[i - 1] == 'o';
    }
    print_message("  %zu alarms\n", alarms);
    assert_true(alarms <= 2); /* of 20,000 samples */
}

static void test_doubtful_samples(void **unused)
{
    (void)unused;
    uint64_t seed = 6;
    memset(&s, 0, sizeof(s));
    add_rates(&s, 100, 300, &seed);
    for (int i = 0; i < 50; i++) {
        s.quality[s.length] = QUALITY_LOSSY;
        series_add(&s, 20); /* events were lost: of course there are fewer */
    }
    add_rates(&s, 50, 300, &seed);
    run_detector("change_point", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, s.length), 0);
}

/* Which of the two changed, by how much, and since when. */
static void test_mean_and_spread(void **unused)
{
    (void)unused;
    static const struct row {
        const char *what;
        double level, sigma;     /* of the changed part; before it, 5e6 and 0.2 */
        enum change changed;
        double ratio;            /* 0: any */
        const char *watch;
    } rows[] = {
        { "neither", 5e6, 0.2, CHANGE_NONE, 0, "both" },
        { "the level rises", 10e6, 0.2, CHANGE_MEAN, 1, "both" },
        { "the level falls", 2.5e6, 0.2, CHANGE_MEAN, 1, "both" },
        { "it varies more", 5e6, 0.6, CHANGE_SPREAD, 3, "both" },
        { "it varies less", 5e6, 0.02, CHANGE_SPREAD, 0, "both" },
        { "both", 15e6, 0.6, CHANGE_BOTH, 3, "both" },
        { "the level rises, only it is watched", 10e6, 0.2, CHANGE_MEAN, 1, "mean" },
    };
    size_t right[COUNT(rows)] = { 0 };
    for (size_t i = 0; i < COUNT(rows) * 10; i++) {
        const struct row *row = &rows[i % COUNT(rows)];
        uint64_t seed = 300 + i;
        memset(&s, 0, sizeof(s));
        add_latencies(&s, 200, 5e6, 0.2, &seed);
        add_latencies(&s, 120, row->level, row->sigma, &seed);
        run_detector("change_point", (const char *const[][2]){ { "watch", row->watch }, { NULL, NULL } }, &s, &run);
        assert_int_equal(count_grades(&run, 0, 200), 0);
        size_t at = first_alarm(200);
        if (row->changed == CHANGE_NONE) {
            assert_true(at == s.length);
            right[i % COUNT(rows)]++;
            continue;
        }
        if (at >= (row->sigma < 0.1 ? 290 : 235)) /* calm takes long to be sure of */
            continue;
        size_t later = at + 9; /* what is said then is better known */
        while (run.grades[later] == 'o')
            later--;
        const struct judgement *first = &run.last[at], *j = &run.last[later];
        right[i % COUNT(rows)] += j->changed == row->changed;
        if (j->changed != row->changed)
            continue;
        assert_true(first->onset_ns > INT64_C(185000000000) && first->onset_ns <= (int64_t)at * 1000000000);
        if (row->ratio > 0)
            assert_near(j->spread, row->ratio, 0.7); /* of few samples */
        if (row->sigma < 0.1)
            assert_true(j->spread < 0.5);
        if (row->changed == CHANGE_MEAN)
            assert_near(j->expected + j->magnitude, row->level, 0.2);
    }
    for (size_t i = 0; i < COUNT(rows); i++)
        if (right[i] < 8)
            fail_msg("%s: found and said of %zu series of 10", rows[i].what, right[i]);
}

/* A spread that changed is learned in the end, and one that changed back is no change any more. */
static void test_spread_returns(void **unused)
{
    (void)unused;
    const char *const options[][2] = { { "relearn", "2m" }, { NULL, NULL } };
    size_t normal = 0;
    uint64_t seed = 9;
    memset(&s, 0, sizeof(s));
    add_latencies(&s, 200, 5e6, 0.15, &seed);
    add_latencies(&s, 60, 5e6, 0.6, &seed);
    add_latencies(&s, 100, 5e6, 0.15, &seed);
    add_latencies(&s, 400, 5e6, 0.6, &seed);
    run_detector("change_point", options, &s, &run);
    assert_int_equal(count_grades(&run, 0, 200), 0);
    assert_true(count_grades(&run, 200, 260) >= 35);
    assert_int_equal(count_grades(&run, 300, 360), 0);
    for (size_t i = 360; i < s.length; i++)
        normal += run.last[i].new_normal;
    assert_int_equal(normal, 1);
    assert_int_equal(count_grades(&run, 550, s.length), 0);
}

/* Page-Hinkley: steps are found as by CUSUM; what drifts too slowly for a level that follows is found, too. */
static void test_page_hinkley(void **unused)
{
    (void)unused;
    static const struct row {
        const char *what;
        double step, drift;     /* factor at sample 200; and from there on for each sample */
        bool cusum, page_hinkley;
    } rows[] = {
        { "nothing", 1, 1, false, false },
        { "a step up", 1.5, 1, true, true },
        { "a step down", 1 / 1.5, 1, true, true },
        { "a slow drift", 1, 1.0004, false, true },
    };
    for (size_t i = 0; i < COUNT(rows) * 10; i++) {
        const struct row *row = &rows[i / 10];
        uint64_t seed = 400 + i;
        memset(&s, 0, sizeof(s));
        add_latencies(&s, 200, 5e6, 0.2, &seed);
        add_latencies(&s, 1500, 5e6 * row->step, 0.2, &seed);
        for (size_t k = 200; k < s.length; k++)
            s.values[k] *= pow(row->drift, (double)k - 200);
        for (int page_hinkley = 0; page_hinkley < 2; page_hinkley++) {
            run_detector("change_point", (const char *const[][2]){ { "method", page_hinkley ? "page_hinkley" : "cusum" }, { "relearn", "1h" }, { NULL, NULL } }, &s, &run);
            size_t end = row->drift != 1 ? s.length : 230, found = count_grades(&run, 200, end);
            assert_int_equal(count_grades(&run, 0, 200), 0);
            if ((found > 0) != (page_hinkley ? row->page_hinkley : row->cusum))
                fail_msg("%s (seed %zu), %s: %zu bad", row->what, 400 + i, page_hinkley ? "page_hinkley" : "cusum", found);
        }
    }
}

static void test_hygiene(void **unused)
{
    (void)unused;
    check_hygiene(&(struct hygiene){ .detector = "change_point", .warmup = 30, .lasting = 40, .noise = 0.2, .change = 2 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hygiene), cmocka_unit_test(test_small_step),         cmocka_unit_test(test_slow_drift),
        cmocka_unit_test(test_one_spike_is_no_change), cmocka_unit_test(test_back_to_normal_and_new_normal),
        cmocka_unit_test(test_correlated_noise),   cmocka_unit_test(test_doubtful_samples),
        cmocka_unit_test(test_mean_and_spread),    cmocka_unit_test(test_spread_returns),
        cmocka_unit_test(test_page_hinkley),
    };
    return cmocka_run_group_tests_name("change_point", tests, NULL, NULL);
}
