#include "base/text.h"
#include "testing.h"
#include <errno.h>

static const struct {
    const char *pattern, *text;
    bool match;
} wildcards[] = {
    { "", "", true },
    { "*", "", true },
    { "*", "anything", true },
    { "shop:*", "shop:request_begin", true },
    { "shop:*", "shopping", false },
    { "*_begin", "shop:request_begin", true },
    { "*_begin", "shop:request_begins", false },
    { "a*b*c", "aXXbYYc", true },
    { "a*b*c", "aXXbYY", false },
    { "a?c", "abc", true },
    { "a?c", "ac", false },
    { "lost \\*", "lost *", true },
    { "lost \\*", "lost x", false },
    { "*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
    { "request.duration.p99{*", "request.duration.p99{op=search}", true },
};

static void test_wildcards(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(wildcards); i++)
        if (text_matches(wildcards[i].pattern, wildcards[i].text) != wildcards[i].match)
            fail_msg("'%s' against '%s'", wildcards[i].pattern, wildcards[i].text);
}

static void test_out_is_bounded(void **unused)
{
    (void)unused;
    char buffer[8];
    struct text_out out = text_out_init(buffer, sizeof(buffer));
    text_puts(&out, "1234");
    assert_false(out.truncated);
    text_printf(&out, "%d", 567);
    assert_string_equal(buffer, "1234567");
    assert_false(out.truncated);
    text_printf(&out, "%d", 8);
    assert_string_equal(buffer, "1234567");
    assert_true(out.truncated);
    text_puts(&out, "9");
    assert_string_equal(buffer, "1234567");
    struct text_out none = text_out_init(NULL, 0);
    text_puts(&none, "x");
    assert_true(none.truncated);
}

static const struct {
    const char *what, *in;
    size_t size;
    const char *clean, *json;
} foreign[] = {
    { "plain", "abc", 3, "abc", "\"abc\"" },
    { "quotes and controls", "a\"\\\n\x01", 5, "a\"\\??", "\"a\\\"\\\\\\n\\u0001\"" },
    { "good UTF-8", "\xc3\xa9\xe2\x82\xac", 5, "\xc3\xa9\xe2\x82\xac", "\"\xc3\xa9\xe2\x82\xac\"" },
    { "a stray byte", "a\xff" "b", 3, "a?b", "\"a\\ufffdb\"" },
    { "cut short", "a\xe2\x82", 3, "a??", "\"a\\ufffd\\ufffd\"" },
    { "overlong slash", "\xc0\xaf", 2, "??", "\"\\ufffd\\ufffd\"" },
    { "surrogate", "\xed\xa0\x80", 3, "???", "\"\\ufffd\\ufffd\\ufffd\"" },
    { "a NUL inside", "a\0b", 3, "a?b", "\"a\\u0000b\"" },
};

/* A name within another one is another one. */
static void test_lists(void **unused)
{
    static const char *const names[] = { "wakeup_new", "wakeup", "wakeup_new", "cpu", "offcpu", "new", "cpu" };
    char text[64];
    uint32_t count = 0;
    (void)unused;
    struct text_out out = text_out_init(text, sizeof(text));
    for (size_t i = 0; i < 4; i++)
        text_put_listed(&out, &count, 4, names[i], strlen(names[i]));
    assert_string_equal(text, "wakeup_new, wakeup, cpu");
    assert_int_equal(count, 3);
    for (size_t i = 4; i < sizeof(names) / sizeof(names[0]); i++)
        text_put_listed(&out, &count, 4, names[i], strlen(names[i]));
    assert_string_equal(text, "wakeup_new, wakeup, cpu, offcpu, ...");
}

static void test_foreign_text(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(foreign); i++) {
        char buffer[64];
        print_message("  %s\n", foreign[i].what);
        struct text_out out = text_out_init(buffer, sizeof(buffer));
        text_put_clean(&out, foreign[i].in, foreign[i].size);
        assert_string_equal(buffer, foreign[i].clean);
        out = text_out_init(buffer, sizeof(buffer));
        text_put_json(&out, foreign[i].in, foreign[i].size);
        assert_string_equal(buffer, foreign[i].json);
    }
    /* A cut never splits a character. */
    char small[4];
    struct text_out out = text_out_init(small, sizeof(small));
    text_put_clean(&out, "ab\xe2\x82\xac", 5);
    assert_string_equal(small, "ab");
    assert_true(out.truncated);
}

static void test_numbers(void **unused)
{
    (void)unused;
    static const struct {
        double value;
        const char *text;
    } rows[] = { { 0, "0" },        { 1, "1" },           { -3, "-3" },      { 39621100, "39621100" },
                 { 0.5, "0.5" },    { 0.1, "0.1" },       { 1e300, "1e+300" }, { 1.0 / 3, "0.3333333333333333" },
                 { NAN, "null" },   { INFINITY, "null" }, { 1e15, "1e+15" } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char buffer[48];
        struct text_out out = text_out_init(buffer, sizeof(buffer));
        text_put_number(&out, rows[i].value);
        assert_string_equal(buffer, rows[i].text);
    }
    uint64_t n;
    assert_int_equal(text_parse_u64("18446744073709551615", &n), 0);
    assert_true(n == UINT64_MAX);
    assert_int_equal(text_parse_u64("18446744073709551616", &n), -ERANGE);
    assert_int_equal(text_parse_u64("12abc", &n), -EINVAL);
    assert_int_equal(text_parse_u64("-1", &n), -EINVAL);
    assert_int_equal(text_parse_u64(" 1", &n), -EINVAL);
    assert_int_equal(text_parse_u64("", &n), -EINVAL);
}

static void test_nearest(void **unused)
{
    (void)unused;
    static const char *const words[] = { "window", "warmup", "threshold", "memory" };
    assert_string_equal(text_nearest("windwo", words, COUNT(words)), "window");
    assert_string_equal(text_nearest("treshold", words, COUNT(words)), "threshold");
    assert_null(text_nearest("colour", words, COUNT(words)));
    assert_null(text_nearest("w", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wildcards), cmocka_unit_test(test_out_is_bounded), cmocka_unit_test(test_lists), cmocka_unit_test(test_foreign_text),
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
