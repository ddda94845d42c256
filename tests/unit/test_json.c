#include "sink_fixture.h"
#include <sys/stat.h>

static void test_lines(void **unused)
{
    (void)unused;
    static struct sink_fixture f;
    static char text[16384];
    struct error err;
    struct stat st;
    sink_setup_dir(&f);
    const char *const set[][2] = { { "path", f.path }, { NULL, NULL } };
    assert_int_equal(sink_try_open(&f, "json", set, &err), 0);
    struct alert a = sample_alert(1), b = sample_alert(2);
    f.sink->deliver(f.self, &a);
    b.state = ALERT_RESOLVED;
    b.resolved_ns = 3000000000;
    f.sink->deliver(f.self, &b);
    assert_int_equal(f.sink->failures(f.self), 0);
    read_file(f.path, text, sizeof(text));
    char *newline = strchr(text, '\n');
    assert_non_null(newline);
    assert_non_null(strstr(text, "{\"version\":1,\"id\":\"0000000000001234\",\"key\":\"0000000000000056\",\"sequence\":1,\"state\":\"firing\","
                                 "\"kind\":\"anomaly\",\"severity\":\"warning\""));
    assert_non_null(strstr(text, "\"series\":\"request.duration.p50{op=search}\""));
    assert_non_null(strstr(text, "\"limit\":null"));
    assert_non_null(strstr(newline, "\"state\":\"resolved\""));
    assert_non_null(strstr(newline, "\"resolved_ns\":3000000000"));
    assert_int_equal(stat(f.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    sink_tear_down(&f);
}

/* After a restart: what the file has at its end is known, and a line cut short is removed. */
static void test_what_it_has(void **unused)
{
    (void)unused;
    static struct sink_fixture f;
    struct error err;
    static char text[16384], again[16384];
    sink_setup_dir(&f);
    const char *const set[][2] = { { "path", f.path }, { NULL, NULL } };
    struct alert a = sample_alert(1), b = sample_alert(2);
    assert_int_equal(sink_try_open(&f, "json", set, &err), 0);
    assert_false(f.sink->has(f.self, &a)); /* the file is empty */
    f.sink->deliver(f.self, &a);
    assert_true(f.sink->has(f.self, &a));
    f.sink->deliver(f.self, &b);
    assert_true(!f.sink->has(f.self, &a) && f.sink->has(f.self, &b));
    read_file(f.path, text, sizeof(text));
    for (size_t cut = 1; cut < 40; cut += 7) {
        FILE *file = fopen(f.path, "a");
        fwrite(text, 1, cut, file);
        fclose(file);
        assert_true(f.sink->has(f.self, &b));
        read_file(f.path, again, sizeof(again));
        assert_string_equal(again, text);
    }
    FILE *file = fopen(f.path, "w");
    fputs("half a li", file);
    fclose(file);
    assert_false(f.sink->has(f.self, &b));
    read_file(f.path, again, sizeof(again));
    assert_string_equal(again, "");
    sink_tear_down(&f);
}

static void test_failures(void **unused)
{
    (void)unused;
    static struct sink_fixture f;
    struct error err;
    sink_setup_dir(&f);
    const char *const nowhere[][2] = { { "path", "/nonexistent/dir/file" }, { NULL, NULL } };
    assert_true(sink_try_open(&f, "json", nowhere, &err) < 0);
    assert_string_equal(err.text, "/nonexistent/dir/file: No such file or directory");
    f.self = NULL;
    free(f.config);
    const char *const full[][2] = { { "path", "/dev/full" }, { NULL, NULL } };
    assert_int_equal(sink_try_open(&f, "json", full, &err), 0);
    struct alert a = sample_alert(1);
    f.sink->deliver(f.self, &a);
    assert_int_equal(f.sink->failures(f.self), 1); /* counted, and no harm */
    sink_tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_what_it_has), cmocka_unit_test(test_failures) };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
