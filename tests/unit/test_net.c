#include "kernel_steps.h"

enum { XMIT, RECEIVE, COPY, CONSUME, KFREE, ACCEPT, WRITE, SENDTO, CLOSE, FORK, SYS_ACCEPT, SYS_READ, EXIT };
#define CONTEXT " cpu_id:u ctx.tid:s ctx.pid:s ctx.procname:t"
static const struct step_class classes[] = {
    [XMIT] = { "net_dev_xmit", "skbaddr:u rc:s len:u name:t" CONTEXT },
    [RECEIVE] = { "net_if_receive_skb", "skbaddr:u len:u name:t" CONTEXT },
    [COPY] = { "skb_copy_datagram_iovec", "skbaddr:u len:s" CONTEXT },
    [CONSUME] = { "skb_consume", "skbaddr:u" CONTEXT },
    [KFREE] = { "skb_kfree", "skbaddr:u location:u reason:s" CONTEXT },
    [ACCEPT] = { "syscall_exit_accept4", "ret:s family:u sport:u" CONTEXT },
    [WRITE] = { "syscall_entry_write", "fd:u" CONTEXT },
    [SENDTO] = { "syscall_entry_sendto", "fd:s" CONTEXT },
    [CLOSE] = { "syscall_entry_close", "fd:u" CONTEXT },
    [FORK] = { "sched_process_fork", "parent_tid:s parent_pid:s child_tid:s child_pid:s child_comm:t" CONTEXT },
    [SYS_ACCEPT] = { "sys_accept", "fd:s" CONTEXT },
    [SYS_READ] = { "sys_read", "fd:u" CONTEXT },
    [EXIT] = { "exit_syscall", "ret:s" CONTEXT },
};
#define BY " 0 7 7 redis"
#define CHILD " 1 9 9 child"

static const struct step_case cases[] = {
    { .why = "packets and bytes by interface and direction",
      .steps = { { 1000, XMIT, "64 0 100 eth0" BY }, { 1001, XMIT, "128 0 50 lo" BY }, { 1002, RECEIVE, "128 40 lo" BY } },
      .expected = { "net.packets{interface=eth0,direction=sent} count 1", "net.bytes{interface=eth0,direction=sent} count 100", "net.bytes{interface=lo,direction=sent} count 50", "net.bytes{interface=lo,direction=received} count 40" } },
    { .why = "what a driver refuses: busy is asked again, a drop is one, congested was sent",
      .steps = { { 1000, XMIT, "64 16 100 eth0" BY }, { 1001, XMIT, "64 1 100 eth0" BY }, { 1002, XMIT, "64 2 100 eth0" BY }, { 1003, XMIT, "64 -100 100 eth0" BY } },
      .expected = { "net.bytes{interface=eth0,direction=sent} count 100", "net.drops{interface=eth0,direction=sent} count 2" } },
    { .why = "from reception until a program has it; what was sent is freed as well, and is none",
      .steps = { { 1000, RECEIVE, "64 40 eth0" BY }, { 1001, CONSUME, "128" BY }, { 1010, COPY, "64 40 0 8 8 curl" }, { 1011, CONSUME, "64" BY } },
      .expected = { "net.consume_latency{interface=eth0,outcome=copied} count 1", "worst 10 ms interface=eth0 outcome=copied procname=curl tid=8 bytes=40 buffer=64", "!outcome=consumed", "!unmatched" } },
    { .why = "a drop, of an interface that is known by its buffer, and of one that is not",
      .steps = { { 1000, RECEIVE, "64 40 eth0" BY }, { 1002, KFREE, "64 4096 2" BY }, { 1003, KFREE, "128 4097 3" BY } },
      .expected = { "net.drops{interface=eth0,direction=received} count 1", "net.drops{interface=,direction=} count 1", "net.consume_latency{interface=eth0,outcome=dropped} count 1" } },
    { .why = "a buffer that is used again", .steps = { { 1000, RECEIVE, "64 40 eth0" BY }, { 1100, RECEIVE, "64 40 eth1" BY }, { 1101, CONSUME, "64" BY } }, .expected = { "net.consume_latency{interface=eth1,outcome=consumed} count 1", "worst 1 ms" } },
    { .why = "no pair across a loss", .steps = { { 1000, RECEIVE, "64 40 eth0" BY }, { 1000, ACCEPT, "5 2 80" BY }, { 1010, 0, NULL }, { 1011, CONSUME, "64" BY }, { 1012, WRITE, "5" BY } },
      .expected = { "!consume_latency", "!first_byte", "foretrace.suspect_pairs{analysis=net} (detail) count 2" } },
    { .why = "the first byte to an accepted connection, by any call and thread of the process; later ones are none",
      .steps = { { 1000, ACCEPT, "5 2 4000" BY }, { 1005, WRITE, "6" BY }, { 1020, SENDTO, "5 0 8 7 worker" }, { 1030, WRITE, "5" BY } },
      .expected = { "net.first_byte{procname=redis} count 1", "worst 20 ms procname=redis tid=7 pid=7 fd=5 family=2 port=4000" } },
    { .why = "another process has its own descriptors", .steps = { { 1000, ACCEPT, "5 2 80" BY }, { 1001, WRITE, "5" CHILD } }, .expected = { "!first_byte" } },
    { .why = "a connection that is closed is not waited for, and its descriptor is another's then",
      .steps = { { 1000, ACCEPT, "5 2 80" BY }, { 1001, CLOSE, "5" BY }, { 1002, WRITE, "5" BY } }, .expected = { "!first_byte" } },
    { .why = "one that failed is none", .steps = { { 1000, ACCEPT, "-11 2 80" BY }, { 1002, WRITE, "5" BY } }, .expected = { "!first_byte" } },
    { .why = "a child forked since may write to it, although the parent has closed it",
      .steps = { { 1000, ACCEPT, "5 2 80" BY }, { 1001, FORK, "7 7 9 9 child" BY }, { 1002, CLOSE, "5" BY }, { 1003, WRITE, "5" BY }, { 1004, WRITE, "5" CHILD } },
      .expected = { "net.first_byte{procname=redis} count 1", "worst 4 ms" } },
    { .why = "a child forked before has not inherited it", .steps = { { 999, FORK, "7 7 9 9 child" BY }, { 1000, ACCEPT, "5 2 80" BY }, { 1004, WRITE, "5" CHILD } }, .expected = { "!first_byte" } },
    { .why = "older tracers do not say at the exit which call it is of",
      .steps = { { 1000, SYS_READ, "3" BY }, { 1001, EXIT, "5" BY }, { 1002, WRITE, "5" BY }, { 1003, SYS_ACCEPT, "3" BY }, { 1004, EXIT, "5" BY }, { 1010, WRITE, "5" BY } },
      .expected = { "net.first_byte{procname=redis} count 1", "worst 6 ms" } },
    { .why = "still waiting, then answered; and one that is given up by closing it",
      .set = { { "first_byte_timeout", "100ms" }, { "thresholds", "eth0=5ms" } },
      .steps = { { 1000, ACCEPT, "5 2 80" BY }, { 1000, ACCEPT, "6 2 81" BY }, { 1200, WRITE, "5" BY }, { 1250, CLOSE, "6" BY }, { 1300, RECEIVE, "64 40 eth0" BY }, { 1310, CONSUME, "64" BY } },
      .expected = { "timeout at 1100 ms net.first_byte{procname=redis} pending 2", "ended at 1200 ms net.first_byte{procname=redis} pending 1", "collected at 1250 ms net.first_byte{procname=redis} pending 0",
                    "threshold at 1310 ms net.consume_latency{interface=eth0,outcome=consumed}" } },
    { .why = "neither is followed where it is not asked for", .set = { { "buffers", "no" }, { "first_byte", "no" } },
      .steps = { { 1000, RECEIVE, "64 40 eth0" BY }, { 1000, ACCEPT, "5 2 80" BY }, { 1001, CONSUME, "64" BY }, { 1002, WRITE, "5" BY } }, .expected = { "net.bytes{interface=eth0", "!consume_latency", "!first_byte" } },
};

static void test_cases(void **unused)
{
    (void)unused;
    RUN_STEP_CASES("net", classes, cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
