#include "kernel_steps.h"

enum { SWITCH, WAKING, WAKEUP, FORK, FREE, IRQ, IRQ_EXIT, SOFTIRQ, SOFTIRQ_EXIT, TIMER, TIMER_EXIT, CALL };
static const struct step_class classes[] = {
    [SWITCH] = { "sched_switch", "prev_comm:t prev_tid:s prev_state:s next_comm:t next_tid:s cpu_id:u" },
    [WAKING] = { "sched_waking", "tid:s cpu_id:u" },
    [WAKEUP] = { "sched_wakeup", "tid:s cpu_id:u" },
    [FORK] = { "sched_process_fork", "parent_tid:s parent_pid:s child_tid:s child_pid:s child_comm:t cpu_id:u" },
    [FREE] = { "sched_process_free", "tid:s cpu_id:u" },
    [IRQ] = { "irq_handler_entry", "cpu_id:u" },
    [IRQ_EXIT] = { "irq_handler_exit", "cpu_id:u" },
    [SOFTIRQ] = { "irq_softirq_entry", "cpu_id:u" },
    [SOFTIRQ_EXIT] = { "irq_softirq_exit", "cpu_id:u" },
    [TIMER] = { "timer_hrtimer_expire_entry", "cpu_id:u" },
    [TIMER_EXIT] = { "timer_hrtimer_expire_exit", "cpu_id:u" },
    [CALL] = { "syscall_entry_read", "cpu_id:u ctx.tid:s ctx.procname:t" },
};

#define A_LEAVES(state) "a 7 " state " swapper/0 0 0"
#define A_RETURNS "swapper/0 0 0 a 7 0"
#define B_LEAVES(state) "b 8 " state " swapper/1 0 1"
#define B_RETURNS "swapper/1 0 0 b 8 1"

static const struct step_case cases[] = {
    { "by name and state; the idle thread is not off the cpu, and is no waker but by interrupts",
      { { NULL, NULL } },
      { { 1000, SWITCH, A_LEAVES("2") }, { 1010, SWITCH, A_RETURNS }, { 1011, SWITCH, "a 7 0 b 8 0" }, { 1015, SWITCH, "b 8 0 a 7 0" }, { 1100, SWITCH, A_LEAVES("2") },
        { 1130, SWITCH, A_RETURNS } },
      { "offcpu.time{procname=a,state=uninterruptible} count 2", "worst 30 ms procname=a state=uninterruptible tid=7 cpu=0", "worst 10 ms", "offcpu.time{procname=a,state=runnable} count 1",
        "worst 4 ms procname=a state=runnable", "foretrace.unmatched_ends{analysis=offcpu} (detail) count 1", "!swapper/", "!procname=b" } },
    { "a thread that was preempted returns by itself",
      { { NULL, NULL } },
      { { 1000, SWITCH, "x 9 0 a 7 0" }, { 1001, SWITCH, "y 10 0 b 8 1" }, { 1002, SWITCH, A_LEAVES("256") }, { 1003, WAKING, "7 1" }, { 1004, SWITCH, A_RETURNS } },
      { "worst 2 ms procname=a state=runnable tid=7 cpu=0" } },
    { "who wakes: the first one, what it was interrupted by, and how long the thread was runnable then",
      { { NULL, NULL } },
      { { 1000, SWITCH, "x 9 0 a 7 0" }, { 1001, SWITCH, "swapper/1 0 0 b 8 1" }, { 1002, SWITCH, A_LEAVES("2") }, { 1010, WAKING, "7 1" }, { 1011, WAKEUP, "7 0" },
        { 1012, SWITCH, A_RETURNS } },
      { "worst 10 ms procname=a state=uninterruptible tid=7 waker=b waker_tid=8 runnable_ns=2000000 cpu=0" } },
    { "the innermost context, which ends with its exit, and with a switch",
      { { NULL, NULL } },
      { { 1000, SWITCH, "x 9 0 a 7 0" }, { 1001, SWITCH, "y 10 0 b 8 1" }, { 1002, SWITCH, A_LEAVES("2") }, { 1003, SOFTIRQ, "1" }, { 1004, IRQ, "1" }, { 1005, WAKING, "7 1" },
        { 1008, SWITCH, A_RETURNS }, { 1010, SWITCH, A_LEAVES("2") }, { 1020, IRQ_EXIT, "1" }, { 1021, WAKING, "7 1" }, { 1025, SWITCH, A_RETURNS }, { 1030, SWITCH, A_LEAVES("2") },
        { 1031, SOFTIRQ_EXIT, "1" }, { 1032, TIMER, "1" }, { 1033, WAKEUP, "7 1" }, { 1050, SWITCH, A_RETURNS }, { 1060, TIMER_EXIT, "1" }, { 1061, SWITCH, A_LEAVES("1") },
        { 1062, IRQ, "1" }, { 1063, SWITCH, "b 8 0 y 10 1" }, { 1064, WAKING, "7 1" }, { 1070, SWITCH, A_RETURNS } },
      { "worst 6 ms procname=a state=uninterruptible tid=7 waker=b waker_tid=8 context=interrupt runnable_ns=3000000",
        "worst 15 ms procname=a state=uninterruptible tid=7 waker=b waker_tid=8 context=softirq", "worst 20 ms procname=a state=uninterruptible tid=7 waker=b waker_tid=8 context=timer",
        "worst 9 ms procname=a state=interruptible tid=7 waker=y waker_tid=10 runnable_ns" } },
    { "woken while it is about to sleep: before the switch, and put on the queue by its own cpu after it",
      { { NULL, NULL } },
      { { 1000, SWITCH, "x 9 0 a 7 0" }, { 1001, SWITCH, "y 10 0 b 8 1" }, { 1009, WAKING, "7 1" }, { 1010, SWITCH, A_LEAVES("2") }, { 1011, WAKEUP, "7 0" },
        { 1014, SWITCH, A_RETURNS } },
      { "worst 4 ms procname=a state=uninterruptible tid=7 waker=b waker_tid=8 runnable_ns=4000000" } },
    { "woken before it went to sleep at all: that wake is of before",
      { { NULL, NULL } },
      { { 1000, SWITCH, "x 9 0 a 7 0" }, { 1001, SWITCH, "y 10 0 b 8 1" }, { 1002, WAKING, "7 1" }, { 1003, WAKEUP, "7 1" }, { 1010, SWITCH, A_LEAVES("2") },
        { 1014, SWITCH, A_RETURNS }, { 1020, WAKING, "7 1" }, { 1021, SWITCH, A_LEAVES("0") }, { 1022, SWITCH, A_RETURNS }, { 1030, SWITCH, A_LEAVES("2") },
        { 1033, SWITCH, A_RETURNS } },
      { "worst 4 ms procname=a state=uninterruptible tid=7 cpu=0", "worst 1 ms procname=a state=runnable tid=7 cpu=0", "worst 3 ms procname=a state=uninterruptible tid=7 cpu=0",
        "!waker" } },
    { "what sleeps waits by design: apart from the others, never overdue, and below no general threshold",
      { { "threshold", "5ms" }, { "timeout", "100ms" }, { "thresholds", "b=50ms" } },
      { { 1000, SWITCH, A_LEAVES("1") }, { 1000, SWITCH, B_LEAVES("1") }, { 1190, SWITCH, A_RETURNS }, { 1191, SWITCH, A_LEAVES("128") }, { 1195, SWITCH, B_RETURNS },
        { 1300, SWITCH, A_RETURNS }, { 1301, SWITCH, A_LEAVES("4") }, { 1460, SWITCH, A_RETURNS }, { 1461, SWITCH, A_LEAVES("2") }, { 1467, SWITCH, A_RETURNS } },
      { "offcpu.waiting{procname=a,state=interruptible} (detail) count 1", "offcpu.waiting{procname=b,state=interruptible} (detail) count 1",
        "offcpu.waiting{procname=a,state=idle} (detail) count 1", "offcpu.waiting{procname=a,state=stopped} (detail) count 1",
        "threshold at 1195 ms offcpu.time{procname=b,state=interruptible} pending 0 195 ms procname=b", "threshold at 1467 ms offcpu.time{procname=a,state=uninterruptible}",
        "!threshold at 1190", "!threshold at 1300", "!threshold at 1460", "!timeout at" } },
    { "what neither runs nor sleeps for long is told while it goes on, and when it is over",
      { { "timeout", "100ms" } },
      { { 1000, SWITCH, A_LEAVES("2") }, { 1050, SWITCH, B_LEAVES("0") }, { 1300, SWITCH, A_RETURNS }, { 1400, SWITCH, B_RETURNS } },
      { "timeout at 1100 ms offcpu.time{procname=a,state=uninterruptible} pending 1 100 ms procname=a state=uninterruptible tid=7", "ended at 1300 ms offcpu.time{procname=a,state=uninterruptible} pending 0 300 ms",
        "timeout at 1150 ms offcpu.time{procname=b,state=runnable} pending 1", "ended at 1400 ms offcpu.time{procname=b,state=runnable} pending 0" } },
    { "also when nothing is said: after ten seconds", { { NULL, NULL } }, { { 1000, SWITCH, A_LEAVES("2") }, { 12000, SWITCH, B_LEAVES("0") } },
      { "timeout at 11000 ms offcpu.time{procname=a,state=uninterruptible}" } },
    { "no pair across a loss, which is counted; wakes and contexts of before are forgotten",
      { { "timeout", "100ms" } },
      { { 1000, SWITCH, "x 9 0 a 7 0" }, { 1001, SWITCH, "y 10 0 b 8 1" }, { 1002, IRQ, "1" }, { 1003, SWITCH, "a 7 2 x 9 0" }, { 1004, WAKING, "9 1" }, { 1010, 0, NULL },
        { 1300, SWITCH, "x 9 2 a 7 0" }, { 1305, SWITCH, "a 7 2 x 9 0" }, { 1310, WAKING, "7 1" }, { 1320, SWITCH, "x 9 1 a 7 0" } },
      { "foretrace.suspect_pairs{analysis=offcpu} (detail) count 1", "offcpu.time{procname=a,state=uninterruptible} count 1", "worst 15 ms procname=a state=uninterruptible tid=7 runnable_ns=10000000 cpu=0",
        "worst 5 ms procname=x state=uninterruptible tid=9 cpu=0", "!timeout at", "!context=", "!waker" } },
    { "a thread that was off the cpu at the beginning is counted; one that was forked runs for the first time, once",
      { { NULL, NULL } },
      { { 1000, SWITCH, A_RETURNS }, { 1010, FORK, "7 7 8 8 b 0" }, { 1011, SWITCH, "a 7 0 b 8 0" }, { 1012, SWITCH, "b 8 1 a 7 0" }, { 1020, SWITCH, "a 7 0 b 8 0" } },
      { "foretrace.unmatched_ends{analysis=offcpu} (detail) count 1", "offcpu.waiting{procname=b,state=interruptible} (detail) count 1" } },
    { "of a forked thread, too, a return without a departure is counted",
      { { NULL, NULL } },
      { { 1000, FORK, "7 7 8 8 b 0" }, { 1011, SWITCH, "a 7 0 b 8 0" }, { 1012, CALL, "0 9 x" }, { 1013, SWITCH, "x 9 0 b 8 0" } },
      { "foretrace.unmatched_ends{analysis=offcpu} (detail) count 1", "foretrace.repaired_currents{analysis=kernel}" } },
    { "the dead do not return, and who has their tid next is another; so is one of whose end nothing was seen",
      { { "timeout", "100ms" } },
      { { 1000, SWITCH, "a 7 32 x 9 0" }, { 1010, FORK, "9 9 7 7 n 0" }, { 1011, SWITCH, "x 9 0 n 7 0" }, { 1012, SWITCH, "n 7 2 x 9 0" }, { 1500, FORK, "9 9 7 7 o 0" },
        { 1501, SWITCH, "x 9 0 o 7 0" }, { 1502, SWITCH, "o 7 2 x 9 0" }, { 1700, FREE, "7 0" }, { 1800, SWITCH, "x 9 0 p 7 0" } },
      { "timeout at 1112 ms offcpu.time{procname=n,state=uninterruptible} pending 1", "collected at 1500 ms offcpu.time{procname=n,state=uninterruptible} pending 0",
        "timeout at 1602 ms offcpu.time{procname=o,state=uninterruptible} pending 1", "collected at 1700 ms offcpu.time{procname=o,state=uninterruptible} pending 0", "!state=dead",
        "!offcpu.time{procname=a", "foretrace.unmatched_ends{analysis=offcpu} (detail) count 2", "offcpu.time{procname=x,state=runnable} count 2" } },
    { "a thread that leaves again without having returned: its return was not seen",
      { { NULL, NULL } },
      { { 1000, SWITCH, "a 7 2 x 9 0" }, { 1010, CALL, "1 7 a" }, { 1020, SWITCH, "a 7 2 y 10 1" }, { 1025, SWITCH, "y 10 0 a 7 1" } },
      { "offcpu.time{procname=a,state=uninterruptible} count 1", "worst 5 ms", "foretrace.replaced_begins{analysis=offcpu} (detail) count 1" } },
    { "a thousand cpus", { { NULL, NULL } },
      { { 1000, SWITCH, "x 9 0 a 7 999" }, { 1001, SWITCH, "y 10 0 b 8 5" }, { 1002, SWITCH, "a 7 2 x 9 999" }, { 1003, IRQ, "5" }, { 1004, WAKING, "7 5" }, { 1005, SWITCH, "z 11 0 a 7 998" } },
      { "worst 3 ms procname=a state=uninterruptible tid=7 waker=b waker_tid=8 context=interrupt runnable_ns=1000000" } },
};

static void test_cases(void **unused)
{
    (void)unused;
    RUN_STEP_CASES("offcpu", classes, cases);
}

/* prev_state as kernels write it. */
static void test_states(void **unused)
{
    static const struct {
        const char *before; /* seen before: what tells how this kernel writes them; NULL: nothing */
        const char *state, *name;
    } rows[] = {
        { NULL, "0", "runnable" },
        { NULL, "1", "interruptible" },
        { NULL, "2", "uninterruptible" },
        { NULL, "4", "stopped" },
        { NULL, "8", "traced" },
        { NULL, "16", NULL },
        { NULL, "32", NULL },
        { NULL, "64", "parked" },       /* 4.14 on: dead is told as zombie or exited */
        { NULL, "128", "idle" },
        { NULL, "256", "runnable" },    /* preempted */
        { NULL, "130", "uninterruptible" }, /* before: killable */
        { NULL, "132", "stopped" },
        { NULL, "136", "traced" },
        { NULL, "512", "parked" },
        { NULL, "1026", "idle" },
        { NULL, "1024", "runnable" },   /* preempted: until 4.1 */
        { NULL, "2048", "runnable" },   /* ... until 4.7 */
        { NULL, "4096", "runnable" },   /* ... until 4.13 */
        { "2048", "64", NULL },
        { "512", "64", NULL },
        { "130", "64", NULL },
        { "130", "1", "interruptible" },
        { "4096", "256", "unknown" },   /* being woken just now */
        { "256", "64", "parked" },
        { NULL, "-1", "unknown" },
        { NULL, "-", "unknown" },
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static struct fixture f;
        char text[64], expected[64];
        fixture_open(&f, "offcpu", "1s", NULL);
        uint32_t s = fixture_class(&f, classes[SWITCH].name, classes[SWITCH].fields);
        snprintf(text, sizeof(text), "w 9 %s swapper/0 0 0", rows[i].before ? rows[i].before : "0");
        fixture_event(&f, s, 1000, text);
        snprintf(text, sizeof(text), "a 7 %s swapper/1 0 1", rows[i].state);
        fixture_event(&f, s, 1001, text);
        fixture_event(&f, s, 1003, "swapper/1 0 0 a 7 1");
        fixture_watermark(&f, 2000);
        snprintf(expected, sizeof(expected), "{procname=a,state=%s}", rows[i].name ? rows[i].name : "");
        if ((strstr(f.text, expected) != NULL) != (rows[i].name != NULL) || (!rows[i].name && strstr(f.text, "procname=a")))
            fail_msg("%s after %s: %s expected\n%s", rows[i].state, rows[i].before ? rows[i].before : "nothing", rows[i].name ? rows[i].name : "nothing", f.text);
        fixture_close(&f);
    }
}

/* As many threads as there are, and not one more than configured: what does not fit is counted. */
static void test_bound(void **unused)
{
    enum { MANY = 100000, BOUND = 1000 };
    static const char *const sets[2][3][2] = { { { "max_series", "100" }, { NULL, NULL } }, { { "max_pending", "1000" }, { "max_series", "100" }, { NULL, NULL } } };
    (void)unused;
    for (int bounded = 0; bounded < 2; bounded++) {
        static struct fixture f;
        char text[96];
        fixture_open(&f, "offcpu", "1s", sets[bounded]);
        uint32_t s = fixture_class(&f, classes[SWITCH].name, classes[SWITCH].fields);
        for (int i = 1; i <= MANY; i++) {
            snprintf(text, sizeof(text), "t %d 2 swapper/0 0 0", i);
            fixture_event(&f, s, 1000 + i * 0.001, text);
        }
        for (int i = 1; i <= MANY; i++) {
            snprintf(text, sizeof(text), "swapper/0 0 0 t %d 0", i);
            fixture_event(&f, s, 1200 + i * 0.001, text);
            if (i < MANY) /* or it would be on the cpu still */
                fixture_event(&f, s, 1200 + i * 0.001, "t 0 32 swapper/0 0 0");
        }
        fixture_watermark(&f, 2000);
        snprintf(text, sizeof(text), "offcpu.time{procname=t,state=uninterruptible} count %d", bounded ? BOUND : MANY);
        assert_non_null(strstr(f.text, text));
        assert_int_equal(strstr(f.text, "foretrace.skipped_begins{analysis=offcpu} (detail) count 99000") != NULL, bounded);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
