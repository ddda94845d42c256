/* Streams of a live session, merged: their order, connections that come back, losses, and what is wrong. */
#include "live_set_fixture.h"

/* ---- order ---- */

static void test_order(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b, NULL, INT64_MIN);
    add_trace(&b, 1, two);
    live_set_connected(&b.set);
    assert_false(b.set.continued);
    PACKET(&b, "a", 0, 10, 40, 10, 20, 40, 0);
    expect(&b, ""); /* the other may have something earlier */
    assert_ptr_equal(b.set.awaited, stream(&b, "b"));
    beacon(&b, "b", 15);
    expect(&b, " <10 10:0 <15");
    beacon(&b, "b", 12); /* not back */
    expect(&b, "");
    PACKET(&b, "b", 0, 16, 30, 16, 20, 30, 0);
    expect(&b, " <16 16:0 20:1 20:1 30:2"); /* at one instant in the order of streams */
    beacon(&b, "b", 50);
    expect(&b, " 40:2"); /* a's end; now b waits for a */
    PACKET(&b, "a", 1, 41, 60, 45, 60, 0);
    expect(&b, " <41 45:10 <50");
    live_stream_hang_up(stream(&b, "b"));
    expect(&b, " 60:11");
    assert_int_equal(b.set.stream_count, 1); /* and gone */
    live_stream_hang_up(stream(&b, "a"));
    expect(&b, "");
    assert_int_equal(b.set.stream_count, 0);
    assert_int_equal(b.set.trace_count, 1); /* it may have streams that nobody was told of */
    b.set.looked = ++b.set.looks;
    expect(&b, "");
    assert_int_equal(b.set.trace_count, 0);
    assert_int_equal(b.set.waiting_bytes, 0);
    live_set_done(&b.set);
}

/* What stalls is not waited for; what it had comes late, and time does not go back. */
static void test_stalled(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b, NULL, INT64_MIN);
    add_trace(&b, 1, two);
    live_set_connected(&b.set);
    PACKET(&b, "a", 0, 10, 40, 10, 40, 0);
    stream(&b, "b")->stalled = true;
    expect(&b, " <10 10:0 40:1");
    stream(&b, "b")->stalled = false;
    PACKET(&b, "b", 0, 15, 30, 15, 30, 0);
    PACKET(&b, "b", 1, 31, 50, 50, 0);
    expect(&b, " 15:0 30:1");
    beacon(&b, "a", 60);
    expect(&b, " 50:10");
    live_set_done(&b.set);
}

/* Packets that were overwritten before a stream's end are told before others go on without it, be it over already or by then. */
static void test_gone_with_the_end(void **unused)
{
    (void)unused;
    for (int over = 0; over < 2; over++) {
        struct bench b;
        open_bench(&b, NULL, INT64_MIN);
        add_trace(&b, 1, two);
        live_set_connected(&b.set);
        PACKET(&b, "a", 0, 10, 20, 10, 20, 0);
        PACKET(&b, "b", 0, 10, 30, 15, 30, 0);
        if (!over)
            expect(&b, " <10 10:0 15:0 20:1");
        live_stream_packet_gone(stream(&b, "a"), 40);
        live_stream_hang_up(stream(&b, "a"));
        PACKET(&b, "b", 1, 31, 50, 50, 0);
        expect(&b, over ? " <10 10:0 15:0 20:1 lost 1 packets 20..40 30:1 <31 50:10" : " lost 1 packets 20..40 30:1 <31 50:10");
        assert_int_equal(b.set.stream_count, 1);
        live_set_done(&b.set);
    }
}

/* ---- connections ---- */

static void test_reconnect(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b, NULL, INT64_MIN);
    add_trace(&b, 1, two);
    live_set_connected(&b.set);
    PACKET(&b, "a", 0, 10, 20, 10, 20, 0);
    PACKET(&b, "b", 0, 10, 30, 15, 30, 0);
    expect(&b, " <10 10:0 15:0 20:1");
    live_set_disconnect(&b.set);
    expect(&b, "");
    add_trace(&b, 1, two); /* the same uuid: as new streams of another number */
    live_set_connected(&b.set);
    assert_true(b.set.continued);
    assert_int_equal(b.set.stream_count, 2);
    assert_false(live_stream_is_new(stream(&b, "a"), 0, 10, 20)); /* by the index; and where that lies: */
    assert_true(live_stream_is_new(stream(&b, "a"), 0, 21, 40));
    PACKET(&b, "a", 0, 10, 20, 10, 20, 0);
    PACKET(&b, "a", 1, 21, 40, 25, 40, 0);
    expect(&b, " <21 25:10 30:1");
    live_set_drain(&b.set);
    expect(&b, " 40:11");
    live_set_done(&b.set);
}

/* What a new connection does not have any more comes to its end; what it has instead is later. */
static void test_another_session(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b, NULL, INT64_MIN);
    add_trace(&b, 1, two);
    live_set_connected(&b.set);
    PACKET(&b, "a", 0, 10, 20, 10, 20, 0);
    expect(&b, "");
    live_set_disconnect(&b.set);
    add_trace(&b, 2, one);
    live_set_connected(&b.set);
    assert_false(b.set.continued);
    assert_int_equal(b.set.stream_count, 1);
    expect(&b, " <10 10:0 20:1");
    PACKET(&b, "a", 0, 25, 30, 30, 0);
    expect(&b, " <25 30:0");
    live_set_done(&b.set);
}

/* Metadata that takes too long after a reconnection: what was delivered meanwhile does not come again with it. */
static void test_late_metadata(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b, NULL, INT64_MIN);
    add_trace(&b, 1, one);
    live_set_connected(&b.set);
    PACKET(&b, "a", 0, 10, 20, 10, 20, 0);
    live_set_disconnect(&b.set);
    struct live_trace *t = live_set_trace(&b.set, 1, 99);
    live_set_stream(&b.set, t, 100, "a", 0);
    live_set_connected(&b.set); /* without it */
    expect(&b, " <10 10:0 20:1");
    char text[sizeof(metadata) + 16];
    struct error err;
    int n = snprintf(text, sizeof(text), metadata, 1u);
    assert_int_equal(live_set_metadata(&b.set, t, text, (size_t)n, &err), 0);
    assert_int_equal(b.set.stream_count, 1);
    assert_false(live_stream_is_new(stream(&b, "a"), 0, 10, 20));
    PACKET(&b, "a", 1, 21, 30, 30, 0);
    expect(&b, " <21 30:10");
    live_set_done(&b.set);
}

/* ---- losses ---- */

static void test_lost_packets(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b, NULL, INT64_MIN);
    add_trace(&b, 1, one);
    live_set_connected(&b.set);
    PACKET(&b, "a", 5, 10, 20, 10, 0); /* the first one that is there is no loss */
    PACKET(&b, "a", 8, 30, 40, 30, 0);
    expect(&b, " <10 10:50 <20 lost 2 packets 20..30 <30 30:80 <40");
    live_set_done(&b.set);
}

/* Another process goes on where one was killed. window_ns: up to there nothing is missed. */
static const struct {
    const char *what;
    int64_t window_ns;
    uint64_t sequence, begin;
    const char *want;
} gaps[] = {
    { "the next packet", 20, 2, 30, " <30 30:20 <40" },
    { "the last one once more", 15, 1, 11, " <11 30:10 <40" },
    { "two are not there any more", 20, 4, 30, " lost 2 packets 20..30 <30 30:40 <40" },
    { "what was read and not handed on", 5, 2, 30, " lost >=1 packets 5..30 <30 30:20 <40" },
    { "a new stream of the old channel", 20, 0, 30, " <30 30:0 <40" },
    { "nobody knows of a window", INT64_MIN, 4, 30, " <30 30:40 <40" },
};

static void test_gaps(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(gaps); i++) {
        char path[] = "/tmp/foretrace-test-XXXXXX";
        struct positions *positions;
        struct bench b;
        struct error err;
        print_message("  %s\n", gaps[i].what);
        close(mkstemp(path));
        assert_int_equal(positions_open(path, &positions, &err), 0);
        open_bench(&b, positions, INT64_MIN);
        add_trace(&b, 1, one);
        live_set_connected(&b.set);
        PACKET(&b, "a", 0, 1, 10, 10, 0);
        PACKET(&b, "a", 1, 11, 20, 20, 0);
        expect(&b, " <1 10:0 <11 20:10");
        live_set_done(&b.set);
        open_bench(&b, positions, gaps[i].window_ns);
        add_trace(&b, 1, one);
        live_set_connected(&b.set);
        assert_true(b.set.continued);
        PACKET(&b, "a", gaps[i].sequence, gaps[i].begin, 40, 30, 0);
        expect(&b, gaps[i].want);
        live_set_done(&b.set);
        positions_close(positions);
        unlink(path);
    }
}

/* What is older than anybody looks back is passed over by its index; of the first such packet the number is read, and so it shows
 * whether any is missing behind, though nothing came of the stream for long. */
static void test_passed(void **unused)
{
    (void)unused;
    static const struct {
        const char *what;
        uint64_t sequence;
        const char *want;
    } rows[] = { { "silence", 7, " <120 120:70 <140" }, { "overwritten meanwhile", 9, " lost 2 packets 30..120 <120 120:90 <140" } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char path[] = "/tmp/foretrace-test-XXXXXX";
        struct positions *positions;
        struct bench b;
        struct error err;
        print_message("  %s\n", rows[i].what);
        close(mkstemp(path));
        assert_int_equal(positions_open(path, &positions, &err), 0);
        open_bench(&b, positions, 100);
        add_trace(&b, 1, one);
        live_set_connected(&b.set);
        struct live_stream *s = stream(&b, "a");
        assert_false(live_stream_pass(s, &(struct viewer_index){ .begin = 1, .end = 10 }, 50)); /* it is asked for */
        PACKET(&b, "a", 4, 1, 10, 5, 0);
        assert_true(live_stream_pass(s, &(struct viewer_index){ .begin = 11, .end = 20 }, 50));
        expect(&b, " <20");
        assert_true(live_stream_pass(s, &(struct viewer_index){ .begin = 21, .end = 30 }, 50));
        assert_false(live_stream_pass(s, &(struct viewer_index){ .begin = 120, .end = 140 }, 50));
        PACKET(&b, "a", rows[i].sequence, 120, 140, 120, 0);
        expect(&b, rows[i].want);
        live_set_done(&b.set);
        positions_close(positions);
        unlink(path);
    }
}

/* ---- what is wrong ---- */

static void test_damaged(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b, NULL, INT64_MIN);
    add_trace(&b, 1, two);
    live_set_connected(&b.set);
    live_stream_hang_up(stream(&b, "b"));
    PACKET(&b, "a", 0, 10, 20, 10, 0);
    struct bytes *data = &live_stream_next_packet(stream(&b, "a"))->data;
    PACKET(&b, "a", 1, 30, 40, 30, 35, 0);
    data->data[HEAD + 17] = 77; /* the second event's class */
    data = &live_stream_next_packet(stream(&b, "a"))->data;
    PACKET(&b, "a", 2, 50, 60, 50, 0);
    memset(data->data + 32, 0xff, 48); /* its times, its sizes, its number: none is believed */
    PACKET(&b, "a", 3, 70, 80, 70, 0);
    for (int i = 0; i < 2 * LIVE_CLASS_FAILURES_MAX; i++, b.trace->metadata_wanted = false) /* nothing new comes of it */
        while (live_set_deliver(&b.set, 100) == 1)
            ;
    assert_int_equal(b.set.damaged, 2);
    assert_non_null(strstr(b.notice, "the rest of this packet is lost"));
    assert_non_null(strstr(b.text, " 10:0 <20 <30 30:10 lost 1 packets 30..40"));
    assert_non_null(strstr(b.text, " lost 1 packets 30..30 <70 70:30 <80"));
    assert_int_equal(b.set.waiting_bytes, 0);
    live_set_done(&b.set);
}

/* An event of a class that is not declared waits, and so do all that are later, until it is. */
static void test_unknown_class(void **unused)
{
    (void)unused;
    struct bench b;
    struct error err;
    open_bench(&b, NULL, INT64_MIN);
    add_trace(&b, 1, two);
    live_set_connected(&b.set);
    PACKET(&b, "b", 0, 10, 50, 50, 0);
    add_packet(&b, "a", 0, 10, 60, (const unsigned[]){ 20, 0 }, 1);
    expect(&b, " <10");
    assert_true(b.trace->metadata_wanted);
    for (int i = 0; i < 10; i++)
        expect(&b, ""); /* however often it is tried meanwhile */
    assert_int_equal(live_set_metadata(&b.set, b.trace, more_metadata, sizeof(more_metadata) - 1, &err), 0);
    b.trace->metadata_wanted = false;
    expect(&b, " 20:0 50:0");
    assert_int_equal(b.set.damaged, 0);
    live_set_done(&b.set);
}

/* What was lost before there was any time is told when there is, though its trace is over. */
static void test_early_loss(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b, NULL, INT64_MIN);
    add_trace(&b, 1, one);
    live_set_connected(&b.set);
    for (unsigned i = 0; i < 2; i++) {
        struct bytes *data = &live_stream_next_packet(stream(&b, "a"))->data;
        PACKET(&b, "a", i, 10 + i, 50, 20, 0);
        data->data[0] = 0;
    }
    live_stream_hang_up(stream(&b, "a"));
    expect(&b, "");
    b.set.looked = ++b.set.looks;
    expect(&b, "");
    assert_int_equal(b.set.damaged, 2);
    add_trace(&b, 2, one);
    PACKET(&b, "a", 0, 30, 40, 35, 0);
    expect(&b, " lost 2 packets 30..30 <30 35:0 <40");
    assert_int_equal(b.set.trace_count, 1);
    live_set_done(&b.set);
}

/* The same for a packet of a stream class that is not. */
static void test_unknown_stream_class(void **unused)
{
    (void)unused;
    static const char declared[] = "stream { id = 1; packet.context := struct { t64 timestamp_begin; t64 timestamp_end; u64 content_size; u64 packet_size;"
                                   " u64 packet_seq_num; u64 events_discarded; };"
                                   " event.header := struct { integer { size = 8; align = 8; } id; t64 timestamp; }; };"
                                   "event { name = \"e1\"; id = 0; stream_id = 1; fields := struct { u64 n; }; };";
    for (int come = 0; come < 2; come++) {
        struct bench b;
        struct error err;
        open_bench(&b, NULL, INT64_MIN);
        add_trace(&b, 1, two);
        live_set_connected(&b.set);
        PACKET(&b, "b", 0, 10, 50, 50, 0);
        struct bytes *data = &live_stream_next_packet(stream(&b, "a"))->data;
        PACKET(&b, "a", 0, 10, 60, 20, 0);
        data->data[20] = 1;
        live_stream_hang_up(stream(&b, "a"));
        for (int i = 0; i < 10; i++)
            expect(&b, "");
        assert_true(b.trace->metadata_wanted);
        if (come)
            assert_int_equal(live_set_metadata(&b.set, b.trace, declared, sizeof(declared) - 1, &err), 0);
        for (int i = 0; i < 2 * LIVE_CLASS_FAILURES_MAX; i++, b.trace->metadata_wanted = false)
            live_set_deliver(&b.set, 100);
        expect(&b, come ? " <10 20:0 50:0" : " lost 1 packets 10..10 <10 50:0");
        assert_int_equal(b.set.damaged, !come);
        live_set_done(&b.set);
    }
}

/* Nobody asks for metadata of a connection that is gone. */
static void test_unknown_class_drained(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b, NULL, INT64_MIN);
    add_trace(&b, 1, one);
    live_set_connected(&b.set);
    add_packet(&b, "a", 0, 10, 60, (const unsigned[]){ 20, 0 }, 1);
    PACKET(&b, "a", 1, 70, 80, 80, 0);
    live_set_disconnect(&b.set);
    live_set_drain(&b.set);
    expect(&b, " <10 lost 1 packets 10..60 <70 80:10");
    assert_int_equal(b.set.damaged, 1);
    assert_true(live_set_is_empty(&b.set));
    live_set_done(&b.set);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_order),         cmocka_unit_test(test_stalled), cmocka_unit_test(test_gone_with_the_end),       cmocka_unit_test(test_reconnect),
                                        cmocka_unit_test(test_another_session), cmocka_unit_test(test_late_metadata), cmocka_unit_test(test_lost_packets),
                                        cmocka_unit_test(test_gaps),           cmocka_unit_test(test_passed),
                                        cmocka_unit_test(test_damaged),       cmocka_unit_test(test_unknown_class),   cmocka_unit_test(test_early_loss),
                                        cmocka_unit_test(test_unknown_stream_class),
                                        cmocka_unit_test(test_unknown_class_drained) };
    return cmocka_run_group_tests_name("live_set", tests, NULL, NULL);
}
