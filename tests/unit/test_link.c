/* Both ends of a link, over real sockets: what is sent again, in which order senders are applied, who is
 * left out, what a receiver that knows nothing is told, and what peers may say that lie. */
#include "base/dirs.h"
#include "link_fixture.h"
#include <errno.h>

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

static void put(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *fmt, ...)
{
    size_t n = strlen(b.log);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(b.log + n, sizeof(b.log) - n, fmt, ap);
    va_end(ap);
}

static const char *taken(void)
{
    static char text[sizeof(b.log)];
    size_t n = strlen(b.log);
    memcpy(text, b.log, n + 1);
    while (n > 0 && text[n - 1] == ' ')
        text[--n] = '\0';
    b.log[0] = '\0';
    return text;
}

static int apply(void *self, uint32_t sender, const struct wire_header *header, struct wire_reader body)
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

static int presence(void *self, uint32_t sender, enum link_presence what, int64_t time_ns)
{
    static const char *const words[] = { "began", "recall", "recalled", "silent", "back", "ended" };
    (void)self;
    (void)time_ns;
    put("%s:%s ", link_receiver_name(b.in, sender), words[what]);
    return 0;
}

static int64_t window_end(const struct wire_header *header, struct wire_reader body)
{
    return header->type == WIRE_WINDOW ? wire_get_time(&body) : INT64_MIN;
}

static bool ready(void *self)
{
    (void)self;
    return !b.held;
}

static uint64_t made(void *self)
{
    (void)self;
    return b.made;
}

static uint64_t settled(void *self)
{
    (void)self;
    return b.settled < b.made ? b.settled : b.made;
}

static void notice(void *self, bool warning, const char *text)
{
    (void)self;
    (void)warning;
    size_t n = strlen(b.notices);
    snprintf(b.notices + n, sizeof(b.notices) - n, "%s\n", text);
}

static const struct link_consumer consumer = { .apply = apply, .presence = presence, .window_end = window_end, .ready = ready,
                                               .made = made, .settled = settled, .notice = notice };

/* ---- */

static void on_left(void *self, const struct wire_header *header, struct wire_reader body, bool dropped)
{
    struct station *s = self;
    (void)header;
    (void)body;
    s->dropped += dropped;
}

static void on_recall(void *self, struct link_sender *link, uint64_t position, bool restarted)
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

static void open_receiver(uint32_t expected)
{
    struct link_receiver_setup setup = { .zmq = b.zmq, .endpoint = b.endpoint = fixture_endpoint(), .epoch = 1, .silent_after_ns = 3000000000,
                                         .expected = expected, .consumer = &consumer };
    struct error err;
    b.in = link_receiver_new(&setup);
    assert_int_equal(link_receiver_bind(b.in, &err), 0);
}

static void open_station(int i, const char *name, bool live)
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

static int begin(void **unused)
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

static int end(void **unused)
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

static void connect(int i)
{
    wire_cut(&b.stations[i].wire);
    wire_connect(&b.stations[i].wire, b.endpoint);
}

/* The receiver dies; its next life has its memory, or none. */
static void restart_receiver(bool remembers)
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
static void run(int ms)
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

static void make(int i, int count)
{
    for (; count > 0; count--, b.stations[i].made++) {
        wire_put_uint(outlet_begin(&b.stations[i].link.outlet), b.stations[i].made);
        assert_int_equal(outlet_send(&b.stations[i].link.outlet, WIRE_VERDICT), 0);
    }
}

static void make_window(int i, int64_t end_ns)
{
    wire_put_int(outlet_begin(&b.stations[i].link.outlet), end_ns);
    assert_int_equal(outlet_send(&b.stations[i].link.outlet, WIRE_WINDOW), 0);
    link_sender_watermark(&b.stations[i].link, end_ns, true);
}

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
    assert_string_equal(taken(), "a:began a:series a:recalled a1 a2 a3 a4 a5");
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

/* ---- peers that lie, by hand ---- */

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
    say_resync(&f, 1, true, UINT64_MAX);
    say_resync(&f, 1, false, UINT64_MAX);
    say_message(&f, 1, UINT64_MAX);
    say_message(&f, 1, 1);
    say_message(&f, 1, UINT64_MAX);
    assert_string_equal(taken(), "x:recall x:recalled x18446744073709551615");
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_messages_arrive_and_are_let_go), TEST(test_a_cut_connection_is_made_up_for), TEST(test_many_hellos_are_one),
        TEST(test_a_receiver_with_memory_goes_on), TEST(test_a_receiver_without_is_told_all), TEST(test_a_new_life_begins_anew),
        TEST(test_a_sender_with_memory_goes_on), TEST(test_a_sender_that_forgot_begins_anew), TEST(test_windows_in_order),
        TEST(test_the_silent_are_left_out), TEST(test_dropped_is_told_exactly), TEST(test_an_unfinished_recall), TEST(test_a_full_lane),
        TEST(test_real_connections), TEST(test_lies), TEST(test_the_older_of_two_is_refused), TEST(test_senders_have_a_bound), TEST(test_another_version),
        TEST(test_positions_that_lie), TEST(test_bad_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
