#include "group_fixture.h"

static struct group_series s;
static struct group_run run;

static void start(uint64_t seed, size_t rows)
{
    memset(&s, 0, sizeof(s));
    s.seed = seed;
    group_rows(&s, 10, rows, 5); /* all move together, every second one against the others */
}

static void shift(uint32_t member, size_t from, size_t to, double by)
{
    for (size_t i = from; i < to; i++)
        s.values[i][member] += by;
}

/* 1,200 windows of ten members that move together, and what happens in them. */
static void test_hygiene(void **unused)
{
    (void)unused;
    enum { AT = 1000 };
    static const struct row {
        const char *what;
        uint32_t member;
        size_t from, to;
        double by;
        uint32_t quality;
        size_t least, most; /* windows called bad, from AT on */
    } rows[] = {
        { "nothing", 0, 0, 0, 0, 0, 0, 2 },
        { "one leaves the others, by what it alone does too", 3, AT, 1200, 9, 0, 150, 200 },
        { "a spike that is smoothed over", 3, AT, AT + 1, 3, 0, 0, 2 },
        { "a member away", 3, AT, 1200, NAN, 0, 0, 4 },
        { "in windows that lost events", 3, AT, 1200, 40, QUALITY_LOSSY, 0, 0 },
        { "a member that starts late", 5, 0, 700, NAN, 0, 0, 4 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        start(i + 1, 1200);
        shift(row->member, row->from, row->to, row->by);
        for (size_t k = row->from; k < row->to; k++)
            s.quality[k] = row->quality;
        run_group("subspace", NULL, &s, &run);
        size_t bad = count_bad(&run, AT, 1200);
        if (bad < row->least || bad > row->most)
            fail_msg("%s: %zu windows are called bad", row->what, bad);
        assert_int_equal(count_bad(&run, 0, 400), 0);
    }
}

/* Far along the usual direction is the leverage's to tell. */
static void test_leverage(void **unused)
{
    (void)unused;
    start(10, 1200);
    for (uint32_t k = 0; k < 10; k++)
        shift(k, 1000, 1030, k % 2 ? 60 : -60);
    run_group("subspace", NULL, &s, &run);
    assert_true(count_bad(&run, 1000, 1030) > 20);
    assert_int_equal(count_bad(&run, 400, 1000), 0);
}

static void test_what_is_told(void **unused)
{
    (void)unused;
    start(11, 1100);
    shift(6, 1000, 1100, 30);
    run_group("subspace", NULL, &s, &run);
    const struct judgement *j = &run.last[1050];
    assert_true(j->severity != SEVERITY_OK && j->score > 0.5 && j->score < 1);
    assert_int_equal(j->named[0].place, 6);
    assert_true(j->named[0].share > 0.5);
    assert_true(j->onset_ns / 1000000000 >= 1000 && j->onset_ns / 1000000000 < 1005);
}

/* What is called bad is not learned; what lasts is the new normal. */
static void test_learning(void **unused)
{
    (void)unused;
    static const char *const quick[][2] = { { "relearn", "200" }, { "warmup", "100" }, { NULL, NULL } };
    start(12, 3000);
    shift(3, 1000, 3000, 30);
    run_group("subspace", NULL, &s, &run);
    assert_true(count_bad(&run, 1000, 1900) > 880);
    run_group("subspace", quick, &s, &run);
    assert_true(count_bad(&run, 1000, 1200) > 190);
    assert_true(count_bad(&run, 1400, 3000) < 20);
    /* Constant members are no error; another series at a place knows nothing. */
    start(13, 1500);
    for (size_t i = 0; i < 1500; i++)
        for (uint32_t k = 0; k < 10; k += 3)
            s.values[i][k] = 7;
    shift(4, 800, 1500, 1e6);
    group_begin(&run, "subspace", NULL, 10);
    group_observe(&run, &s, 0, 800);
    run.detector->group.forget(run.state, run.config, 10, 4);
    group_observe(&run, &s, 800, 1500);
    group_end(&run);
    assert_true(count_bad(&run, 0, 1500) < 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hygiene), cmocka_unit_test(test_leverage), cmocka_unit_test(test_what_is_told), cmocka_unit_test(test_learning),
    };
    return cmocka_run_group_tests_name("subspace", tests, NULL, NULL);
}
