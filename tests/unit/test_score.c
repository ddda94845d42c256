#include "detectors/score.h"
#include "testing.h"

static void test_normal_tail(void **unused)
{
    (void)unused;
    /* -log10 of 2 (1 - Phi(z)), from tables (mpmath, 30 digits). */
    static const struct {
        double z, tail;
    } rows[] = { { 0, 0 },           { 1, 0.498515 },     { 1.959964, 1.30103 }, { 3, 2.568694 },
                 { 4.999, 6.239455 }, { 5.001, 6.243951 }, { 6, 8.704816 },       { 10, 22.817023 }, { 38, 315.238 } };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_near(score_normal_tail(rows[i].z), rows[i].tail, 2e-3);
    assert_true(score_normal_tail(-3) == score_normal_tail(3));
    for (double z = 0; z < 60; z += 0.01) /* never saturates, never falls */
        assert_true(score_normal_tail(z + 0.01) > score_normal_tail(z));
}

static void test_student_tail(void **unused)
{
    (void)unused;
    /* Two-sided p of Student's t, from tables. */
    static const struct {
        double t, freedom, p;
    } rows[] = { { 2.262, 9, 0.05 }, { 3.250, 9, 0.01 }, { 2.093, 19, 0.05 }, { 2.861, 19, 0.01 }, { 4.781, 9, 0.001 } };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_near(score_student_tail(rows[i].t, rows[i].freedom), -log10(rows[i].p), 0.01);
    for (double tail = 1; tail < 40; tail += 3)
        assert_near(score_student_tail(score_student_quantile(tail, 20), 20), tail, 1e-6);
}

static void test_scale_of_scores(void **unused)
{
    (void)unused;
    assert_true(score_of_tail(6, 6) == 0.5);
    assert_true(score_of_tail(0, 6) == 0);
    assert_true(score_of_tail(600, 6) < 1);
    assert_int_equal(score_severity(5.99, 6, 3), SEVERITY_OK);
    assert_int_equal(score_severity(6, 6, 3), SEVERITY_WARNING);
    assert_int_equal(score_severity(18, 6, 3), SEVERITY_CRITICAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_normal_tail), cmocka_unit_test(test_student_tail),
                                        cmocka_unit_test(test_scale_of_scores) };
    return cmocka_run_group_tests_name("score", tests, NULL, NULL);
}
