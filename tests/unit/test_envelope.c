#include "group_fixture.h"

static struct group_series s;
static struct group_run run;

static void start(uint64_t seed)
{
    memset(&s, 0, sizeof(s));
    s.seed = seed;
}

static void shift(uint32_t member, size_t from, size_t to, double by)
{
    for (size_t i = from; i < to; i++)
        s.values[i][member] += by;
}

/* Each case is 1,000 windows of eight members, and what happens to them. */
static void test_hygiene(void **unused)
{
    (void)unused;
    enum { LATE_AT = 600, AT = 800 };
    static const struct row {
        const char *what;
        uint32_t member;
        size_t from, to;
        double by;
        uint32_t quality;
        size_t least, most; /* windows called bad, of those from AT on */
    } rows[] = {
        { "nothing", 0, 0, 0, 0, 0, 0, 2 },
        { "a large step", 3, AT, 1000, 40, 0, 190, 200 },
        { "a step down", 3, AT, 1000, -40, 0, 190, 200 },
        { "a step within what it does", 3, AT, 1000, 1, 0, 0, 10 },
        { "one spike", 2, AT, AT + 1, 60, 0, 1, 30 },
        { "a gap", 2, AT, AT + 50, NAN, 0, 0, 2 },
        { "a step in windows that lost events", 3, AT, AT + 50, 40, QUALITY_LOSSY, 0, 2 },
        { "a step in late windows", 3, AT, AT + 50, 40, QUALITY_LATE, 0, 2 },
        { "a member that starts late, at another level", 5, 0, LATE_AT, NAN, 0, 0, 2 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        start(i + 1);
        group_rows(&s, 8, 1000, 0);
        shift(row->member, row->from, row->to, row->by);
        for (size_t k = row->from; k < row->to; k++)
            s.quality[k] = row->quality;
        run_group("envelope", NULL, &s, &run);
        size_t bad = count_bad(&run, AT, 1000);
        if (bad < row->least || bad > row->most)
            fail_msg("%s: %zu windows are called bad", row->what, bad);
        assert_int_equal(count_abstentions(&run, 0, 1000), 400 + (row->quality ? row->to - row->from : 0));
    }
}

static void test_warm_up_is_silent(void **unused)
{
    (void)unused;
    start(20);
    group_rows(&s, 4, 400, 0);
    for (size_t i = 0; i < 400; i += 7)
        s.values[i][i % 4] *= 1000;
    run_group("envelope", NULL, &s, &run);
    assert_int_equal(count_abstentions(&run, 0, 399), 399);
    assert_int_equal(count_bad(&run, 0, 400), 0);
}

/* Members that never moved do not alarm by moving a little; all being constant is no error. */
static void test_constant(void **unused)
{
    (void)unused;
    start(21);
    s.members = 8;
    s.length = 1000;
    for (size_t i = 0; i < 1000; i++)
        for (uint32_t k = 0; k < 8; k++)
            s.values[i][k] = k * 10;
    s.values[700][3] += 0.01;
    for (size_t i = 900; i < 1000; i++)
        s.values[i][3] = 90;
    run_group("envelope", NULL, &s, &run);
    assert_int_equal(count_bad(&run, 0, 900), 0);
    assert_true(count_bad(&run, 900, 1000) > 90);
}

/* The worst come first, with what is normal for them. */
static void test_names_members(void **unused)
{
    (void)unused;
    start(22);
    group_rows(&s, 8, 820, 0);
    shift(3, 800, 820, 30);
    shift(6, 800, 820, -90);
    run_group("envelope", NULL, &s, &run);
    const struct judgement *j = &run.last[810];
    assert_true(j->severity != SEVERITY_OK && j->score > 0.5 && j->score < 1);
    assert_true(j->named_count >= 2);
    assert_int_equal(j->named[0].place, 6);
    assert_int_equal(j->named[1].place, 3);
    assert_true(j->named[0].share > j->named[1].share && j->named[0].share + j->named[1].share > 0.9 && j->named[0].share < 1);
    assert_true(j->named[0].low > 690 && j->named[0].low < 700 && j->named[0].high > 700 && j->named[0].high < 710);
    assert_int_equal(j->onset_ns / 1000000000, 800);
}

/* What is called bad is not learned: a long incident does not make the next one small. What lasts is. */
static void test_learning(void **unused)
{
    (void)unused;
    static const char *const quick[][2] = { { "relearn", "300" }, { NULL, NULL } };
    start(23);
    group_rows(&s, 8, 3000, 0);
    shift(3, 1000, 1100, 40);
    shift(3, 1400, 1500, 40);
    run_group("envelope", NULL, &s, &run);
    assert_true(count_bad(&run, 1000, 1100) > 90 && count_bad(&run, 1400, 1500) > 90);
    assert_true(run.last[1450].score > 0.6 * run.last[1050].score);
    assert_true(count_bad(&run, 1520, 3000) < 10);
    /* And then both levels are normal. */
    start(24);
    group_rows(&s, 8, 3000, 0);
    shift(3, 1000, 3000, 40);
    run_group("envelope", quick, &s, &run);
    assert_true(count_bad(&run, 1000, 1290) > 270);
    assert_true(count_bad(&run, 1400, 3000) < 10);
}

/* Where most of the members that are known are away, nothing is said of the group. */
static void test_too_few(void **unused)
{
    (void)unused;
    start(25);
    group_rows(&s, 8, 700, 0);
    for (uint32_t k = 0; k < 5; k++)
        shift(k, 500, 600, NAN);
    run_group("envelope", NULL, &s, &run);
    assert_int_equal(count_abstentions(&run, 400, 700), 100);
}

/* Another series at a place knows nothing of the one before. */
static void test_forget(void **unused)
{
    (void)unused;
    start(26);
    group_rows(&s, 8, 1500, 0);
    shift(2, 600, 1500, 5000);
    group_begin(&run, "envelope", NULL, 8);
    group_observe(&run, &s, 0, 600);
    run.detector->group.forget(run.state, run.config, 8, 2);
    group_observe(&run, &s, 600, 1500);
    group_end(&run);
    assert_true(count_bad(&run, 0, 1500) < 4);
}

static void test_false_alarms(void **unused)
{
    (void)unused;
    start(27);
    group_rows(&s, 12, 12000, 3);
    run_group("envelope", NULL, &s, &run);
    assert_true(count_bad(&run, 0, 12000) < 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hygiene), cmocka_unit_test(test_warm_up_is_silent), cmocka_unit_test(test_constant), cmocka_unit_test(test_names_members),
        cmocka_unit_test(test_learning), cmocka_unit_test(test_too_few), cmocka_unit_test(test_forget), cmocka_unit_test(test_false_alarms),
    };
    return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
