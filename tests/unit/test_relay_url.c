#include "collector/relay.h"
#include "testing.h"

static const struct {
    const char *text, *back; /* NULL: refused */
} rows[] = {
    { "net://localhost", "net://localhost:5344" },
    { "net://localhost/", "net://localhost:5344" },
    { "net://127.0.0.1:7000", "net://127.0.0.1:7000" },
    { "net4://h:1/host/target/session", "net://h:1/host/target/session" },
    { "net://h/host/tar.get/my-session_1", "net://h:5344/host/tar.get/my-session_1" },
    { "net://[::1]:5344/host/a/b", "net://[::1]:5344/host/a/b" },
    { "net://h/host/*/web-*", "net://h:5344/host/*/web-*" },
    { "http://h", NULL },
    { "net://", NULL },
    { "net://h:0", NULL },
    { "net://h:70000", NULL },
    { "net://h:12x", NULL },
    { "net://h/host/a", NULL },
    { "net://h/host/a/", NULL },
    { "net://h/host//b", NULL },
    { "net://h/host/a/b/c", NULL },
    { "net://h/session/a", NULL },
    { "net://[::1", NULL },
    { "", NULL },
};

static void test_urls(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct relay_url url;
        struct error err = { "" };
        char text[RELAY_URL_MAX];
        int r = relay_url_parse(rows[i].text, &url, &err);
        if ((r == 0) != (rows[i].back != NULL))
            fail_msg("'%s' gave %d %s", rows[i].text, r, err.text);
        if (rows[i].back)
            assert_string_equal(relay_url_format(&url, text), rows[i].back);
        else
            assert_non_null(strstr(err.text, "expected net://HOST[:PORT]/host/HOSTNAME/SESSION"));
    }
}

static void test_wildcards(void **unused)
{
    (void)unused;
    struct relay_url url;
    struct error err;
    assert_int_equal(relay_url_parse("net://h/host/a/b", &url, &err), 0);
    assert_false(relay_url_has_wildcard(&url));
    assert_int_equal(relay_url_parse("net://h/host/a/b*", &url, &err), 0);
    assert_true(relay_url_has_wildcard(&url));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_urls), cmocka_unit_test(test_wildcards) };
    return cmocka_run_group_tests_name("relay_url", tests, NULL, NULL);
}
