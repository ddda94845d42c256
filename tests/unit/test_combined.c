#include "hygiene.h"

static struct series s;
static struct run run;

static void test_hygiene(void **unused)
{
    (void)unused;
    check_hygiene(&(struct hygiene){ .detector = "combined", .warmup = 20, .lasting = 1, .noise = 0.1, .change = 4 });
}

/* Counts with bursts of a quarter of a minute: after the first few they are usual, and a series above all of them is not. */
static void test_bursts(void **unused)
{
    (void)unused;
    uint64_t seed = 1;
    memset(&s, 0, sizeof(s));
    for (int i = 0; i < 30; i++) {
        add_rates(&s, 40 + (size_t)(random_next(&seed) % 80), 80, &seed);
        add_rates(&s, 5 + (size_t)(random_next(&seed) % 20), 300, &seed);
    }
    size_t healthy = s.length;
    add_rates(&s, 5, 800, &seed);
    run_detector("combined", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 1000, healthy), 0);
    assert_true(count_grades(&run, healthy, s.length) >= 4);
}

/* A step below what single samples reach is seen by the averages, and called a change with its size. */
static void test_small_step(void **unused)
{
    (void)unused;
    uint64_t seed = 2;
    memset(&s, 0, sizeof(s));
    add_gauge(&s, 1500, 100, 10, 0, &seed);
    add_gauge(&s, 100, 130, 10, 0, &seed);
    run_detector("combined", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 1500), 0);
    size_t at = 1500;
    while (at < s.length && run.grades[at] == 'o')
        at++;
    assert_true(at < 1540);
    for (; at < s.length && run.last[at].finding != FINDING_CHANGE; at++)
        ;
    assert_true(at < s.length && run.last[at].magnitude > 10 && run.last[at].magnitude < 40);
}

/* Correlated samples wander further than they jump: a jump that stays is seen at once, the way back is none. */
static void test_a_jump_is_held(void **unused)
{
    (void)unused;
    uint64_t seed = 3;
    double x = 0;
    memset(&s, 0, sizeof(s));
    s.kind = METRIC_LATENCY;
    s.statistic = STATISTIC_P50;
    for (int i = 0; i < 2060; i++) {
        x = 0.98 * x + 0.05 * random_normal(&seed);
        series_add(&s, 5e6 * exp(x + (i >= 2000 && i < 2020 ? 1.2 : 0)));
    }
    run_detector("combined", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 2000), 0);
    assert_true(count_grades(&run, 2000, 2020) >= 15);
    assert_true(run.last[2001].voters & 2U);
    assert_int_equal(count_grades(&run, 2030, 2060), 0);
}

/* A few windows after a short and noisy history: what is called is not within what is said to be normal. */
static void test_short_history(void **unused)
{
    (void)unused;
    uint64_t seed = 6;
    memset(&s, 0, sizeof(s));
    s.window_ns = 100000000;
    add_latencies(&s, 40, 5e5, 0.7, &seed);
    add_latencies(&s, 4, 4e7, 0.05, &seed);
    run_detector("combined", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 40), 0);
    assert_true(count_grades(&run, 40, 44) >= 2);
    const struct judgement *j = &run.last[43];
    assert_true(j->voters >> 6 & 1U && j->low < 5e5 && j->high > 1e6 && j->high < 4e7);
}

/* After a jump that was called the way back is normal at once, and so are the averages. */
static void test_the_way_back(void **unused)
{
    (void)unused;
    uint64_t seed = 7;
    memset(&s, 0, sizeof(s));
    add_gauge(&s, 1500, 100, 3, 0, &seed);
    add_gauge(&s, 20, 200, 3, 0, &seed);
    add_gauge(&s, 60, 100, 3, 0, &seed);
    run_detector("combined", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 1500, 1520), 20);
    assert_true(count_grades(&run, 1520, s.length) <= 1);
}

/* What lasted and is over is over, though averages and sums know of it for long. */
static void test_back_after_long(void **unused)
{
    (void)unused;
    uint64_t seed = 8;
    memset(&s, 0, sizeof(s));
    s.window_ns = 500000000;
    add_latencies(&s, 60, 6e6, 0.8, &seed);
    add_latencies(&s, 23, 2e8, 0.01, &seed);
    add_latencies(&s, 60, 6e6, 0.8, &seed);
    run_detector("combined", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, 60), 0);
    assert_true(count_grades(&run, 60, 83) >= 18);
    assert_true(count_grades(&run, 83, 95) <= 3);
    assert_int_equal(count_grades(&run, 95, s.length), 0);
}

/* A small change that stays is not taken for over because of a few samples. */
static void test_not_back(void **unused)
{
    (void)unused;
    uint64_t seed = 9;
    memset(&s, 0, sizeof(s));
    add_gauge(&s, 1500, 100, 10, 0, &seed);
    add_gauge(&s, 250, 130, 10, 0, &seed);
    run_detector("combined", NULL, &s, &run);
    assert_true(count_grades(&run, 1550, s.length) >= 190);
}

/* A jump that is nearly called, back from what was not seen to begin: neither held, below the threshold and above clean, nor for ever. */
static void test_almost_a_jump(void **unused)
{
    (void)unused;
    size_t close = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t random = seed;
        memset(&s, 0, sizeof(s));
        s.window_ns = 500000000;
        series_add(&s, 15e6);
        series_add(&s, 2e4);
        add_latencies(&s, 58, 1.2e6, 0.25, &random);
        add_latencies(&s, 23, 2e8, 0.005, &random);
        add_latencies(&s, 700, 1.2e6, 0.25, &random);
        run_detector("combined", NULL, &s, &run);
        for (size_t i = 700; i < s.length; i++)
            close += run.last[i].score > 0.4;
    }
    assert_int_equal(close, 0);
}

/* What comes back and back is usual in the end, though each time it lasts longer than what is taken for the new normal. */
static void test_repetition_that_lasts(void **unused)
{
    (void)unused;
    uint64_t seed = 10;
    memset(&s, 0, sizeof(s));
    s.window_ns = 5000000000;
    for (int i = 0; i < 16; i++) {
        add_gauge(&s, 116, 10, 1, 0, &seed);
        add_gauge(&s, 64, 60, 1, 0, &seed); /* 320 s */
    }
    run_detector("combined", NULL, &s, &run);
    assert_true(count_grades(&run, 0, 360) > 50);
    assert_int_equal(count_grades(&run, 1440, s.length), 0);
}

/* A value may be reckoned once a window; one latency says nothing. */
static void test_one_observation(void **unused)
{
    (void)unused;
    uint64_t seed = 11;
    memset(&s, 0, sizeof(s));
    add_gauge(&s, 100, 100, 3, 0, &seed);
    add_gauge(&s, 10, 300, 3, 0, &seed);
    for (size_t i = 0; i < s.length; i++)
        s.count[i] = 1;
    run_detector("combined", NULL, &s, &run);
    assert_true(count_grades(&run, 100, s.length) >= 9);
    s.kind = METRIC_LATENCY;
    run_detector("combined", NULL, &s, &run);
    assert_int_equal(count_grades(&run, 0, s.length), 0);
}

static void test_votes(void **unused)
{
    (void)unused;
    uint64_t seed = 4;
    const char *const two[][2] = { { "votes", "2" }, { NULL, NULL } }, *const five[][2] = { { "votes", "5" }, { NULL, NULL } };
    memset(&s, 0, sizeof(s));
    add_latencies(&s, 500, 5e6, 0.1, &seed);
    series_add(&s, 50e6);
    run_detector("combined", two, &s, &run);
    assert_true(run.grades[500] != 'o' && (run.last[500].voters & 3U) == 3U); /* the sample, the jump */
    run_detector("combined", five, &s, &run);
    assert_int_equal(count_grades(&run, 0, s.length), 0);
}

/* What watches every series must be small; docs/reference.md has the figure. */
static void test_memory(void **unused)
{
    (void)unused;
    assert_true(detector_find("combined")->state_size(NULL) + detector_find("silence")->state_size(NULL) <= 1024);
}

static void test_false_alarms(void **unused)
{
    (void)unused;
    size_t n = false_alarms("combined", 50, 4000, 0.2, 5);
    print_message("  %zu of 200,000\n", n);
    assert_true(n <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hygiene),
        cmocka_unit_test(test_bursts),
        cmocka_unit_test(test_small_step),
        cmocka_unit_test(test_a_jump_is_held),
        cmocka_unit_test(test_the_way_back),
        cmocka_unit_test(test_short_history),
        cmocka_unit_test(test_back_after_long),
        cmocka_unit_test(test_not_back),
        cmocka_unit_test(test_almost_a_jump),
        cmocka_unit_test(test_repetition_that_lasts),
        cmocka_unit_test(test_one_observation),
        cmocka_unit_test(test_votes),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_false_alarms),
    };
    return cmocka_run_group_tests_name("combined", tests, NULL, NULL);
}
