#include "sink_fixture.h"
#include <signal.h>
#include <sys/resource.h>
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

static char told[4][256];
static int told_count;

static void on_notice(void *self, bool warning, const char *text)
{
    (void)self;
    assert_true(warning && told_count < 4);
    snprintf(told[told_count++], sizeof(told[0]), "%s", text);
}

/* A file that can take no more (as where the disk is full): nothing of the line stays, it is told once, and so is the end of it. */
static void test_full(void **unused)
{
    (void)unused;
    static struct sink_fixture f;
    static char text[16384], expected[256];
    struct error err;
    struct rlimit usual, small;
    sink_setup_dir(&f);
    f.notice = on_notice;
    const char *const set[][2] = { { "path", f.path }, { NULL, NULL } };
    assert_int_equal(sink_try_open(&f, "json", set, &err), 0);
    struct alert a = sample_alert(1), b = sample_alert(2), c = sample_alert(3);
    f.sink->deliver(f.self, &a);
    read_file(f.path, text, sizeof(text));
    size_t size = strlen(text);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    small = usual;
    small.rlim_cur = size + 100;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    f.sink->deliver(f.self, &b);
    f.sink->deliver(f.self, &b);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    assert_int_equal(f.sink->failures(f.self), 2);
    assert_int_equal(told_count, 1);
    snprintf(expected, sizeof(expected), "%s: File too large: alerts are missing there from now on", f.path);
    assert_string_equal(told[0], expected);
    read_file(f.path, text, sizeof(text));
    assert_int_equal(strlen(text), size);
    f.sink->deliver(f.self, &c);
    assert_int_equal(told_count, 2);
    snprintf(expected, sizeof(expected), "%s: can be written again; 2 transitions of alerts are missing", f.path);
    assert_string_equal(told[1], expected);
    read_file(f.path, text, sizeof(text));
    assert_int_equal(strlen(text), 2 * size);
    assert_non_null(strstr(text + size, "\"sequence\":3"));
    sink_tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_what_it_has), cmocka_unit_test(test_failures),
                                      cmocka_unit_test(test_full) };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
