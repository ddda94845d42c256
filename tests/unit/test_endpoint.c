#include "base/endpoint.h"
#include "testing.h"
#include <errno.h>

#define LONG_PATH_107 "/1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456"

static const struct {
    const char *endpoint;
    int result;
    bool local;
    const char *error; /* part of what it must say */
} rows[] = {
    { "tcp://127.0.0.1:5555", 0, true, NULL },
    { "tcp://127.9.8.7:1", 0, true, NULL },
    { "tcp://[::1]:65535", 0, true, NULL },
    { "tcp://localhost:5555", 0, true, NULL },
    { "tcp://127.0.0.1:*", 0, true, NULL },
    { "ipc:///run/foretrace/alerts", 0, true, NULL },
    { "ipc://@abstract", -EINVAL, true, "'@abstract' is no path" },
    { "ipc://*", -EINVAL, true, "'*' is no path" },
    { "ipc:///run/@/*", 0, true, NULL },
    { "inproc://samples", 0, true, NULL },
    /* Looks like loopback, and is a name that somebody else owns. */
    { "tcp://127.evil.example:1", 0, false, NULL },
    { "tcp://127.0.0.1.evil.example:1", 0, false, NULL },
    { "tcp://localhost.evil.example:1", 0, false, NULL },
    /* Leads out, or in from everywhere. */
    { "tcp://*:5555", 0, false, NULL },
    { "tcp://0.0.0.0:5555", 0, false, NULL },
    { "tcp://[::]:5555", 0, false, NULL },
    { "tcp://[::ffff:127.0.0.1]:5555", 0, false, NULL },
    { "tcp://[fe80::1%eth0]:5555", 0, false, NULL },
    { "tcp://eth0:5555", 0, false, NULL },
    { "tcp://lo:5555", 0, false, NULL },
    { "tcp://monitor.example:5555", 0, false, NULL },
    { "tcp://192.168.0.1:5555", 0, false, NULL },
    { "tcp://1270.0.0.1:5555", 0, false, NULL },
    /* Malformed. */
    { "tcp://127.0.0.1", -EINVAL, false, "'tcp://127.0.0.1': the port is missing" },
    { "tcp://127.0.0.1:", -EINVAL, true, "'' is no port" },
    { "tcp://127.0.0.1:0", -EINVAL, true, "'0' is no port" },
    { "tcp://127.0.0.1:65536", -EINVAL, true, "'65536' is no port" },
    { "tcp://127.0.0.1:12x", -EINVAL, true, "'12x' is no port" },
    { "tcp://127.0.0.1:-1", -EINVAL, true, "'-1' is no port" },
    { "tcp://:5555", -EINVAL, false, "'' is no host" },
    { "tcp://[::1:5555", -EINVAL, false, "is no host" },
    { "tcp://::1:5555", -EINVAL, false, "'::1' is no host" },
    { "tcp://[nonsense]:5555", -EINVAL, false, "is no host" },
    { "tcp://127.0.0.1:1;10.0.0.1:5555", -EINVAL, false, "is no host" },
    { "tcp://a b:5555", -EINVAL, false, "is no host" },
    { "ipc://", -EINVAL, true, "the path is missing" },
    { "ipc://" LONG_PATH_107, 0, true, NULL },
    { "ipc://" LONG_PATH_107 "7", -ENAMETOOLONG, true, "the path has 108 bytes, a socket's may have 107" },
    { "inproc://", -EINVAL, true, "the name is missing" },
    { "pgm://x", -EINVAL, false, "'pgm://x' is no endpoint: expected ipc://PATH or tcp://HOST:PORT" },
    { "udp://127.0.0.1:1", -EINVAL, false, "is no endpoint" },
    { "127.0.0.1:5555", -EINVAL, false, "is no endpoint" },
    { "", -EINVAL, false, "is no endpoint" },
};

static void test_rows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = { "" };
        int r = endpoint_check(rows[i].endpoint, &err);
        if (r != rows[i].result || (rows[i].error && !strstr(err.text, rows[i].error)))
            fail_msg("'%s': %d, '%s'", rows[i].endpoint, r, err.text);
        if (endpoint_is_local(rows[i].endpoint) != rows[i].local)
            fail_msg("'%s' is taken for %s", rows[i].endpoint, rows[i].local ? "foreign" : "local");
        assert_int_equal(endpoint_is_tcp(rows[i].endpoint), strncmp(rows[i].endpoint, "tcp://", 6) == 0);
    }
}

static void test_very_long(void **unused)
{
    (void)unused;
    static char endpoint[2000] = "tcp://";
    struct error err;
    memset(endpoint + 6, 'a', sizeof(endpoint) - 10);
    strcpy(endpoint + sizeof(endpoint) - 4, ":1");
    assert_int_equal(endpoint_check(endpoint, &err), -EINVAL);
    assert_false(endpoint_is_local(endpoint));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_very_long) };
    return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
