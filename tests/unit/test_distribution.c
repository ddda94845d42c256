#include "sketch_fixture.h"

/* What the detector is shown, after a warm-up and 200 windows of `before`. */
static const struct row {
    const char *what;
    struct operations before, after;
    size_t windows;          /* of `after` */
    size_t latest;           /* the first bad window, at the latest; 0: none may be */
} rows[] = {
    { "nothing happens", { 0 }, { 0 }, 200, 0 },
    { "a second mode, the mean stands still", { 0 }, { .slow = 0.1, .slower = 6, .mean_kept = true }, 20, 3 },
    { "a second mode of many operations", { .count = 5000 }, { .count = 5000, .slow = 0.05, .slower = 6, .mean_kept = true }, 20, 1 },
    { "a faster mode", { 0 }, { .slow = 0.2, .slower = 0.1 }, 20, 2 },
    { "a mode beside heavy tails", { .heavy = true }, { .heavy = true, .slow = 0.1, .slower = 0.1 }, 20, 3 },
    { "one mode of two is gone", { .second = 0.3 }, { 0 }, 20, 3 },
    { "two modes, and a third", { .second = 0.3, .second_wander = 0.05 }, { .second = 0.3, .second_wander = 0.05, .slow = 0.2, .slower = 60 }, 20, 3 },
    { "a level shift", { 0 }, { .level = 15e6 }, 20, 1 },
    { "a wandering level", { .wander = 0.2 }, { .wander = 0.2 }, 400, 0 },
    { "shares of two modes wander", { .second = 0.3, .second_wander = 0.1 }, { .second = 0.3, .second_wander = 0.1 }, 400, 0 },
    { "heavy tails", { .heavy = true }, { .heavy = true }, 400, 0 },
    { "less than is worth an alert", { .count = 20000 }, { .count = 20000, .slow = 0.01, .slower = 8 }, 100, 0 },
    { "a tenth of the operations", { .count = 2000 }, { 0 }, 100, 0 },
    { "ten times the operations", { 0 }, { .count = 2000 }, 100, 0 },
    { "a constant", { .constant = true }, { .constant = true }, 100, 0 },
    { "a constant crosses the edge of a bucket", { .constant = true, .level = 5242879 }, { .constant = true, .level = 5242881 }, 100, 0 },
    { "a constant changes", { .constant = true }, { .constant = true, .level = 20e6 }, 20, 1 },
    { "nanoseconds", { .level = 20 }, { .level = 20, .slow = 0.2, .slower = 10 }, 20, 2 },
    { "beyond the last bucket", { 0 }, { .slow = 0.2, .slower = 1e9 }, 20, 1 },
};

static void test_rows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(rows) * 5; i++) {
        const struct row *row = &rows[i % COUNT(rows)];
        struct watching w;
        size_t first;
        watching_begin(&w, "distribution", NULL, 100 + i);
        if (watching_bad(&w, &row->before, 260, NULL) > 0)
            fail_msg("%s (seed %zu): called before it happened", row->what, 100 + i);
        watching_bad(&w, &row->after, row->windows, &first);
        if (row->latest == 0 ? first > 0 : first == 0 || first > row->latest)
            fail_msg("%s (seed %zu): called in window %zu", row->what, 100 + i, first);
        watching_end(&w);
    }
}

static void test_warmup_is_silent(void **unused)
{
    (void)unused;
    static const struct operations usual = { 0 }, slow = { .level = 50e6 };
    struct watching w;
    watching_begin(&w, "distribution", NULL, 1);
    for (size_t i = 0; i < 60; i++)
        assert_true(watching_show(&w, i == 30 ? &slow : &usual, 0)->abstains);
    assert_false(watching_show(&w, &usual, 0)->abstains);
    watching_end(&w);
}

/* Too few operations to judge a window by: they are added up, and what is said is of all of it. */
static void test_few_operations(void **unused)
{
    (void)unused;
    static const struct operations few = { .count = 7 }, slower = { .count = 7, .slow = 0.4, .slower = 10 };
    struct watching w;
    size_t judged = 0, bad = 0, windows = 0;
    watching_begin(&w, "distribution", NULL, 2);
    for (size_t i = 0; i < 8 * 300; i++)
        judged += !watching_show(&w, &few, 0)->abstains;
    assert_int_equal(judged, 300 - 60); /* every eighth window, behind the warm-up */
    assert_int_equal(w.judgement.begin_ns, w.now_ns - 8 * w.window_ns);
    for (; bad == 0 && windows < 8 * 4; windows++)
        bad += watching_show(&w, &slower, 0)->severity != SEVERITY_OK;
    assert_true(bad > 0);
    assert_int_equal(w.judgement.onset_ns, w.judgement.begin_ns);
    watching_end(&w);
}

/* Neither judged nor learned: lossy and late windows, empty ones, and what comes with a sketch that is not all of it. */
static void test_doubtful_windows(void **unused)
{
    (void)unused;
    static const struct operations usual = { 0 }, far = { .level = 5e8 };
    struct watching w;
    watching_begin(&w, "distribution", NULL, 3);
    watching_bad(&w, &usual, 260, NULL);
    for (size_t i = 0; i < 100; i++) {
        assert_true(watching_show(&w, &far, i % 2 ? QUALITY_LOSSY : QUALITY_LATE)->abstains);
        assert_true(watching_show(&w, NULL, 0)->abstains);
    }
    w.last.count *= 2;
    w.detector->observe(w.state, w.config, &w.last, &w.judgement);
    assert_true(w.judgement.abstains);
    assert_int_equal(watching_bad(&w, &usual, 50, NULL), 0);
    assert_true(watching_show(&w, &far, 0)->severity != SEVERITY_OK);
    watching_end(&w);
}

/* What was gathered before a gap is not added to what comes behind it. */
static void test_gap(void **unused)
{
    (void)unused;
    static const struct operations few = { .count = 25 }, usual = { 0 };
    struct watching w;
    watching_begin(&w, "distribution", NULL, 4);
    watching_bad(&w, &usual, 260, NULL);
    assert_true(watching_show(&w, &few, 0)->abstains);
    w.now_ns += INT64_C(600000000000);
    assert_true(watching_show(&w, &few, 0)->abstains);
    assert_false(watching_show(&w, &few, 0)->abstains);
    assert_int_equal(w.judgement.begin_ns, w.now_ns - 2 * w.window_ns);
    watching_end(&w);
}

static void test_spikes_are_not_learned(void **unused)
{
    (void)unused;
    static const struct operations usual = { 0 }, mode = { .slow = 0.3, .slower = 20 };
    struct watching w;
    watching_begin(&w, "distribution", NULL, 5);
    watching_bad(&w, &usual, 260, NULL);
    for (size_t i = 0; i < 5; i++) {
        assert_true(watching_show(&w, &mode, 0)->severity != SEVERITY_OK);
        assert_true(watching_bad(&w, &usual, 20, NULL) <= 4); /* the average over a few windows */
        assert_int_equal(watching_bad(&w, &usual, 20, NULL), 0);
    }
    watching_end(&w);
}

/* What lasts is normal from some point on, and going back is not. */
static void test_relearns(void **unused)
{
    (void)unused;
    static const char *const options[][2] = { { "relearn", "1m" }, { NULL, NULL } };
    static const struct operations usual = { 0 }, mode = { .slow = 0.3, .slower = 10 };
    struct watching w;
    size_t normal = 0, bad = 0;
    watching_begin(&w, "distribution", options, 6);
    watching_bad(&w, &usual, 260, NULL);
    for (size_t i = 0; i < 300; i++) {
        bad += watching_show(&w, &mode, 0)->severity != SEVERITY_OK;
        normal += w.judgement.new_normal;
    }
    assert_int_equal(normal, 1);
    assert_true(bad >= 58 && bad <= 62);
    assert_false(w.judgement.abstains);
    assert_true(watching_bad(&w, &usual, 3, NULL) > 0);
    watching_end(&w);
}

static void test_short_windows(void **unused)
{
    (void)unused;
    static const struct operations few = { .count = 20 }, slower = { .count = 20, .slow = 0.3, .slower = 10 };
    struct watching w;
    size_t first;
    watching_begin(&w, "distribution", NULL, 7);
    w.window_ns = 100000000;
    assert_int_equal(watching_bad(&w, &few, 2000, NULL), 0);
    watching_bad(&w, &slower, 100, &first);
    assert_true(first > 0 && first <= 9);
    watching_end(&w);
}

/* Which operations it is about. */
static void test_words(void **unused)
{
    (void)unused;
    static const struct operations usual = { .count = 2000, .constant = true }, mode = { .count = 2000, .constant = true, .slow = 0.25, .slower = 4 },
                                   high = { .count = 2000, .constant = true, .slow = 0.25, .slower = 1e9 };
    char text[200];
    struct watching w;
    struct text_out out = text_out_init(text, sizeof(text));
    watching_begin(&w, "distribution", NULL, 8);
    watching_bad(&w, &usual, 260, NULL);
    assert_true(watching_show(&w, &mode, 0)->severity != SEVERITY_OK);
    w.detector->explain(w.state, w.config, &w.last, &w.judgement, &out);
    if (strcmp(text + 2, " % of operations now at 16.8 ms to 21.0 ms, were 0.0 %") != 0)
        fail_msg("%s", text);
    out = text_out_init(text, sizeof(text));
    watching_show(&w, &high, 0);
    w.detector->explain(w.state, w.config, &w.last, &w.judgement, &out);
    if (strcmp(text + 2, " % of operations now from 962 s on, were 0.0 %") != 0)
        fail_msg("%s", text);
    watching_end(&w);
}

static void test_false_alarms(void **unused)
{
    (void)unused;
    static const struct operations kinds[] = { { 0 }, { .count = 20 }, { .wander = 0.1 }, { .heavy = true }, { .second = 0.3, .second_wander = 0.1 } };
    size_t bad[COUNT(kinds)] = { 0 };
    for (size_t i = 0; i < COUNT(kinds) * 4; i++) {
        struct watching w;
        watching_begin(&w, "distribution", NULL, 1000 + i);
        bad[i % COUNT(kinds)] += watching_bad(&w, &kinds[i % COUNT(kinds)], 2500, NULL);
        watching_end(&w);
    }
    print_message("of 10,000 windows each called: %zu, %zu with few operations, %zu whose level wanders, %zu with heavy tails, %zu of two modes\n",
                  bad[0], bad[1], bad[2], bad[3], bad[4]);
    for (size_t k = 0; k < COUNT(kinds); k++)
        assert_true(bad[k] <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),          cmocka_unit_test(test_warmup_is_silent),
        cmocka_unit_test(test_few_operations), cmocka_unit_test(test_doubtful_windows),
        cmocka_unit_test(test_gap),           cmocka_unit_test(test_spikes_are_not_learned),
        cmocka_unit_test(test_relearns),      cmocka_unit_test(test_short_windows),
        cmocka_unit_test(test_words),         cmocka_unit_test(test_false_alarms),
    };
    return cmocka_run_group_tests_name("distribution", tests, NULL, NULL);
}
