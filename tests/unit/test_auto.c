#include "stream_fixture.h"

static const char *const none[][2] = { { NULL, NULL } };

static void number(char text[64], const char *before, int n)
{
    snprintf(text, 64, "%s%d", before, n);
}

static void test_rates_and_pairs(void **unused)
{
    (void)unused;
    static struct fixture f;
    fixture_open(&f, "auto", "1s", none);
    uint32_t tick = fixture_class(&f, "shop:tick", "n:u ctx.vtid:s");
    uint32_t begin = fixture_class(&f, "shop:request_begin", "id:u op:t ctx.vtid:s"),
             end = fixture_class(&f, "shop:request_end", "id:u ctx.vtid:s");
    fixture_class(&f, "lttng_ust_statedump:start", "x:u");
    fixture_event(&f, tick, 0, "1 5");
    fixture_event(&f, begin, 1000, "1 read 5");
    fixture_event(&f, begin, 1001, "2 read 5"); /* two at once in one thread: the id tells them apart */
    fixture_event(&f, end, 1010, "1 5");
    fixture_event(&f, end, 1021, "2 5");
    fixture_event(&f, tick, 1500, "1 5");
    fixture_clear(&f);
    fixture_watermark(&f, 2000);
    assert_string_equal(f.text,
                        "window 1000..2000 ms complete\n"
                        "  latency.duration{pair=shop:request} count 2 rate 2/s mean 15 ms p50 10.0 ms p90 20 ms p99 20 ms max 20 ms\n"
                        "    worst 20 ms vtid=5 id=2\n"
                        "    worst 10 ms vtid=5 id=1\n"
                        "  rate.events{event=shop:request_begin} (detail) count 2 rate 2/s\n"
                        "  rate.events{event=shop:request_end} (detail) count 2 rate 2/s\n"
                        "  rate.events{event=shop:tick} count 1 rate 1/s\n");
    fixture_close(&f);
}

static const struct {
    const char *begin, *end;
    bool pair;
} names[] = {
    { "a:x_begin", "a:x_end", true },    { "a:x_start", "a:x_stop", true },   { "a:x_start", "a:x_end", true },
    { "a:x_start", "a:x_done", true },   { "a:x_entry", "a:x_exit", true },   { "a:x_enter", "a:x_leave", true },
    { "a:x_req", "a:x_acq", true },      { "a:begin", "a:end", true },        { "x_entry", "x_exit", true },
    { "a:x_begin", "b:x_end", false },   { "a:x_begin", "a:y_end", false },   { "a:x_begin", "a:x_exit", false },
    { "a:xbegin", "a:xend", false },     { "a:x_begin", "a:x_begin", false },
};

static void test_names(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(names); i++) {
        for (int order = 0; order < 2; order++) { /* whichever class is seen first */
            static struct fixture f;
            fixture_open(&f, "auto", "1s", none);
            uint32_t first = fixture_class(&f, order ? names[i].end : names[i].begin, "ctx.vtid:s");
            uint32_t second = fixture_class(&f, order ? names[i].begin : names[i].end, "ctx.vtid:s");
            fixture_event(&f, order ? second : first, 1000, "1");
            fixture_event(&f, order ? first : second, 1010, "1");
            fixture_watermark(&f, 2000);
            bool found = strstr(f.text, "latency.duration{pair=") != NULL;
            if (found != names[i].pair)
                fail_msg("%s and %s, order %d:\n%s", names[i].begin, names[i].end, order, f.text);
            fixture_close(&f);
        }
    }
}

/* Work handed from thread to thread never closes by thread: after a trial without
 * one match, the thread is left out of the key. */
static void test_handed_over(void **unused)
{
    (void)unused;
    static struct fixture f;
    char text[64];
    fixture_open(&f, "auto", "10s", none);
    uint32_t begin = fixture_class(&f, "q:job_begin", "job_id:u ctx.vtid:s"), end = fixture_class(&f, "q:job_end", "job_id:u ctx.vtid:s");
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof(text), "%d 1", i);
        fixture_event(&f, begin, i * 10, text);
        snprintf(text, sizeof(text), "%d 2", i);
        fixture_event(&f, end, i * 10 + 5, text);
    }
    fixture_watermark(&f, 10000);
    assert_non_null(strstr(f.text, "latency.duration{pair=q:job} count 29 rate 2.90/s mean 5 ms"));
    fixture_close(&f);
}

/* Thirty threads wait when tracing begins: their ends match nothing, and mean nothing. */
static void test_attached_amid_work(void **unused)
{
    (void)unused;
    static struct fixture f;
    char text[64];
    fixture_open(&f, "auto", "100s", none);
    uint32_t begin = fixture_class(&f, "q:lock_req", "mutex:u ctx.vtid:s"), end = fixture_class(&f, "q:lock_acq", "mutex:u ctx.vtid:s");
    for (int i = 0; i < 300; i++) { /* every thread waits for thirty turns, 2 ms each */
        snprintf(text, sizeof(text), "7 %d", i % 30);
        fixture_event(&f, end, 100 + i * 2, text);
        fixture_event(&f, begin, 100.5 + i * 2, text);
    }
    fixture_watermark(&f, 100000);
    assert_non_null(strstr(f.text, "latency.duration{pair=q:lock} count 270 rate 2.70/s mean 59.5 ms"));
    fixture_close(&f);
}

/* A pair that most ends do not fit is reported and dropped; the rates of its
 * events are judged from then on. */
static void test_unpaired(void **unused)
{
    (void)unused;
    static struct fixture f;
    char text[64];
    fixture_open(&f, "auto", "10s", none);
    uint32_t begin = fixture_class(&f, "q:x_start", "ctx.vtid:s"), end = fixture_class(&f, "q:x_stop", "ctx.vtid:s");
    for (int i = 0; i < 1100; i++) {
        number(text, "", i % 10);
        if (i % 3 == 0)
            fixture_event(&f, begin, 100 + i, text);
        fixture_event(&f, end, 100 + i + 0.5, text);
    }
    fixture_watermark(&f, 10000);
    assert_non_null(strstr(f.text, "notice q:x: unpaired: only 334 of 1000 ends match a q:x_start; not a latency"));
    assert_non_null(strstr(f.text, "rate.events{event=q:x_stop} count 1100"));
    assert_null(strstr(f.text, "latency.duration"));    /* and no zeros of it for ever */
    assert_non_null(strstr(f.text, "unmatched_ends"));  /* while what was counted is told */
    fixture_close(&f);
}

static void test_no_key(void **unused)
{
    (void)unused;
    static struct fixture f;
    fixture_open(&f, "auto", "1s", none);
    fixture_class(&f, "q:x_begin", "size:u");
    fixture_class(&f, "q:x_end", "result:s");
    assert_string_equal(f.text, "notice q:x_begin and its end share neither a thread nor a field known as a key (id, key, ptr, addr ...): "
                                "add the context vtid to the session, or configure a latency with a key of its own\n");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rates_and_pairs), cmocka_unit_test(test_names),
                                        cmocka_unit_test(test_handed_over), cmocka_unit_test(test_attached_amid_work), cmocka_unit_test(test_unpaired),
                                        cmocka_unit_test(test_no_key) };
    return cmocka_run_group_tests_name("auto", tests, NULL, NULL);
}
