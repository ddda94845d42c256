#include "stream_fixture.h"

#define CONTEXT " ctx.cpu_id:u ctx.tid:s ctx.pid:s ctx.procname:t"
#define PROBE "ip:u" CONTEXT
#define FUNCTION "ip:u parent_ip:u" CONTEXT

static void test_rates_functions_and_pairs(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "probes", "in=vfs_read, out=vfs_read+0x10, sync=function:vfs_fsync" }, { "pairs", "way=in..out" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "probe", "1s", set);
    uint32_t in = fixture_class(&f, "in", PROBE), out = fixture_class(&f, "out", PROBE), other = fixture_class(&f, "other", PROBE);
    uint32_t entry = fixture_class(&f, "sync_entry", FUNCTION), exit = fixture_class(&f, "sync_return", FUNCTION);
    fixture_event(&f, in, 1000, "1 0 11 10 a");
    fixture_event(&f, in, 1010, "1 1 12 10 b");
    fixture_event(&f, other, 1015, "1 1 12 10 b");
    fixture_event(&f, out, 1030, "2 1 11 10 a");
    fixture_event(&f, entry, 1100, "1 7 0 11 10 a");
    fixture_event(&f, entry, 1110, "1 7 0 11 10 a"); /* calls itself */
    fixture_event(&f, exit, 1130, "1 7 0 11 10 a");
    fixture_event(&f, exit, 1200, "1 7 0 11 10 a");
    fixture_watermark(&f, 2000);
    assert_non_null(strstr(f.text, "probe.hits{probe=in} count 2"));
    assert_non_null(strstr(f.text, "probe.hits{probe=out} count 1"));
    assert_non_null(strstr(f.text, "probe.hits{probe=sync} count 2"));
    assert_null(strstr(f.text, "other"));
    assert_non_null(strstr(f.text, "probe.duration{pair=way} count 1"));
    assert_non_null(strstr(f.text, "worst 30 ms pair=way procname=a tid=11 pid=10"));
    assert_non_null(strstr(f.text, "probe.duration{pair=sync} count 2"));
    assert_non_null(strstr(f.text, "worst 100 ms pair=sync"));
    assert_non_null(strstr(f.text, "worst 20 ms pair=sync"));
    fixture_close(&f);
}

/* A probe as one end, a system call's exit as the other; thresholds by pair. */
static void test_pair_with_other_events(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "probes", "in=vfs_read" }, { "pairs", "read=in..syscall_exit:read" }, { "threshold", "1ms" },
                                          { "thresholds", "read=40ms" }, { "timeout", "100ms" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "probe", "1s", set);
    uint32_t in = fixture_class(&f, "in", PROBE), exit = fixture_class(&f, "syscall_exit_read", "ret:s" CONTEXT);
    fixture_event(&f, in, 1000, "1 0 11 10 a");
    fixture_event(&f, exit, 1030, "5 0 11 10 a");
    fixture_event(&f, in, 1100, "1 0 11 10 a");
    fixture_event(&f, exit, 1150, "5 0 11 10 a");
    fixture_event(&f, in, 1200, "1 0 11 10 a");
    fixture_event(&f, exit, 1400, "5 0 11 10 a");
    assert_null(strstr(f.text, "threshold at 1030"));
    assert_non_null(strstr(f.text, "threshold at 1150 ms probe.duration{pair=read}"));
    assert_non_null(strstr(f.text, "timeout at 1300 ms probe.duration{pair=read} pending 1"));
    assert_non_null(strstr(f.text, "ended at 1400 ms probe.duration{pair=read} pending 0"));
    fixture_close(&f);
}

/* Nothing configured: what looks like a probe is one. Without the context tid there are no pairs, which is told. */
static void test_shapes(void **unused)
{
    (void)unused;
    static struct fixture f;
    fixture_open(&f, "probe", "1s", NULL);
    uint32_t at = fixture_class(&f, "at", "ip:u ctx.cpu_id:u"), more = fixture_class(&f, "tracepoint", "ip:u call:s ctx.cpu_id:u");
    uint32_t entry = fixture_class(&f, "f_entry", FUNCTION), exit = fixture_class(&f, "f_exit", FUNCTION);
    fixture_class(&f, "g_entry", "ip:u parent_ip:u ctx.cpu_id:u");
    fixture_event(&f, at, 1000, "1 0");
    fixture_event(&f, more, 1000, "1 2 0");
    fixture_event(&f, entry, 1001, "1 2 0 11 10 a");
    fixture_event(&f, exit, 1004, "1 2 0 11 10 a");
    fixture_watermark(&f, 2000);
    assert_non_null(strstr(f.text, "probe.hits{probe=at} count 1"));
    assert_non_null(strstr(f.text, "probe.hits{probe=f} count 1"));
    assert_non_null(strstr(f.text, "probe.duration{pair=f} count 1"));
    assert_non_null(strstr(f.text, "notice probe: event g_entry has no context tid: pair g is left out"));
    assert_null(strstr(f.text, "probe=tracepoint"));
    fixture_close(&f);
}

static void test_configuration(void **unused)
{
    (void)unused;
    static const struct {
        const char *option, *text, *error; /* NULL: accepted */
    } cases[] = {
        { "probes", "a=vfs_read", NULL },
        { "probes", "a=0xffffffff81000000", NULL },
        { "probes", "a=elf:/usr/bin/x:main", NULL },
        { "probes", "a=sdt:/usr/bin/x:prov:name", NULL },
        { "probes", "a=function:vfs_read", NULL },
        { "probes", "vfs_read", "is not NAME=WHERE" },
        { "probes", "a=", "is not NAME=WHERE" },
        { "probes", "=vfs_read", "is not NAME=WHERE" },
        { "probes", "a b=vfs_read", "is not NAME=WHERE" },
        { "probes", "a=elf:x:main", "expected NAME=SYMBOL" },
        { "probes", "a=elf:/usr/bin/x", "expected NAME=SYMBOL" },
        { "probes", "a=sdt:/usr/bin/x:prov", "expected NAME=SYMBOL" },
        { "probes", "a=function:", "expected NAME=SYMBOL" },
        { "probes", "a=what:vfs_read", "expected NAME=SYMBOL" },
        { "pairs", "x=a..b", NULL },
        { "pairs", "x=a.b", "is not NAME=BEGIN..END" },
        { "pairs", "x=a..", "is not NAME=BEGIN..END" },
        { "pairs", "a..b", "is not NAME=BEGIN..END" },
        { "timeout", "2m", "collect_after must be longer" },
    };
    const struct analysis *a = analysis_find("probe");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = { { 0 } };
        void *config = calloc(1, a->config_size);
        options_default(a->options, config);
        assert_int_equal(option_set(a->options, config, cases[i].option, cases[i].text, &err), 0);
        int r = a->check(config, &err);
        if (cases[i].error ? r == 0 || !strstr(err.text, cases[i].error) : r < 0)
            fail_msg("%s: %d %s", cases[i].text, r, err.text);
        free(config);
    }
}

static bool has(const struct needs *n, const char *event)
{
    for (uint32_t i = 0; i < n->event_count; i++)
        if (strcmp(n->events[i].s, event) == 0)
            return true;
    return false;
}

static void test_needs(void **unused)
{
    (void)unused;
    static struct needs n;
    struct error err;
    const struct analysis *a = analysis_find("probe");
    void *config = calloc(1, a->config_size);
    options_default(a->options, config);
    assert_int_equal(option_set(a->options, config, "probes", "in=vfs_read, f=function:vfs_write", &err), 0);
    assert_int_equal(option_set(a->options, config, "pairs", "x=in..softirq_entry, y=f_entry..syscall_exit:read", &err), 0);
    a->needs(config, &n);
    assert_true(has(&n, "in=vfs_read") && has(&n, "f=function:vfs_write"));
    assert_true(has(&n, "irq_softirq_entry|softirq_entry") && has(&n, "syscall_entry_read"));
    assert_int_equal(n.event_count, 4);
    assert_int_equal(n.context_count, 3);
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_functions_and_pairs),
        cmocka_unit_test(test_pair_with_other_events),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
