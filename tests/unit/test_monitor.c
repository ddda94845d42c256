/* Handshakes that fail before anybody is asked whom to admit. */
#include "security_fixture.h"
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

/* The address is told where the peer was still there to be asked for it. */
static void assert_told(const char *sentence, const char *reason)
{
    static const char *const who[] = { "127.0.0.1", "an unknown address" };
    char wanted[2][MONITOR_TEXT_MAX];
    for (int i = 0; i < 2; i++)
        snprintf(wanted[i], sizeof(wanted[i]), "a connection with %s failed: %s", who[i], reason);
    if (strcmp(sentence, wanted[0]) != 0 && strcmp(sentence, wanted[1]) != 0)
        fail_msg("said '%s'", sentence);
}

static void test_no_key(void **unused)
{
    (void)unused;
    struct client c = client_open(NULL); /* loopback: a client without keys may try */
    WAIT_FOR(server.sentences >= 1);
    assert_true(server.monitor.handshake_failures >= 1);
    assert_false(received());
    /* Both ends see that they do not agree; the client may hang up before the server has. */
    assert_told(server.sentence, strstr(server.sentence, "gave up") ? "it is no ZeroMQ peer, or it uses no key, or it gave up"
                                                                    : "it uses no key, or this end does not");
    assert_int_equal(security_counts(server.security).refused, 0); /* never came so far */
    client_close(&c);
}

static void test_a_client_that_expects_another_server(void **unused)
{
    (void)unused;
    struct client c = client_open(load("friend.key", "stranger.pub", NULL));
    WAIT_FOR(server.sentences >= 1);
    assert_true(server.monitor.handshake_failures >= 1);
    assert_false(received());
    assert_told(server.sentence, "it takes this server for another one (server_key)");
    assert_int_equal(security_counts(server.security).admitted, 0);
    client_close(&c);
}

static int raw_connect(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    to.sin_port = htons((uint16_t)atoi(strrchr(server.endpoint, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void test_noise(void **unused)
{
    (void)unused;
    enum { ROUNDS = 25 };
    static const struct {
        const char *text;
        size_t size;
    } kinds[] = { { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27 }, { "", 0 },          { "\xff\0\0", 3 },
                  { "\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL", 16 }, { "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16 },
                  { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 15 } };
    struct client c = client_open(load("friend.key", "monitor.pub", NULL));
    WAIT_FOR(received());
    for (size_t i = 0; i < ROUNDS * COUNT(kinds); i++) {
        int fd = raw_connect();
        ssize_t n = send(fd, kinds[i % COUNT(kinds)].text, kinds[i % COUNT(kinds)].size, MSG_NOSIGNAL);
        (void)n; /* it may have been dropped already */
        close(fd);
        if (i % 10 != 0)
            continue;
        assert_int_equal(zmq_send(c.socket, "hello", 5, 0), 5);
        WAIT_FOR(received()); /* who is connected is not disturbed */
    }
    WAIT_FOR(server.monitor.handshake_failures == ROUNDS * COUNT(kinds));
    assert_int_equal(server.monitor.accepted, ROUNDS * COUNT(kinds) + 1);
    assert_int_equal(server.monitor.established, 1);
    assert_true(server.sentences >= 1 && server.sentences <= 2 + PATIENCE_MS / 1000); /* not one for each */
    struct client other = client_open(load("friend.key", "monitor.pub", NULL));
    WAIT_FOR(received());
    client_close(&c);
    client_close(&other);
    WAIT_FOR(server.monitor.disconnected == server.monitor.accepted);
    assert_int_equal(server.monitor.handshake_failures, ROUNDS * COUNT(kinds)); /* leaving is no failure */
}

/* A flood is taken in pieces, and nothing of it is lost in between. */
static void test_bounded_work(void **unused)
{
    (void)unused;
    enum { PEERS = 700 };
    char text[MONITOR_TEXT_MAX];
    uint32_t calls = 0;
    for (int i = 0; i < PEERS; i++) {
        int fd = raw_connect();
        ssize_t n = send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL);
        (void)n;
        close(fd);
    }
    while (server.monitor.handshake_failures < PEERS) {
        zmq_pollitem_t item = { .socket = monitor_socket(&server.monitor), .events = ZMQ_POLLIN };
        assert_int_equal(zmq_poll(&item, 1, PATIENCE_MS), 1);
        uint64_t before = server.monitor.accepted + server.monitor.disconnected;
        monitor_take(&server.monitor, text);
        assert_true(server.monitor.accepted + server.monitor.disconnected - before <= MONITOR_EVENTS_MAX);
        calls++;
    }
    assert_true(calls >= 2 * PEERS / MONITOR_EVENTS_MAX);
    assert_int_equal(server.monitor.handshake_failures, PEERS);
    assert_int_equal(server.monitor.accepted, PEERS);
}

/* The connecting side sees it as well: a server that does not allow its key, or is another one. */
static void test_the_connecting_side(void **unused)
{
    (void)unused;
    struct security *security = load("friend.key", "stranger.pub", NULL);
    struct monitor m;
    struct error err;
    char text[MONITOR_TEXT_MAX] = "";
    int linger = 0;
    void *zmq = zmq_ctx_new(), *socket = zmq_socket(zmq, ZMQ_PUSH);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
    assert_int_equal(security_client(security, socket, server.endpoint, &err), 0);
    assert_int_equal(monitor_open(&m, zmq, socket, &err), 0);
    assert_int_equal(zmq_connect(socket, server.endpoint), 0);
    WAIT_FOR(monitor_take(&m, text));
    assert_told(text, "it ended the handshake: it may not allow this key, or it is no ZeroMQ peer");
    monitor_close(&m);
    zmq_close(socket);
    zmq_ctx_term(zmq);
    security_free(security);
}

static void test_closed(void **unused)
{
    (void)unused;
    struct monitor m = { 0 };
    char text[MONITOR_TEXT_MAX];
    assert_false(monitor_take(&m, text));
    monitor_close(&m);
    monitor_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_key),
        TEST(test_a_client_that_expects_another_server),
        TEST(test_noise),
        TEST(test_bounded_work),
        TEST(test_the_connecting_side),
        cmocka_unit_test(test_closed),
    };
    return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
