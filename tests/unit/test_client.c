/* libforetrace as a program uses it: its descriptor, its keys, its refusals. */
#include "client_fixture.h"
#include <errno.h>
#include <sys/stat.h>
#include <poll.h>

static struct publisher p;

static void test_a_descriptor(void **unused)
{
    (void)unused;
    const struct foretrace_alert *a;
    publisher_open(&p, true);
    publish(&p, 1, 3, ALERT_FIRING, false);
    struct foretrace_subscriber *s = connect_with(&p, NULL);
    struct pollfd item = { .fd = foretrace_fd(s), .events = POLLIN };
    assert_true(item.fd >= 0);
    assert_int_equal(foretrace_fd(s), item.fd);
    uint64_t last = 0, polls = 0;
    int64_t end_ns = clock_monotonic_ns() + INT64_C(60000000000);
    for (uint64_t next = 4; last < 300 && clock_monotonic_ns() < end_ns;) {
        if (last + 1 >= next && foretrace_silent_ms(s) >= 0) {
            publish(&p, next, next, ALERT_FIRING, next % 5 != 0); /* every fifth is missed: that is noticed by descriptor, too */
            publish(&p, next + 1, next + 1, ALERT_FIRING, true);
            next += 2;
        } else if (foretrace_silent_ms(s) < 0) {
            heartbeat(&p, 3);
        }
        replay_server_service(p.replay);
        polls++;
        if (poll(&item, 1, 5) <= 0)
            continue;
        int r = foretrace_next(s, 0, &a);
        assert_true(r >= 0);
        if (r == 1)
            assert_int_equal(a->sequence, ++last);
    }
    assert_true(last >= 300);
    while (foretrace_next(s, 20, &a) == 1 || (poll(&item, 1, 20) > 0 && clock_monotonic_ns() < end_ns)) /* then it is quiet */
        ;
    assert_int_equal(poll(&item, 1, 20), 0);
    print_message("%d polls\n", (int)polls);
    foretrace_close(s);
    publisher_close(&p);
}

/* Words, fields and numbers that only a later version knows. */
static void test_a_later_version(void **unused)
{
    (void)unused;
    static const char body[] = "\x86\xa5state\xa6" "acked!\xa4kind\xa4leak\xa8severity\xa5" "fatal\xa6" "breach\x92\x01\xc0"
                               "\xa7summary\xa2hi\xa5value\xc0";
    const struct foretrace_alert *a = NULL;
    struct foretrace_options *o = foretrace_options_new();
    struct bytes b = { 0 };
    size_t size;
    publisher_open(&p, true);
    assert_int_equal(foretrace_options_set_severity(o, FORETRACE_CRITICAL), 0); /* hides nothing it does not know */
    struct foretrace_subscriber *s = connect_with(&p, o);
    await_connection(&p, s, 0);
    wire_put_header(&b, WIRE_ALERT, 7, 1);
    bytes_append(&b, body, sizeof(body) - 1);
    publish_bytes(&p, "alert.fatal.", b.data, b.size);
    for (int i = 0; i < 60000 && !a; i++)
        pump(&p, s, &a);
    assert_non_null(a);
    assert_true(a->state == 0 && a->kind == 0 && a->severity == 0);
    assert_string_equal(a->state_text, "acked!");
    assert_string_equal(a->kind_text, "leak");
    assert_string_equal(a->severity_text, "fatal");
    assert_string_equal(a->summary, "hi");
    assert_string_equal(a->host, "");
    assert_true(isnan(a->value) && isnan(a->limit));
    assert_string_equal(foretrace_severity_name(a->severity), "unknown");
    assert_string_equal(foretrace_alert_json(a), "{\"state\":\"acked!\",\"kind\":\"leak\",\"severity\":\"fatal\",\"breach\":[1,null],"
                                                 "\"summary\":\"hi\",\"value\":null}");
    assert_ptr_equal(foretrace_alert_json(a), foretrace_alert_json(a));
    assert_memory_equal(foretrace_alert_body(a, &size), body, sizeof(body) - 1);
    assert_int_equal(size, sizeof(body) - 1);
    bytes_done(&b);
    foretrace_close(s);
    publisher_close(&p);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static void test_encryption(void **unused)
{
    (void)unused;
    char server[41], server_secret[41], mine[41], secret[41], path[2][128], text[512], why[256] = "";
    struct foretrace_subscriber *s;
    const struct foretrace_alert *a;
    if (!zmq_has("curve"))
        skip();
    publisher_open(&p, true);
    publisher_stop(&p);
    assert_int_equal(zmq_curve_keypair(server, server_secret), 0);
    assert_int_equal(zmq_curve_keypair(mine, secret), 0);
    publish(&p, 1, 1, ALERT_FIRING, false);
    publisher_start(&p, 7, true, server_secret);
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof(path[i]), "%s/key%d", p.dir, i);
        snprintf(text, sizeof(text), "#   ****  generated\nmetadata\ncurve\n    public-key = \"%s\"\n", i ? server : mine);
        if (i == 0)
            snprintf(text + strlen(text), 100, "    secret-key = \"%s\"\n", secret);
        write_file(path[i], text);
    }
    struct foretrace_options *o = foretrace_options_new();
    assert_int_equal(foretrace_options_set_key_files(o, path[0], path[1]), 0);
    s = connect_with(&p, o);
    expect(&p, s, "1f");
    await_connection(&p, s, 1);
    publish(&p, 2, 2, ALERT_FIRING, true);
    expect(&p, s, "2");
    foretrace_close(s);
    s = connect_with(&p, impatient()); /* without a key: nothing */
    for (int i = 0; i < 200; i++) {
        heartbeat(&p, 2);
        assert_int_equal(pump(&p, s, &a), 0);
    }
    assert_int_equal(foretrace_silent_ms(s), -1);
    foretrace_close(s);
    o = foretrace_options_new();
    assert_int_equal(foretrace_options_set_keys(o, mine, secret, server), 0);
    assert_int_equal(foretrace_options_set_keys(o, NULL, "short", server), -EINVAL);
    assert_int_equal(foretrace_options_set_key_files(o, path[1], path[0]), 0); /* the public one has no secret */
    assert_true(foretrace_connect(p.endpoint, o, &s, why, sizeof(why)) < 0);
    assert_non_null(strstr(why, path[1]));
    foretrace_options_free(o);
    publisher_close(&p);
}

static void test_what_cannot_be(void **unused)
{
    (void)unused;
    struct foretrace_subscriber *s;
    char why[64] = "";
    assert_int_equal(foretrace_connect("nowhere", NULL, &s, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "'nowhere' is no endpoint"));
    assert_true(foretrace_connect("ftp://x", NULL, &s, NULL, 0) < 0);
    assert_true(foretrace_connect("tcp://127.0.0.1:notaport", NULL, &s, why, sizeof(why)) < 0);
    struct foretrace_options *o = foretrace_options_new();
    assert_int_equal(foretrace_options_set_severity(o, (enum foretrace_severity)9), -EINVAL);
    assert_int_equal(foretrace_options_set_patience(o, 0), -EINVAL);
    assert_int_equal(foretrace_options_set_replay(o, "nowhere"), -EINVAL);
    for (int i = 0; i < 16; i++)
        assert_int_equal(foretrace_options_add_topic(o, "x"), 0);
    assert_int_equal(foretrace_options_add_topic(o, "x"), -ENOSPC);
    foretrace_options_free(o);
    foretrace_options_free(NULL);
    foretrace_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_descriptor),
        cmocka_unit_test(test_a_later_version),
        cmocka_unit_test(test_encryption),
        cmocka_unit_test(test_what_cannot_be),
    };
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
