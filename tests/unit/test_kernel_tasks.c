#include "stream/kernel_hooks.h"
#include "stream_fixture.h"

#define SWITCH "prev_comm:t prev_tid:s prev_prio:s next_comm:t next_tid:s next_prio:s ctx.cpu_id:u"
#define STATE "tid:s pid:s ppid:s name:t ctx.cpu_id:u"
#define OLD_STATE "tid:s vtid:s pid:s vpid:s ppid:s vppid:s name:t ns_level:u ns_inum:u ctx.cpu_id:u"
#define NAMESPACE "tid:s vtid:s vpid:s vppid:s ns_level:s ns_inum:u ctx.cpu_id:u"
#define FORK "parent_tid:s parent_pid:s child_tid:s child_pid:s child_comm:t child_ns_inum:u ctx.cpu_id:u"

/* An analysis that does nothing but show the state. */
static struct kernel *kernel;

static void *open_spy(const void *config, struct stream *stream)
{
    (void)config;
    kernel = stream_kernel(stream, KERNEL_TASKS);
    return kernel;
}

static void close_spy(void *self)
{
    (void)self;
    kernel = NULL;
}

static const struct kernel_hook no_hooks[] = { KERNEL_HOOKS_END };

static const struct analysis spy = { .name = "spy", .open = open_spy, .close = close_spy, .hooks = no_hooks, .kernel_parts = KERNEL_TASKS };

static void open_fixture(struct fixture *f, const char *const (*set)[2])
{
    fixture_open(f, "wakeup", "1s", set);
    f->instance.analysis = &spy; /* the stream is opened by its first class */
}

static struct task *known(int64_t tid)
{
    struct task *t = kernel_task(kernel, tid, false);
    assert_non_null(t);
    return t;
}

static void assert_comm(const struct task *t, const char *comm)
{
    assert_int_equal(t->comm_size, strlen(comm));
    assert_memory_equal(t->comm, comm, t->comm_size);
}

/* Two containers, in each of which the first process is 1: as LTTng tells it since 2.12, levels inwards and outwards. */
static void test_containers(void **unused)
{
    (void)unused;
    static struct fixture f;
    open_fixture(&f, NULL);
    uint32_t s = fixture_class(&f, "lttng_statedump_process_state", STATE), n = fixture_class(&f, "lttng_statedump_process_pid_ns", NAMESPACE);
    uint32_t fork = fixture_class(&f, "sched_process_fork", FORK);
    fixture_event(&f, s, 1000, "500 500 1 init 0");
    fixture_event(&f, n, 1000, "500 500 500 1 0 7000 0");
    fixture_event(&f, n, 1000, "500 1 1 0 1 7001 0");
    fixture_event(&f, s, 1000, "600 600 1 init 0");
    fixture_event(&f, n, 1000, "600 1 1 0 2 7002 0"); /* nested deeper */
    fixture_event(&f, n, 1000, "600 9 9 8 1 7003 0");
    fixture_event(&f, n, 1000, "600 600 600 1 0 7000 0");
    const struct task *a = known(500), *b = known(600);
    assert_ptr_not_equal(a, b);
    assert_int_equal(a->vtid, 1);
    assert_int_equal(b->vtid, 1);
    assert_int_equal(a->pid_ns, 7001);
    assert_int_equal(b->pid_ns, 7002);
    assert_int_equal(b->ns_level, 2);
    /* Its child is in the same namespace; by what number is not told. */
    fixture_event(&f, fork, 1010, "600 600 601 601 sh 7002 0");
    assert_int_equal(known(601)->pid_ns, 7002);
    assert_int_equal(known(601)->vtid, -1);
    assert_null(kernel_task(kernel, 1, false));
    fixture_close(&f);
}

/* Before LTTng 2.12 the process' own record had the namespace, once for each level. */
static void test_containers_of_old_tracers(void **unused)
{
    (void)unused;
    static struct fixture f;
    open_fixture(&f, NULL);
    uint32_t s = fixture_class(&f, "lttng_statedump_process_state", OLD_STATE);
    fixture_event(&f, s, 1000, "500 1 500 1 1 0 init 1 7001 0");
    fixture_event(&f, s, 1000, "500 500 500 500 1 1 init 0 7000 0");
    fixture_event(&f, s, 1000, "600 1 600 1 1 0 init 1 7002 0");
    fixture_event(&f, s, 1000, "600 600 600 600 1 1 init 0 7000 0");
    assert_int_equal(known(500)->vtid, 1);
    assert_int_equal(known(500)->pid_ns, 7001);
    assert_int_equal(known(600)->vtid, 1);
    assert_int_equal(known(600)->pid_ns, 7002);
    assert_comm(known(600), "init");
    fixture_close(&f);
}

/* Tracers before 2.7.1 wrote priorities with 100 more; the idle thread's tells. */
static void test_priorities(void **unused)
{
    (void)unused;
    static const struct {
        const char *first, *second;
        int32_t a, b;
    } cases[] = {
        { "swapper/0 0 20 a 7 20 0", "a 7 20 b 8 -51 0", 20, -51 },
        { "swapper/0 0 120 a 7 120 0", "a 7 120 b 8 49 0", 20, -51 },
        { "b 8 49 a 7 139 0", "a 7 139 b 8 49 0", 39, -51 }, /* the second of an event tells of the first, too */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct fixture f;
        open_fixture(&f, NULL);
        uint32_t s = fixture_class(&f, "sched_switch", SWITCH);
        fixture_event(&f, s, 1000, cases[i].first);
        fixture_event(&f, s, 1001, cases[i].second);
        assert_int_equal(known(7)->prio, cases[i].a);
        assert_int_equal(known(8)->prio, cases[i].b);
        fixture_close(&f);
    }
}

/* A tid that is used again is another task: references to the old one are stale. */
static void test_reused_tid(void **unused)
{
    (void)unused;
    static struct fixture f;
    open_fixture(&f, NULL);
    uint32_t s = fixture_class(&f, "sched_switch", SWITCH), fork = fixture_class(&f, "sched_process_fork", FORK);
    fixture_event(&f, s, 1000, "swapper/0 0 20 old 7 20 0");
    struct task_ref ref = task_ref(known(7));
    assert_ptr_equal(task_get(ref), known(7));
    fixture_event(&f, s, 1010, "old 7 20 x 5 20 0");
    fixture_event(&f, fork, 1020, "5 5 7 7 new 7000 0");
    assert_null(task_get(ref));
    assert_comm(known(7), "new");
    fixture_close(&f);
}

/* Bounded as configured; what runs stays, what is forgotten is counted. */
static void test_bound(void **unused)
{
    (void)unused;
    enum { MANY = 100000, BOUND = 8192 };
    static const char *const set[][2] = { { "max_tasks", "8192" }, { NULL, NULL } };
    static struct fixture f;
    char text[96];
    open_fixture(&f, set);
    uint32_t s = fixture_class(&f, "sched_switch", SWITCH);
    fixture_event(&f, s, 1000, "swapper/1 0 20 stays 999999 20 1");
    for (int i = 1; i <= MANY; i++) {
        snprintf(text, sizeof(text), "t %d 20 t %d 20 0", i, i + 1);
        fixture_event(&f, s, 1000 + i * 0.001, text);
    }
    assert_int_equal(kernel->counts.unknown_tasks, MANY + 2);
    assert_int_equal(kernel->counts.evicted_tasks, MANY + 2 - BOUND);
    assert_int_equal(known(999999)->on_cpu, 1);
    assert_int_equal(known(MANY + 1)->on_cpu, 0);
    assert_null(kernel_task(kernel, 1, false));
    assert_true(known(MANY + 1)->number < BOUND);
    fixture_watermark(&f, 3000);
    assert_non_null(strstr(f.text, "foretrace.evicted_tasks{analysis=kernel} (detail) count 91810"));
    fixture_close(&f);
}

/* Who is dead goes first, and is not missed. */
static void test_dead_first(void **unused)
{
    (void)unused;
    enum { BOUND = 8192, DEAD = 5000 };
    static const char *const set[][2] = { { "max_tasks", "8192" }, { NULL, NULL } };
    static struct fixture f;
    char text[96];
    open_fixture(&f, set);
    uint32_t s = fixture_class(&f, "sched_switch", SWITCH), end = fixture_class(&f, "sched_process_free", "tid:s ctx.cpu_id:u");
    for (int i = 1; i < BOUND + 1; i++) {
        snprintf(text, sizeof(text), "t %d 20 t %d 20 0", i, i + 1);
        if (i == BOUND) {
            assert_non_null(kernel_task(kernel, DEAD, false));
            fixture_event(&f, end, 1000 + i * 0.1, "5000 1");
        }
        fixture_event(&f, s, 1000 + i * 0.1, text);
    }
    assert_null(kernel_task(kernel, DEAD, false));
    for (int i = 1; i <= BOUND + 1; i++)
        assert_true(i == DEAD || kernel_task(kernel, i, false));
    assert_int_equal(kernel->counts.evicted_tasks, 0);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_containers_of_old_tracers),
        cmocka_unit_test(test_priorities),
        cmocka_unit_test(test_reused_tid),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_dead_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
