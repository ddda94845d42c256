#include "base/option.h"
#include "testing.h"
#include <errno.h>

struct config {
    bool flag;
    uint32_t count;
    double real;
    struct duration wait;
    struct size room;
    struct text name;
    struct text_list list;
    struct quantity limit;
    struct choice mode;
};

static const struct option options[] = {
    OPTION(struct config, flag, 0, 0, "no", "a flag"),
    OPTION(struct config, count, 1, 1000, "7", "a count"),
    OPTION(struct config, real, -2, 2, "0.5", "a number"),
    OPTION(struct config, wait, 0.001, 60, "1s", "a time"),
    OPTION(struct config, room, 1024, 1048576, "4KiB", "a size"),
    OPTION(struct config, name, 0, 0, "x", "a text"),
    OPTION(struct config, list, 0, 3, "", "some texts"),
    OPTION(struct config, limit, 0, 0, "none", "a limit"),
    OPTION_ONE_OF(struct config, mode, "newest|oldest|all", "oldest", "a word"),
    OPTION_END
};

static void test_defaults(void **unused)
{
    (void)unused;
    struct config c;
    memset(&c, 0xee, sizeof(c));
    options_default(options, &c);
    assert_false(c.flag);
    assert_int_equal(c.count, 7);
    assert_true(c.real == 0.5);
    assert_int_equal(c.wait.ns, 1000000000);
    assert_int_equal(c.room.bytes, 4096);
    assert_string_equal(c.name.s, "x");
    assert_int_equal(c.list.count, 0);
    assert_false(c.limit.is_set);
    assert_int_equal(c.mode.index, 1);
}

static const struct {
    const char *name, *text;
    int result;
    const char *error; /* what it must say */
} rows[] = {
    { "flag", "yes", 0, NULL },
    { "flag", "maybe", -EINVAL, "flag: 'maybe' is not yes or no" },
    { "count", "12", 0, NULL },
    { "count", "12abc", -EINVAL, "count: '12abc' is not a whole number" },
    { "count", "1.5", -EINVAL, "count: '1.5' is not a whole number" },
    { "count", "0x10", -EINVAL, "count: '0x10' is not a whole number" },
    { "count", "0", -ERANGE, "count: 0 is outside the allowed range (whole number, 1 to 1000)" },
    { "real", "-2", 0, NULL },
    { "real", "nan", -EINVAL, "real: 'nan' is not a number" },
    { "real", "inf", -EINVAL, "real: 'inf' is not a number" },
    { "real", "1e999", -EINVAL, "real: '1e999' is not a number" },
    { "wait", "250ms", 0, NULL },
    { "wait", "1.5s", 0, NULL },
    { "wait", "250", -EINVAL, "wait: '250' is not a duration with a unit (ns, us, ms, s, m, h, d) such as 250ms" },
    { "wait", "2 parsecs", -EINVAL, "wait: '2 parsecs' is not a duration with a unit" },
    { "wait", "2h", -ERANGE, "wait: 2h is outside the allowed range (duration, 1ms to 1m)" },
    { "room", "64KiB", 0, NULL },
    { "room", "4096", -EINVAL, "room: '4096' is not a size with a unit" },
    { "room", "5ms", -EINVAL, "room: '5ms' is not a size with a unit" },
    { "limit", "50ms", 0, NULL },
    { "limit", "12/s", 0, NULL },
    { "limit", "none", 0, NULL },
    { "limit", "many", -EINVAL, "limit: 'many' is not a number with the metric's unit" },
    { "mode", "all", 0, NULL },
    { "mode", "al", -EINVAL, "mode: 'al' is not one of newest|oldest|all" },
    { "list", "a, b,c", 0, NULL },
    { "list", "a b c d", -E2BIG, "list: 4 entries where at most 3 are allowed" },
    { "cuont", "1", -ENOENT, "unknown option 'cuont' (did you mean 'count'?)" },
    { "nothing_like_it", "1", -ENOENT, "unknown option 'nothing_like_it'" },
};

static void test_texts(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config c;
        struct error err = { "" };
        options_default(options, &c);
        int r = option_set(options, &c, rows[i].name, rows[i].text, &err);
        if (r != rows[i].result)
            fail_msg("%s: %s gave %d (%s)", rows[i].name, rows[i].text, r, err.text);
        if (rows[i].error && strncmp(err.text, rows[i].error, strlen(rows[i].error)) != 0)
            fail_msg("said '%s', wanted '%s'", err.text, rows[i].error);
    }
}

static void test_values(void **unused)
{
    (void)unused;
    struct config c;
    options_default(options, &c);
    assert_int_equal(option_set(options, &c, "wait", "1500us", NULL), 0);
    assert_int_equal(c.wait.ns, 1500000);
    assert_int_equal(option_set(options, &c, "limit", "3KiB", NULL), 0);
    assert_true(c.limit.is_set && c.limit.value == 3072 && c.limit.unit == UNIT_BYTES);
    assert_int_equal(option_set(options, &c, "list", "a,b", NULL), 0);
    assert_int_equal(c.list.count, 2);
    assert_string_equal(c.list.item[1].s, "b");
    const char *const items[] = { "with, comma", "two" };
    assert_int_equal(option_set_list(options, &c, "list", items, 2, NULL), 0);
    assert_string_equal(c.list.item[0].s, "with, comma");
    assert_int_equal(option_set_list(options, &c, "count", items, 2, NULL), -EINVAL);
    char longer[TEXT_MAX + 10];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(option_set(options, &c, "name", longer, NULL), -E2BIG);
}

static void test_required(void **unused)
{
    (void)unused;
    static const struct option needed[] = { OPTION(struct config, name, 0, 0, NULL, "who it is"), OPTION_END };
    struct config c;
    struct error err;
    options_default(needed, &c);
    assert_int_equal(options_complete(needed, &c, &err), -EINVAL);
    assert_string_equal(err.text, "'name' is missing (who it is)");
    option_set(needed, &c, "name", "x", NULL);
    assert_int_equal(options_complete(needed, &c, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_defaults), cmocka_unit_test(test_texts),
                                        cmocka_unit_test(test_values), cmocka_unit_test(test_required) };
    return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}
