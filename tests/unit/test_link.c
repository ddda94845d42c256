/* Both ends of a link, over real sockets: what is sent again, and what a receiver is told that knows nothing. */
#include "link_bench.h"

static void test_messages_arrive_and_are_let_go(void **unused)
{
    (void)unused;
    open_station(0, "a", true);
    connect(0);
    make(0, 3);
    b.settled = 0;
    run(100);
    assert_string_equal(taken(), "a:began a:series a:recalled a1 a2 a3");
    assert_int_equal(link_sender_durable(&b.stations[0].link), 0); /* what was made of them is not safe */
    b.settled = 2;
    run(200);
    assert_int_equal(link_sender_durable(&b.stations[0].link), 0); /* the mark is behind all three */
    b.settled = 3;
    run(200);
    assert_int_equal(link_sender_durable(&b.stations[0].link), 3);
    assert_int_equal(b.stations[0].link.applied, 3);
}

static void test_a_cut_connection_is_made_up_for(void **unused)
{
    (void)unused;
    open_station(0, "a", true);
    connect(0);
    run(50);
    taken();
    make(0, 2);
    link_service(&b.stations[0].link); /* under way ... */
    connect(0);                        /* ... and lost */
    make(0, 2);
    run(500);
    assert_string_equal(taken(), "a1 a2 a3 a4");
    assert_int_equal(b.stations[0].recalls, 1); /* the first of all */
}

/* Hello is said again and again to a receiver that is busy: each is answered, and only the first counts. */
static void test_many_hellos_are_one(void **unused)
{
    struct station *s = &b.stations[0];
    (void)unused;
    open_station(0, "a", true);
    connect(0);
    make(0, 5);
    for (int i = 0; i < 10; i++) {
        fixture_now_ns += 250000000;
        link_service(&s->link);
    }
    while (wire_forward(&s->wire))
        ;
    link_receive(b.in);
    for (int i = 0; i < 100 && wire_back(&s->wire); i++) { /* one answer at a time, each followed by what it brings about */
        link_service(&s->link);
        while (wire_forward(&s->wire))
            ;
        link_receive(b.in);
    }
    run(300);
    assert_string_equal(taken(), "a:began a:series a:recalled a1 a2 a3 a4 a5");
}

static void test_a_receiver_with_memory_goes_on(void **unused)
{
    (void)unused;
    open_station(0, "a", true);
    connect(0);
    make(0, 3);
    run(100);
    taken();
    restart_receiver(true);
    make(0, 2);
    run(500);
    assert_string_equal(taken(), "a4 a5");
}

static void test_a_receiver_without_is_told_all(void **unused)
{
    (void)unused;
    open_station(0, "a", true);
    connect(0);
    make(0, 3);
    run(300);
    b.settled = b.made;
    make(0, 2);
    run(100); /* 4 and 5 are applied, but what was made of them is not safe */
    taken();
    restart_receiver(false);
    run(500);
    assert_string_equal(taken(), "a:began a:series a:recalled a4 a5");
    assert_true(b.stations[0].recall_restarted);
}

static void test_a_new_life_begins_anew(void **unused)
{
    (void)unused;
    open_station(0, "a", true);
    connect(0);
    make(0, 3);
    b.settled = 0;
    run(300);
    taken();
    link_sender_close(&b.stations[0].link);
    open_station(0, "a", true);
    connect(0);
    make(0, 5);
    run(300);
    assert_string_equal(taken(), "a:broke-off a:began a:series a:recalled a1 a2 a3 a4 a5");
    /* The mark of the former life, at its message 3, says nothing of this one's. */
    b.settled = 3;
    run(300);
    assert_int_equal(link_sender_durable(&b.stations[0].link), 0);
    b.settled = 8;
    run(300);
    assert_int_equal(link_sender_durable(&b.stations[0].link), 5);
}

static void test_a_sender_with_memory_goes_on(void **unused)
{
    struct station *s = &b.stations[0];
    struct bytes saved = { 0 };
    (void)unused;
    open_station(0, "a", true);
    connect(0);
    b.settled = 0;
    make(0, 3);
    run(100);
    taken();
    link_sender_save(&s->link, &saved);
    link_sender_close(&s->link);
    for (size_t cut = 0; cut < saved.size; cut++) { /* cut anywhere it is refused */
        struct wire_reader r = wire_reader_init(saved.data, cut);
        open_station(0, "a", true);
        assert_false(link_sender_load(&s->link, &r));
        link_sender_close(&s->link);
    }
    open_station(0, "a", true);
    struct wire_reader r = wire_reader_init(saved.data, saved.size);
    assert_true(link_sender_load(&s->link, &r) && wire_finished(&r));
    connect(0);
    make(0, 1);
    run(300);
    assert_string_equal(taken(), "a4");
    bytes_done(&saved);
}

/* What it makes again and the receiver is known to have it lets go at once; the rest is sent. */
static void test_what_is_made_again_is_not_kept(void **unused)
{
    struct station *s = &b.stations[0];
    struct bytes saved = { 0 };
    (void)unused;
    open_station(0, "a", true);
    connect(0);
    link_sender_save(&s->link, &saved);
    make(0, 3);
    run(100);
    taken();
    assert_int_equal(link_sender_durable(&s->link), 3);
    link_sender_close(&s->link);
    open_station(0, "a", true);
    struct wire_reader r = wire_reader_init(saved.data, saved.size);
    assert_true(link_sender_load(&s->link, &r));
    for (int i = 0; i < 4; i++) {
        make(0, 1);
        link_sender_settle(&s->link, 3);
        assert_int_equal(s->link.kept.count, i < 3 ? 0 : 1);
    }
    connect(0);
    run(300);
    assert_string_equal(taken(), "a4");
    assert_int_equal(s->recalls, 0);
    assert_int_equal(link_sender_durable(&s->link), 4);
    bytes_done(&saved);
}

/* The state of a sender is older than what it has sent since (the machine lost power): its numbers
 * mean other messages now. */
static void test_a_sender_that_forgot_begins_anew(void **unused)
{
    struct station *s = &b.stations[0];
    struct bytes saved = { 0 };
    (void)unused;
    open_station(0, "a", true);
    connect(0);
    b.settled = 0;
    make(0, 2);
    link_sender_save(&s->link, &saved);
    make(0, 3);
    run(100);
    taken();
    link_sender_close(&s->link);
    open_station(0, "a", true);
    struct wire_reader r = wire_reader_init(saved.data, saved.size);
    assert_true(link_sender_load(&s->link, &r));
    connect(0);
    make(0, 1);
    run(300);
    assert_string_equal(taken(), "a:began a:series a:recalled a1 a2 a3");
    bytes_done(&saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_messages_arrive_and_are_let_go),
        TEST(test_a_cut_connection_is_made_up_for),
        TEST(test_many_hellos_are_one),
        TEST(test_a_receiver_with_memory_goes_on),
        TEST(test_a_receiver_without_is_told_all),
        TEST(test_a_new_life_begins_anew),
        TEST(test_a_sender_with_memory_goes_on),
        TEST(test_what_is_made_again_is_not_kept),
        TEST(test_a_sender_that_forgot_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
