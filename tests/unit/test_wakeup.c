#include "stream_fixture.h"

#define SWITCH "prev_comm:t prev_tid:s prev_prio:s next_comm:t next_tid:s next_prio:s cpu_id:u"
#define WAKING "comm:t tid:s prio:s target_cpu:s cpu_id:u"

static void test_first_wakeup_counts_and_who_woke(void **unused)
{
    (void)unused;
    static struct fixture f;
    fixture_open(&f, "wakeup", "1s", NULL);
    uint32_t s = fixture_class(&f, "sched_switch", SWITCH), w = fixture_class(&f, "sched_waking", WAKING);
    fixture_event(&f, s, 1000, "swapper/0 0 20 waker 5 20 0");
    fixture_event(&f, w, 1100, "a 7 20 1 0");
    fixture_event(&f, w, 1150, "a 7 20 1 0");
    fixture_event(&f, w, 1160, "waker 5 20 0 1"); /* runs: not woken */
    fixture_event(&f, s, 1200, "swapper/1 0 20 a 7 20 1");
    fixture_event(&f, s, 1300, "a 7 20 waker 5 20 1");
    fixture_watermark(&f, 2000);
    assert_non_null(strstr(f.text, "wakeup.delay{procname=a} count 1"));
    assert_non_null(strstr(f.text, "worst 100 ms procname=a prio=20 cpu=1 tid=7 waker=waker waker_tid=5"));
    assert_null(strstr(f.text, "{procname=waker}"));
    fixture_close(&f);
}

static void test_thresholds_and_overdue(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "threshold", "10ms" }, { "thresholds", "slow=1s" }, { "timeout", "500ms" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "wakeup", "1s", set);
    uint32_t s = fixture_class(&f, "sched_switch", SWITCH), w = fixture_class(&f, "sched_waking", WAKING);
    fixture_event(&f, w, 1000, "fast 7 20 0 0");
    fixture_event(&f, w, 1000, "slow 8 20 0 0");
    fixture_event(&f, s, 1020, "x 1 20 fast 7 20 0");
    fixture_event(&f, s, 1040, "fast 7 20 slow 8 20 0");
    fixture_event(&f, w, 1100, "fast 7 20 0 0");
    fixture_event(&f, s, 1700, "slow 8 20 fast 7 20 0");
    assert_non_null(strstr(f.text, "threshold at 1020 ms wakeup.delay{procname=fast}"));
    assert_null(strstr(f.text, "{procname=slow} pending"));
    assert_non_null(strstr(f.text, "timeout at 1600 ms wakeup.delay{procname=fast} pending 1"));
    assert_non_null(strstr(f.text, "ended at 1700 ms wakeup.delay{procname=fast} pending 0"));
    fixture_close(&f);
}

static void test_no_pair_across_a_loss(void **unused)
{
    (void)unused;
    static struct fixture f;
    fixture_open(&f, "wakeup", "1s", NULL);
    uint32_t s = fixture_class(&f, "sched_switch", SWITCH), w = fixture_class(&f, "sched_waking", WAKING);
    fixture_event(&f, w, 1000, "a 7 20 0 0");
    fixture_lost(&f, LOSS_EVENTS, 1, 1005, 1010);
    fixture_event(&f, s, 1020, "x 1 20 a 7 20 0");
    fixture_watermark(&f, 2000);
    assert_null(strstr(f.text, "wakeup.delay"));
    assert_non_null(strstr(f.text, "foretrace.suspect_pairs{analysis=wakeup}"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_wakeup_counts_and_who_woke),
        cmocka_unit_test(test_thresholds_and_overdue),
        cmocka_unit_test(test_no_pair_across_a_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
