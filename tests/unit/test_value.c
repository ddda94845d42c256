#include "stream_fixture.h"

static void test_statistics(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "name", "queue" }, { "events", "q:depth" }, { "field", "depth" }, { "labels", "queue" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "value", "1s", set);
    uint32_t c = fixture_class(&f, "q:depth", "depth:s queue:t");
    fixture_event(&f, c, 900, "5 in");
    for (int i = 1; i <= 100; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%d in", i);
        fixture_event(&f, c, 1000 + i, text);
    }
    fixture_event(&f, c, 1500, "-40 out");
    fixture_clear(&f);
    fixture_watermark(&f, 3000);
    assert_string_equal(f.text,
                        "window 1000..2000 ms complete\n"
                        "  queue.depth{queue=in} count 100 rate 100/s mean 50.5 p50 50.2 p90 90.5 p99 99.5 max 100 min 1 last 100\n"
                        "  queue.depth{queue=out} count 1 rate 1/s mean -40 p50 -40 p90 -40 p99 -40 max -40 min -40 last -40\n"
                        "window 2000..3000 ms complete\n"
                        "  queue.depth{queue=in} count 0 rate 0/s\n"
                        "  queue.depth{queue=out} count 0 rate 0/s\n");
    fixture_close(&f);
}

static void test_kinds_of_fields(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "events", "e*" }, { "field", "v" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "value", "1s", set);
    uint32_t real = fixture_class(&f, "e1", "v:r"), text = fixture_class(&f, "e2", "v:t"), none = fixture_class(&f, "e3", "w:u");
    fixture_event(&f, real, 1000, "2.5");
    fixture_event(&f, text, 1001, "abc");
    fixture_event(&f, none, 1002, "7");
    fixture_event(&f, real, 1003, "-"); /* the field is there in the class, not in this event */
    fixture_watermark(&f, 2000);
    assert_string_equal(f.text, "notice value: events e3 have no field 'v'\n"
                                "window 1000..2000 ms complete\n"
                                "  foretrace.unkeyed_events{analysis=value} (detail) count 3 rate 3/s\n"
                                "  value.v count 1 rate 1/s mean 2.50 p50 2.50 p90 2.50 p99 2.50 max 2.50 min 2.50 last 2.50\n");
    fixture_close(&f);
}

/* Beyond the bound nothing is taken together: the least and the last of several values would be of none. */
static void test_bound(void **unused)
{
    (void)unused;
    static const char *const set[][2] = { { "events", "e" }, { "field", "v" }, { "labels", "id" }, { "max_series", "20" }, { NULL, NULL } };
    static struct fixture f;
    fixture_open(&f, "value", "1s", set);
    uint32_t c = fixture_class(&f, "e", "id:u v:u");
    for (int i = 0; i < 5; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%d %d", i, i * 10);
        fixture_event(&f, c, 1000 + i, text);
    }
    fixture_watermark(&f, 2000);
    assert_non_null(strstr(f.text, "value.v{id=1} count 1"));
    assert_null(strstr(f.text, "{id=(other)}"));
    assert_non_null(strstr(f.text, "foretrace.refused_observations (detail) count 3"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_statistics), cmocka_unit_test(test_kinds_of_fields), cmocka_unit_test(test_bound) };
    return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
