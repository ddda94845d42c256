/* link_bench.h - some senders, a receiver, and a consumer that writes down what it gets: "a1 a2 ...". */
#ifndef FT_TESTS_LINK_BENCH_H
#define FT_TESTS_LINK_BENCH_H
#include "link_fixture.h"

enum { SENDERS = 3 };

struct station {
    struct link_sender link;
    struct wire wire;
    uint64_t made, dropped, recalls, recall_position;
    bool recall_restarted;
    char name[8];
};

static struct bench {
    void *zmq;
    struct station stations[SENDERS];
    struct link_receiver *in;
    const char *endpoint;
    uint64_t epochs, made, settled;
    bool held;
    char log[1 << 16];
    char notices[8192];
} b;

/* ---- a consumer that writes down what it gets: "a1 a2 ..." ---- */

static inline void put(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline void put(const char *fmt, ...)
{
    size_t n = strlen(b.log);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(b.log + n, sizeof(b.log) - n, fmt, ap);
    va_end(ap);
}

static inline const char *taken(void)
{
    static char text[sizeof(b.log)];
    size_t n = strlen(b.log);
    memcpy(text, b.log, n + 1);
    while (n > 0 && text[n - 1] == ' ')
        text[--n] = '\0';
    b.log[0] = '\0';
    return text;
}

static inline int apply(void *self, uint32_t sender, const struct wire_header *header, struct wire_reader body)
{
    (void)self;
    (void)body;
    if (header->type == WIRE_SERIES)
        put("%s:series ", link_receiver_name(b.in, sender));
    else if (header->type == WIRE_LOSS)
        put("%s:lost%llu ", link_receiver_name(b.in, sender), (unsigned long long)wire_get_uint(&body));
    else
        put("%s%llu ", link_receiver_name(b.in, sender), (unsigned long long)header->sequence);
    b.made += header->sequence > 0;
    return header->type == WIRE_LOSS + 100 ? -EBADMSG : 0;
}

static inline int presence(void *self, uint32_t sender, enum link_presence what, int64_t time_ns)
{
    static const char *const words[] = { "began", "recall", "recalled", "silent", "back", "ended", "broke-off" };
    (void)self;
    (void)time_ns;
    put("%s:%s ", link_receiver_name(b.in, sender), words[what]);
    return 0;
}

static inline int64_t window_end(const struct wire_header *header, struct wire_reader body)
{
    return header->type == WIRE_WINDOW ? wire_get_time(&body) : INT64_MIN;
}

static inline bool ready(void *self)
{
    (void)self;
    return !b.held;
}

static inline uint64_t made(void *self)
{
    (void)self;
    return b.made;
}

static inline uint64_t settled(void *self)
{
    (void)self;
    return b.settled < b.made ? b.settled : b.made;
}

static inline void notice(void *self, bool warning, const char *text)
{
    (void)self;
    (void)warning;
    size_t n = strlen(b.notices);
    snprintf(b.notices + n, sizeof(b.notices) - n, "%s\n", text);
}

static const struct link_consumer consumer = { .apply = apply, .presence = presence, .window_end = window_end, .ready = ready,
                                               .made = made, .settled = settled, .notice = notice };

/* ---- */

static inline void on_left(void *self, const struct wire_header *header, struct wire_reader body, enum link_left why)
{
    struct station *s = self;
    (void)header;
    (void)body;
    s->dropped += why != LINK_LEFT_SAFE;
}

static inline void on_recall(void *self, struct link_sender *link, uint64_t position, bool restarted)
{
    struct station *s = self;
    struct bytes body = { 0 };
    s->recalls++;
    s->recall_position = position;
    s->recall_restarted = restarted;
    wire_put_nil(&body);
    link_recall(link, WIRE_SERIES, &body);
    bytes_done(&body);
}

static const struct link_owner owner = { .left = on_left, .recall = on_recall, .notice = notice };

static inline void open_receiver(uint32_t expected)
{
    struct link_receiver_setup setup = { .zmq = b.zmq, .endpoint = b.endpoint = fixture_endpoint(), .epoch = 1, .silent_after_ns = 3000000000,
                                         .expected = expected, .consumer = &consumer };
    struct error err;
    b.in = link_receiver_new(&setup);
    assert_int_equal(link_receiver_bind(b.in, &err), 0);
}

static inline void open_station(int i, const char *name, bool live)
{
    struct station *s = &b.stations[i];
    struct link_sender_setup setup = { .zmq = b.zmq, .endpoint = s->wire.near_endpoint, .peer = "receiver", .epoch = ++b.epochs, .live = live,
                                       .full = LINK_DROP, .buffer_bytes = 1 << 20, .heartbeat_ns = 100000000, .owner = &owner, .self = s };
    struct error err;
    snprintf(setup.name, sizeof(setup.name), "%s", name);
    snprintf(s->name, sizeof(s->name), "%.7s", name);
    assert_int_equal(link_sender_open(&s->link, &setup, &err), 0);
    s->made = s->dropped = s->recalls = 0;
}

static inline int begin(void **unused)
{
    (void)unused;
    memset(&b, 0, sizeof(b));
    b.settled = UINT64_MAX;
    b.zmq = zmq_ctx_new();
    for (int i = 0; i < SENDERS; i++)
        wire_init(&b.stations[i].wire, b.zmq);
    open_receiver(1);
    return 0;
}

static inline int end(void **unused)
{
    (void)unused;
    for (int i = 0; i < SENDERS; i++) {
        if (b.stations[i].link.socket)
            link_sender_close(&b.stations[i].link);
        wire_done(&b.stations[i].wire);
    }
    link_receiver_free(b.in);
    zmq_ctx_term(b.zmq);
    return 0;
}

static inline void connect(int i)
{
    wire_cut(&b.stations[i].wire);
    wire_connect(&b.stations[i].wire, b.endpoint);
}

/* The receiver dies; its next life has its memory, or none. */
static inline void restart_receiver(bool remembers)
{
    struct bytes saved = { 0 };
    link_receiver_save(b.in, &saved);
    link_receiver_free(b.in);
    open_receiver(1);
    struct wire_reader r = wire_reader_init(saved.data, saved.size);
    assert_true(!remembers || link_receiver_load(b.in, &r));
    bytes_done(&saved);
    for (int i = 0; i < SENDERS; i++)
        if (b.stations[i].link.socket)
            connect(i);
}

/* All that can happen within some ms. */
static inline void run(int ms)
{
    for (int t = 0; t <= ms; t += 10) {
        fixture_now_ns += 10000000;
        for (int i = 0; i < SENDERS; i++) {
            struct station *s = &b.stations[i];
            if (!s->link.socket)
                continue;
            link_service(&s->link);
            while (wire_forward(&s->wire))
                ;
        }
        assert_int_equal(link_receiver_tick(b.in), 0);
        for (int i = 0; i < 20; i++)
            assert_int_equal(link_receive(b.in), 0);
        for (int i = 0; i < SENDERS; i++)
            while (wire_back(&b.stations[i].wire))
                ;
    }
}

static inline void make(int i, int count)
{
    for (; count > 0; count--, b.stations[i].made++) {
        wire_put_uint(outlet_begin(&b.stations[i].link.outlet), b.stations[i].made);
        assert_int_equal(outlet_send(&b.stations[i].link.outlet, WIRE_VERDICT), 0);
    }
}

static inline void make_window(int i, int64_t end_ns)
{
    wire_put_int(outlet_begin(&b.stations[i].link.outlet), end_ns);
    assert_int_equal(outlet_send(&b.stations[i].link.outlet, WIRE_WINDOW), 0);
    link_sender_watermark(&b.stations[i].link, end_ns, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
