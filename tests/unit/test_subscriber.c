/* libforetrace over real sockets: in order, once, nothing missed that could be had. */
#include "client_fixture.h"

static struct publisher p;

static void test_late_join(void **unused)
{
    (void)unused;
    publisher_open(&p, true);
    publish(&p, 1, 1, ALERT_RESOLVED, false);
    publish(&p, 2, 3, ALERT_FIRING, false);
    publish(&p, 4, 90, ALERT_RESOLVED, false);
    publish(&p, 91, 170, ALERT_FIRING, false); /* more than one answer holds */
    struct foretrace_subscriber *s = connect_with(&p, NULL);
    const struct foretrace_alert *a;
    uint64_t last = 0, count = 0;
    for (int i = 0; i < 60000 && last < 170; i++) {
        if (pump(&p, s, &a) != 1)
            continue;
        assert_true(a->sequence > last && a->origin == FORETRACE_REPLAYED && a->state == FORETRACE_FIRING);
        last = a->sequence;
        count++;
    }
    assert_int_equal(count, 82);
    await_connection(&p, s, 170);
    publish(&p, 171, 172, ALERT_FIRING, true);
    expect(&p, s, "171 172");
    assert_int_equal(foretrace_missed(s) + foretrace_recovered(s) + foretrace_refused(s), 0);
    foretrace_close(s);
    /* Not wanted. */
    struct foretrace_options *o = foretrace_options_new();
    foretrace_options_set_firing(o, 0);
    s = connect_with(&p, o);
    await_connection(&p, s, 172);
    publish(&p, 173, 173, ALERT_FIRING, true);
    expect(&p, s, "173");
    foretrace_close(s);
    publisher_close(&p);
}

/* What is published while the answer comes in pieces comes once. */
static void test_a_join_while_alerts_come(void **unused)
{
    (void)unused;
    publisher_open(&p, true);
    publish(&p, 1, 80, ALERT_FIRING, false);
    struct foretrace_options *o = foretrace_options_new();
    struct foretrace_subscriber *s = connect_with(&p, o);
    const struct foretrace_alert *a;
    uint64_t last = 0;
    for (int i = 0; i < 60000 && last < 64; i++) {
        heartbeat(&p, 80);
        if (pump(&p, s, &a) == 1)
            assert_int_equal(a->sequence, ++last);
    }
    publish(&p, 81, 83, ALERT_FIRING, true); /* 81 to 83 are in the second piece, too */
    struct alert again = numbered(84, ALERT_FIRING);
    again.id = 1070; /* 70 changed: it is not in the second piece any more */
    history_add(p.history, &again);
    send_alert(&p, &again);
    expect(&p, s, "65f 66f 67f 68f 69f 71f 72f 73f 74f 75f 76f 77f 78f 79f 80f 81 82 83 84");
    assert_int_equal(foretrace_missed(s), 0);
    foretrace_close(s);
    publisher_close(&p);
}

static void test_gaps(void **unused)
{
    (void)unused;
    publisher_open(&p, true);
    struct foretrace_subscriber *s = connect_with(&p, NULL);
    await_connection(&p, s, 0);
    publish(&p, 1, 2, ALERT_FIRING, true);
    expect(&p, s, "1 2");
    publish(&p, 3, 4, ALERT_FIRING, false);
    publish(&p, 5, 6, ALERT_FIRING, true);
    expect(&p, s, "3r 4r 5 6"); /* in order */
    assert_int_equal(foretrace_recovered(s), 2);
    publish(&p, 7, 7, ALERT_RESOLVED, false);
    heartbeat(&p, 7);
    expect(&p, s, "7r"); /* told by a heartbeat */
    publish(&p, 8, 8, ALERT_FIRING, true);
    send_alert(&p, &(struct alert){ .sequence = 8, .state = ALERT_FIRING, .kind = FINDING_LOSS });
    expect(&p, s, "8"); /* twice, given once */
    assert_int_equal(foretrace_duplicates(s), 1);
    /* Out of order: 10, then 9 and 11. */
    publish(&p, 9, 10, ALERT_FIRING, false);
    struct alert nine = numbered(9, ALERT_FIRING), ten = numbered(10, ALERT_FIRING);
    send_alert(&p, &ten);
    send_alert(&p, &nine);
    publish(&p, 11, 11, ALERT_FIRING, true);
    expect(&p, s, "9r 10 11");
    assert_int_equal(foretrace_duplicates(s), 2);
    assert_int_equal(foretrace_missed(s), 0);
    foretrace_close(s);
    publisher_close(&p);
}

static void test_what_is_gone(void **unused)
{
    (void)unused;
    publisher_open(&p, true);
    struct foretrace_subscriber *s = connect_with(&p, NULL);
    await_connection(&p, s, 0);
    publish(&p, 1, 1, ALERT_FIRING, true);
    expect(&p, s, "1");
    publish(&p, 2, 2, ALERT_FIRING, false);
    publish(&p, 3, 250, ALERT_RESOLVED, false); /* a hundred are kept, and 2 fires still */
    publish(&p, 251, 251, ALERT_FIRING, true);
    const struct foretrace_alert *a;
    uint64_t last = 1;
    for (int i = 0; i < 60000 && last < 251; i++) {
        if (pump(&p, s, &a) != 1)
            continue;
        assert_int_equal(a->sequence, last == 1 ? 2 : last == 2 ? 152 : last + 1);
        last = a->sequence;
    }
    assert_int_equal(last, 251);
    assert_int_equal(foretrace_recovered(s), 100);
    assert_int_equal(foretrace_missed(s), 149);
    foretrace_close(s);
    publisher_close(&p);
}

static void test_restarts(void **unused)
{
    (void)unused;
    publisher_open(&p, true);
    struct foretrace_subscriber *s = connect_with(&p, NULL);
    await_connection(&p, s, 0);
    publish(&p, 1, 5, ALERT_FIRING, true);
    expect(&p, s, "1 2 3 4 5");
    /* With its state: the same epoch, the numbers go on. What was published while we were away is had. */
    publisher_stop(&p);
    publish(&p, 6, 7, ALERT_FIRING, false);
    publisher_start(&p, 7, true, NULL);
    const struct foretrace_alert *a;
    for (int i = 0; i < 60000 && foretrace_recovered(s) < 2; i++) {
        heartbeat(&p, 7);
        if (pump(&p, s, &a) == 1)
            assert_int_equal(a->sequence, 5 + foretrace_recovered(s));
    }
    assert_int_equal(foretrace_recovered(s), 2);
    publish(&p, 8, 8, ALERT_FIRING, true);
    expect(&p, s, "8");
    assert_int_equal(foretrace_restarts(s), 0);
    /* Without it: another epoch from 1, of which the first two were missed. */
    publisher_stop(&p);
    history_free(p.history);
    p.history = history_new(100, 1 << 20);
    publisher_start(&p, 8, true, NULL);
    publish(&p, 1, 2, ALERT_FIRING, false);
    for (int i = 0; i < 60000 && foretrace_recovered(s) < 4; i++) {
        heartbeat(&p, 2);
        if (pump(&p, s, &a) == 1)
            assert_true(a->epoch == 8 && a->sequence == foretrace_recovered(s) - 2);
    }
    publish(&p, 3, 3, ALERT_FIRING, true);
    expect(&p, s, "3");
    assert_int_equal(foretrace_restarts(s), 1);
    assert_int_equal(foretrace_missed(s), 0);
    /* The same epoch, but its numbers went back: said by heartbeats. */
    heartbeat(&p, 1);
    struct alert two = numbered(2, ALERT_FIRING);
    send_alert(&p, &two);
    expect(&p, s, "2");
    assert_int_equal(foretrace_restarts(s), 2);
    foretrace_close(s);
    publisher_close(&p);
}

static void test_a_publisher_that_comes_later(void **unused)
{
    (void)unused;
    const struct foretrace_alert *a;
    publisher_open(&p, true);
    publisher_stop(&p);
    struct foretrace_subscriber *s = connect_with(&p, NULL);
    for (int i = 0; i < 100; i++)
        assert_int_equal(foretrace_next(s, 1, &a), 0);
    assert_int_equal(foretrace_silent_ms(s), -1);
    publish(&p, 1, 2, ALERT_FIRING, false);
    publisher_start(&p, 7, true, NULL);
    expect(&p, s, "1f 2f");
    await_connection(&p, s, 2);
    publish(&p, 3, 3, ALERT_FIRING, true);
    expect(&p, s, "3");
    clock_sleep_ns(60000000);
    assert_true(foretrace_silent_ms(s) >= 60);
    foretrace_close(s);
    publisher_close(&p);
}

static void test_without_a_replay_socket(void **unused)
{
    (void)unused;
    publisher_open(&p, false);
    struct foretrace_subscriber *s = connect_with(&p, impatient());
    await_connection(&p, s, 4);
    publish(&p, 5, 5, ALERT_FIRING, true);
    publish(&p, 8, 8, ALERT_FIRING, true);
    expect(&p, s, "5 8"); /* late by our patience, not held for ever */
    assert_int_equal(foretrace_missed(s), 2);
    heartbeat(&p, 9);
    expect(&p, s, "");
    for (int i = 0; i < 1000 && foretrace_missed(s) < 3; i++)
        expect(&p, s, "");
    assert_int_equal(foretrace_missed(s), 3);
    foretrace_close(s);
    publisher_close(&p);
}

static void test_filters(void **unused)
{
    (void)unused;
    static const struct {
        const char *topic, *analysis;
        enum foretrace_severity least;
        bool recovery;
        const char *taken;
        uint64_t missed;
    } rows[] = {
        { NULL, NULL, FORETRACE_SEVERITY_UNKNOWN, true, "1 2r 3 4r 5 6", 0 },
        { "alert.critical.", NULL, FORETRACE_SEVERITY_UNKNOWN, true, "4r 5 6", 0 },
        { NULL, NULL, FORETRACE_CRITICAL, true, "4r 5 6", 0 },
        { NULL, "disk*", FORETRACE_SEVERITY_UNKNOWN, true, "2r 3 6", 0 },
        { "alert.warning.disk", "disk*", FORETRACE_WARNING, true, "2r 3", 0 },
        { NULL, NULL, FORETRACE_SEVERITY_UNKNOWN, false, "1 3 5 6", 2 },
        { NULL, "disk*", FORETRACE_SEVERITY_UNKNOWN, false, "3 6", 2 },
        { "alert.critical.", NULL, FORETRACE_SEVERITY_UNKNOWN, false, "5 6", 0 }, /* it cannot tell what it missed */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct foretrace_options *o = foretrace_options_new();
        publisher_open(&p, true);
        if (rows[i].topic)
            assert_int_equal(foretrace_options_add_topic(o, rows[i].topic), 0);
        if (rows[i].analysis)
            assert_int_equal(foretrace_options_add_analysis(o, rows[i].analysis), 0);
        assert_int_equal(foretrace_options_set_severity(o, rows[i].least), 0);
        foretrace_options_set_recovery(o, rows[i].recovery);
        struct foretrace_subscriber *s = connect_with(&p, o);
        await_connection(&p, s, 0);
        for (uint64_t n = 1; n <= 6; n++) {
            struct alert a = numbered(n, ALERT_FIRING);
            if (n == 2 || n == 3 || n == 6)
                strcpy(a.analysis, "disk.read");
            if (n >= 4)
                a.severity = SEVERITY_CRITICAL;
            history_add(p.history, &a);
            if (n != 2 && n != 4)
                send_alert(&p, &a);
        }
        heartbeat(&p, 6);
        expect(&p, s, rows[i].taken);
        assert_int_equal(foretrace_missed(s), rows[i].missed);
        foretrace_close(s);
        publisher_close(&p);
    }
}

static void test_garbage(void **unused)
{
    (void)unused;
    static const struct {
        const char *bytes;
        size_t size;
        uint64_t refused;
    } rows[] = { { "", 0, 1 },
                 { "\x95\x01\x09\x07\x01\xc0", 6, 1 },   /* nil is no alert */
                 { "\x95\x02\x09\x07\x01\xc0", 6, 1 },   /* another version */
                 { "\x95\x01\x09\x07\x00\x80", 6, 1 },   /* numbers begin with 1 */
                 { "\x95\x01\x63\x07\x09\xc0", 6, 0 } }; /* a type that a later version may have */
    const struct foretrace_alert *a;
    publisher_open(&p, true);
    struct foretrace_subscriber *s = connect_with(&p, NULL);
    await_connection(&p, s, 0);
    uint64_t refused = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        publish_bytes(&p, "alert.warning.x", rows[i].bytes, rows[i].size);
        refused += rows[i].refused;
        expect(&p, s, "");
        assert_int_equal(foretrace_refused(s), refused);
    }
    zmq_send(p.pub, "one part", 8, 0);
    zmq_send(p.pub, "three", 5, ZMQ_SNDMORE);
    zmq_send(p.pub, "three", 5, ZMQ_SNDMORE);
    zmq_send(p.pub, "three", 5, 0);
    expect(&p, s, "");
    assert_int_equal(foretrace_refused(s), refused + 2);
    /* Cut short at every length: refused, and had from the replay socket in the end. */
    struct bytes b = { 0 };
    struct alert one = numbered(1, ALERT_FIRING);
    history_add(p.history, &one);
    wire_put_header(&b, WIRE_ALERT, 7, 1);
    alert_put(&b, &one);
    for (size_t size = 0; size < b.size; size += 7)
        publish_bytes(&p, "alert.warning.request", b.data, size);
    publish(&p, 2, 2, ALERT_FIRING, true);
    expect(&p, s, "1r 2");
    assert_int_equal(foretrace_refused(s), refused + 2 + (b.size + 6) / 7);
    bytes_done(&b);
    assert_int_equal(foretrace_next(s, 0, &a), 0);
    foretrace_close(s);
    publisher_close(&p);
}

/* The first question finds nobody who answers: it is asked again. */
static void test_a_question_that_is_lost(void **unused)
{
    (void)unused;
    const struct foretrace_alert *a;
    publisher_open(&p, true);
    struct foretrace_options *o = foretrace_options_new();
    assert_int_equal(foretrace_options_set_patience(o, 100), 0);
    struct foretrace_subscriber *s = connect_with(&p, o);
    await_connection(&p, s, 0);
    publish(&p, 1, 1, ALERT_FIRING, false);
    heartbeat(&p, 1);
    for (int64_t end_ns = clock_monotonic_ns() + 70000000; clock_monotonic_ns() < end_ns;)
        assert_int_equal(foretrace_next(s, 1, &a), 0);
    uint8_t waste[512];
    while (zmq_recv(replay_server_socket(p.replay), waste, sizeof(waste), ZMQ_DONTWAIT) >= 0)
        ;
    expect(&p, s, "1r");
    assert_int_equal(foretrace_missed(s), 0);
    foretrace_close(s);
    publisher_close(&p);
}

/* Somebody answers nonsense where the replay socket should be. */
static void test_a_mad_replay_socket(void **unused)
{
    (void)unused;
    const struct foretrace_alert *a;
    char where[REPLAY_ENDPOINT_MAX];
    publisher_open(&p, false);
    void *router = zmq_socket(p.zmq, ZMQ_ROUTER);
    assert_int_equal(replay_endpoint(p.endpoint, where, sizeof(where)), 0);
    assert_int_equal(zmq_bind(router, where), 0);
    struct foretrace_options *o = impatient();
    foretrace_options_set_firing(o, 0);
    struct foretrace_subscriber *s = connect_with(&p, o);
    await_connection(&p, s, 0);
    publish(&p, 1, 1, ALERT_FIRING, true);
    expect(&p, s, "1");
    publish(&p, 4, 4, ALERT_FIRING, true);
    uint64_t got = 0;
    for (int i = 0; i < 60000 && got == 0; i++) {
        uint8_t id[256], rest[512];
        int n = zmq_recv(router, id, sizeof(id), ZMQ_DONTWAIT);
        if (n >= 0) {
            zmq_recv(router, rest, sizeof(rest), 0);
            for (int k = 0; k < 50; k++) {
                zmq_send(router, id, (size_t)n, ZMQ_SNDMORE);
                zmq_send(router, k % 2 ? "noise" : "\x95\x01\x06\x09\x01\x80", k % 2 ? 5 : 6, 0);
            }
        }
        if (foretrace_next(s, 1, &a) == 1)
            got = a->sequence;
    }
    assert_int_equal(got, 4);
    assert_int_equal(foretrace_missed(s), 2);
    assert_true(foretrace_refused(s) > 0);
    foretrace_close(s);
    zmq_close(router);
    publisher_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_late_join),
        cmocka_unit_test(test_a_join_while_alerts_come),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_what_is_gone),
        cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_a_publisher_that_comes_later),
        cmocka_unit_test(test_without_a_replay_socket),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_a_question_that_is_lost),
        cmocka_unit_test(test_a_mad_replay_socket),
    };
    return cmocka_run_group_tests_name("subscriber", tests, NULL, NULL);
}
