/* The publish sink: its sockets, its replay socket, and those who do not behave. */
#include "alerts/client/foretrace.h"
#include "alerts/replay.h"
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

static void deliver(uint64_t first, uint64_t last, enum alert_state state)
{
    for (uint64_t i = first; i <= last; i++) {
        struct alert a = sample_alert(i);
        a.id = i;
        a.state = state;
        sink_deliver(&f, &a);
    }
}

static void *open_socket(int type, const char *where)
{
    int depth = 1, linger = 0;
    void *socket = zmq_socket(f.zmq, type);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &depth, sizeof(depth));
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
    if (type == ZMQ_SUB)
        zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
    assert_int_equal(zmq_connect(socket, where), 0);
    return socket;
}

static void *open_requester(void)
{
    char where[REPLAY_ENDPOINT_MAX];
    assert_int_equal(replay_endpoint(endpoint, where, sizeof(where)), 0);
    return open_socket(ZMQ_DEALER, where);
}

/* Serves until something comes, at most a minute: bytes, or -1. */
static int receive(void *socket, uint8_t *buffer, size_t capacity)
{
    for (int i = 0; i < 60000; i++) {
        f.sink->service(f.self);
        int n = zmq_recv(socket, buffer, capacity, ZMQ_DONTWAIT);
        if (n >= 0)
            return n;
        clock_sleep_ns(1000000);
    }
    return -1;
}

static void ask(void *socket, const struct replay_request *q)
{
    struct bytes b = { 0 };
    replay_request_put(&b, q);
    assert_true(zmq_send(socket, b.data, b.size, 0) >= 0);
    bytes_done(&b);
}

/* The answer as "3 4 5 | newest 9 gone 2 next 0". */
static const char *answer(void *socket, char text[1024])
{
    static uint8_t buffer[1 << 16];
    int used = 0;
    for (;;) {
        struct wire_header h;
        struct wire_reader body;
        static struct alert a;
        int n = receive(socket, buffer, sizeof(buffer));
        assert_true(n > 0 && wire_open(&body, buffer, (size_t)n, &h));
        assert_int_equal(h.epoch, 77);
        if (h.type == WIRE_END) {
            struct replay_end end;
            assert_true(replay_end_get(&body, &end));
            assert_int_equal(h.sequence, end.newest);
            snprintf(text + used, 1024 - (size_t)used, "| newest %d gone %d next %d", (int)end.newest, (int)end.gone, (int)end.next);
            return text;
        }
        assert_true(h.type == WIRE_ALERT && alert_get(&body, &a) && wire_finished(&body));
        assert_int_equal(a.sequence, h.sequence);
        used += snprintf(text + used, 1024 - (size_t)used, "%d ", (int)h.sequence);
    }
}

static void test_replay(void **unused)
{
    (void)unused;
    static const struct {
        struct replay_request q;
        const char *answer;
    } rows[] = {
        { { .epoch = 77, .first = 203, .last = 205 }, "203 204 205 | newest 300 gone 0 next 0" },
        { { .epoch = 77, .first = 299, .last = UINT64_MAX }, "299 300 | newest 300 gone 0 next 0" }, /* what is not yet is not gone */
        { { .epoch = 77, .first = 301, .last = 400 }, "| newest 300 gone 0 next 0" },
        { { .epoch = 77, .first = 198, .last = 202 }, "201 202 | newest 300 gone 3 next 0" }, /* 100 are kept */
        { { .epoch = 77, .first = 1, .last = 202 }, "5 201 202 | newest 300 gone 199 next 0" }, /* and what fires still */
        { { .epoch = 76, .first = 5, .last = 14 }, "| newest 300 gone 10 next 0" },
        { { .firing = true }, "5 | newest 300 gone 0 next 0" },
        { { .firing = true, .first = 6 }, "| newest 300 gone 0 next 0" },
    };
    char text[1024];
    start();
    deliver(1, 4, ALERT_RESOLVED);
    deliver(5, 5, ALERT_FIRING);
    deliver(6, 300, ALERT_RESOLVED);
    void *asker = open_requester();
    for (size_t i = 0; i < COUNT(rows); i++) {
        ask(asker, &rows[i].q);
        assert_string_equal(answer(asker, text), rows[i].answer);
    }
    /* A long answer comes in pieces: 64, then the rest. */
    ask(asker, &(struct replay_request){ .epoch = 77, .first = 201, .last = 300 });
    assert_non_null(strstr(answer(asker, text), "264 | newest 300 gone 0 next 265"));
    ask(asker, &(struct replay_request){ .epoch = 77, .first = 265, .last = 300 });
    assert_memory_equal(answer(asker, text), "265 ", 4);
    assert_non_null(strstr(text, "300 | newest 300 gone 0 next 0"));
    assert_int_equal(f.sink->failures(f.self), 0);
    zmq_close(asker);
    sink_tear_down(&f);
}

static void test_malformed_requests(void **unused)
{
    (void)unused;
    static const struct {
        const char *bytes;
        size_t size;
        int parts;
    } rows[] = {
        { "", 0, 1 },
        { "\x95\x01\x0b\x00\x01\xc0", 6, 1 },                                             /* wants nothing */
        { "\x95\x01\x0b\x00\x01\x81\xa4want\xa3" "all", 15, 1 },                          /* wants what there is not */
        { "\x95\x01\x0b\x00\x01\x81\xa4want\xa5range", 17, 1 },                           /* no range */
        { "\x95\x01\x0b\x00\x01\x83\xa4want\xa5range\xa5" "first\x09\xa4last\x08", 30, 1 }, /* backwards */
        { "\x95\x02\x0b\x00\x01\x81\xa4want\xa6" "firing", 18, 1 },                       /* another version */
        { "\x95\x01\x09\x00\x01\x81\xa4want\xa6" "firing", 18, 1 },                       /* another type */
        { "\x95\x01\x0b\x00\x01\x81\xa4want\xa6" "firing\xc0", 19, 1 },                   /* more than that */
        { "\x95\x01\x0b\x00\x01\x81\xa4want\xa6" "firi", 16, 1 },                         /* less */
        { "\x95\x01\x0b\x00\x01\x81\xa4want\xa6" "firing", 18, 2 },                       /* in two parts */
    };
    char text[1024];
    start();
    deliver(1, 1, ALERT_FIRING);
    void *asker = open_requester();
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int part = 1; part < rows[i].parts; part++)
            assert_true(zmq_send(asker, "x", 1, ZMQ_SNDMORE) >= 0);
        assert_true(zmq_send(asker, rows[i].bytes, rows[i].size, 0) >= 0);
        for (int k = 0; k < 60000 && f.sink->failures(f.self) < i + 1; k++) {
            f.sink->service(f.self);
            clock_sleep_ns(1000000);
        }
        assert_int_equal(f.sink->failures(f.self), i + 1);
    }
    ask(asker, &(struct replay_request){ .firing = true }); /* nobody holds it against us */
    assert_string_equal(answer(asker, text), "1 | newest 1 gone 0 next 0");
    char *big = calloc(1, 1 << 20); /* ZeroMQ closes the connection; another is made */
    zmq_send(asker, big, 1 << 20, 0);
    free(big);
    void *other = open_requester();
    ask(other, &(struct replay_request){ .firing = true });
    assert_string_equal(answer(other, text), "1 | newest 1 gone 0 next 0");
    zmq_close(asker);
    zmq_close(other);
    sink_tear_down(&f);
}

/* It asks without end and reads nothing: the others are served, nothing blocks, and
 * what could not be queued is counted. */
static void test_a_requester_that_never_reads(void **unused)
{
    (void)unused;
    char text[1024];
    start();
    deliver(1, 100, ALERT_FIRING);
    void *stuck = open_requester(), *asker = open_requester();
    int64_t begin_ns = clock_monotonic_ns(), longest_ns = 0;
    for (int i = 0; i < 500; i++) {
        struct bytes b = { 0 };
        replay_request_put(&b, &(struct replay_request){ .epoch = 77, .first = 1, .last = 100 });
        zmq_send(stuck, b.data, b.size, ZMQ_DONTWAIT);
        bytes_done(&b);
        int64_t before_ns = clock_monotonic_ns();
        f.sink->service(f.self);
        int64_t took_ns = clock_monotonic_ns() - before_ns;
        longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
    }
    for (int i = 0; i < 60000 && f.sink->failures(f.self) == 0; i++) {
        f.sink->service(f.self);
        clock_sleep_ns(1000000);
    }
    assert_true(f.sink->failures(f.self) > 0);
    ask(asker, &(struct replay_request){ .epoch = 77, .first = 99, .last = 100 });
    assert_string_equal(answer(asker, text), "99 100 | newest 100 gone 0 next 0");
    print_message("longest call %d us, %d answers cut short\n", (int)(longest_ns / 1000), (int)f.sink->failures(f.self));
    assert_true(clock_monotonic_ns() - begin_ns < INT64_C(60000000000));
    zmq_close(stuck);
    zmq_close(asker);
    sink_tear_down(&f);
}

/* A subscriber whose sockets nobody reads; another one beside it gets everything. */
static void test_a_subscriber_that_never_reads(void **unused)
{
    (void)unused;
    enum { ALERTS = 3000 };
    struct foretrace_subscriber *busy;
    const struct foretrace_alert *got;
    uint64_t received = 0;
    start();
    void *stuck = open_socket(ZMQ_SUB, endpoint);
    int64_t begin_ns = clock_monotonic_ns();
    assert_int_equal(foretrace_connect(endpoint, NULL, &busy, NULL, 0), 0);
    for (int i = 0; i < 60000 && foretrace_silent_ms(busy) < 0; i++) {
        f.sink->tick(f.self, 0);
        f.sink->service(f.self);
        assert_int_equal(foretrace_next(busy, 1, &got), 0);
    }
    for (uint64_t i = 1; i <= ALERTS; i++) {
        deliver(i, i, ALERT_FIRING);
        f.sink->service(f.self);
        /* On a busy machine it may be behind, though never by as much as its queue holds: what it would miss then is another test's. */
        for (int tries = 0; tries < 5000 && (tries == 0 || i - received > 500); tries++)
            while (foretrace_next(busy, tries > 0, &got) == 1)
                assert_int_equal(got->sequence, ++received);
    }
    for (int i = 0; i < 60000 && received < ALERTS; i++) {
        f.sink->service(f.self);
        if (foretrace_next(busy, 1, &got) == 1)
            assert_int_equal(got->sequence, ++received);
    }
    assert_int_equal(received, ALERTS);
    assert_int_equal(foretrace_missed(busy), 0);
    assert_true(clock_monotonic_ns() - begin_ns < INT64_C(60000000000)); /* nobody was held up */
    zmq_close(stuck);
    foretrace_close(busy);
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
    assert_non_null(strstr(err.text, "another foretrace listens there"));
    second.self = NULL;
    sink_tear_down(&second);
    sink_tear_down(&f);
}

static void test_where_the_replay_socket_is(void **unused)
{
    (void)unused;
    static const struct {
        const char *endpoint, *replay;
    } rows[] = { { "ipc:///a/b", "ipc:///a/b.replay" }, { "inproc://x", "inproc://x.replay" },
                 { "tcp://127.0.0.1:5599", "tcp://127.0.0.1:5600" }, { "tcp://[::1]:5599", "tcp://[::1]:5600" },
                 { "tcp://127.0.0.1:65535", NULL }, { "tcp://127.0.0.1:*", NULL }, { "tcp://nothing", NULL }, { "x", NULL } };
    char where[REPLAY_ENDPOINT_MAX], path[200], text[1024];
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(replay_endpoint(rows[i].endpoint, where, sizeof(where)), rows[i].replay ? 0 : -EINVAL);
        if (rows[i].replay)
            assert_string_equal(where, rows[i].replay);
    }
    assert_int_equal(replay_endpoint("ipc:///a/b", where, 5), -ENAMETOOLONG);
    /* The option has its way. */
    struct error err;
    sink_setup_dir(&f);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/alerts", f.dir);
    snprintf(path, sizeof(path), "ipc://%s/elsewhere", f.dir);
    const char *const set[][2] = { { "endpoint", endpoint }, { "replay", path }, { NULL, NULL } };
    assert_int_equal(sink_try_open(&f, "publish", set, &err), 0);
    void *asker = open_socket(ZMQ_DEALER, path);
    ask(asker, &(struct replay_request){ .firing = true });
    assert_string_equal(answer(asker, text), "| newest 0 gone 0 next 0");
    zmq_close(asker);
    sink_tear_down(&f);
    sink_setup_dir(&f);
    const char *const none[][2] = { { "replay", "none" }, { NULL, NULL } };
    assert_int_equal(sink_try_open(&f, "publish", none, &err), 0);
    assert_null(f.sink->socket(f.self));
    sink_tear_down(&f);
}

/* Two ports in a row, or, when somebody has the second, the first and no replay. */
static void test_ports(void **unused)
{
    (void)unused;
    char next[REPLAY_ENDPOINT_MAX], bound[160], text[1024];
    size_t size = sizeof(bound);
    struct error err;
    sink_setup_dir(&f);
    void *probe = zmq_socket(f.zmq, ZMQ_PULL), *neighbour = zmq_socket(f.zmq, ZMQ_PULL);
    int r = -1;
    for (int i = 0; i < 50 && r < 0; i++) { /* a free port whose neighbour is free, too */
        assert_int_equal(zmq_bind(probe, "tcp://127.0.0.1:*"), 0);
        assert_int_equal(zmq_getsockopt(probe, ZMQ_LAST_ENDPOINT, bound, &size), 0);
        zmq_unbind(probe, bound);
        size = sizeof(bound);
        r = replay_endpoint(bound, next, sizeof(next)) == 0 ? zmq_bind(neighbour, next) : -1;
    }
    assert_int_equal(r, 0);
    zmq_close(probe);
    const char *const set[][2] = { { "endpoint", bound }, { NULL, NULL } };
    for (int taken = 1; taken >= 0; taken--) {
        for (int i = 0; i < 100 && (i == 0 || r < 0); i++) { /* ports are given back in the background */
            free(f.config);
            r = sink_try_open(&f, "publish", set, &err);
            if (r == 0 && !taken && !f.sink->socket(f.self)) {
                f.sink->close(f.self);
                r = -1;
            }
            clock_sleep_ns(r < 0 ? 20000000 : 0);
        }
        assert_int_equal(r, 0);
        if (taken) {
            assert_null(f.sink->socket(f.self));
            f.sink->close(f.self);
            f.self = NULL;
            zmq_close(neighbour);
        }
    }
    assert_non_null(f.sink->socket(f.self));
    deliver(1, 1, ALERT_FIRING);
    void *asker = open_socket(ZMQ_DEALER, next);
    ask(asker, &(struct replay_request){ .firing = true });
    assert_string_equal(answer(asker, text), "1 | newest 1 gone 0 next 0");
    zmq_close(asker);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_malformed_requests),
        cmocka_unit_test(test_a_requester_that_never_reads),
        cmocka_unit_test(test_a_subscriber_that_never_reads),
        cmocka_unit_test(test_one_publisher_an_endpoint),
        cmocka_unit_test(test_where_the_replay_socket_is),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_beyond_loopback_only_with_keys),
    };
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
