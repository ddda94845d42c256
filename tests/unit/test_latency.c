#include "stream_fixture.h"

static const char *const plain[][2] = { { "name", "request" }, { "in", "in" }, { "out", "out" }, { "key", "id" },
                                        { "labels", "op" },    { "evidence", "vtid" }, { NULL, NULL } };

static void test_latency_by_label(void **unused)
{
    (void)unused;
    static struct fixture f;
    fixture_open(&f, "latency", "1s", plain);
    uint32_t in = fixture_class(&f, "in", "id:u op:t ctx.vtid:s"), out = fixture_class(&f, "out", "id:u ctx.vtid:s");
    fixture_event(&f, in, 0, "99 warm 1");
    fixture_event(&f, in, 1010, "1 read 7");
    fixture_event(&f, in, 1020, "2 write 8");
    fixture_event(&f, out, 1030, "1 9");
    fixture_event(&f, out, 1070, "2 8");
    fixture_event(&f, in, 1100, "3 read 7");
    fixture_event(&f, out, 1101, "3 7");
    fixture_event(&f, out, 1102, "4 7"); /* ends what never began */
    fixture_clear(&f);
    fixture_watermark(&f, 2000);
    assert_string_equal(
        f.text, "window 1000..2000 ms complete\n"
                "  foretrace.unmatched_ends{analysis=request} (detail) count 1 rate 1/s\n"
                "  request.duration{op=read} count 2 rate 2/s mean 10.5 ms p50 1.00 ms p90 20 ms p99 20 ms max 20 ms\n"
                "    worst 20 ms id=1 vtid=7\n"
                "    worst 1 ms id=3 vtid=7\n"
                "  request.duration{op=warm} count 0 rate 0/s\n"
                "  request.duration{op=write} count 1 rate 1/s mean 50 ms p50 50 ms p90 50 ms p99 50 ms max 50 ms\n"
                "    worst 50 ms id=2 vtid=8\n");
    fixture_close(&f);
}

static bool wants_sketch(const void *self, const struct meter_description *d)
{
    return d->label_count > 0 && strcmp(d->labels[0].value, self) == 0;
}

/* Sketches are there where somebody wants them, also of a window without operations, and nowhere else. */
static void test_sketches(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "name", "request" }, { "in", "in" }, { "out", "out" }, { "key", "id" }, { "labels", "op" }, { "evidence", "" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "latency", "1s", set);
    f.setup.wants_sketch = wants_sketch;
    f.setup.wants_sketch_self = "read";
    uint32_t in = fixture_class(&f, "in", "id:u op:t"), out = fixture_class(&f, "out", "id:u");
    fixture_event(&f, in, 0, "99 warm");
    fixture_event(&f, in, 1010, "1 read");
    fixture_event(&f, in, 1010, "2 write");
    fixture_event(&f, in, 1010, "3 read");
    fixture_event(&f, in, 1010, "4 read");
    fixture_event(&f, out, 1011, "1");
    fixture_event(&f, out, 1011, "2");
    fixture_event(&f, out, 1011, "3");
    fixture_event(&f, out, 1026, "4");
    fixture_watermark(&f, 3000);
    /* 1 ms is 2^19 (1 + 0.907), 16 ms 2^23 (1 + 0.907). */
    assert_non_null(strstr(f.text, "request.duration{op=read} count 3 rate 3/s mean 6 ms p50 1.00 ms p90 16 ms p99 16 ms max 16 ms sketch 2 of 79 1 of 95\n"));
    assert_non_null(strstr(f.text, "request.duration{op=write} count 1 rate 1/s mean 1 ms p50 1 ms p90 1 ms p99 1 ms max 1 ms\n"));
    assert_non_null(strstr(f.text, "request.duration{op=read} count 0 rate 0/s sketch\n"));
    fixture_close(&f);
}

static void test_threshold_and_timeout(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "name", "request" }, { "in", "in" },        { "out", "out" },       { "key", "id" },
                                          { "evidence", "" },    { "threshold", "50ms" }, { "timeout", "100ms" }, { "collect_after", "5s" },
                                          { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "latency", "10s", set);
    uint32_t in = fixture_class(&f, "in", "id:u"), out = fixture_class(&f, "out", "id:u");
    fixture_event(&f, in, 0, "1");
    fixture_event(&f, out, 50, "1");     /* at the threshold: not above it */
    fixture_event(&f, in, 60, "2");
    fixture_event(&f, out, 111, "2");    /* above */
    fixture_event(&f, in, 200, "3");
    fixture_event(&f, in, 210, "4");
    fixture_event(&f, in, 299, "5");
    fixture_watermark(&f, 300);          /* 3 is due at 300, which may still end it */
    fixture_event(&f, out, 300, "3");
    fixture_watermark(&f, 350);          /* 4 timed out at 310 */
    fixture_event(&f, in, 420, "6");     /* 5 timed out at 399, before this */
    fixture_event(&f, out, 430, "4");    /* over after all */
    fixture_watermark(&f, 6000);         /* 6 timed out at 520; 5 and 6 are given up after 5 s */
    assert_string_equal(f.text, "threshold at 111 ms request.duration pending 0 51 ms id=2\n"
                                "threshold at 300 ms request.duration pending 0 100 ms id=3\n"
                                "timeout at 310 ms request.duration pending 1 100 ms id=4\n"
                                "timeout at 399 ms request.duration pending 2 100 ms id=5\n"
                                /* Four in a window are told. After these: what is the worst yet, and the last end. */
                                "threshold at 430 ms request.duration pending 1 220 ms id=4\n"
                                "collected at 5420 ms request.duration pending 0 5 s id=6\n");
    fixture_close(&f);
}

/* What is told of long operations never keeps a hanging one from being told. */
static void test_timeout_after_thresholds(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "in", "in" },           { "out", "out" },      { "key", "id" },          { "evidence", "" },
                                          { "threshold", "10ms" }, { "timeout", "100ms" }, { "collect_after", "60s" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "latency", "10s", set);
    uint32_t in = fixture_class(&f, "in", "id:u"), out = fixture_class(&f, "out", "id:u");
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", i);
        fixture_event(&f, in, 1000 + i * 100, id);
        fixture_event(&f, out, 1090 + i * 100, id);
    }
    fixture_event(&f, in, 2000, "77");
    fixture_clear(&f);
    fixture_watermark(&f, 3000);
    assert_string_equal(f.text, "timeout at 2100 ms latency.duration pending 1 100 ms id=77\n");
    fixture_close(&f);
}

/* Labels: cut ones stay apart, absent ones are one, and what only the end knows is used. */
static void test_labels(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "in", "in*" },    { "out", "out" },     { "key", "id" }, { "labels", "path, code" },
                                          { "evidence", "" }, { "timeout", "100ms" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "latency", "1s", set);
    uint32_t in = fixture_class(&f, "in", "id:u path:t"), bare = fixture_class(&f, "in_bare", "id:u"), out = fixture_class(&f, "out", "id:u code:s");
    for (int round = 0; round < 2; round++) {
        fixture_event(&f, in, 1000 + round * 50, "1 /var/lib/postgresql/15/main/base/16384/pg_internal_A");
        fixture_event(&f, out, 1001 + round * 50, "1 7");
        fixture_event(&f, in, 1010 + round * 50, "2 /var/lib/postgresql/15/main/base/16384/pg_internal_B");
        fixture_event(&f, out, 1011 + round * 50, "2 7");
        fixture_event(&f, bare, 1020 + round * 50, "3"); /* in a place where a text was before */
        fixture_event(&f, out, 1021 + round * 50, "3 7");
    }
    fixture_event(&f, in, 1200, "4 /short");
    fixture_event(&f, out, 1350, "4 7"); /* overdue by then, when nobody knew its code */
    fixture_clear(&f);
    fixture_watermark(&f, 2000);
    const char *at = f.text;
    for (int i = 0; i < 2; i++) {
        at = strstr(at, "latency.duration{path=/var/lib/postgresql/15/main/base/16384/~");
        assert_non_null(at);
        at = strstr(at, ",code=7} count 2 ");
        assert_non_null(at);
    }
    assert_non_null(strstr(f.text, "latency.duration{path=,code=7} count 2 "));
    assert_non_null(strstr(f.text, "latency.duration{path=/short,code=7} count 1 rate 1/s mean 150 ms"));
    fixture_close(&f);
}

static void test_key_fields_that_lack(void **unused)
{
    (void)unused;
    static struct fixture f;
    fixture_open(&f, "latency", "1s", plain);
    fixture_class(&f, "in", "op:t");
    uint32_t out = fixture_class(&f, "out", "id:u");
    assert_string_equal(f.text, "notice request: events in have no field 'id' to pair by; they are left out\n");
    uint32_t in = fixture_class(&f, "in", "id:u op:t");
    fixture_event(&f, in, 1000, "- read"); /* an event without the value */
    fixture_event(&f, out, 1001, "1");
    fixture_clear(&f);
    fixture_watermark(&f, 2000);
    assert_string_equal(f.text, "window 1000..2000 ms complete\n"
                                "  foretrace.unkeyed_events{analysis=request} (detail) count 1 rate 1/s\n"
                                "  foretrace.unmatched_ends{analysis=request} (detail) count 1 rate 1/s\n");
    fixture_close(&f);
}

static void test_wildcards_and_other_key(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "in", "a_*" },      { "out", "b_*, c" }, { "key", "dev sector" }, { "out_key", "disk sector" },
                                          { "labels", "dev code" }, { "evidence", "" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "latency", "1s", set);
    uint32_t a = fixture_class(&f, "a_1", "dev:u sector:u"), b = fixture_class(&f, "b_1", "disk:u sector:u code:s"),
             c = fixture_class(&f, "c", "disk:u sector:u code:s");
    fixture_event(&f, a, 1000, "8 100");
    fixture_event(&f, a, 1001, "8 200");
    fixture_event(&f, b, 1005, "8 100 0"); /* `code` is a label of the end event */
    fixture_event(&f, c, 1006, "8 200 -5");
    fixture_clear(&f);
    fixture_watermark(&f, 2000);
    assert_string_equal(f.text, "window 1000..2000 ms complete\n"
                                "  latency.duration{dev=8,code=-5} count 1 rate 1/s mean 5 ms p50 5 ms p90 5 ms p99 5 ms max 5 ms\n"
                                "    worst 5 ms dev=8 sector=200\n"
                                "  latency.duration{dev=8,code=0} count 1 rate 1/s mean 5 ms p50 5 ms p90 5 ms p99 5 ms max 5 ms\n"
                                "    worst 5 ms dev=8 sector=100\n");
    fixture_close(&f);
}

/* A pair never bridges a loss, and nothing pending across it is certainly overdue. */
static void test_loss(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "name", "request" }, { "in", "in" }, { "out", "out" }, { "key", "id" },
                                          { "evidence", "" }, { "timeout", "500ms" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "latency", "1s", set);
    uint32_t in = fixture_class(&f, "in", "id:u"), out = fixture_class(&f, "out", "id:u");
    fixture_event(&f, in, 1000, "1");
    fixture_event(&f, in, 1010, "2");
    fixture_event(&f, out, 1020, "2");            /* whole before the loss */
    fixture_lost(&f, LOSS_EVENTS, 7, 1100, 1200);
    fixture_event(&f, in, 1150, "3");             /* begins within it */
    fixture_event(&f, out, 1160, "3");
    fixture_event(&f, out, 1300, "1");            /* began before it */
    fixture_event(&f, in, 1310, "4");
    fixture_event(&f, out, 1320, "4");            /* whole after it */
    fixture_event(&f, in, 1190, "5");             /* late by a bit, within it: never certainly overdue */
    fixture_event(&f, in, 1330, "6");             /* after it, and never ends */
    fixture_watermark(&f, 3000);
    assert_string_equal(f.text, "message 5\n"
                                "timeout at 1830 ms request.duration pending 1 500 ms id=6\n"
                                "window 1000..2000 ms lossy lost 7\n"
                                "  foretrace.discarded_events (detail) count 7 rate 7/s\n"
                                "  foretrace.suspect_pairs{analysis=request} (detail) count 2 rate 2/s\n"
                                "  request.duration count 2 rate 2/s mean 10 ms p50 10 ms p90 10 ms p99 10 ms max 10 ms\n"
                                "    worst 10 ms id=2\n"
                                "    worst 10 ms id=4\n"
                                "window 2000..3000 ms complete\n"
                                "  foretrace.discarded_events (detail) count 0 rate 0/s\n"
                                "  foretrace.suspect_pairs{analysis=request} (detail) count 0 rate 0/s\n"
                                "  request.duration count 0 rate 0/s\n");
    fixture_close(&f);
}

/* Two containers both have a thread 1: the pid namespace is part of the key. */
static void test_threads_of_containers(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "name", "lock" }, { "in", "in" }, { "out", "out" }, { "key", "vtid" }, { "evidence", "" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "latency", "1s", set);
    uint32_t in = fixture_class(&f, "in", "ctx.vtid:s ctx.pid_ns:u"), out = fixture_class(&f, "out", "ctx.vtid:s ctx.pid_ns:u");
    fixture_event(&f, in, 1000, "1 4026531836");
    fixture_event(&f, in, 1100, "1 4026532000");
    fixture_event(&f, out, 1110, "1 4026531836");
    fixture_event(&f, out, 1120, "1 4026532000");
    fixture_watermark(&f, 2000);
    assert_non_null(strstr(f.text, "count 2 rate 2/s mean 65 ms"));
    assert_non_null(strstr(f.text, "worst 110 ms vtid=1"));
    assert_non_null(strstr(f.text, "worst 20 ms vtid=1"));
    fixture_close(&f);
}

/* Many slow operations at once: some are told, the rest are counted, the worst is never kept back. */
/* What is given up for its age is looked for again and again, not once. */
static void test_collected_again(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "name", "request" }, { "in", "in" }, { "out", "out" }, { "key", "id" },
                                          { "evidence", "" },    { "collect_after", "2s" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "latency", "1s", set);
    uint32_t in = fixture_class(&f, "in", "id:u"), out = fixture_class(&f, "out", "id:u");
    fixture_event(&f, in, 100, "1");      /* collected at 2.1 s */
    fixture_event(&f, in, 5200, "2");     /* at 7.2 s */
    fixture_event(&f, in, 5100, "3");     /* time goes back a little: it began with 2 */
    fixture_event(&f, out, 5300, "3");
    fixture_event(&f, in, 9500, "4");
    fixture_event(&f, out, 9600, "2");
    fixture_event(&f, out, 9600, "4");
    fixture_watermark(&f, 11000);
    static const char *const counted[] = { "window 2000..3000 ms complete\n  foretrace.collected_begins{analysis=request} (detail) count 1",
                                           "window 7000..8000 ms complete\n  foretrace.collected_begins{analysis=request} (detail) count 1",
                                           "foretrace.unmatched_ends{analysis=request} (detail) count 1" };
    for (size_t i = 0; i < COUNT(counted); i++)
        if (!strstr(f.text, counted[i]))
            fail_msg("'%s' is not in\n%s", counted[i], f.text);
    fixture_close(&f);
}

/* A series that was forgotten begins anew, and what was pending meanwhile is its first operation. */
static void test_series_comes_back(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "name", "request" }, { "in", "in" }, { "out", "out" }, { "key", "id" },
                                          { "evidence", "" },    { "collect_after", "1h" }, { "idle_after", "2s" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "latency", "1s", set);
    uint32_t in = fixture_class(&f, "in", "id:u"), out = fixture_class(&f, "out", "id:u");
    fixture_event(&f, in, 100, "1");
    fixture_event(&f, out, 110, "1");
    fixture_event(&f, in, 500, "2");
    fixture_watermark(&f, 20000);
    assert_non_null(strstr(f.text, "window 1000..2000"));
    assert_null(strstr(f.text, "window 10000..11000")); /* no series was left */
    fixture_clear(&f);
    fixture_event(&f, out, 20500, "2");
    fixture_event(&f, in, 20600, "3");
    fixture_event(&f, out, 20601, "3");
    fixture_watermark(&f, 21000);
    if (!strstr(f.text, "request.duration count 2 rate 2/s"))
        fail_msg("%s", f.text);
    fixture_close(&f);
}

static void test_exceedances_are_limited(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "name", "r" }, { "in", "in" }, { "out", "out" }, { "key", "id" }, { "evidence", "" },
                                          { "threshold", "1ms" }, { NULL, NULL } };
    static struct fixture f;
    char id[16];
    int told = 0;
    fixture_open(&f, "latency", "1s", set);
    uint32_t in = fixture_class(&f, "in", "id:u"), out = fixture_class(&f, "out", "id:u");
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "%d", i);
        fixture_event(&f, in, 1000, id);
    }
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "%d", i);
        fixture_event(&f, out, i == 50 ? 1400 : 1005 + i * 0.0, id);
        if (i == 50)
            break;
    }
    for (const char *at = f.text; (at = strstr(at, "threshold at")); at++)
        told++;
    assert_int_equal(told, 5); /* four of 5 ms, and the one of 400 ms */
    fixture_watermark(&f, 2000);
    assert_non_null(strstr(f.text, "foretrace.suppressed_exceedances{analysis=r} (detail) count 46"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latency_by_label),     cmocka_unit_test(test_sketches), cmocka_unit_test(test_threshold_and_timeout),
        cmocka_unit_test(test_timeout_after_thresholds), cmocka_unit_test(test_labels),
        cmocka_unit_test(test_key_fields_that_lack), cmocka_unit_test(test_wildcards_and_other_key),
        cmocka_unit_test(test_loss),                 cmocka_unit_test(test_threads_of_containers),
        cmocka_unit_test(test_collected_again),      cmocka_unit_test(test_series_comes_back),
        cmocka_unit_test(test_exceedances_are_limited),
    };
    return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
