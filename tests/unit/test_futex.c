#include "stream_fixture.h"

#define CONTEXT " cpu_id:u ctx.tid:s ctx.pid:s ctx.procname:t"
#define ENTRY "uaddr:u op:s" CONTEXT
#define EXIT "ret:s" CONTEXT

enum { WAIT = 128, WAKE = 129, WAIT_BITSET = 393, LOCK_PI = 6, CMP_REQUEUE = 132 };

struct classes {
    uint32_t entry, exit;
};

static struct classes open_fixture(struct fixture *f, const char *const (*set)[2])
{
    fixture_open(f, "futex", "1s", set);
    return (struct classes){ fixture_class(f, "syscall_entry_futex", ENTRY), fixture_class(f, "syscall_exit_futex", EXIT) };
}

/* Threads of process 10: a (11) on cpu 0, b (12) on cpu 1, c (13) on cpu 2. */
static void enter(struct fixture *f, struct classes c, double ms, int thread, unsigned address, int op)
{
    char text[96];
    snprintf(text, sizeof(text), "%u %d %d %d 10 %c", address, op, thread, 11 + thread, 'a' + thread);
    fixture_event(f, c.entry, ms, text);
}

static void leave(struct fixture *f, struct classes c, double ms, int thread, int ret)
{
    char text[96];
    snprintf(text, sizeof(text), "%d %d %d 10 %c", ret, thread, 11 + thread, 'a' + thread);
    fixture_event(f, c.exit, ms, text);
}

static void test_wait_contention_and_who_woke(void **unused)
{
    (void)unused;
    static struct fixture f;
    struct classes c = open_fixture(&f, NULL);
    enter(&f, c, 1000, 0, 0x1000, WAIT);
    enter(&f, c, 1010, 1, 0x1000, WAIT_BITSET); /* a waits there already */
    enter(&f, c, 1020, 2, 0x2000, WAKE);        /* another address: nobody waits there */
    leave(&f, c, 1021, 2, 0);
    enter(&f, c, 1100, 2, 0x1000, WAKE);
    leave(&f, c, 1101, 0, 0);
    leave(&f, c, 1102, 2, 2);
    leave(&f, c, 1103, 1, 0);
    enter(&f, c, 1200, 0, 0x1000, WAIT);        /* nobody waits there any more */
    leave(&f, c, 1201, 0, -11);                 /* did not wait */
    enter(&f, c, 1300, 0, 0x1000, LOCK_PI);
    leave(&f, c, 1350, 0, -110);
    fixture_watermark(&f, 2000);
    assert_non_null(strstr(f.text, "futex.wait{procname=a} count 2"));
    assert_non_null(strstr(f.text, "worst 101 ms procname=a address=0x1000 pid=10 tid=11 outcome=woken operation=wait waker=c waker_tid=13"));
    assert_non_null(strstr(f.text, "worst 50 ms procname=a address=0x1000 pid=10 tid=11 outcome=timeout operation=lock_pi\n"));
    assert_non_null(strstr(f.text, "worst 93 ms procname=b address=0x1000 pid=10 tid=12 outcome=woken operation=wait_bitset waker=c"));
    assert_non_null(strstr(f.text, "futex.contended{procname=b} count 1"));
    assert_null(strstr(f.text, "futex.contended{procname=a}"));
    assert_non_null(strstr(f.text, "futex.missed{procname=a} count 1"));
    assert_non_null(strstr(f.text, "futex.woken{procname=c} count 2"));
    fixture_close(&f);
}

static void test_thresholds_and_overdue(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "threshold", "10ms" }, { "thresholds", "b=1s" }, { "timeout", "500ms" }, { NULL, NULL } };
    static struct fixture f;
    struct classes c = open_fixture(&f, set);
    enter(&f, c, 1000, 0, 0x1000, WAIT);
    enter(&f, c, 1000, 1, 0x1000, WAIT);
    leave(&f, c, 1020, 0, 0);
    leave(&f, c, 1700, 1, 0);
    assert_non_null(strstr(f.text, "threshold at 1020 ms futex.wait{procname=a}"));
    assert_null(strstr(f.text, "threshold at 1700"));
    assert_non_null(strstr(f.text, "timeout at 1500 ms futex.wait{procname=b} pending 1"));
    assert_non_null(strstr(f.text, "ended at 1700 ms futex.wait{procname=b} pending 0"));
    fixture_close(&f);
}

/* After a loss nobody is known to wait, and what overlaps it is no wait. */
static void test_loss(void **unused)
{
    (void)unused;
    static struct fixture f;
    struct classes c = open_fixture(&f, NULL);
    enter(&f, c, 1000, 0, 0x1000, WAIT);
    fixture_lost(&f, LOSS_EVENTS, 1, 1005, 1010);
    enter(&f, c, 1020, 1, 0x1000, WAIT);
    leave(&f, c, 1030, 0, 0);
    leave(&f, c, 1040, 1, 0);
    fixture_watermark(&f, 2000);
    assert_null(strstr(f.text, "futex.wait{procname=a}"));
    assert_non_null(strstr(f.text, "futex.wait{procname=b} count 1"));
    assert_null(strstr(f.text, "futex.contended"));
    assert_non_null(strstr(f.text, "foretrace.suspect_pairs{analysis=futex}"));
    fixture_close(&f);
}

/* A call whose end was not seen leaves its address when its thread calls again. */
static void test_replaced_call_leaves_its_address(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "max_pending", "2" }, { NULL, NULL } };
    static struct fixture f;
    struct classes c = open_fixture(&f, set);
    for (int i = 0; i < 8; i++)
        enter(&f, c, 1000 + i, 0, 0x1000 + 16u * (unsigned)i, WAIT);
    enter(&f, c, 1100, 1, 0x1000, WAIT);
    enter(&f, c, 1110, 2, 0x1000, WAIT); /* no room for a third */
    leave(&f, c, 1200, 1, 0);
    fixture_watermark(&f, 2000);
    assert_null(strstr(f.text, "futex.contended"));
    assert_non_null(strstr(f.text, "futex.wait{procname=b} count 1"));
    assert_non_null(strstr(f.text, "foretrace.skipped_begins{analysis=futex} (detail) count 1"));
    fixture_close(&f);
}

/* The end of a wait was not seen, and its thread has moved others since: it has not woken itself. */
static void test_nobody_wakes_himself(void **unused)
{
    (void)unused;
    static struct fixture f;
    struct classes c = open_fixture(&f, NULL);
    enter(&f, c, 1000, 0, 0x1000, WAIT);
    enter(&f, c, 1100, 0, 0x1000, CMP_REQUEUE);
    leave(&f, c, 1101, 0, 1);
    enter(&f, c, 1200, 0, 0x1000, WAIT);
    enter(&f, c, 1210, 1, 0x1000, CMP_REQUEUE); /* but others do that way */
    leave(&f, c, 1220, 0, 0);
    fixture_watermark(&f, 2000);
    assert_non_null(strstr(f.text, "worst 101 ms procname=a address=0x1000 pid=10 tid=11 outcome=woken operation=wait\n"));
    assert_non_null(strstr(f.text, "worst 20 ms procname=a address=0x1000 pid=10 tid=11 outcome=woken operation=wait waker=b waker_tid=12"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait_contention_and_who_woke),
        cmocka_unit_test(test_thresholds_and_overdue),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_replaced_call_leaves_its_address),
        cmocka_unit_test(test_nobody_wakes_himself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
