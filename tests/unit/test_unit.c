#include "base/unit.h"
#include "testing.h"

static void test_amounts(void **unused)
{
    (void)unused;
    static const struct {
        double value;
        enum unit unit;
        const char *text;
    } rows[] = {
        { 0, UNIT_NANOSECONDS, "0 ns" },
        { 999, UNIT_NANOSECONDS, "999 ns" },
        { 1250, UNIT_NANOSECONDS, "1.25 us" },
        { 39.6e6, UNIT_NANOSECONDS, "39.6 ms" },
        { 2e9, UNIT_NANOSECONDS, "2 s" },
        { 5400e9, UNIT_NANOSECONDS, "5400 s" },
        { -1.5e6, UNIT_NANOSECONDS, "-1.50 ms" },
        { 65536, UNIT_BYTES, "64 KiB" },
        { 1.5 * 1073741824, UNIT_BYTES, "1.50 GiB" },
        { 12.5, UNIT_PER_SECOND, "12.5/s" },
        { 99.1, UNIT_PER_SECOND, "99.1/s" },
        { 42, UNIT_NONE, "42" },
        { 0.0001, UNIT_NONE, "0.0001" },
        { 123456789, UNIT_NONE, "1.23e+08" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[UNIT_TEXT_MAX];
        assert_string_equal(unit_format(text, rows[i].value, rows[i].unit), rows[i].text);
    }
}

/* What is printed can be pasted into a configuration. */
static void test_exact_amounts(void **unused)
{
    (void)unused;
    static const struct {
        double value;
        enum unit unit;
        const char *text;
    } rows[] = {
        { 0, UNIT_NANOSECONDS, "0s" },
        { 0, UNIT_BYTES, "0B" },
        { 0, UNIT_NONE, "0" },
        { 1500e6, UNIT_NANOSECONDS, "1500ms" },
        { 90e9, UNIT_NANOSECONDS, "90s" },
        { 3600e9, UNIT_NANOSECONDS, "1h" },
        { 7 * 86400e9, UNIT_NANOSECONDS, "7d" },
        { 1001, UNIT_NANOSECONDS, "1001ns" },
        { 64 << 20, UNIT_BYTES, "64MiB" },
        { 1000, UNIT_BYTES, "1000B" },
        { 12.5, UNIT_PER_SECOND, "12.5/s" },
        { 16777216, UNIT_NONE, "16777216" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[UNIT_TEXT_MAX];
        assert_string_equal(unit_format_exact(text, rows[i].value, rows[i].unit), rows[i].text);
    }
}

static void test_times(void **unused)
{
    (void)unused;
    char text[TIME_TEXT_MAX];
    assert_string_equal(time_format(text, INT64_C(1795296904917311079)), "2026-11-21 21:35:04.917311079");
    assert_string_equal(time_format(text, 0), "1970-01-01 00:00:00.000000000");
    assert_string_equal(time_format(text, -1), "1969-12-31 23:59:59.999999999");
    assert_string_equal(time_format(text, INT64_MIN), "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_amounts), cmocka_unit_test(test_exact_amounts),
                                        cmocka_unit_test(test_times) };
    return cmocka_run_group_tests_name("unit", tests, NULL, NULL);
}
