/* live_set_fixture.h - streams of a live session, merged: packets made in memory, and what comes out of them in one line of text. */
#ifndef FT_TESTS_LIVE_SET_FIXTURE_H
#define FT_TESTS_LIVE_SET_FIXTURE_H
#include "base/text.h"
#include "collector/live_set.h"
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

static inline void on_select(void *self, const struct event_class *class, struct event_selection *sel)
{
    (void)self;
    sel->fields[sel->count++] = (uint16_t)event_class_field(class, "n");
}

static inline void on_event(void *self, const struct event *event)
{
    struct bench *b = self;
    text_printf(&b->out, " %d:%d", (int)event->time_ns, (int)event->values[0].u);
}

static inline void on_skipped(void *self, uint64_t count)
{
    struct bench *b = self;
    text_printf(&b->out, " skipped %d", (int)count);
}

static inline void on_watermark(void *self, int64_t time_ns)
{
    struct bench *b = self;
    text_printf(&b->out, " <%d", (int)time_ns);
}

static inline void on_loss(void *self, const struct loss *loss)
{
    struct bench *b = self;
    assert_string_equal(loss->source.host, "h");
    text_printf(&b->out, " lost %s%d %s %d..%d", loss->at_least ? ">=" : "", (int)loss->count, loss->kind == LOSS_PACKETS ? "packets" : "events", (int)loss->begin_ns,
                (int)loss->end_ns);
}

static inline void on_notice(void *self, const char *text)
{
    struct bench *b = self;
    text_copy(b->notice, sizeof(b->notice), text);
}

static inline void on_begin(void *self, int64_t time_ns)
{
    (void)self;
    assert_true(time_ns != INT64_MIN);
}

static inline void open_bench(struct bench *b, struct positions *positions, int64_t window_ns)
{
    memset(b, 0, sizeof(*b));
    b->consumer = (struct event_consumer){ b, on_select, on_event, on_skipped, on_watermark, on_loss };
    b->out = text_out_init(b->text, sizeof(b->text));
    const struct live_set_setup setup = { .consumer = &b->consumer, .notice = on_notice, .begin = on_begin, .self = b, .positions = positions, .window_ns = window_ns };
    live_set_init(&b->set, &setup);
}

/* Delivers; what came out. */
static inline void expect(struct bench *b, const char *want)
{
    while (live_set_deliver(&b->set, 3) == 1)
        ;
    assert_string_equal(b->text, want);
    b->text[0] = '\0';
    b->out = text_out_init(b->text, sizeof(b->text));
}

/* ---- what comes in ---- */

static inline struct live_trace *add_trace(struct bench *b, unsigned number, const char *const *channels)
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
static inline struct live_stream *stream(const struct bench *b, const char *channel)
{
    for (uint32_t i = 0; i < b->set.stream_count; i++)
        if (strcmp(b->set.streams[i]->channel, channel) == 0)
            return b->set.streams[i];
    fail_msg("no stream %s", channel);
    return NULL;
}

static inline void put(struct bytes *out, uint64_t value, size_t size)
{
    value = htole64(value);
    bytes_append(out, &value, size);
}

/* A packet with events at times, up to 0; each of its class. */
static inline void add_packet(struct bench *b, const char *channel, uint64_t sequence, uint64_t begin, uint64_t end, const unsigned *times, unsigned class)
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

static inline void beacon(struct bench *b, const char *channel, uint64_t cycles)
{
    struct live_stream *s = stream(b, channel);
    live_stream_advance(s, live_stream_time(s, 0, cycles));
}

#endif
