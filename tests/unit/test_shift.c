#include "group_fixture.h"

static struct group_series s;
static struct group_run run;

static void start(uint64_t seed, size_t rows, double common)
{
    memset(&s, 0, sizeof(s));
    s.seed = seed;
    group_rows(&s, 10, rows, common);
}

static void shift(uint32_t first, uint32_t last, size_t from, size_t to, double by)
{
    for (size_t i = from; i < to; i++)
        for (uint32_t k = first; k <= last; k++)
            s.values[i][k] += by;
}

/* Movements of 1,000 windows of ten members; a step is told while it is young, then it is normal. */
static void test_movements(void **unused)
{
    (void)unused;
    enum { AT = 800 };
    static const struct row {
        const char *what;
        uint32_t first, last;
        size_t from, to;
        double by;
        uint32_t quality;
        size_t least, most; /* windows called bad in the 60 from AT on */
    } rows[] = {
        { "all by what is noise for each", 0, 9, AT, 1000, 1.5, 0, 5, 45 },
        { "all by a lot", 0, 9, AT, 1000, 50, 0, 20, 45 },
        { "one by a lot", 4, 4, AT, 1000, 50, 0, 0, 45 },
        { "all, in windows that lost events", 0, 9, AT, 900, 50, QUALITY_LOSSY, 0, 0 },
        { "all away", 0, 9, AT, 900, NAN, 0, 0, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        start(i + 1, 1000, 0);
        shift(row->first, row->last, row->from, row->to, row->by);
        for (size_t k = row->from; k < row->to; k++)
            s.quality[k] = row->quality;
        run_group("shift", NULL, &s, &run);
        size_t bad = count_bad(&run, AT, AT + 60);
        if (bad < row->least || bad > row->most)
            fail_msg("%s: %zu windows are called bad", row->what, bad);
        assert_int_equal(count_bad(&run, 0, 300), 0);
    }
}

static void test_what_is_told(void **unused)
{
    (void)unused;
    start(10, 900, 0);
    shift(2, 7, 800, 900, 30);
    run_group("shift", NULL, &s, &run);
    size_t first = 800;
    while (first < 900 && run.grades[first] == 'o')
        first++;
    assert_true(first <= 805);
    const struct judgement *j = &run.last[805];
    assert_int_equal(j->finding, FINDING_CHANGE);
    assert_true(j->score > 0.5 && j->score < 1);
    assert_true(j->onset_ns / 1000000000 >= 795 && j->onset_ns / 1000000000 <= 805);
    assert_int_equal(j->named_count, 3);
    for (uint32_t k = 0; k < 3; k++)
        assert_true(j->named[k].place >= 2 && j->named[k].place <= 7 && j->named[k].share > 0.1);
}

/* A spike is told, and not learned: the next one is as large. Constant members are no error. */
static void test_learning(void **unused)
{
    (void)unused;
    start(11, 2000, 0);
    for (size_t i = 0; i < 2000; i++)
        s.values[i][0] = 5;
    shift(1, 9, 1000, 1003, 100);
    shift(1, 9, 1500, 1503, 100);
    run_group("shift", NULL, &s, &run);
    assert_true(count_bad(&run, 1000, 1040) > 10);
    assert_near(run.last[1502].score, run.last[1002].score, 0.1);
    /* Another series at a place: nothing is concluded from where the one before was. */
    start(12, 800, 0);
    shift(0, 9, 600, 800, 1000);
    group_begin(&run, "shift", NULL, 10);
    group_observe(&run, &s, 0, 600);
    for (uint32_t k = 0; k < 10; k++)
        run.detector->group.forget(run.state, run.config, 10, k);
    group_observe(&run, &s, 600, 800);
    group_end(&run);
    assert_int_equal(count_bad(&run, 600, 640), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_movements), cmocka_unit_test(test_what_is_told), cmocka_unit_test(test_learning),
    };
    return cmocka_run_group_tests_name("shift", tests, NULL, NULL);
}
