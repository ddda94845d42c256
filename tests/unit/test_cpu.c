#include "stream_fixture.h"

#define SWITCH "prev_comm:t prev_tid:s prev_prio:s next_comm:t next_tid:s next_prio:s cpu_id:u"

static void test_what_runs_at_the_edges_counts(void **unused)
{
    (void)unused;
    static struct fixture f;
    fixture_open(&f, "cpu", "1s", NULL);
    uint32_t s = fixture_class(&f, "sched_switch", SWITCH);
    fixture_event(&f, s, 1000, "swapper/0 0 20 a 7 20 0");
    fixture_event(&f, s, 1500, "a 7 20 swapper/0 0 20 0");
    fixture_event(&f, s, 1600, "b 8 20 swapper/1 0 20 1"); /* b ran from the beginning: no switch came before */
    fixture_event(&f, s, 1750, "swapper/0 0 20 a 7 20 0");
    fixture_event(&f, s, 2000, "swapper/1 0 20 b 8 20 1");
    assert_non_null(strstr(f.text, "window 1000..2000 ms complete\n"));
    assert_non_null(strstr(f.text, "cpu.cpu_usage{cpu=0} count 1 rate 1/s mean 0.750"));
    assert_non_null(strstr(f.text, "cpu.cpu_usage{cpu=1} count 1 rate 1/s mean 0.600"));
    assert_non_null(strstr(f.text, "cpu.process_usage{procname=a} count 1 rate 1/s mean 0.750"));
    assert_non_null(strstr(f.text, "cpu.process_usage{procname=b} count 1 rate 1/s mean 0.600"));
    assert_non_null(strstr(f.text, "cpu.usage count 1 rate 1/s mean 0.675"));
    fixture_clear(&f);
    fixture_event(&f, s, 3100, "a 7 20 swapper/0 0 20 0");
    assert_non_null(strstr(f.text, "cpu.cpu_usage{cpu=0} count 1 rate 1/s mean 1 p50"));
    fixture_close(&f);
}

static void test_nothing_is_guessed_across_a_loss(void **unused)
{
    (void)unused;
    static struct fixture f;
    fixture_open(&f, "cpu", "1s", NULL);
    uint32_t s = fixture_class(&f, "sched_switch", SWITCH);
    fixture_event(&f, s, 1000, "swapper/0 0 20 a 7 20 0");
    fixture_lost(&f, LOSS_EVENTS, 5, 1200, 1400);
    fixture_event(&f, s, 1500, "b 8 20 swapper/0 0 20 0");
    fixture_watermark(&f, 2000);
    assert_non_null(strstr(f.text, "cpu.process_usage{procname=a} count 1 rate 1/s mean 0.200"));
    assert_non_null(strstr(f.text, "cpu.process_usage{procname=b} count 1 rate 1/s mean 0.100"));
    fixture_close(&f);
}

/* A cpu of which nothing was heard before the loss: what its first switch says ran is known from the loss' end on. */
static void test_a_cpu_first_heard_of_after_a_loss(void **unused)
{
    (void)unused;
    static struct fixture f;
    fixture_open(&f, "cpu", "1s", NULL);
    uint32_t s = fixture_class(&f, "sched_switch", SWITCH);
    fixture_event(&f, s, 1000, "swapper/0 0 20 a 7 20 0");
    fixture_lost(&f, LOSS_EVENTS, 5, 1200, 1400);
    fixture_event(&f, s, 1500, "b 8 20 swapper/1 0 20 1");
    fixture_watermark(&f, 2000);
    assert_non_null(strstr(f.text, "cpu.process_usage{procname=b} count 1 rate 1/s mean 0.100"));
    fixture_close(&f);
}

/* Another thread runs than the one that was switched to: since when is not known, and neither gets the time in between. */
static void test_a_missing_switch(void **unused)
{
    (void)unused;
    static struct fixture f;
    fixture_open(&f, "cpu", "1s", NULL);
    uint32_t s = fixture_class(&f, "sched_switch", SWITCH), w = fixture_class(&f, "sched_waking", "comm:t tid:s prio:s cpu_id:u ctx.tid:s ctx.procname:t");
    fixture_event(&f, s, 1000, "swapper/0 0 20 a 7 20 0");
    fixture_event(&f, w, 1500, "x 5 20 0 9 c"); /* its context says so */
    fixture_event(&f, s, 1600, "c 9 20 a 7 20 0");
    fixture_event(&f, s, 1900, "d 10 20 a 7 20 0"); /* the switch itself says so */
    fixture_watermark(&f, 2000);
    assert_non_null(strstr(f.text, "cpu.process_usage{procname=c} count 1 rate 1/s mean 0.100"));
    assert_null(strstr(f.text, "cpu.process_usage{procname=d}"));
    assert_non_null(strstr(f.text, "cpu.process_usage{procname=a} count 1 rate 1/s mean 0.100"));
    assert_non_null(strstr(f.text, "foretrace.repaired_currents{analysis=kernel} (detail) count 2"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_runs_at_the_edges_counts),
        cmocka_unit_test(test_nothing_is_guessed_across_a_loss),
        cmocka_unit_test(test_a_cpu_first_heard_of_after_a_loss),
        cmocka_unit_test(test_a_missing_switch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
