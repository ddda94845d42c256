/* What peers may say that lie, or are too many, or of another version; and memory that is not whole. */
#include "link_bench.h"
#include <errno.h>

static const uint8_t route_x[] = { 9, 'x' };

static void say(struct bytes *frame)
{
    assert_int_equal(link_receiver_take(b.in, route_x, sizeof(route_x), frame->data, frame->size), 0);
    assert_int_equal(link_receiver_resume(b.in), 0);
    bytes_reset(frame);
}

static void say_hello(struct bytes *f, uint64_t epoch, const char *name)
{
    struct link_hello hello = { .live = true };
    snprintf(hello.name, sizeof(hello.name), "%s", name);
    link_hello_put(f, epoch, &hello);
    say(f);
}

static void say_message(struct bytes *f, uint64_t epoch, uint64_t sequence)
{
    wire_put_header(f, WIRE_VERDICT, epoch, sequence);
    wire_put_nil(f);
    say(f);
}

static void say_resync(struct bytes *f, uint64_t epoch, bool opening, uint64_t base)
{
    struct link_resync resync = { .opening = opening, .base = base };
    link_resync_put(f, epoch, &resync);
    say(f);
}

static void test_lies(void **unused)
{
    const uint64_t most = INT64_MAX / 2; /* no sender comes so far */
    struct bytes f = { 0 };
    struct link_receiver_totals totals;
    (void)unused;
    say_message(&f, 1, 1); /* nobody known */
    say_hello(&f, 0, "x");
    say_hello(&f, 1, "");
    say_hello(&f, 1, "x y");
    say_hello(&f, 1, "\x7f");
    assert_int_equal(link_receiver_known(b.in), 0);
    link_receiver_totals(b.in, &totals);
    assert_int_equal(totals.refused, 4);
    say_hello(&f, 1, "x");
    say_message(&f, 1, 1);              /* before a resync */
    say_resync(&f, 1, false, 10);       /* that never began */
    say_message(&f, 1, 10);
    assert_string_equal(taken(), "");
    say_resync(&f, 1, true, 10);
    say_resync(&f, 1, false, 20);       /* ends as another */
    say_message(&f, 1, 20);
    assert_string_equal(taken(), "x:began");
    say_resync(&f, 1, true, most);
    say_resync(&f, 1, false, most);
    say_message(&f, 1, most);
    say_message(&f, 1, 1);
    say_message(&f, 1, most);
    assert_string_equal(taken(), "x:recall x:recalled x4611686018427387903");
    struct link_pulse pulse = { .newest = UINT64_MAX, .has_watermark = true, .watermark_ns = INT64_MAX / 2 };
    link_pulse_put(&f, 1, &pulse);
    say(&f);
    link_receiver_totals(b.in, &totals);
    assert_int_equal(totals.refused, 6);
    wire_put_header(&f, WIRE_RESYNC, 1, 0);
    wire_put_nil(&f);
    say(&f);
    wire_put_header(&f, WIRE_SERIES, 1, 0); /* not within a resync */
    wire_put_nil(&f);
    say(&f);
    link_receiver_totals(b.in, &totals);
    assert_int_equal(totals.refused, 8);
    bytes_done(&f);
}

static void test_the_older_of_two_is_refused(void **unused)
{
    (void)unused;
    open_station(0, "a", true);
    connect(0);
    run(50);
    open_station(1, "a", true);
    connect(1);
    run(500);
    assert_true(b.stations[0].link.failed && !b.stations[1].link.failed);
    assert_non_null(strstr(b.stations[0].link.failure.text, "another one of its name has taken its place"));
    assert_int_equal(link_service(&b.stations[0].link), -EPERM);
}

static void test_senders_have_a_bound(void **unused)
{
    struct bytes f = { 0 };
    (void)unused;
    for (uint64_t i = 0; i < LINK_SENDERS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%d", (int)i);
        say_hello(&f, 1, name);
    }
    assert_int_equal(link_receiver_known(b.in), LINK_SENDERS_MAX);
    open_station(0, "late", true);
    connect(0);
    run(500);
    assert_true(b.stations[0].link.failed);
    assert_non_null(strstr(b.stations[0].link.failure.text, "as many senders"));
    assert_int_equal(link_receiver_known(b.in), LINK_SENDERS_MAX);
    /* One that has ended makes room, and nothing of it is left to the one that takes its place. */
    say_resync(&f, 1, true, 1);
    say_resync(&f, 1, false, 1);
    bytes_reset(&f);
    wire_put_header(&f, WIRE_END, 1, 1);
    wire_put_nil(&f);
    say(&f);
    taken();
    open_station(1, "new", true);
    connect(1);
    make(1, 2);
    run(500);
    assert_false(b.stations[1].link.failed);
    assert_string_equal(taken(), "new:began new:series new:recalled new1 new2");
    assert_int_equal(link_receiver_known(b.in), LINK_SENDERS_MAX);
    bytes_done(&f);
}

static void test_another_version(void **unused)
{
    struct station *s = &b.stations[0];
    struct bytes f = { 0 };
    (void)unused;
    open_station(0, "a", true);
    wire_put_array(&f, 5);
    wire_put_uint(&f, 2);
    wire_put_uint(&f, WIRE_REFUSED);
    wire_put_uint(&f, 1);
    wire_put_uint(&f, 0);
    wire_put_nil(&f);
    link_sender_take(&s->link, f.data, f.size, 1);
    assert_true(s->link.failed);
    assert_non_null(strstr(s->link.failure.text, "version 2"));
    bytes_done(&f);
}

/* Positions that cannot be: nothing that is kept is let go for them. */
static void test_positions_that_lie(void **unused)
{
    struct station *s = &b.stations[0];
    struct bytes f = { 0 };
    (void)unused;
    open_station(0, "a", true);
    make(0, 5);
    static const struct link_position rows[] = {
        { .epoch = 99, .known = true, .received = 3, .applied = 3, .durable = 3 }, /* another life */
        { .epoch = 1, .known = true, .received = 6, .applied = 6, .durable = 6 },  /* beyond what there is */
        { .epoch = 1, .known = true, .received = UINT64_MAX, .applied = 5, .durable = 5 },
        { .epoch = 1, .known = true, .received = 2, .applied = 3, .durable = 1 },  /* not in order */
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int type = WIRE_WELCOME; type <= WIRE_ACK; type++) {
            link_position_put(&f, (enum wire_type)type, 1, &rows[i]);
            link_sender_take(&s->link, f.data, f.size, 1);
            bytes_reset(&f);
            assert_int_equal(link_sender_durable(&s->link), 0);
            assert_int_equal(s->link.kept.count, 5);
        }
    bytes_done(&f);
}

/* A receiver's memory that is cut or not its own. */
static void test_bad_memory_is_refused(void **unused)
{
    struct bytes saved = { 0 };
    (void)unused;
    open_station(0, "a", true);
    connect(0);
    make(0, 3);
    run(100);
    link_receiver_save(b.in, &saved);
    for (size_t cut = 0; cut < saved.size; cut++) {
        struct wire_reader r = wire_reader_init(saved.data, cut);
        link_receiver_free(b.in);
        open_receiver(1);
        assert_false(link_receiver_load(b.in, &r));
    }
    bytes_done(&saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lies),
        TEST(test_the_older_of_two_is_refused),
        TEST(test_senders_have_a_bound),
        TEST(test_another_version),
        TEST(test_positions_that_lie),
        TEST(test_bad_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
