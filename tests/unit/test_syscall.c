#include "call_steps.h"

/* Classes that the steps may name. */
static const struct step_class classes[] = {
    { "syscall_entry_read", CONTEXT "fd:s count:u" },
    { "syscall_exit_read", CONTEXT "ret:s" },
    { "syscall_entry_openat", CONTEXT "flags:s filename:t" },
    { "syscall_exit_openat", CONTEXT "ret:s" },
    { "syscall_entry_openat2", CONTEXT "flags:s filename:t" },
    { "syscall_entry_futex", CONTEXT "op:s" },
    { "syscall_exit_futex", CONTEXT "ret:s" },
    { "compat_syscall_entry_fsync", CONTEXT "fd:s" },
    { "compat_syscall_exit_fsync", CONTEXT "ret:s" },
    { "sys_fsync", CONTEXT "fd:s" },
    { "exit_syscall", CONTEXT "ret:s" },
    { "syscall_entry_execve", CONTEXT "filename:t" },
    { "syscall_exit_execve", CONTEXT "ret:s" },
    { "syscall_entry_clone", CONTEXT "flags:s" },
    { "syscall_exit_clone", CONTEXT "ret:s" },
    { "syscall_entry_exit_group", CONTEXT "error_code:s" },
    { "sched_process_fork", CONTEXT "parent_tid:s parent_pid:s child_tid:s child_pid:s child_comm:t" },
    { "sched_process_exec", CONTEXT "tid:s old_tid:s" },
    { "sched_process_exit", CONTEXT "tid:s" },
    { "sched_switch", CONTEXT "prev_comm:t prev_tid:s prev_state:s next_comm:t next_tid:s" },
    { "syscall_entry_syncfs", CONTEXT "fd:s" },
    { "syscall_exit_syncfs", CONTEXT "ret:s" },
    { NULL, NULL },
};

#define A "0 7 7 a "
#define B "1 8 7 b " /* another thread of the same process */

static const struct steps rows[] = {
    { "latency by call, errors by errno, and the thread as evidence",
      { { NULL, NULL } },
      { { "syscall_entry_openat", 1000, A "0 /x" }, { "syscall_entry_openat", 1001, B "0 /y" }, { "syscall_exit_openat", 1003, A "-2" },
        { "syscall_exit_openat", 1005, B "3" }, { NULL, 0, NULL } },
      { "syscall.latency{syscall=openat} count 2", "worst 4 ms syscall=openat procname=b tid=8 path=/y fd=3 pid=7", "errno=ENOENT path=/x pid=7",
        "syscall.errors{syscall=openat,errno=ENOENT} count 1", "syscall.process_latency{procname=a} (detail) count 1" },
      { "unmatched_ends" } },
    { "what waits by design is kept apart: a futex, a read of anything but a file",
      { { NULL, NULL } },
      { { "syscall_entry_futex", 1000, A "0" }, { "syscall_exit_futex", 1100, A "0" }, { "syscall_entry_read", 1200, A "0 10" }, { "syscall_exit_read", 1300, A "1" },
        { "syscall_entry_openat", 1301, A "0 /data/f" }, { "syscall_exit_openat", 1302, A "5" }, { "syscall_entry_read", 1400, A "5 10" },
        { "syscall_exit_read", 1410, A "1" }, { NULL, 0, NULL } },
      { "syscall.waiting{syscall=futex} (detail) count 1", "syscall.waiting{syscall=read} (detail) count 1", "syscall.latency{syscall=read} count 1" },
      { "syscall.latency{syscall=futex}" } },
    { "a threshold is of calls that do not wait; one of its own is of those that do, too",
      { { "threshold", "5ms" }, { "thresholds", "futex=50ms" }, { NULL, NULL } },
      { { "syscall_entry_futex", 1000, A "0" }, { "syscall_exit_futex", 1040, A "0" }, { "syscall_entry_futex", 1100, A "0" }, { "syscall_exit_futex", 1160, A "0" },
        { "syscall_entry_openat", 1200, A "0 /x" }, { "syscall_exit_openat", 1206, A "3" }, { "syscall_entry_read", 1300, A "0 1" }, { "syscall_exit_read", 1340, A "1" },
        { NULL, 0, NULL } },
      { "threshold at 1160 ms syscall.latency{syscall=futex}", "threshold at 1206 ms syscall.latency{syscall=openat}" },
      { "threshold at 1040", "threshold at 1340" } },
    { "a call that does not return is told while it is pending, and again when it ends",
      { { "timeout", "100ms" }, { NULL, NULL } },
      { { "syscall_entry_openat", 1000, A "0 /slow" }, { "syscall_entry_futex", 1000, B "0" }, { "syscall_exit_openat", 1300, A "3" }, { NULL, 0, NULL } },
      { "timeout at 1100 ms syscall.latency{syscall=openat} pending 1", "path=/slow", "ended at 1300 ms syscall.latency{syscall=openat} pending 0" },
      { "{syscall=futex} pending" } },
    { "there is a timeout when nothing is said, but not for a read of a socket; a timeout of its own is for any read",
      { { "timeouts", "futex=2s" }, { NULL, NULL } },
      { { "syscall_entry_openat", 1000, A "0 /slow" }, { "syscall_entry_futex", 1000, B "0" }, { "syscall_entry_read", 1000, "0 9 9 c 0 10" },
        { "syscall_exit_read", 12000, "0 9 9 c 1" }, { NULL, 0, NULL } },
      { "timeout at 11000 ms syscall.latency{syscall=openat} pending 1", "timeout at 3000 ms syscall.latency{syscall=futex} pending 1" },
      { "{syscall=read} pending" } },
    { "an open that sleeps waits by design: a fifo's, a terminal's; one that waits for a disk does not; what has a timeout of its own is told",
      { { "timeout", "100ms" }, { "timeouts", "openat2=200ms" }, { "threshold", "50ms" }, { NULL, NULL } },
      { { "syscall_entry_openat", 1000, A "0 /fifo" }, { "sched_switch", 1001, A "a 7 1 swapper/0 0" }, { "syscall_entry_openat", 1000, B "0 /slow" },
        { "sched_switch", 1001, B "b 8 2 swapper/1 0" }, { "sched_switch", 1300, "0 0 0 swapper/0 swapper/0 0 0 a 7" }, { "syscall_exit_openat", 1301, A "3" },
        { "sched_switch", 1400, "1 0 0 swapper/1 swapper/1 0 0 b 8" }, { "syscall_exit_openat", 1401, B "3" }, { "syscall_entry_openat2", 2000, A "0 /fifo" },
        { "sched_switch", 2001, A "a 7 1 swapper/0 0" }, { "syscall_entry_openat", 3000, B "0 /busy" }, { "sched_switch", 3010, B "b 8 1 swapper/1 0" },
        { "sched_switch", 3020, "1 0 0 swapper/1 swapper/1 0 0 b 8" }, { "syscall_exit_openat", 3200, B "3" }, { NULL, 0, NULL } },
      { "timeout at 1100 ms syscall.latency{syscall=openat} pending 1 100 ms syscall=openat procname=b", "ended at 1401 ms syscall.latency{syscall=openat} pending 0",
        "syscall.waiting{syscall=openat} (detail) count 1", "syscall.latency{syscall=openat} count 2", "timeout at 2200 ms syscall.latency{syscall=openat2} pending 1",
        "timeout at 3100 ms syscall.latency{syscall=openat} pending 1", "ended at 3200 ms" },
      { "pending 2", "ended at 1301", "threshold at 1301" } },
    { "a thread that is killed in a call does not hang in it for ever, nor does one that executes under the leader's tid",
      { { "timeout", "100ms" }, { NULL, NULL } },
      { { "syscall_entry_openat", 1000, A "0 /slow" }, { "sched_process_exit", 1050, A "7" }, { "syscall_entry_execve", 2000, B "/bin/x" },
        { "sched_process_exec", 2010, "1 7 7 x 7 8" }, { "syscall_exit_execve", 2020, "1 7 7 x 0" }, { "syscall_entry_openat", 3000, "1 7 7 x 0 /x" },
        { "syscall_exit_openat", 3001, "1 7 7 x 3" }, { NULL, 0, NULL } },
      { "syscall.latency{syscall=execve} count 1", "worst 20 ms syscall=execve procname=x tid=7" },
      { "timeout at", "unmatched_ends" } },
    { "a fork returns twice: the child's return is no call; exit_group does not return, and its tid begins anew",
      { { NULL, NULL } },
      { { "syscall_entry_clone", 1000, A "0" }, { "sched_process_fork", 1001, A "7 7 9 9 a" }, { "syscall_exit_clone", 1002, "1 9 9 a 0" },
        { "syscall_exit_clone", 1004, A "9" }, { "syscall_entry_exit_group", 1005, "1 9 9 a 0" }, { "sched_process_fork", 1010, A "7 7 9 9 a" },
        { "syscall_exit_clone", 1011, "1 9 9 a 0" }, { NULL, 0, NULL } },
      { "syscall.waiting{syscall=clone} (detail) count 1" },
      { "unmatched_ends", "exit_group", "unended_calls" } },
    { "32-bit programs, and names before LTTng 2.8, whose exits do not say of what",
      { { NULL, NULL } },
      { { "compat_syscall_entry_fsync", 1000, A "3" }, { "compat_syscall_exit_fsync", 1004, A "0" }, { "sys_fsync", 1010, A "3" }, { "exit_syscall", 1018, A "-5" },
        { NULL, 0, NULL } },
      { "syscall.latency{syscall=fsync} count 2", "worst 8 ms syscall=fsync procname=a tid=7 errno=EIO", "syscall.errors{syscall=fsync,errno=EIO} count 1" },
      { NULL } },
    { "exits without entries are counted, as is a call that another one interrupts; what the kernel uses within has its name",
      { { NULL, NULL } },
      { { "syscall_exit_read", 1000, A "1" }, { "syscall_entry_futex", 1001, A "0" }, { "syscall_entry_openat", 1002, A "0 /x" }, { "syscall_exit_openat", 1003, A "-512" },
        { "syscall_exit_futex", 1004, A "0" }, { NULL, 0, NULL } },
      { "foretrace.unmatched_ends{analysis=syscall} (detail) count 2", "foretrace.unended_calls{analysis=kernel} (detail) count 1", "syscall.errors{syscall=openat,errno=ERESTARTSYS} count 1" },
      { NULL } },
};

static void test_rows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++)
        steps_check("syscall", classes, &rows[i]);
}

static void test_no_call_across_a_loss(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "timeout", "100ms" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "syscall", "1s", set);
    uint32_t entry = fixture_class(&f, "syscall_entry_fsync", CONTEXT "fd:s"), exit = fixture_class(&f, "syscall_exit_fsync", CONTEXT "ret:s");
    fixture_event(&f, entry, 1000, A "3");
    fixture_lost(&f, LOSS_EVENTS, 1, 1005, 1010);
    fixture_event(&f, exit, 1300, A "0"); /* of the call that was lost, perhaps */
    fixture_event(&f, entry, 1400, A "3");
    fixture_event(&f, exit, 1410, A "0");
    fixture_watermark(&f, 3000);
    assert_non_null(strstr(f.text, "syscall.latency{syscall=fsync} count 1"));
    assert_non_null(strstr(f.text, "worst 10 ms"));
    assert_non_null(strstr(f.text, "foretrace.suspect_pairs{analysis=syscall} (detail) count 1 "));
    assert_null(strstr(f.text, "timeout at"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_no_call_across_a_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
