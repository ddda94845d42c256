/* Bursts against the walk: random packets of random classes. Same events, same times, same values, same failure. */
#include "collector/ctf_burst.h"
#include "ctf_fixture.h"

static const char types[] = "trace { major = 1; minor = 8; byte_order = le; }; clock { name = c; };"
                            "typealias integer { size = 27; align = 1; map = clock.c.value; } := t27;"
                            "typealias integer { size = 32; align = 8; map = clock.c.value; } := t32;"
                            "typealias integer { size = 64; align = 8; map = clock.c.value; } := t64;";

/* LTTng's two headers, as it writes them. */
static const char *const headers[] = {
    "struct { enum : integer { size = 5; align = 1; } { compact = 0 ... 30, extended = 31 } id; variant <id> { struct { t27 timestamp; } compact;"
    " struct { integer { size = 32; align = 8; } id; t64 timestamp; } extended; } v; } align(8)",
    "struct { enum : integer { size = 16; align = 8; } { compact = 0 ... 65534, extended = 65535 } id; variant <id> { struct { t32 timestamp; } compact;"
    " struct { integer { size = 32; align = 8; } id; t64 timestamp; } extended; } v; } align(8)",
};

/* What is nearly one of them is read as what it is. */
static const char *const near_misses[] = {
    "struct { enum : integer { size = 5; align = 1; } { compact = 0 ... 30, extended = 31 } id; variant <id> { struct { t27 timestamp; } align(32) compact;"
    " struct { integer { size = 32; align = 8; } id; t64 timestamp; } extended; } v; } align(8)",
    "struct { enum : integer { size = 5; align = 1; } { compact = 0 ... 30, extended = 31 } id; variant <id> { struct { t27 timestamp; } compact;"
    " struct { integer { size = 32; align = 8; } id; t64 timestamp; } align(32) extended; } v; } align(8)",
    "struct { enum : integer { size = 5; align = 1; } { compact = 0 ... 30, extended = 31 } id; variant <id> { t27 compact[1];"
    " struct { integer { size = 32; align = 8; } id; t64 timestamp; } extended; } v; } align(8)",
    "struct { enum : integer { size = 5; align = 1; } { compact = 0 ... 29, extended = 31 } id; variant <id> { struct { t27 timestamp; } compact;"
    " struct { integer { size = 32; align = 8; } id; t64 timestamp; } extended; } v; } align(8)",
    "struct { enum : integer { size = 16; align = 8; } { compact = 0 ... 65534, extended = 65535 } id; variant <id> { struct { t32 timestamp; } align(16) compact;"
    " struct { integer { size = 32; align = 8; } id; t64 timestamp; } extended; } v; } align(8)",
    "struct { enum : integer { size = 16; align = 8; byte_order = be; } { compact = 0 ... 65534, extended = 65535 } id;"
    " variant <id> { struct { t32 timestamp; } compact; struct { integer { size = 32; align = 8; } id; t64 timestamp; } extended; } v; } align(8)",
};

static void put_header(struct writing *w, const char *header)
{
    bytes_append(&w->text, types, sizeof(types) - 1);
    put(w, "stream { id = 0; event.header := ");
    bytes_append(&w->text, header, strlen(header));
    put(w, "; ");
}

/* A class for every number that fits in the little header: most random bytes are events. */
static void put_classes(struct writing *w, const char *header)
{
    put_header(w, header);
    if (below(w, 2))
        put(w, "event.context := struct { integer { size = 32; } tid; }; ");
    put(w, "}; ");
    for (int id = 0; id <= 30; id++) {
        put(w, "event { name = e%d; id = %d; stream_id = 0; fields := struct { ", id, id);
        put_members(w, 1);
        put(w, "}; };");
    }
}

enum { SEEN_MAX = DATA_MAX };

/* What came of a packet. */
struct seen {
    unsigned count;
    int result;
    struct {
        uint32_t class_id;
        int64_t time_ns;
        struct value values[EVENT_VALUES_MAX];
    } events[SEEN_MAX];
};

struct watching {
    struct wanting wanting;
    struct seen *seen;
    uint32_t value_counts[64]; /* by class */
};

static void watch(void *self, const struct event_class *class, struct event_selection *sel)
{
    struct watching *w = self;
    want(&w->wanting, class, sel);
    w->value_counts[class->id] = sel->count;
}

static void on_event(void *self, const struct event *event)
{
    struct watching *w = self;
    unsigned n = w->seen->count++;
    assert_true(n < SEEN_MAX);
    w->seen->events[n].class_id = event->class_id;
    w->seen->events[n].time_ns = event->time_ns;
    memcpy(w->seen->events[n].values, event->values, w->value_counts[event->class_id] * sizeof(struct value));
}

static void read_walking(struct ctf_stream *s, struct seen *seen)
{
    struct error err;
    while ((seen->result = ctf_stream_next(s, &err)) == 1) {
        unsigned n = seen->count;
        assert_true(n < SEEN_MAX);
        seen->events[n].class_id = s->class->public_id;
        seen->events[n].time_ns = s->time_ns;
        seen->result = walk_all(&s->class->layout, &s->cursor, seen->events[n].values);
        if (seen->result < 0)
            return;
        seen->count++;
    }
}

static void read_bursts(struct ctf_stream *s, struct watching *w, const struct event_consumer *consumer)
{
    struct error err;
    struct value values[EVENT_VALUES_MAX];
    int r = ctf_stream_next(s, &err);
    while (r == 1) {
        struct ctf_burst b = { .consumer = consumer, .values = values, .bound_ns = random_next(w->wanting.seed) % 2 ? INT64_MAX : s->time_ns + (int64_t)(random_next(w->wanting.seed) % 100000000), .budget = 1 + (uint32_t)(random_next(w->wanting.seed) % 9) };
        r = ctf_burst(&b, s, &err);
        if (r == 0)
            r = ctf_stream_next(s, &err);
    }
    w->seen->result = r;
}

static unsigned compare_packets(struct ctf_trace *t, struct watching *w, const struct event_consumer *consumer, struct seen seen[2])
{
    size_t size = 1 + (size_t)(random_next(w->wanting.seed) % DATA_MAX);
    struct error err;
    uint8_t *data = malloc(size);
    assert_non_null(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(random_next(w->wanting.seed) & (i % 4 ? 0xff : 0xfe));
    for (size_t i = 0; i < size && t->kinds[0]->header == CTF_HEADER_LARGE; i++) /* numbers of classes, here and there */
        data[i] &= random_next(w->wanting.seed) % 4 == 0 ? 0xff : i % 2 ? 0 : 30;
    struct ctf_stream streams[2] = { { .trace = t }, { .trace = t } };
    for (int i = 0; i < 2; i++) {
        memset(&seen[i], 0, sizeof(seen[i]));
        assert_int_equal(ctf_stream_packet(&streams[i], data, size, &err), 0);
    }
    read_walking(&streams[0], &seen[0]);
    w->seen = &seen[1];
    read_bursts(&streams[1], w, consumer);
    assert_int_equal(seen[0].count, seen[1].count);
    assert_int_equal(seen[0].result, seen[1].result);
    for (unsigned n = 0; n < seen[0].count; n++) {
        assert_int_equal(seen[0].events[n].class_id, seen[1].events[n].class_id);
        assert_int_equal(seen[0].events[n].time_ns, seen[1].events[n].time_ns);
        for (uint32_t i = 0; i < w->value_counts[seen[0].events[n].class_id]; i++)
            if (!equal(&seen[0].events[n].values[i], &seen[1].events[n].values[i]))
                fail_msg("event %u, class %u, value %u", n, seen[0].events[n].class_id, i);
    }
    free(data);
    return seen[0].count;
}

static void test_burst_is_the_walk(void **unused)
{
    (void)unused;
    uint64_t seed = seed_of_test();
    struct seen *seen = calloc(2, sizeof(*seen));
    assert_non_null(seen);
    unsigned events = 0;
    for (int round = 0; round < 150; round++) {
        struct writing w = { .seed = &seed };
        struct watching watching = { .wanting = { &seed, (unsigned)(random_next(&seed) % 9) } };
        const struct event_consumer consumer = { .self = &watching, .select = watch, .event = on_event };
        static struct ctf_class_ids ids;
        struct error err = { "" };
        put_classes(&w, headers[round % 2]);
        struct ctf_trace *t = ctf_trace_new(&consumer, &ids);
        struct ctf_kind_of_stream *kind = ctf_trace_metadata(t, w.text.data, w.text.size, &err) == 0 ? ctf_trace_kind(t, 0, &err) : NULL;
        if (!kind || ctf_trace_announce(t, kind, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(kind->header, round % 2 ? CTF_HEADER_LARGE : CTF_HEADER_COMPACT);
        for (int i = 0; i < 100; i++)
            events += compare_packets(t, &watching, &consumer, seen);
        ctf_trace_free(t);
        bytes_done(&w.text);
    }
    free(seen);
    assert_true(events > 2000);
}

static enum ctf_header_form form_of(const char *header, const char *fields)
{
    uint64_t seed = 1;
    struct writing w = { .seed = &seed };
    static struct ctf_class_ids ids;
    struct error err = { "" };
    put_header(&w, header);
    put(&w, "}; event { name = e; id = 0; stream_id = 0; fields := struct { %s}; };", fields);
    struct ctf_trace *t = ctf_trace_new(NULL, &ids);
    struct ctf_kind_of_stream *kind = ctf_trace_metadata(t, w.text.data, w.text.size, &err) == 0 ? ctf_trace_kind(t, 0, &err) : NULL;
    if (!kind || ctf_trace_announce(t, kind, &err) < 0)
        fail_msg("%s: %s", header, err.text);
    enum ctf_header_form form = kind->header;
    assert_int_equal(kind->quick.count > 0, form == CTF_HEADER_COMPACT || form == CTF_HEADER_LARGE);
    ctf_trace_free(t);
    bytes_done(&w.text);
    return form;
}

static void test_forms_of_headers(void **unused)
{
    (void)unused;
    assert_int_equal(form_of(headers[0], ""), CTF_HEADER_COMPACT);
    assert_int_equal(form_of(headers[1], ""), CTF_HEADER_LARGE);
    for (size_t i = 0; i < COUNT(near_misses); i++)
        assert_int_equal(form_of(near_misses[i], ""), CTF_HEADER_ANY);
    /* What an event refers to is remembered only where the header is walked. */
    assert_int_equal(form_of(headers[0], "integer { size = 8; } a[stream.event.header.id]; "), CTF_HEADER_ANY);
    assert_int_equal(form_of(headers[0], "integer { size = 8; } a[stream.event.header.v.compact.timestamp]; "), CTF_HEADER_ANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_burst_is_the_walk), cmocka_unit_test(test_forms_of_headers) };
    return cmocka_run_group_tests_name("ctf_burst", tests, NULL, NULL);
}
