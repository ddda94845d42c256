/* In which order senders are applied, who is left out, what is dropped, what does not fit, and real connections. */
#include "base/dirs.h"
#include "link_bench.h"

static void test_windows_in_order(void **unused)
{
    (void)unused;
    link_receiver_free(b.in);
    open_receiver(3);
    open_station(0, "c", true);
    open_station(1, "a", true);
    connect(0);
    connect(1);
    make_window(0, 10);
    make_window(1, 10);
    run(100);
    assert_string_equal(taken(), ""); /* three are expected */
    open_station(2, "b", true);
    link_sender_watermark(&b.stations[2].link, 1, false); /* it has a time: it is waited for */
    connect(2);
    run(20);
    taken();
    make_window(2, 5);
    run(50);
    /* The one that ended first, then the one of the first name: b has not said that it has none that ends at 10. */
    assert_string_equal(taken(), "b1");
    link_sender_watermark(&b.stations[2].link, 9, true);
    run(50);
    assert_string_equal(taken(), "");
    link_sender_watermark(&b.stations[2].link, 10, true);
    run(50);
    assert_string_equal(taken(), "a1 c1");
    make_window(2, 20);
    make_window(0, 20);
    make(1, 1); /* no window: at once */
    run(50);
    assert_string_equal(taken(), "a2");
    make_window(1, 20);
    run(50);
    assert_string_equal(taken(), "a3 b2 c2");
}

static void test_the_silent_are_left_out(void **unused)
{
    (void)unused;
    open_station(0, "a", true);
    open_station(1, "b", true);
    connect(0);
    connect(1);
    run(100);
    make_window(0, 5);
    make_window(1, 5);
    run(100);
    taken();
    wire_cut(&b.stations[1].wire);
    make_window(0, 10);
    run(1000);
    assert_string_equal(taken(), ""); /* b may have an earlier one */
    run(3000);
    assert_string_equal(taken(), "a2 b:silent");
    make_window(0, 20);
    run(50);
    assert_string_equal(taken(), "a3");
    make_window(1, 10);
    connect(1);
    run(500);
    assert_string_equal(taken(), "b:back b2");
    /* Heard, but its time stands still: it is not waited for either. */
    make_window(0, 30);
    run(1000);
    assert_string_equal(taken(), "");
    run(3000);
    assert_string_equal(taken(), "a4");
    /* A live timer of some seconds: time stands still for as long while all is well. */
    b.in->setup.still_after_ns = 9000000000;
    make_window(1, 30);
    make_window(0, 40);
    run(8000);
    assert_string_equal(taken(), "b3");
    make_window(1, 40);
    run(100);
    assert_string_equal(taken(), "a5 b4");
    make_window(0, 50);
    run(10000);
    assert_string_equal(taken(), "a6");
}

/* One that had ended well comes back, says hello, and is killed before it says anything else. */
static void test_a_life_of_one_hello(void **unused)
{
    (void)unused;
    open_station(0, "a", true);
    connect(0);
    wire_put_nil(outlet_begin(&b.stations[0].link.outlet));
    assert_int_equal(outlet_send(&b.stations[0].link.outlet, WIRE_END), 0);
    run(100);
    link_sender_close(&b.stations[0].link);
    run(5000);
    assert_string_equal(taken(), "a:began a:series a:recalled a1 a:ended"); /* no silence */
    open_station(0, "a", true);
    connect(0);
    fixture_now_ns += 1000000000;
    link_service(&b.stations[0].link);
    assert_true(wire_forward(&b.stations[0].wire));
    link_receive(b.in);
    link_sender_close(&b.stations[0].link);
    run(5000);
    assert_string_equal(taken(), "a:silent");
}

/* One that ends before it ever said how far its time is has ended all the same; a restarted receiver knows. */
static void test_an_end_without_a_time(void **unused)
{
    (void)unused;
    open_station(0, "a", false);
    connect(0);
    wire_put_nil(outlet_begin(&b.stations[0].link.outlet));
    assert_int_equal(outlet_send(&b.stations[0].link.outlet, WIRE_END), 0);
    run(100);
    link_sender_close(&b.stations[0].link);
    run(5000);
    restart_receiver(true);
    run(5000);
    assert_string_equal(taken(), "a:began a:series a:recalled a1 a:ended");
}

/* What is dropped, and what the receiver is told to be behind, are the same. */
static void test_dropped_is_told_exactly(void **unused)
{
    struct station *s = &b.stations[0];
    (void)unused;
    open_station(0, "a", true);
    s->link.setup.buffer_bytes = 2000;
    connect(0);
    make(0, 5);
    run(100);
    taken();
    wire_cut(&s->wire);
    uint64_t before = s->dropped;
    make(0, 400);
    connect(0);
    run(500);
    uint64_t dropped = s->dropped - before, base = s->made - (s->link.kept.count > 0 ? s->link.kept.count : 0);
    assert_true(dropped > 0);
    assert_true(s->recalls == 2 && s->recall_position == 5 && !s->recall_restarted);
    char want[64];
    const char *got = taken();
    snprintf(want, sizeof(want), "a:recall a:series a:recalled a%llu ", (unsigned long long)(5 + dropped + 1));
    if (strncmp(got, want, strlen(want)) != 0)
        fail_msg("%.100s, wanted %s", got, want);
    assert_non_null(strstr(got, " a405"));
    (void)base;
}

/* In mid-recall the connection is lost; the position stays what it was. */
static void test_an_unfinished_recall(void **unused)
{
    struct station *s = &b.stations[0];
    (void)unused;
    open_station(0, "a", true);
    s->link.setup.buffer_bytes = 2000;
    connect(0);
    make(0, 5);
    run(100);
    wire_cut(&s->wire);
    make(0, 400);
    taken();
    connect(0);
    for (int i = 0; i < 40 && !strstr(b.log, "series"); i++) { /* frame by frame, up to the first of the recall */
        fixture_now_ns += 50000000;
        link_service(&s->link);
        wire_forward(&s->wire);
        link_receive(b.in);
        wire_back(&s->wire);
    }
    assert_string_equal(taken(), "a:recall a:series");
    connect(0);
    run(500);
    assert_true(s->recalls == 3 && s->recall_position == 5 && !s->recall_restarted);
    const char *got = taken();
    assert_int_equal(strncmp(got, "a:recall a:series a:recalled a", 30), 0);
    assert_non_null(strstr(got, " a405"));
}

/* One sender is far ahead of another: its lane is full, and nothing is lost or taken twice. */
static void test_a_full_lane(void **unused)
{
    static struct bytes large;
    (void)unused;
    open_station(0, "a", false);
    open_station(1, "b", false);
    b.stations[0].link.setup.buffer_bytes = 64 << 20;
    connect(0);
    connect(1);
    make_window(1, 1);
    run(100);
    taken();
    make_window(0, 10);
    static char filler[500000];
    memset(filler, 'x', sizeof(filler));
    wire_put_text(&large, filler, sizeof(filler));
    for (int i = 0; i < 60; i++) {
        bytes_reset(outlet_begin(&b.stations[0].link.outlet));
        bytes_append(&b.stations[0].link.outlet.body, large.data, large.size);
        assert_int_equal(outlet_send(&b.stations[0].link.outlet, WIRE_VERDICT), 0);
    }
    run(500);
    assert_string_equal(taken(), "b1"); /* which may have more that end before 10 */
    assert_true(backlog_size(&b.in->peers[0]->lane) <= LANE_BYTES_MAX);
    b.in->peers[0]->overflowed = true; /* as a sender that does not keep to what may be under way would bring about */
    make(0, 3);
    make_window(1, 11);
    run(2000);
    const char *got = taken();
    uint64_t next = 1;
    for (const char *at = strchr(got, 'a'); at; at = strchr(at + 1, 'a'), next++)
        assert_int_equal(strtoull(at + 1, NULL, 10), next);
    assert_int_equal(next, 1 + 1 + 60 + 3);
    bytes_done(&large);
}

/* Over ipc and tcp as they are, with connections that are lost and made by ZeroMQ itself. */
static void test_real_connections(void **unused)
{
    char path[] = "/tmp/ft-link-XXXXXX", ipc[64], last[128];
    size_t size;
    (void)unused;
    assert_non_null(mkdtemp(path));
    snprintf(ipc, sizeof(ipc), "ipc://%s/in", path);
    const char *const endpoints[] = { ipc, "tcp://127.0.0.1:*" };
    for (size_t e = 0; e < COUNT(endpoints); e++) {
        link_receiver_free(b.in);
        struct link_receiver_setup in = { .zmq = b.zmq, .endpoint = endpoints[e], .epoch = 1, .consumer = &consumer };
        struct error err;
        b.in = link_receiver_new(&in);
        assert_int_equal(link_receiver_bind(b.in, &err), 0);
        size = sizeof(last);
        zmq_getsockopt(link_receiver_socket(b.in), ZMQ_LAST_ENDPOINT, last, &size);
        struct link_sender_setup out = { .zmq = b.zmq, .endpoint = last, .peer = "receiver", .name = "a", .epoch = ++b.epochs, .live = true,
                                         .full = LINK_GROW, .buffer_bytes = 1 << 20, .heartbeat_ns = 1 };
        struct link_sender *link = &b.stations[0].link;
        assert_int_equal(link_sender_open(link, &out, &err), 0);
        b.stations[0].made = 0;
        b.made = 0;
        for (int round = 0; round < 20000 && !(b.stations[0].made == 2000 && b.made == 2000); round++) {
            zmq_pollitem_t items[] = { { .socket = link->socket, .events = ZMQ_POLLIN },
                                       { .socket = link_receiver_socket(b.in), .events = ZMQ_POLLIN } };
            zmq_poll(items, 2, 1);
            fixture_now_ns += 5000000;
            if (b.stations[0].made < 2000)
                make(0, 10);
            if (round % 50 == 49 && b.stations[0].made < 2000) {
                zmq_disconnect(link->socket, last);
                zmq_connect(link->socket, last);
            }
            link_service(link);
            assert_int_equal(link_receive(b.in), 0);
        }
        const char *at = strchr(taken(), '1') - 1;
        for (uint64_t i = 1; i <= 2000; i++, at = strchr(at, ' ') ? strchr(at, ' ') + 1 : at)
            assert_int_equal(strtoull(at + 1, NULL, 10), i);
        link_sender_close(link);
    }
    dirs_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_windows_in_order),
        TEST(test_the_silent_are_left_out),
        TEST(test_a_life_of_one_hello),
        TEST(test_an_end_without_a_time),
        TEST(test_dropped_is_told_exactly),
        TEST(test_an_unfinished_recall),
        TEST(test_a_full_lane),
        TEST(test_real_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
