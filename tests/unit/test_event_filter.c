#include "collector/event_filter.h"
#include "testing.h"

#define SIGNED(x) { .kind = VALUE_SIGNED, .i = (x) }
#define UNSIGNED(x) { .kind = VALUE_UNSIGNED, .u = (x) }
#define REAL(x) { .kind = VALUE_REAL, .d = (x) }
#define TEXT(x) { .kind = VALUE_TEXT, .text = (x), .size = sizeof(x) - 1 }

static struct event_filter *make(const char *condition)
{
    struct event_filter *f = NULL;
    struct error err = { "" };
    if (event_filter_new(NULL, 0, &condition, 1, &f, &err) < 0)
        fail_msg("%s", err.text);
    return f;
}

/* ---- what cannot be read ---- */

static const struct {
    const char *condition, *why;
} mistakes[] = {
    { "", "'': at character 1: expected the name of a field" },
    { " = 3", "at character 2: expected the name of a field" },
    { "tid", "at character 4: expected one of = != < <= > >= ~" },
    { "tid 3", "at character 5: expected one of" },
    { "tid == 3", "'tid == 3': at character 5: expected one of" },
    { "tid=~x", "at character 4: expected one of" },
    { "tid ! 3", "at character 5: expected one of" },
    { "tid >", "at character 6: expected a number or a text; an empty text is \"\"" },
    { "tid >  ", "at character 8: expected a number or a text" },
    { "comm = \"a", "at character 8: the text has no second \"" },
    { "comm = \"", "at character 8: the text has no second \"" },
};

static void test_mistakes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        struct event_filter *f = NULL;
        struct error err = { "" };
        int r = event_filter_new(NULL, 0, &mistakes[i].condition, 1, &f, &err);
        if (r >= 0 || !strstr(err.text, mistakes[i].why))
            fail_msg("'%s' gave %d: %s", mistakes[i].condition, r, err.text);
        assert_null(f);
    }
}

/* ---- comparisons ---- */

static const struct {
    const char *condition; /* of a field x */
    struct value value;
    bool holds;
} rows[] = {
    { "x=7", UNSIGNED(7), true },
    { " x  =  7 ", SIGNED(7), true },
    { "x=7", SIGNED(-7), false },
    { "x!=7", SIGNED(-7), true },
    { "x!=7", UNSIGNED(7), false },
    { "x<7", UNSIGNED(6), true },
    { "x<7", UNSIGNED(7), false },
    { "x<=7", UNSIGNED(7), true },
    { "x>7", UNSIGNED(7), false },
    { "x>=7", UNSIGNED(7), true },
    { "x=010", UNSIGNED(10), true },
    { "x=0x1F", UNSIGNED(31), true },
    { "x=-0x1f", SIGNED(-31), true },
    { "x<-5", SIGNED(-6), true },
    /* The same 64 bits, signed or not, are not the same number. */
    { "x=-1", UNSIGNED(UINT64_MAX), false },
    { "x>-1", UNSIGNED(0), true },
    { "x=18446744073709551615", UNSIGNED(UINT64_MAX), true },
    { "x=0xffffffffffffffff", UNSIGNED(UINT64_MAX), true },
    { "x=18446744073709551615", SIGNED(-1), false },
    { "x<18446744073709551615", SIGNED(-1), true },
    { "x>9223372036854775807", UNSIGNED(UINT64_C(1) << 63), true },
    { "x=-9223372036854775808", SIGNED(INT64_MIN), true },
    /* Neighbours that are one number as a double. */
    { "x=9007199254740993", UNSIGNED(9007199254740992), false },
    { "x<9007199254740993", REAL(9007199254740992.0), true },
    { "x=9007199254740993", REAL(9007199254740992.0), false },
    { "x<18446744073709551616.0", UNSIGNED(UINT64_MAX), true },
    { "x=18446744073709551615", REAL(0x1p64), false },
    { "x<18446744073709551615", REAL(0x1p64), false },
    /* Beyond 64 bits. */
    { "x<18446744073709551616", UNSIGNED(UINT64_MAX), true },
    { "x=18446744073709551616", REAL(0x1p64), true },
    { "x>-9223372036854775809", SIGNED(INT64_MIN), true },
    { "x>-99999999999999999999", SIGNED(INT64_MIN), true },
    { "x<1e300", UNSIGNED(UINT64_MAX), true },
    { "x>-1e300", SIGNED(INT64_MIN), true },
    /* Real numbers. */
    { "x=1.5", REAL(1.5), true },
    { "x>.5", UNSIGNED(1), true },
    { "x<1.5", UNSIGNED(1), true },
    { "x<-0.5", SIGNED(-1), true },
    { "x<-1.5", SIGNED(-1), false },
    { "x=1e3", UNSIGNED(1000), true },
    { "x=0", REAL(-0.0), true },
    { "x>5", REAL(INFINITY), true },
    { "x>5", REAL(-INFINITY), false },
    { "x!=5", REAL(NAN), true },
    { "x!=5.5", REAL(NAN), true },
    { "x<=5", REAL(NAN), false },
    { "x>=5.5", REAL(NAN), false },
    /* Texts. */
    { "x=abc", TEXT("abc"), true },
    { "x = a b ", TEXT("a b"), true },
    { "x = \" a \"", TEXT(" a "), true },
    { "x=\"\"", TEXT(""), true },
    { "x!=\"\"", TEXT("a"), true },
    { "x=ab", TEXT("abc"), false },
    { "x<abd", TEXT("abc"), true },
    { "x>ab", TEXT("abc"), true },
    { "x>abc", TEXT("\xff"), true },
    { "x=7", TEXT("7"), true },
    { "x=7", TEXT("07"), false },
    { "x = ~a", TEXT("~a"), true },
    { "x~a*", TEXT("abc"), true },
    { "x ~ \"*b c\"", TEXT("ab c"), true },
    { "x~b*", TEXT("abc"), false },
    { "x=a*", TEXT("abc"), false },
    { "x~7", TEXT("7"), true },
    /* Not there, in this event. */
    { "x!=7", { .kind = VALUE_NONE }, false },
};

static void test_comparisons(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct event_filter *f = make(rows[i].condition);
        enum value_kind kind = rows[i].value.kind == VALUE_NONE ? VALUE_SIGNED : rows[i].value.kind;
        struct field field = { .name = "x", .scope = SCOPE_PAYLOAD, .kind = kind };
        struct event_class class = { .name = "e", .field_count = 1, .fields = &field };
        struct event_selection selection;
        event_filter_select(f, &class, &selection);
        assert_false(selection.skip);
        assert_int_equal(selection.count, 1);
        if (event_filter_matches(f, 0, &rows[i].value) != rows[i].holds)
            fail_msg("row %zu: %s is %s", i, rows[i].condition, rows[i].holds ? "false" : "true");
        event_filter_free(f);
    }
}

/* ---- classes ---- */

static const struct field fields[] = {
    { "tid", SCOPE_PAYLOAD, VALUE_SIGNED },        { "comm", SCOPE_PAYLOAD, VALUE_TEXT }, { "at.x", SCOPE_PAYLOAD, VALUE_REAL },
    { "tid", SCOPE_COMMON_CONTEXT, VALUE_SIGNED }, { "procname", SCOPE_COMMON_CONTEXT, VALUE_TEXT },
    { "cpu_id", SCOPE_PACKET_CONTEXT, VALUE_UNSIGNED },
};

static const struct {
    const char *condition;
    int field;       /* -1: such events are skipped */
    const char *why; /* NULL: there is nothing to say */
} namings[] = {
    { "tid=1", 0, NULL },
    { "payload.tid=1", 0, NULL },
    { "ctx.tid=1", 3, NULL },
    { "at.x=1", 2, NULL },
    { "cpu_id=1", 5, NULL },
    { "ctx.cpu_id=1", 5, NULL },
    { "ctx.comm=a", -1, "no event has a field 'ctx.comm'" },
    { "payload.procname=a", -1, "no event has a field 'payload.procname'" },
    { "cmom=a", -1, "no event has a field 'cmom' (did you mean 'comm'?)" },
    { "ctx.procnam=a", -1, "no event has a field 'ctx.procnam' (did you mean 'ctx.procname'?)" },
    { "tid=a", -1, "'tid=a': the field is a number, and 'a' is none" },
    { "tid=\"1\"", -1, "the field is a number, and '1' is none" },
    { "tid=1x", -1, "is none" },
    { "tid=0x", -1, "is none" },
    { "tid=-", -1, "is none" },
    { "tid=nan", -1, "is none" },
    { "tid=-inf", -1, "is none" },
    { "tid=1e999", -1, "is none" },
    { "tid~1", -1, "'tid~1': the field is a number, and ~ compares texts" },
};

static void test_fields_of_a_class(void **unused)
{
    (void)unused;
    const struct event_class class = { .id = 3, .name = "e", .field_count = COUNT(fields), .fields = fields };
    for (size_t i = 0; i < COUNT(namings); i++) {
        struct event_filter *f = make(namings[i].condition);
        struct event_selection selection;
        struct error err = { "" };
        event_filter_select(f, &class, &selection);
        if (selection.skip != (namings[i].field < 0) || (!selection.skip && selection.fields[0] != namings[i].field))
            fail_msg("%s", namings[i].condition);
        bool told = event_filter_explain(f, 0, &err);
        if (told != (namings[i].why != NULL) || (told && !strstr(err.text, namings[i].why)))
            fail_msg("%s: %s", namings[i].condition, err.text);
        event_filter_free(f);
    }
}

static void test_several_conditions_ask_for_a_field_once(void **unused)
{
    (void)unused;
    const char *const conditions[] = { "tid>=3", "procname~s*", "payload.tid<5" };
    const struct event_class class = { .id = 200, .name = "e", .field_count = COUNT(fields), .fields = fields };
    const struct value values[] = { SIGNED(3), TEXT("sh") }, high[] = { SIGNED(5), TEXT("sh") };
    struct event_filter *f = NULL;
    struct event_selection selection;
    struct error err;
    assert_int_equal(event_filter_new(NULL, 0, conditions, COUNT(conditions), &f, &err), 0);
    event_filter_select(f, &class, &selection);
    assert_int_equal(selection.count, 2);
    assert_int_equal(selection.fields[0], 0);
    assert_int_equal(selection.fields[1], 4);
    assert_true(event_filter_matches(f, 200, values));
    assert_false(event_filter_matches(f, 200, high));
    event_filter_free(f);
}

/* What is said of a condition holds for all classes with these names, and only when there are any. */
static void test_names(void **unused)
{
    (void)unused;
    const char *const names[] = { "a*", "b" }, *const condition = "procnam=x";
    struct event_class class = { .id = 0, .name = "c", .field_count = COUNT(fields), .fields = fields };
    struct event_filter *f = NULL;
    struct event_selection selection;
    struct error err;
    assert_int_equal(event_filter_new(names, COUNT(names), &condition, 1, &f, &err), 0);
    event_filter_select(f, &class, &selection);
    assert_true(selection.skip);
    assert_false(event_filter_explain(f, 0, &err));
    class = (struct event_class){ .id = 1, .name = "b", .field_count = 1, .fields = fields };
    event_filter_select(f, &class, &selection);
    assert_true(event_filter_explain(f, 0, &err));
    assert_string_equal(err.text, "no event of that name has a field 'procnam'");
    class = (struct event_class){ .id = 2, .name = "abc", .field_count = COUNT(fields), .fields = fields };
    event_filter_select(f, &class, &selection);
    assert_true(event_filter_explain(f, 0, &err));
    assert_string_equal(err.text, "no event of that name has a field 'procnam' (did you mean 'procname'?)");
    const struct field right = { "procnam", SCOPE_PAYLOAD, VALUE_TEXT };
    class = (struct event_class){ .id = 3, .name = "ab", .field_count = 1, .fields = &right };
    event_filter_select(f, &class, &selection);
    assert_false(selection.skip);
    assert_false(event_filter_explain(f, 0, &err));
    event_filter_free(f);
}

static void test_only_names(void **unused)
{
    (void)unused;
    const char *const name = "a*";
    struct event_class class = { .name = "abc" };
    struct event_filter *f = NULL;
    struct event_selection selection;
    struct error err;
    assert_int_equal(event_filter_new(&name, 1, NULL, 0, &f, &err), 0);
    event_filter_select(f, &class, &selection);
    assert_false(selection.skip);
    assert_true(event_filter_matches(f, 0, NULL));
    class.name = "b";
    event_filter_select(f, &class, &selection);
    assert_true(selection.skip);
    event_filter_free(f);
}

static void test_too_many(void **unused)
{
    (void)unused;
    const char *conditions[EVENT_VALUES_MAX + 1];
    struct event_filter *f = NULL;
    struct error err;
    for (size_t i = 0; i < COUNT(conditions); i++)
        conditions[i] = "x=1";
    assert_int_equal(event_filter_new(NULL, 0, conditions, EVENT_VALUES_MAX, &f, &err), 0);
    event_filter_free(f);
    assert_true(event_filter_new(NULL, 0, conditions, EVENT_VALUES_MAX + 1, &f, &err) < 0);
    assert_string_equal(err.text, "33 conditions: at most 32 are possible");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_mistakes), cmocka_unit_test(test_comparisons), cmocka_unit_test(test_fields_of_a_class),
                                        cmocka_unit_test(test_several_conditions_ask_for_a_field_once), cmocka_unit_test(test_names),
                                        cmocka_unit_test(test_only_names), cmocka_unit_test(test_too_many) };
    return cmocka_run_group_tests_name("event_filter", tests, NULL, NULL);
}
