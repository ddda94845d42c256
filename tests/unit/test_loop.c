/* The loop: sockets of ZeroMQ, descriptors, timers, a tick. No message is ever left lying. */
#include "base/loop.h"
#include "base/clock.h"
#include "testing.h"
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

static const int64_t ms = 1000000, limit_ns = 20000000000;

/* A loop with one pair of sockets, which ends itself when it takes too long. */
struct bench {
    struct loop *loop;
    void *context, *near, *far;
    struct loop_timer *limit, *timer;
    int fds[2];
    unsigned received, readable, fired, ticks, rounds, want;
    int64_t order[8];
    unsigned order_count;
};

static int on_limit(void *self)
{
    (void)self;
    return -ETIMEDOUT;
}

static void open_bench(struct bench *b)
{
    *b = (struct bench){ .loop = loop_new(), .context = zmq_ctx_new(), .fds = { -1, -1 } };
    b->near = zmq_socket(b->context, ZMQ_PAIR);
    b->far = zmq_socket(b->context, ZMQ_PAIR);
    assert_int_equal(zmq_bind(b->near, "inproc://bench"), 0);
    assert_int_equal(zmq_connect(b->far, "inproc://bench"), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b->fds), 0);
    b->limit = loop_add_timer(b->loop, on_limit, b);
    loop_set_timer(b->limit, clock_monotonic_ns() + limit_ns);
}

static void close_bench(struct bench *b)
{
    zmq_close(b->near);
    zmq_close(b->far);
    zmq_ctx_term(b->context);
    close(b->fds[0]);
    close(b->fds[1]);
    loop_remove_timer(b->loop, b->limit);
    if (b->timer)
        loop_remove_timer(b->loop, b->timer);
    loop_free(b->loop);
}

static bool receive(void *socket)
{
    char text[16];
    return zmq_recv(socket, text, sizeof(text), ZMQ_DONTWAIT) >= 0;
}

static void send_one(void *socket)
{
    assert_true(zmq_send(socket, "m", 1, 0) == 1);
}

/* ---- no message is left lying ---- */

/* Takes one message of perhaps many: the socket's descriptor says nothing of the rest. */
static int take_one(void *self)
{
    struct bench *b = self;
    if (receive(b->near))
        b->received++;
    return b->received == b->want ? LOOP_STOP : 0;
}

static int take_byte(void *self)
{
    struct bench *b = self;
    char byte;
    if (read(b->fds[0], &byte, 1) == 1)
        b->readable++;
    return 0;
}

struct sender {
    struct bench *bench;
    unsigned bursts, size;
};

/* Bursts with pauses between them, so that the loop falls asleep in between; and always something on the quiet descriptor. */
static void *send_bursts(void *self)
{
    const struct sender *s = self;
    uint64_t seed = 1;
    for (unsigned i = 0; i < s->bursts; i++) {
        for (unsigned k = 0; k < s->size; k++) {
            send_one(s->bench->far);
            if (random_next(&seed) % 3 == 0 && write(s->bench->fds[1], "b", 1) < 0)
                continue; /* it is full: there is something */
        }
        if (random_next(&seed) % 2 == 0)
            usleep((useconds_t)(random_next(&seed) % 300));
    }
    return NULL;
}

static void test_bursts(void **unused)
{
    (void)unused;
    static const struct {
        const char *what;
        bool quiet;
        unsigned bursts, size;
    } rows[] = { { "one by one beside a quiet descriptor", true, 5000, 1 }, { "bursts beside a quiet descriptor", true, 500, 20 },
                 { "one by one beside a descriptor", false, 5000, 1 }, { "bursts beside a descriptor", false, 500, 20 } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench b;
        pthread_t thread;
        print_message("  %s\n", rows[i].what);
        open_bench(&b);
        struct sender sender = { &b, rows[i].bursts, rows[i].size };
        b.want = rows[i].bursts * rows[i].size;
        assert_int_equal(loop_add_socket(b.loop, b.near, take_one, &b), 0);
        assert_int_equal((rows[i].quiet ? loop_add_quiet_fd : loop_add_fd)(b.loop, b.fds[0], take_byte, &b), 0);
        assert_int_equal(pthread_create(&thread, NULL, send_bursts, &sender), 0);
        assert_int_equal(loop_run(b.loop), 0);
        pthread_join(thread, NULL);
        assert_int_equal(b.received, b.want);
        close_bench(&b);
    }
}

/* Sending on a socket takes note of what has come to it, and its descriptor is silent from then on. Whoever does so says so. */
static int use_socket(void *self)
{
    struct bench *b = self;
    char byte;
    if (read(b->fds[0], &byte, 1) != 1)
        return 0;
    b->readable++;
    send_one(b->far); /* to near, from this thread */
    send_one(b->near);
    loop_note_use();
    return 0;
}

static int use_in_timer(void *self)
{
    struct bench *b = self;
    b->fired++;
    send_one(b->far);
    send_one(b->near);
    loop_note_use();
    return 0;
}

static void test_noted_use(void **unused)
{
    (void)unused;
    for (int in_timer = 0; in_timer < 2; in_timer++) {
        struct bench b;
        open_bench(&b);
        b.want = 1;
        assert_int_equal(loop_add_socket(b.loop, b.near, take_one, &b), 0);
        assert_int_equal(loop_add_quiet_fd(b.loop, b.fds[0], use_socket, &b), 0);
        if (in_timer) {
            b.timer = loop_add_timer(b.loop, use_in_timer, &b);
            loop_set_timer(b.timer, clock_monotonic_ns() + 5 * ms);
        } else {
            assert_int_equal(write(b.fds[1], "b", 1), 1);
        }
        assert_int_equal(loop_run(b.loop), 0);
        assert_int_equal(b.received, 1);
        close_bench(&b);
    }
}

/* What was there before the loop ran, and came while another one did. */
static void test_there_before(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b);
    b.want = 3;
    for (unsigned i = 0; i < b.want; i++)
        send_one(b.far);
    assert_int_equal(loop_add_socket(b.loop, b.near, take_one, &b), 0);
    assert_int_equal(loop_run(b.loop), 0);
    send_one(b.far);
    int events;
    size_t size = sizeof(events);
    assert_int_equal(zmq_getsockopt(b.near, ZMQ_EVENTS, &events, &size), 0); /* its descriptor is silent now */
    b.want = 4;
    assert_int_equal(loop_run(b.loop), 0);
    assert_int_equal(b.received, 4);
    close_bench(&b);
}

/* ---- descriptors ---- */

static int write_until_full(void *self)
{
    struct bench *b = self;
    char byte;
    if (read(b->fds[0], &byte, 1) == 1)
        return LOOP_STOP;
    b->readable++;
    if (b->readable == 3) {
        loop_want_out(b->loop, b->fds[0], false);
        assert_int_equal(write(b->fds[1], "b", 1), 1);
    }
    return b->readable > 4 ? -EOVERFLOW : 0;
}

static void test_want_out(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b);
    assert_int_equal(loop_add_fd(b.loop, b.fds[0], write_until_full, &b), 0);
    loop_want_out(b.loop, b.fds[0], true);
    loop_want_out(b.loop, 12345, true); /* that is not there */
    assert_int_equal(loop_run(b.loop), 0);
    assert_int_equal(b.readable, 3);
    close_bench(&b);
}

static int stop(void *self)
{
    (void)self;
    return LOOP_STOP;
}

static int on_hang_up(void *self)
{
    struct bench *b = self;
    char byte;
    return read(b->fds[0], &byte, 1) == 0 ? LOOP_STOP : -EIO;
}

static void test_hang_up(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b);
    assert_int_equal(loop_add_quiet_fd(b.loop, b.fds[0], on_hang_up, &b), 0);
    close(b.fds[1]);
    b.fds[1] = -1;
    assert_int_equal(loop_run(b.loop), 0);
    close_bench(&b);
}

static int break_down(void *self)
{
    (void)self;
    return -EBADMSG;
}

static void test_failure(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b);
    assert_int_equal(write(b.fds[1], "b", 1), 1);
    assert_int_equal(loop_add_fd(b.loop, b.fds[0], break_down, &b), 0);
    assert_int_equal(loop_run(b.loop), -EBADMSG);
    close_bench(&b);
}

static void test_full(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b);
    for (int i = 0; i < LOOP_ITEMS_MAX; i++)
        assert_int_equal(loop_add_fd(b.loop, b.fds[0], stop, &b), 0);
    assert_int_equal(loop_add_fd(b.loop, b.fds[0], stop, &b), -ENOSPC);
    assert_int_equal(loop_add_socket(b.loop, b.near, stop, &b), -ENOSPC);
    close_bench(&b);
}

/* ---- removing ---- */

enum { CROWD = 8 };

static struct {
    struct bench bench;
    int fds[CROWD];
    unsigned called[CROWD], remove; /* who removes whom: the one with this number all others, or itself */
    unsigned self[CROWD];
} crowd;

static int on_crowd(void *self)
{
    unsigned i = *(unsigned *)self;
    crowd.called[i]++;
    if (i != crowd.remove)
        return crowd.called[i] > 100 ? LOOP_STOP : 0;
    for (unsigned k = 0; k < CROWD; k++)
        loop_remove_fd(crowd.bench.loop, crowd.fds[k]);
    loop_remove_fd(crowd.bench.loop, 12345);
    /* In the same round another one takes the place of it, of the same descriptor. */
    assert_int_equal(loop_add_fd(crowd.bench.loop, crowd.fds[i], stop, NULL), 0);
    return 0;
}

static void test_remove_within(void **unused)
{
    (void)unused;
    for (unsigned who = 0; who < CROWD; who++) {
        memset(&crowd, 0, sizeof(crowd));
        crowd.remove = who;
        open_bench(&crowd.bench);
        for (unsigned i = 0; i < CROWD; i++) {
            crowd.self[i] = i;
            crowd.fds[i] = eventfd(1, EFD_NONBLOCK);
            assert_int_equal((i % 2 ? loop_add_fd : loop_add_quiet_fd)(crowd.bench.loop, crowd.fds[i], on_crowd, &crowd.self[i]), 0);
        }
        assert_int_equal(loop_run(crowd.bench.loop), 0);
        for (unsigned i = 0; i < CROWD; i++) {
            assert_int_equal(crowd.called[i], i <= who); /* those behind it were not called any more, though they were ready */
            close(crowd.fds[i]);
        }
        close_bench(&crowd.bench);
    }
}

static int remove_socket(void *self)
{
    struct bench *b = self;
    assert_true(receive(b->near));
    b->received++;
    loop_remove_socket(b->loop, b->near);
    loop_remove_socket(b->loop, b);
    loop_set_timer(b->timer, clock_monotonic_ns() + 5 * ms);
    return 0;
}

static void test_remove_socket(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b);
    send_one(b.far);
    send_one(b.far);
    b.timer = loop_add_timer(b.loop, stop, &b);
    assert_int_equal(loop_add_socket(b.loop, b.near, remove_socket, &b), 0);
    assert_int_equal(loop_run(b.loop), 0);
    assert_int_equal(b.received, 1);
    close_bench(&b);
}

/* ---- time ---- */

static int on_timer(void *self)
{
    struct bench *b = self;
    b->fired++;
    loop_set_timer(b->timer, b->fired < 3 ? 0 : b->fired < 5 ? clock_monotonic_ns() + 2 * ms : INT64_MAX);
    return 0;
}

static int on_tick(void *self)
{
    struct bench *b = self;
    return ++b->ticks == 10 ? LOOP_STOP : 0;
}

static int on_round(void *self)
{
    struct bench *b = self;
    b->rounds++;
    return 0;
}

static void test_time(void **unused)
{
    (void)unused;
    struct bench b;
    open_bench(&b);
    b.timer = loop_add_timer(b.loop, on_timer, &b);
    struct loop_timer *never = loop_add_timer(b.loop, break_down, &b);
    loop_set_timer(b.timer, clock_monotonic_ns() + 3 * ms);
    loop_set_tick(b.loop, 5 * ms, on_tick, &b);
    loop_set_after(b.loop, on_round, &b);
    int64_t begin_ns = clock_monotonic_ns();
    assert_int_equal(loop_run(b.loop), 0);
    int64_t took_ns = clock_monotonic_ns() - begin_ns;
    assert_int_equal(b.fired, 5);
    assert_true(took_ns >= 50 * ms); /* ticks are never early */
    assert_in_range(b.rounds, 5, 60); /* and nobody turns round and round meanwhile */
    loop_remove_timer(b.loop, never);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_bursts),        cmocka_unit_test(test_noted_use),     cmocka_unit_test(test_there_before),
                                        cmocka_unit_test(test_want_out),      cmocka_unit_test(test_hang_up),       cmocka_unit_test(test_failure),
                                        cmocka_unit_test(test_full),          cmocka_unit_test(test_remove_within), cmocka_unit_test(test_remove_socket),
                                        cmocka_unit_test(test_time) };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
