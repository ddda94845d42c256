#include "kernel_steps.h"

enum { ENTRY, EXIT, RAISE, SOFT_ENTRY, SOFT_EXIT, TASKLET_ENTRY, TASKLET_EXIT, BARE_ENTRY, DUMP, OLD_RAISE };
static const struct step_class classes[] = {
    [ENTRY] = { "irq_handler_entry", "irq:s name:t cpu_id:u ctx.tid:s ctx.procname:t" },
    [EXIT] = { "irq_handler_exit", "irq:s ret:s cpu_id:u ctx.tid:s ctx.procname:t" },
    [RAISE] = { "irq_softirq_raise", "vec:u cpu_id:u" },
    [SOFT_ENTRY] = { "irq_softirq_entry", "vec:u cpu_id:u" },
    [SOFT_EXIT] = { "irq_softirq_exit", "vec:u cpu_id:u" },
    [TASKLET_ENTRY] = { "irq_tasklet_low_entry", "func:u cpu_id:u" },
    [TASKLET_EXIT] = { "irq_tasklet_low_exit", "func:u cpu_id:u" },
    [BARE_ENTRY] = { "irq_handler_entry", "irq:s cpu_id:u" },
    [DUMP] = { "lttng_statedump_interrupt", "irq:u action:t" },
    [OLD_RAISE] = { "softirq_raise", "vec:u cpu_id:u" },
};

static const struct step_case cases[] = {
    { .why = "a handler, by name and number, and whom it interrupted",
      .steps = { { 1000, ENTRY, "25 virtio0 1 7 redis" }, { 1002, EXIT, "25 1 1 7 redis" } },
      .expected = { "irq.handler{name=virtio0,irq=25} count 1", "worst 2 ms name=virtio0 irq=25 cpu=1 interrupted=redis interrupted_tid=7", "irq.cpu_handlers{cpu=1} (detail) count 1" } },
    { .why = "two lines at a time, one on each cpu",
      .steps = { { 1000, ENTRY, "25 a 0 0 x" }, { 1001, ENTRY, "26 b 1 0 x" }, { 1002, EXIT, "25 1 0 0 x" }, { 1004, EXIT, "26 1 1 0 x" } },
      .expected = { "worst 2 ms name=a irq=25 cpu=0", "worst 3 ms name=b irq=26 cpu=1" } },
    { .why = "the exit of another line ends nothing", .steps = { { 1000, ENTRY, "25 a 0 0 x" }, { 1001, EXIT, "26 1 0 0 x" }, { 1002, EXIT, "25 1 0 0 x" } }, .expected = { "!irq.handler", "foretrace.unmatched_ends{analysis=irq} (detail) count 2" } },
    { .why = "where the event does not say the name, the statedump does",
      .steps = { { 900, DUMP, "25 eth0" }, { 1000, BARE_ENTRY, "25 0" }, { 1001, EXIT, "25 1 0 0 x" } }, .expected = { "irq.handler{name=eth0,irq=25} count 1" } },
    { .why = "raised once for all raises until it runs; raised anew while it runs, for the next time",
      .steps = { { 1000, RAISE, "3 0" }, { 1005, RAISE, "3 0" }, { 1010, SOFT_ENTRY, "3 0" }, { 1012, RAISE, "3 0" }, { 1013, RAISE, "3 0" }, { 1015, SOFT_EXIT, "3 0" }, { 1016, SOFT_ENTRY, "3 0" }, { 1017, SOFT_EXIT, "3 0" },
                 { 1030, SOFT_ENTRY, "3 0" }, { 1031, SOFT_EXIT, "3 0" } },
      .expected = { "irq.raise_latency{vector=NET_RX} count 2", "worst 10 ms vector=NET_RX cpu=0", "worst 4 ms", "irq.softirq{vector=NET_RX} count 3", "worst 5 ms vector=NET_RX cpu=0 raised_ns=1000000000" } },
    { .why = "vectors and cpus are apart", .steps = { { 1000, RAISE, "1 0" }, { 1001, RAISE, "1 1" }, { 1002, RAISE, "9 0" }, { 1003, SOFT_ENTRY, "1 1" }, { 1004, SOFT_ENTRY, "9 0" } },
      .expected = { "irq.raise_latency{vector=TIMER} count 1", "worst 2 ms vector=TIMER cpu=1", "irq.raise_latency{vector=RCU} count 1" } },
    { .why = "the kernel's own names of events", .steps = { { 1000, OLD_RAISE, "1 0" }, { 1001, SOFT_ENTRY, "1 0" } }, .expected = { "irq.raise_latency{vector=TIMER} count 1" } },
    { .why = "tasklets", .steps = { { 1000, TASKLET_ENTRY, "4096 0" }, { 1003, TASKLET_EXIT, "4096 0" } }, .expected = { "irq.tasklet{function=4096} (detail) count 1", "worst 3 ms function=4096 cpu=0" } },
    { .why = "a loss makes what overlaps it suspect: handler, raise and softirq",
      .steps = { { 1000, RAISE, "1 0" }, { 1001, ENTRY, "25 a 0 0 x" }, { 1003, SOFT_ENTRY, "3 0" }, { 1010, 0, NULL }, { 1011, EXIT, "25 1 0 0 x" }, { 1012, SOFT_ENTRY, "1 0" }, { 1013, SOFT_EXIT, "3 0" }, { 1014, SOFT_EXIT, "1 0" } },
      .expected = { "!irq.handler", "!irq.raise_latency", "irq.softirq{vector=TIMER} count 1", "!NET_RX", "foretrace.suspect_pairs{analysis=irq} (detail) count 3" } },
    { .why = "a raise before the loss does not hide one after it", .steps = { { 1000, RAISE, "1 0" }, { 1010, 0, NULL }, { 1011, RAISE, "1 0" }, { 1012, SOFT_ENTRY, "1 0" } }, .expected = { "irq.raise_latency{vector=TIMER} count 1", "worst 1 ms" } },
    { .why = "limits of their own", .set = { { "threshold", "1ms" }, { "softirq_thresholds", "TIMER=1ms" }, { "raise_threshold", "5ms" } },
      .steps = { { 1000, RAISE, "1 0" }, { 1010, SOFT_ENTRY, "1 0" }, { 1012, SOFT_EXIT, "1 0" }, { 1020, SOFT_ENTRY, "3 0" }, { 1030, SOFT_EXIT, "3 0" }, { 1040, ENTRY, "25 a 0 0 x" }, { 1042, EXIT, "25 1 0 0 x" } },
      .expected = { "threshold at 1010 ms irq.raise_latency{vector=TIMER}", "threshold at 1012 ms irq.softirq{vector=TIMER}", "threshold at 1042 ms irq.handler{name=a,irq=25}", "!threshold at 1030" } },
    { .why = "a thousand cpus, and vectors that no kernel has",
      .steps = { { 1000, ENTRY, "25 a 1023 0 x" }, { 1001, EXIT, "25 1 1023 0 x" }, { 1002, SOFT_ENTRY, "10 0" }, { 1003, SOFT_EXIT, "10 0" }, { 1004, SOFT_ENTRY, "99 0" }, { 1005, SOFT_EXIT, "99 0" } },
      .expected = { "irq.cpu_handlers{cpu=1023}", "irq.softirq{vector=10} count 1", "!vector=99" } },
};

static void test_cases(void **unused)
{
    (void)unused;
    RUN_STEP_CASES("irq", classes, cases);
}

/* What a kernel need not have is asked for as that, and is not missed. */
static void test_events_not_all_kernels_have(void **unused)
{
    static struct needs needs;
    static struct fixture f;
    bool wanted = false, needed = false;
    (void)unused;
    fixture_open(&f, "irq", "1s", NULL);
    analysis_needs(f.instance.analysis, f.instance.config, &needs);
    for (uint32_t i = 0; i < needs.event_count; i++) {
        wanted |= strcmp(needs.events[i].s, "irq_tasklet_low_entry|tasklet_entry|") == 0;
        needed |= strcmp(needs.events[i].s, "irq_softirq_raise|softirq_raise") == 0;
    }
    assert_true(wanted && needed);
    fixture_event(&f, fixture_class(&f, classes[ENTRY].name, classes[ENTRY].fields), 1000, "25 a 0 0 x");
    feed_finish(f.feed);
    fixture_drain(&f);
    assert_non_null(strstr(f.text, "not everything of irq: the trace has no irq_handler_exit, irq_softirq_raise, irq_softirq_entry, irq_softirq_exit"));
    assert_null(strstr(f.text, "tasklet"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_events_not_all_kernels_have) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
