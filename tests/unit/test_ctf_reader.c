/* Streams merged in the order of time, and files that become shorter while they are read. */
#include "collector/ctf_merge.h"
#include "collector/ctf_reader.h"
#include "seed.h"
#include "trace_fixture.h"
#include <errno.h>

enum { STREAMS = 13, EVENTS = 150000 };

struct watching {
    uint64_t events, wrong;
    int64_t last_ns;
};

static void want_number(void *self, const struct event_class *class, struct event_selection *sel)
{
    (void)self;
    sel->fields[sel->count++] = (uint16_t)event_class_field(class, "number");
}

/* Event number n is of n microseconds. */
static void on_event(void *self, const struct event *event)
{
    struct watching *w = self;
    w->events++;
    w->wrong += event->time_ns < w->last_ns || event->values[0].u * 1000 != (uint64_t)event->time_ns;
    w->last_ns = event->time_ns;
}

static void ignore_watermark(void *self, int64_t time_ns)
{
    (void)self;
    (void)time_ns;
}

static struct event_consumer consumer_of(struct watching *w)
{
    return (struct event_consumer){ .self = w, .select = want_number, .event = on_event, .watermark = ignore_watermark };
}

/* Numbers dealt to the streams at random, in runs now and then. */
static void make_trace(struct trace_fixture *t, unsigned streams, uint64_t *seed)
{
    static uint8_t dealt[EVENTS];
    for (unsigned i = 0; i < EVENTS; i++)
        dealt[i] = (uint8_t)(i > 0 && i / 1000 % 2 && random_next(seed) % 16 ? dealt[i - 1] : random_next(seed) % streams);
    trace_begin(t);
    for (unsigned s = 0; s < streams; s++) {
        trace_begin_stream(t, s);
        for (unsigned i = 0; i < EVENTS; i++)
            if (dealt[i] == s)
                trace_event(t, 1000 * (uint64_t)i, i);
        trace_end_stream(t);
    }
}

static void test_order(void **unused)
{
    (void)unused;
    uint64_t seed = seed_of_test();
    for (unsigned streams = 1; streams <= STREAMS; streams += 4) {
        static struct trace_fixture t;
        struct watching w = { .last_ns = INT64_MIN };
        struct event_consumer consumer = consumer_of(&w);
        struct ctf_reader *reader;
        struct error err;
        make_trace(&t, streams, &seed);
        const struct ctf_reader_setup setup = { .paths = &(const char *){ t.dir }, .count = 1, .consumer = &consumer };
        assert_int_equal(ctf_reader_open(&setup, &reader, &err), 0);
        int r;
        while ((r = ctf_reader_step(reader, &err)) > 0)
            ;
        assert_int_equal(r, 0);
        ctf_reader_free(reader);
        assert_int_equal(w.events, EVENTS);
        assert_int_equal(w.wrong, 0);
        trace_remove(&t);
    }
}

/* The turns of some streams, played against a search for the least. */
static void test_tournament(void **unused)
{
    (void)unused;
    uint64_t seed = seed_of_test();
    for (uint32_t count = 1; count < 40; count++) {
        struct ctf_turn turns[40];
        struct ctf_merge m;
        for (uint32_t i = 0; i < count; i++)
            turns[i] = (struct ctf_turn){ (int64_t)(random_next(&seed) % 8) - 4, i };
        turns[count - 1].time_ns = INT64_MIN;
        ctf_merge_init(&m, turns, count);
        for (uint32_t ended = 0; ended < count;) {
            uint32_t first = 0;
            for (uint32_t i = 1; i < count; i++)
                if (ctf_turn_earlier(turns[i], turns[first]))
                    first = i;
            uint32_t second = first ? 0 : 1;
            for (uint32_t i = 0; i < count; i++)
                if (i != first && ctf_turn_earlier(turns[i], turns[second]))
                    second = i;
            assert_int_equal((uint32_t)ctf_merge_first(&m).stream, first);
            if (count > 1 && !ctf_turn_is_none(turns[second]))
                assert_int_equal(ctf_merge_second(&m).stream, second);
            if (random_next(&seed) % 20 == 0) {
                turns[first] = ctf_turn_none(first);
                ended++;
            } else {
                turns[first].time_ns = (turns[first].time_ns == INT64_MIN ? -4 : turns[first].time_ns) + (int64_t)(random_next(&seed) % 4);
            }
            ctf_merge_play(&m, turns[first]);
        }
        assert_true(ctf_turn_is_none(ctf_merge_first(&m)));
        ctf_merge_done(&m);
    }
}

static int read_cut(const struct trace_fixture *t, off_t size, struct watching *w, struct error *err)
{
    struct event_consumer consumer = consumer_of(w);
    const struct ctf_reader_setup setup = { .paths = &(const char *){ t->dir }, .count = 1, .consumer = &consumer };
    struct ctf_reader *reader;
    char path[128];
    *w = (struct watching){ .last_ns = INT64_MIN };
    assert_int_equal(ctf_reader_open(&setup, &reader, err), 0);
    int r = ctf_reader_step(reader, err);
    assert_int_equal(r, 1);
    snprintf(path, sizeof(path), "%s/stream_1", t->dir);
    assert_int_equal(truncate(path, size), 0);
    while (r > 0)
        r = ctf_reader_step(reader, err);
    ctf_reader_free(reader);
    assert_true(w->wrong <= 1); /* the event that was being read when its end went away */
    return r;
}

static void test_file_becomes_shorter(void **unused)
{
    (void)unused;
    static struct trace_fixture t;
    struct watching w;
    struct error err;
    uint64_t seed = 1;
    make_trace(&t, 1, &seed);
    /* about 65,500 events have been read, of some 3,000 in a packet. */
    assert_int_equal(read_cut(&t, 30 * (off_t)sizeof(t.packet) + 100, &w, &err), -ENODATA);
    assert_non_null(strstr(err.text, "stream_1: at offset 1966080: the file has become shorter since it was opened"));
    assert_true(w.events > 66000 && w.events < EVENTS);
    trace_remove(&t);
    make_trace(&t, 1, &seed);
    assert_int_equal(read_cut(&t, 4096, &w, &err), -ENODATA);
    assert_non_null(strstr(err.text, "the file has become shorter while it was read"));
    assert_true(w.events > 65000 && w.events < 70000);
    trace_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_order), cmocka_unit_test(test_tournament), cmocka_unit_test(test_file_becomes_shorter) };
    return cmocka_run_group_tests_name("ctf_reader", tests, NULL, NULL);
}
