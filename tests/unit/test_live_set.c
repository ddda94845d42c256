/* Streams of a live session, merged: packets made in memory, and what comes out of them in one line of text. */
#include "collector/live_set.h"
#include "base/text.h"
#include "testing.h"
#include <endian.h>
#include <errno.h>
#include <unistd.h>

static const char metadata[] =
    "/* CTF 1.8 */\ntrace { major = 1; minor = 8; uuid = \"2a6422d0-6cee-11e0-8c08-cb07d7b3a5%02u\"; byte_order = le; packet.header := struct {"
    " integer { size = 32; align = 8; } magic; integer { size = 8; align = 8; } uuid[16]; integer { size = 32; align = 8; } stream_id;"
    " integer { size = 64; align = 8; } stream_instance_id; }; };"
    "env { hostname = \"h\"; }; clock { name = c; freq = 1000000000; }; typealias integer { size = 64; align = 8; map = clock.c.value; } := t64;"
    "typealias integer { size = 64; align = 8; } := u64; stream { id = 0; packet.context := struct { t64 timestamp_begin; t64 timestamp_end;"
    " u64 content_size; u64 packet_size; u64 packet_seq_num; u64 events_discarded; };"
    " event.header := struct { integer { size = 8; align = 8; } id; t64 timestamp; }; };\n"
    "event { name = \"e0\"; id = 0; stream_id = 0; fields := struct { u64 n; }; };";
static const char more_metadata[] = "\nevent { name = \"e1\"; id = 1; stream_id = 0; fields := struct { u64 n; }; };";

enum { HEAD = 80 };

struct bench {
    struct live_set set;
    struct event_consumer consumer;
    struct text_out out;
    char text[2000], notice[500];
    struct live_trace *trace;
    uint64_t ids;
};

/* ---- what comes out ---- */

static void on_select(void *self, const struct event_class *class, struct event_selection *sel)
{
    (void)self;
    sel->fields[sel->count++] = (uint16_t)event_class_field(class, "n");
}

static void on_event(void *self, const struct event *event)
{
    struct bench *b = self;
    text_printf(&b->out, " %d:%d", (int)event->time_ns, (int)event->values[0].u);
}

static void on_skipped(void *self, uint64_t count)
{
    struct bench *b = self;
    text_printf(&b->out, " skipped %d", (int)count);
}

static void on_watermark(void *self, int64_t time_ns)
{
    struct bench *b = self;
    text_printf(&b->out, " <%d", (int)time_ns);
}

static void on_loss(void *self, const struct loss *loss)
{
    struct bench *b = self;
    assert_string_equal(loss->source.host, "h");
    text_printf(&b->out, " lost %s%d %s %d..%d", loss->at_least ? ">=" : "", (int)loss->count, loss->kind == LOSS_PACKETS ? "packets" : "events", (int)loss->begin_ns,
                (int)loss->end_ns);
}

static void on_notice(void *self, const char *text)
{
    struct bench *b = self;
    text_copy(b->notice, sizeof(b->notice), text);
}

static void on_begin(void *self, int64_t time_ns)
{
    (void)self;
    assert_true(time_ns != INT64_MIN);
}

static void open_bench(struct bench *b, struct positions *positions, int64_t window_ns)
{
    memset(b, 0, sizeof(*b));
    b->consumer = (struct event_consumer){ b, on_select, on_event, on_skipped, on_watermark, on_loss };
    b->out = text_out_init(b->text, sizeof(b->text));
    const struct live_set_setup setup = { .consumer = &b->consumer, .notice = on_notice, .begin = on_begin, .self = b, .positions = positions, .window_ns = window_ns };
    live_set_init(&b->set, &setup);
}

/* Delivers; what came out. */
static void expect(struct bench *b, const char *want)
{
    while (live_set_deliver(&b->set, 3) == 1)
        ;
    assert_string_equal(b->text, want);
    b->text[0] = '\0';
    b->out = text_out_init(b->text, sizeof(b->text));
}

/* ---- what comes in ---- */

static struct live_trace *add_trace(struct bench *b, unsigned number, const char *const *channels)
{
    char text[sizeof(metadata) + 16];
    struct error err;
    int n = snprintf(text, sizeof(text), metadata, number);
    b->trace = live_set_trace(&b->set, 1, b->ids++);
    for (; *channels; channels++)
        live_set_stream(&b->set, b->trace, b->ids++, *channels, 0);
    if (live_set_metadata(&b->set, b->trace, text, (size_t)n, &err) < 0)
        fail_msg("%s", err.text);
    return b->trace;
}

static const char *const two[] = { "a", "b", NULL }, *const one[] = { "a", NULL };

/* A stream that is there still. */
static struct live_stream *stream(const struct bench *b, const char *channel)
{
    for (uint32_t i = 0; i < b->set.stream_count; i++)
        if (strcmp(b->set.streams[i]->channel, channel) == 0)
            return b->set.streams[i];
    fail_msg("no stream %s", channel);
    return NULL;
}

static void put(struct bytes *out, uint64_t value, size_t size)
{
    value = htole64(value);
    bytes_append(out, &value, size);
}

/* A packet with events at times, up to 0; each of its class. */
static void add_packet(struct bench *b, const char *channel, uint64_t sequence, uint64_t begin, uint64_t end, const unsigned *times, unsigned class)
{
    struct live_stream *s = stream(b, channel);
    struct bytes *out = &live_stream_next_packet(s)->data;
    unsigned count = 0;
    while (times[count])
        count++;
    uint64_t bits = (HEAD + 17 * count) * 8;
    const uint64_t context[] = { begin, end, bits, bits, sequence, 0 };
    bytes_reset(out);
    put(out, 0xC1FC1FC1, 4);
    bytes_append(out, (const uint8_t[20]){ 0 }, 20);
    put(out, (uint64_t)channel[0], 8);
    for (size_t i = 0; i < COUNT(context); i++)
        put(out, context[i], 8);
    for (unsigned i = 0; i < count; i++) {
        put(out, class, 1);
        put(out, times[i], 8);
        put(out, sequence * 10 + i, 8);
    }
    live_stream_packet(s, begin, end);
}
#define PACKET(b, channel, sequence, begin, end, ...) add_packet(b, channel, sequence, begin, end, (const unsigned[]){ __VA_ARGS__ }, 0)

static void beacon(struct bench *b, const char *channel, uint64_t cycles)
{
    struct live_stream *s = stream(b, channel);
    live_stream_advance(s, live_stream_time(s, 0, cycles));
}

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
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_order),         cmocka_unit_test(test_stalled),       cmocka_unit_test(test_reconnect),
                                        cmocka_unit_test(test_another_session), cmocka_unit_test(test_late_metadata), cmocka_unit_test(test_lost_packets),
                                        cmocka_unit_test(test_gaps),          cmocka_unit_test(test_damaged),       cmocka_unit_test(test_unknown_class),   cmocka_unit_test(test_early_loss),
                                        cmocka_unit_test(test_unknown_stream_class),
                                        cmocka_unit_test(test_unknown_class_drained) };
    return cmocka_run_group_tests_name("live_set", tests, NULL, NULL);
}
