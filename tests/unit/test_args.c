#include "app/args.h"
#include "testing.h"

struct target {
    bool flag;
    const char *text;
    struct arg_list list;
};
static const struct arg table[] = {
    { "flag", 'f', ARG_FLAG, NULL, offsetof(struct target, flag), "a flag" },
    { "text", 't', ARG_TEXT, "TEXT", offsetof(struct target, text), "a text" },
    { "list", 0, ARG_LIST, "ITEM", offsetof(struct target, list), "several" },
    ARG_END
};
static const struct usage mixed = { .name = "x", .synopsis = "x", .summary = "x", .args = table };
static const struct usage program = { .name = "run", .synopsis = "run", .summary = "run", .args = table, .stop_at_operand = true };

/* Words in; "f text list... | operands" out. */
static const struct {
    const struct usage *usage;
    const char *words, *want;
} rows[] = {
    { &mixed, "", "- - |" },
    { &mixed, "a -f b --text=x c", "f x | a b c" },
    { &mixed, "-t x -ty a", "- y | a" },
    { &mixed, "--list 1 a --list 2", "- - 1 2 | a" },
    { &mixed, "a -- -f --text", "- - | a -f --text" },
    { &mixed, "- -f", "f - | -" },
    { &program, "-f prog -f --text x", "f - | prog -f --text x" },
    { &program, "-t x -- -prog -f", "- x | -prog -f" },
    { &mixed, "--flga", "unknown option '--flga' (did you mean '--flag'?); see foretrace x --help" },
    { &mixed, "-z", "unknown option '-z'; see foretrace x --help" },
    { &mixed, "--text", "--text needs a value (TEXT)" },
    { &mixed, "--flag=yes", "--flag takes no value" },
};

static void test_rows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char copy[128], got[256], *argv[16] = { "x" }, *save = NULL;
        int argc = 1;
        struct target t = { 0 };
        struct error err;
        snprintf(copy, sizeof(copy), "%s", rows[i].words);
        for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
            argv[argc++] = word;
        int first = args_parse(rows[i].usage, argc, argv, &t, &err);
        if (first < 0) {
            assert_string_equal(err.text, rows[i].want);
            continue;
        }
        snprintf(got, sizeof(got), "%s %s", t.flag ? "f" : "-", t.text ? t.text : "-");
        for (uint32_t k = 0; k < t.list.count; k++)
            snprintf(got + strlen(got), sizeof(got) - strlen(got), " %s", t.list.items[k]);
        strcat(got, " |");
        for (int k = first; k < argc; k++)
            snprintf(got + strlen(got), sizeof(got) - strlen(got), " %s", argv[k]);
        assert_string_equal(got, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };
    return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
