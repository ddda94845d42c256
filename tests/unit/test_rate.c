#include "stream_fixture.h"

static void test_by_name_and_label(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "events", "shop:*" }, { "labels", "op" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "rate", "1s", set);
    uint32_t order = fixture_class(&f, "shop:order", "op:t id:u");
    uint32_t other = fixture_class(&f, "bank:order", "op:t");
    uint32_t plain = fixture_class(&f, "shop:plain", "id:u");
    fixture_event(&f, order, 500, "buy 1");
    fixture_event(&f, order, 1100, "buy 1");
    fixture_event(&f, order, 1200, "sell 2");
    fixture_event(&f, order, 1300, "buy 3");
    fixture_event(&f, other, 1400, "buy");
    fixture_event(&f, plain, 1500, "1");
    fixture_watermark(&f, 4000);
    assert_string_equal(f.text,
                        "window 0..1000 ms partial\n"
                        "  rate.events{event=shop:order,op=buy} count 1 rate 1/s\n"
                        "window 1000..2000 ms complete\n"
                        "  rate.events{event=shop:order,op=buy} count 2 rate 2/s\n"
                        "  rate.events{event=shop:order,op=sell} count 1 rate 1/s\n"
                        "  rate.events{event=shop:plain,op=} count 1 rate 1/s\n"
                        "window 2000..3000 ms complete\n"
                        "  rate.events{event=shop:order,op=buy} count 0 rate 0/s\n"
                        "  rate.events{event=shop:order,op=sell} count 0 rate 0/s\n"
                        "  rate.events{event=shop:plain,op=} count 0 rate 0/s\n"
                        "window 3000..4000 ms complete\n"
                        "  rate.events{event=shop:order,op=buy} count 0 rate 0/s\n"
                        "  rate.events{event=shop:order,op=sell} count 0 rate 0/s\n"
                        "  rate.events{event=shop:plain,op=} count 0 rate 0/s\n");
    fixture_close(&f);
}

static void test_series_are_bounded(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "events", "*" }, { "labels", "id" }, { "max_series", "20" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "rate", "1s", set);
    uint32_t c = fixture_class(&f, "e", "id:u");
    for (int i = 0; i < 100; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", i % 50);
        fixture_event(&f, c, 1000 + i, id);
    }
    fixture_clear(&f);
    fixture_watermark(&f, 2000);
    /* Ten meters of two series fit; of 40 others each came twice, and they are one together. The count itself is one of
     * foretrace's own series, which always have room. */
    assert_non_null(strstr(f.text, "{event=e,id=9} count 2 rate 2/s"));
    assert_null(strstr(f.text, "id=10}"));
    assert_non_null(strstr(f.text, "{event=(other),id=(other)} count 80 rate 80/s"));
    assert_non_null(strstr(f.text, "notice the bound of 20 series is reached"));
    struct stream_totals totals = { 0 };
    feed_add_totals(f.feed, &totals);
    assert_non_null(strstr(f.text, "foretrace.refused_observations (detail) count 80"));
    assert_int_equal(totals.series, 24);
    assert_int_equal(totals.events, 100);
    fixture_close(&f);
}

/* Texts that differ only in what is no character are different series all the same. */
static void test_foreign_bytes(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "events", "*" }, { "labels", "p" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "rate", "1s", set);
    uint32_t c = fixture_class(&f, "e", "p:t");
    fixture_event(&f, c, 1000, "a\xff");
    fixture_event(&f, c, 1001, "a\xfe");
    fixture_event(&f, c, 1002, "a\xfe");
    fixture_event(&f, c, 1003, "a?");
    fixture_clear(&f);
    fixture_watermark(&f, 2000);
    assert_non_null(strstr(f.text, "p=a?} count 1 "));
    const char *first = strstr(f.text, "p=a?~"), *second = first ? strstr(first + 1, "p=a?~") : NULL;
    assert_non_null(second);
    assert_int_not_equal(strncmp(first, second, 13), 0);
    fixture_close(&f);
}

/* A loss at a window's very beginning is a loss of that window. */
static void test_loss_at_the_edge(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "events", "*" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "rate", "1s", set);
    uint32_t c = fixture_class(&f, "e", "x:u");
    fixture_event(&f, c, 1000, "1");
    fixture_event(&f, c, 2000, "1");
    fixture_lost(&f, LOSS_EVENTS, 5, 2000, 2000);
    fixture_watermark(&f, 3000);
    assert_non_null(strstr(f.text, "window 2000..3000 ms lossy lost 5"));
    fixture_close(&f);
}

static void test_idle_series_are_purged(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "events", "*" }, { "idle_after", "3s" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "rate", "1s", set);
    uint32_t a = fixture_class(&f, "a", "x:u"), b = fixture_class(&f, "b", "x:u");
    fixture_event(&f, a, 500, "1");
    for (int t = 1; t < 8; t++)
        fixture_event(&f, b, t * 1000 + 100, "1");
    assert_non_null(strstr(f.text, "retired 0\n"));
    assert_non_null(strstr(f.text, "foretrace.purged_series (detail) count 1"));
    /* It comes back as a new series, with nothing of the old one. */
    fixture_clear(&f);
    fixture_event(&f, a, 8500, "1");
    fixture_watermark(&f, 9000);
    assert_non_null(strstr(f.text, "rate.events{event=a} count 1 rate 1/s"));
    fixture_close(&f);
}

static void test_late_events_are_counted(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "events", "*" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "rate", "1s", set);
    uint32_t c = fixture_class(&f, "e", "x:u");
    fixture_event(&f, c, 1100, "1");
    fixture_event(&f, c, 2100, "1");
    fixture_event(&f, c, 2050, "1"); /* back, but within the window: counts */
    fixture_event(&f, c, 1900, "1"); /* its window is closed: late */
    fixture_clear(&f);
    fixture_watermark(&f, 3000);
    assert_string_equal(f.text, "window 2000..3000 ms late\n"
                                "  foretrace.late_events (detail) count 1 rate 1/s\n"
                                "  rate.events{event=e} count 2 rate 2/s\n");
    fixture_close(&f);
}

static void test_long_silences_are_jumped(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "events", "*" }, { "idle_after", "5s" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "rate", "1s", set);
    uint32_t c = fixture_class(&f, "e", "x:u");
    fixture_event(&f, c, 1000, "1");
    fixture_event(&f, c, 1e12, "1"); /* thirty years on */
    struct stream_totals totals = { 0 };
    feed_add_totals(f.feed, &totals);
    assert_true(totals.windows < 20);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_name_and_label),      cmocka_unit_test(test_series_are_bounded), cmocka_unit_test(test_foreign_bytes), cmocka_unit_test(test_loss_at_the_edge),
        cmocka_unit_test(test_idle_series_are_purged), cmocka_unit_test(test_late_events_are_counted),
        cmocka_unit_test(test_long_silences_are_jumped),
    };
    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
