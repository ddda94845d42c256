/* The publish sink and its other end, over a real socket. */
#include "alerts/client/subscriber.h"
#include "base/clock.h"
#include "sink_fixture.h"
#include <errno.h>
#include <unistd.h>

static struct sink_fixture f;
static char endpoint[160];

static void start(void)
{
    struct error err;
    sink_setup_dir(&f);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/alerts", f.dir);
    assert_int_equal(sink_try_open(&f, "publish", NULL, &err), 0);
}

/* A subscriber that is known to be connected: heartbeats are published until it has one. */
static struct subscriber *connect_to(const char *topic, uint64_t last)
{
    struct subscriber *s;
    struct error err;
    static struct alert a;
    assert_int_equal(subscriber_open(endpoint, topic, NULL, &s, &err), 0);
    for (int i = 0; i < 500; i++) {
        f.sink->tick(f.self, last);
        if (subscriber_take(s, 10, &a) == SUBSCRIBER_HEARTBEAT)
            break;
        assert_true(i < 499);
    }
    while (subscriber_take(s, 20, &a) != SUBSCRIBER_NOTHING)
        ;
    return s;
}

static void test_delivery(void **unused)
{
    (void)unused;
    static struct alert got;
    start();
    struct subscriber *s = connect_to(NULL, 0);
    struct alert a = sample_alert(1);
    f.sink->deliver(f.self, &a);
    assert_int_equal(subscriber_take(s, 2000, &got), SUBSCRIBER_ALERT);
    assert_true(got.id == a.id && got.sequence == 1 && got.value == a.value);
    assert_string_equal(got.summary, a.summary);
    assert_int_equal(subscriber_missed(s), 0);
    /* 2 and 3 never came; 4 tells. Then a heartbeat tells of 5. */
    a.sequence = 4;
    f.sink->deliver(f.self, &a);
    assert_int_equal(subscriber_take(s, 2000, &got), SUBSCRIBER_ALERT);
    assert_int_equal(subscriber_missed(s), 2);
    f.sink->tick(f.self, 5);
    assert_int_equal(subscriber_take(s, 2000, &got), SUBSCRIBER_HEARTBEAT);
    assert_int_equal(subscriber_missed(s), 3);
    subscriber_close(s);
    sink_tear_down(&f);
}

static void test_topics(void **unused)
{
    (void)unused;
    static struct alert got;
    start();
    struct subscriber *s = connect_to("alert.critical.", 0);
    struct alert a = sample_alert(1);
    f.sink->deliver(f.self, &a);
    a.severity = SEVERITY_CRITICAL;
    a.sequence = 2;
    f.sink->deliver(f.self, &a);
    assert_int_equal(subscriber_take(s, 2000, &got), SUBSCRIBER_ALERT);
    assert_int_equal(got.sequence, 2);
    assert_int_equal(subscriber_missed(s), 0); /* what was not asked for is not missed */
    subscriber_close(s);
    sink_tear_down(&f);
}

static void test_a_subscriber_that_never_reads(void **unused)
{
    (void)unused;
    static struct alert got;
    start();
    struct subscriber *idle = connect_to(NULL, 0), *busy = connect_to(NULL, 0);
    int64_t begin_ns = clock_monotonic_ns();
    uint64_t received = 0;
    for (uint64_t i = 1; i <= 5000; i++) {
        struct alert a = sample_alert(i);
        f.sink->deliver(f.self, &a);
        while (subscriber_take(busy, 0, &got) == SUBSCRIBER_ALERT)
            received++;
    }
    while (subscriber_take(busy, 500, &got) == SUBSCRIBER_ALERT)
        received++;
    f.sink->tick(f.self, 5000);
    assert_int_equal(subscriber_take(busy, 5000, &got), SUBSCRIBER_HEARTBEAT); /* tells what was lost at the end */
    assert_true(clock_monotonic_ns() - begin_ns < INT64_C(20000000000)); /* nobody was held up */
    assert_int_equal(received + subscriber_missed(busy), 5000);
    subscriber_close(idle);
    subscriber_close(busy);
    sink_tear_down(&f);
}

static void test_one_publisher_an_endpoint(void **unused)
{
    (void)unused;
    static struct sink_fixture second;
    struct error err;
    start();
    sink_setup_dir(&second);
    const char *const set[][2] = { { "endpoint", endpoint }, { NULL, NULL } };
    assert_int_equal(sink_try_open(&second, "publish", set, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, "another foretrace publishes there"));
    second.self = NULL;
    sink_tear_down(&second);
    sink_tear_down(&f);
}

static void test_beyond_loopback_only_with_keys(void **unused)
{
    (void)unused;
    static const struct {
        const char *endpoint;
        int result;
    } rows[] = { { "tcp://0.0.0.0:5555", -EACCES }, { "tcp://*:5555", -EACCES }, { "tcp://192.168.0.1:5555", -EACCES },
                 { "pgm://x", -EINVAL },            { "udp://127.0.0.1:1", -EINVAL } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err;
        sink_setup_dir(&f);
        const char *const set[][2] = { { "endpoint", rows[i].endpoint }, { NULL, NULL } };
        assert_int_equal(sink_try_open(&f, "publish", set, &err), rows[i].result);
        assert_non_null(strstr(err.text, rows[i].endpoint));
        f.self = NULL;
        sink_tear_down(&f);
    }
}

static void test_noise_is_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *topic, *body;
        size_t size;
        int parts;
    } rows[] = { { "alert.warning.x", "", 0, 2 }, { "alert.warning.x", "\x95\x01\x09\x01\x01\xc0", 6, 2 },
                 { "alert.warning.x", "\x95\x02\x09\x01\x01\xc0", 6, 2 }, { "alert", "x", 1, 1 }, { "alert", "x", 1, 3 } };
    static struct alert got;
    struct error err;
    void *zmq = zmq_ctx_new(), *pub = zmq_socket(zmq, ZMQ_PUB);
    struct subscriber *s;
    char address[64];
    snprintf(address, sizeof(address), "ipc:///tmp/foretrace-noise-%d", (int)getpid());
    assert_int_equal(zmq_bind(pub, address), 0);
    assert_int_equal(subscriber_open(address, NULL, NULL, &s, &err), 0);
    bool connected = false;
    for (int i = 0; i < 500 && !connected; i++) {
        zmq_send(pub, "hello", 5, 0);
        connected = subscriber_take(s, 10, &got) != SUBSCRIBER_NOTHING;
    }
    assert_true(connected);
    while (subscriber_take(s, 50, &got) != SUBSCRIBER_NOTHING)
        ;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int part = 1; part < rows[i].parts; part++)
            zmq_send(pub, rows[i].topic, strlen(rows[i].topic), ZMQ_SNDMORE);
        zmq_send(pub, rows[i].body, rows[i].size, 0);
        assert_int_equal(subscriber_take(s, 2000, &got), SUBSCRIBER_REFUSED);
    }
    subscriber_close(s);
    zmq_close(pub);
    zmq_ctx_term(zmq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivery),      cmocka_unit_test(test_topics),
        cmocka_unit_test(test_a_subscriber_that_never_reads), cmocka_unit_test(test_one_publisher_an_endpoint),
        cmocka_unit_test(test_beyond_loopback_only_with_keys), cmocka_unit_test(test_noise_is_refused),
    };
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
