/* What a detect stage that starts from nothing is told: exactly what the messages that have left would have
 * told it. Against a model: the descriptions that are in force, and the windows that it has not got. */
#include "link_fixture.h"
#include "stream/recall.h"

enum { METERS = 20, STEPS = 3000 };

static struct {
    void *zmq;
    struct wire wire;
    struct link_sender link;
    struct recall *recall;
    uint64_t position; /* asked for at the last recall */
} b;

static void on_left(void *self, const struct wire_header *header, struct wire_reader body, enum link_left why)
{
    recall_left(self, header, body, why);
}

static void begin(void)
{
    struct error err;
    memset(&b, 0, sizeof(b));
    b.zmq = zmq_ctx_new();
    wire_init(&b.wire, b.zmq);
    b.recall = recall_new();
    struct link_sender_setup setup = { .zmq = b.zmq, .endpoint = b.wire.near_endpoint, .name = "c", .epoch = 1, .full = LINK_GROW,
                                       .buffer_bytes = 1 << 20, .heartbeat_ns = 1 };
    assert_int_equal(link_sender_open(&b.link, &setup, &err), 0);
    b.link.welcomed = true; /* whatever is recalled goes out */
}

static void end(void)
{
    link_sender_close(&b.link);
    recall_free(b.recall);
    wire_done(&b.wire);
    zmq_ctx_term(b.zmq);
}

static void leave(uint64_t sequence, enum wire_type type, const struct bytes *body, enum link_left why)
{
    struct wire_header h = { .version = WIRE_VERSION, .type = type, .epoch = 1, .sequence = sequence };
    on_left(b.recall, &h, wire_reader_init(body->data, body->size), why);
}

static void make_series(struct bytes *body, uint32_t id, uint64_t what)
{
    struct meter_description d = { .id = id, .host = "h", .session = "s", .analysis = "a", .kind = METRIC_COUNTER };
    snprintf(d.metric, sizeof(d.metric), "m%llu", (unsigned long long)what);
    meter_description_put(body, &d);
}

static void make_window(struct bytes *body, uint64_t n, bool last)
{
    struct window_header w = { .host = "h", .session = "s", .begin_ns = (int64_t)n * 10, .end_ns = (int64_t)n * 10 + 10, .last = last };
    wire_put_array(body, 2);
    window_header_put(body, &w);
    wire_put_array(body, 0);
}

/* What goes out: descriptions into `what` by number, windows lost. */
static uint64_t listen(uint64_t what[METERS], int64_t *ret_begin_ns, int64_t *ret_end_ns)
{
    static uint8_t data[65536];
    uint64_t windows = 0;
    struct wire_header h;
    struct wire_reader r;
    int n;
    memset(what, 0, METERS * sizeof(*what));
    while (zmq_recv(b.wire.near, data, sizeof(data), ZMQ_DONTWAIT) >= 0) {
        n = zmq_recv(b.wire.near, data, sizeof(data), ZMQ_DONTWAIT);
        assert_true(n > 0 && wire_open(&r, data, (size_t)n, &h) && h.sequence == 0);
        struct meter_description d;
        struct loss_record l;
        if (h.type == WIRE_SERIES) {
            assert_true(meter_description_get(&r, &d) && d.id < METERS && what[d.id] == 0);
            what[d.id] = strtoull(d.metric + 1, NULL, 10);
        } else {
            assert_true(h.type == WIRE_LOSS && loss_record_get(&r, &l) && l.kind == LOSS_RECORD_WINDOWS);
            windows += l.count;
            *ret_begin_ns = l.begin_ns;
            *ret_end_ns = l.end_ns;
        }
    }
    return windows;
}

/* The front of what is kept leaves, safe or dropped; now and then a recall for a receiver that is somewhere
 * before what is kept, or knows nothing. */
static void test_model(void **unused)
{
    (void)unused;
    uint64_t seed = seed_of_test(), what[METERS] = { 0 }, told[METERS], safe = 0;
    static bool lost[STEPS + 2], window[STEPS + 2], counted[STEPS + 2];
    memset(lost, 0, sizeof(lost));
    memset(window, 0, sizeof(window));
    memset(counted, 0, sizeof(counted));
    begin();
    for (uint64_t sequence = 1; sequence <= STEPS; sequence++) {
        struct bytes body = { 0 };
        uint64_t dice = random_next(&seed) % 100;
        uint32_t id = (uint32_t)(random_next(&seed) % METERS);
        bool dropped = random_next(&seed) % 1000 < (sequence / 300 % 2 ? 900 : 10);
        enum link_left why = !dropped ? LINK_LEFT_SAFE : random_next(&seed) % 3 == 0 ? LINK_LEFT_UNSENT : LINK_LEFT_SENT;
        if (dice < 20) {
            make_series(&body, id, what[id] = sequence);
            leave(sequence, WIRE_SERIES, &body, why);
        } else if (dice < 30) {
            wire_put_uint(&body, id);
            what[id] = 0;
            leave(sequence, WIRE_RETIRED, &body, why);
        } else {
            make_window(&body, sequence, true);
            window[sequence] = true;
            lost[sequence] = dropped;
            counted[sequence] = why == LINK_LEFT_UNSENT;
            leave(sequence, WIRE_SAMPLES, &body, why);
        }
        if (!dropped)
            safe = sequence; /* the receiver has come so far: what was lost before was told */
        bytes_done(&body);
        if (random_next(&seed) % 15 != 0)
            continue;
        uint64_t position = safe + (sequence > safe ? random_next(&seed) % (sequence - safe) : 0), windows = 0;
        bool restarted = random_next(&seed) % 4 == 0;
        int64_t begin_ns = 0, end_ns = 0, first = 0, last = 0;
        for (uint64_t i = safe + 1; i <= sequence; i++) {
            if (!lost[i] || (!restarted && i <= position))
                continue;
            first = first ? first : (int64_t)i * 10;
            last = (int64_t)i * 10 + 10;
            counted[i] = true;
            windows++;
        }
        recall_tell(b.recall, &b.link, position, restarted);
        assert_int_equal(listen(told, &begin_ns, &end_ns), windows);
        assert_int_equal(begin_ns, first);
        assert_int_equal(end_ns, last);
        assert_memory_equal(told, what, sizeof(what));
    }
    /* Counted: those that were never sent, and those told. What the receiver had, though it was dropped, is not. Those
     * of which nothing was heard count when nobody waits any more. */
    const char *host, *session;
    uint64_t count = 0, rest = 0, all = 0;
    assert_true(recall_take_dropped(b.recall, &host, &session, &count));
    assert_false(recall_take_dropped(b.recall, &host, &session, &all));
    for (uint64_t i = 1; i <= STEPS; i++)
        all += counted[i];
    assert_int_equal(count, all);
    for (uint64_t i = safe + 1; i <= STEPS; i++)
        all += lost[i] && !counted[i];
    recall_give_up(b.recall);
    assert_int_equal(recall_take_dropped(b.recall, &host, &session, &rest), all > count);
    assert_int_equal(count + rest, all);
    end();
}

/* More than are kept singly become a sum; none is missing in it. */
static void test_very_many(void **unused)
{
    (void)unused;
    enum { MANY = 70000 };
    uint64_t told[METERS];
    int64_t begin_ns = 0, end_ns = 0;
    begin();
    for (uint64_t i = 1; i <= MANY; i++) {
        struct bytes body = { 0 };
        make_window(&body, i, i % 2);
        leave(i, WIRE_SAMPLES, &body, LINK_LEFT_SENT);
        bytes_done(&body);
    }
    recall_tell(b.recall, &b.link, 0, true);
    assert_int_equal(listen(told, &begin_ns, &end_ns), MANY / 2);
    assert_true(begin_ns == 10 && end_ns == MANY * 10 + 10);
    end();
}

/* What cannot be read leaves nothing and breaks nothing. */
static void test_malformed(void **unused)
{
    (void)unused;
    uint64_t told[METERS];
    int64_t begin_ns = 0, end_ns = 0;
    struct bytes body = { 0 };
    begin();
    wire_put_nil(&body);
    for (enum wire_type type = WIRE_SERIES; type <= WIRE_RETIRED; type++)
        if (type != WIRE_LOSS)
            leave(type, type, &body, LINK_LEFT_SENT);
    bytes_reset(&body);
    make_series(&body, UINT32_MAX, 1);
    leave(20, WIRE_SERIES, &body, LINK_LEFT_SAFE);
    recall_tell(b.recall, &b.link, 0, true);
    assert_int_equal(listen(told, &begin_ns, &end_ns), 0);
    bytes_done(&body);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_model), cmocka_unit_test(test_very_many), cmocka_unit_test(test_malformed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
