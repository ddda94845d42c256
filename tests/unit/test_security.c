/* CURVE, ZAP and the monitor over real tcp sockets on loopback. Nothing sleeps: every wait polls for what
 * must come, and fails when it does not. */
#include "base/security.h"
#include "base/clock.h"
#include "base/monitor.h"
#include "key_fixture.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <zmq.h>

enum { PATIENCE_MS = 10000, STEP_MS = 10 };

static struct server {
    void *zmq, *socket;
    struct security *security;
    struct monitor monitor;
    char endpoint[64];
    uint32_t sentences;
    char sentence[MONITOR_TEXT_MAX]; /* the last one */
} server;

/* What the authenticating thread says. */
static struct {
    pthread_mutex_t lock;
    uint32_t count;
    char all[8192];
} notices = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void take_notice(void *self, const char *text)
{
    assert_true(self == &notices);
    pthread_mutex_lock(&notices.lock);
    notices.count++;
    size_t used = strlen(notices.all);
    snprintf(notices.all + used, sizeof(notices.all) - used, "%s\n", text);
    pthread_mutex_unlock(&notices.lock);
}

static bool was_told(const char *text)
{
    pthread_mutex_lock(&notices.lock);
    bool found = strstr(notices.all, text) != NULL;
    pthread_mutex_unlock(&notices.lock);
    return found;
}

static struct security_config config_of(const char *key, const char *server_key, const char *allowed)
{
    struct security_config c;
    options_default(security_options, &c);
    snprintf(c.key.s, sizeof(c.key.s), "%s", key ? key_path(key) : "");
    snprintf(c.server_key.s, sizeof(c.server_key.s), "%s", server_key ? key_path(server_key) : "");
    snprintf(c.allowed.s, sizeof(c.allowed.s), "%s", allowed ? key_path(allowed) : "");
    return c;
}

static struct security *load(const char *key, const char *server_key, const char *allowed)
{
    struct security_config c = config_of(key, server_key, allowed);
    struct security *s = NULL;
    struct error err;
    if (security_load(&c, &s, &err) < 0)
        fail_msg("%s", err.text);
    assert_non_null(s);
    return s;
}

/* NAME.pub is copied whole and then renamed, as a careful administrator would. */
static void allow(const char *name)
{
    char from[64], to[64], text[1024];
    snprintf(from, sizeof(from), "%s.pub", name);
    snprintf(to, sizeof(to), "allowed/%s.pub", name);
    FILE *f = fopen(key_path(from), "r");
    assert_non_null(f);
    size_t size = fread(text, 1, sizeof(text), f);
    fclose(f);
    key_file_write("allowed/.new", 0644, text, size);
    assert_int_equal(rename(key_path("allowed/.new"), key_path(to)), 0);
}

static int set_up(void **unused)
{
    (void)unused;
    struct error err = { "" };
    size_t size = sizeof(server.endpoint);
    key_dir_make();
    key_pair_make("monitor");
    key_pair_make("friend");
    key_pair_make("stranger");
    assert_int_equal(mkdir(key_path("allowed"), 0700), 0);
    allow("friend");
    memset(&server, 0, sizeof(server));
    notices.count = 0;
    notices.all[0] = '\0';
    server.zmq = zmq_ctx_new();
    server.socket = zmq_socket(server.zmq, ZMQ_PULL);
    server.security = load("monitor.key", NULL, "allowed");
    assert_int_equal(security_start(server.security, server.zmq, take_notice, &notices, &err), 0);
    assert_int_equal(security_server(server.security, server.socket, "tcp://0.0.0.0:*", &err), 0);
    assert_int_equal(monitor_open(&server.monitor, server.zmq, server.socket, &err), 0);
    assert_int_equal(zmq_bind(server.socket, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(server.socket, ZMQ_LAST_ENDPOINT, server.endpoint, &size), 0);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    monitor_close(&server.monitor);
    zmq_close(server.socket);
    security_free(server.security);
    zmq_ctx_term(server.zmq);
    key_dir_remove();
    return 0;
}

/* A client that goes on sending "hello" in the background until it is let in. */
struct client {
    void *zmq, *socket;
    struct security *security;
};

static struct client client_open(struct security *security)
{
    struct client c = { .zmq = zmq_ctx_new(), .security = security };
    struct error err;
    int linger = 0, again_ms = 50;
    c.socket = zmq_socket(c.zmq, ZMQ_PUSH);
    zmq_setsockopt(c.socket, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(c.socket, ZMQ_RECONNECT_IVL, &again_ms, sizeof(again_ms));
    assert_int_equal(security_client(c.security, c.socket, server.endpoint, &err), 0);
    assert_int_equal(zmq_connect(c.socket, server.endpoint), 0);
    assert_int_equal(zmq_send(c.socket, "hello", 5, 0), 5);
    return c;
}

static void client_close(struct client *c)
{
    zmq_close(c->socket);
    zmq_ctx_term(c->zmq);
    security_free(c->security);
}

static void drain_monitor(void)
{
    while (monitor_take(&server.monitor, server.sentence))
        server.sentences++;
}

static bool received(void)
{
    char text[16];
    int n = zmq_recv(server.socket, text, sizeof(text), ZMQ_DONTWAIT);
    assert_true(n == 5 || n < 0);
    return n == 5;
}

/* Until the condition holds; fails with its text when it does not. */
#define WAIT_FOR(condition)                                                                                  \
    do {                                                                                                     \
        int waited_ = 0;                                                                                     \
        drain_monitor();                                                                                     \
        while (!(condition)) {                                                                               \
            if ((waited_ += STEP_MS) > PATIENCE_MS)                                                          \
                fail_msg("never came: %s; notices '%s', sentence '%s'", #condition, notices.all, server.sentence); \
            zmq_pollitem_t items_[] = { { .socket = server.socket, .events = ZMQ_POLLIN },                   \
                                        { .socket = monitor_socket(&server.monitor), .events = ZMQ_POLLIN } }; \
            zmq_poll(items_, 2, STEP_MS);                                                                    \
            drain_monitor();                                                                                 \
        }                                                                                                    \
    } while (0)

static void test_an_allowed_key(void **unused)
{
    (void)unused;
    struct client c = client_open(load("friend.key", "monitor.pub", NULL));
    WAIT_FOR(received());
    WAIT_FOR(server.monitor.established == 1);
    struct security_counts counts = security_counts(server.security);
    assert_int_equal(counts.admitted, 1);
    assert_int_equal(counts.refused, 0);
    client_close(&c);
    WAIT_FOR(server.monitor.disconnected == 1);
    assert_int_equal(server.monitor.accepted, 1);
    assert_int_equal(server.monitor.handshake_failures, 0);
    assert_int_equal(notices.count, 0);
}

static void test_a_key_that_is_not_allowed(void **unused)
{
    (void)unused;
    struct client clients[8];
    int64_t begin_ns = clock_monotonic_ns();
    for (size_t i = 0; i < COUNT(clients); i++)
        clients[i] = client_open(load("stranger.key", "monitor.pub", NULL));
    WAIT_FOR(security_counts(server.security).refused >= COUNT(clients) && server.monitor.handshake_failures >= COUNT(clients));
    int64_t took_ns = clock_monotonic_ns() - begin_ns;
    assert_false(received());
    assert_int_equal(server.monitor.established, 0);
    assert_true(was_told("refused a connection from 127.0.0.1: its key "));
    assert_true(was_told(" is not in /tmp/foretrace-test-"));
    assert_true(notices.count <= 2 + took_ns / INT64_C(1000000000)); /* not one for each */
    for (size_t i = 0; i < COUNT(clients); i++)
        client_close(&clients[i]);
}

static void test_no_key(void **unused)
{
    (void)unused;
    struct client c = client_open(NULL); /* loopback: a client without keys may try */
    WAIT_FOR(server.sentences >= 1);
    assert_true(server.monitor.handshake_failures >= 1);
    assert_false(received());
    assert_string_equal(server.monitor.address, "127.0.0.1");
    assert_string_equal(server.sentence, "a connection with 127.0.0.1 failed: it uses no key, or this end does not");
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
    assert_string_equal(server.sentence, "a connection with 127.0.0.1 failed: it takes this server for another one (server_key)");
    assert_int_equal(security_counts(server.security).admitted, 0);
    client_close(&c);
}

static void test_added_and_withdrawn(void **unused)
{
    (void)unused;
    struct client c = client_open(load("stranger.key", "monitor.pub", NULL));
    WAIT_FOR(security_counts(server.security).refused >= 1);
    assert_false(received());
    allow("stranger");
    WAIT_FOR(received()); /* the client tries again by itself */
    client_close(&c);
    struct security_counts before = security_counts(server.security);
    assert_int_equal(before.admitted, 1);
    assert_int_equal(unlink(key_path("allowed/stranger.pub")), 0);
    c = client_open(load("stranger.key", "monitor.pub", NULL));
    WAIT_FOR(security_counts(server.security).refused > before.refused);
    assert_false(received());
    assert_int_equal(security_counts(server.security).admitted, 1);
    client_close(&c);
    c = client_open(load("friend.key", "monitor.pub", NULL)); /* the other is as welcome as ever */
    WAIT_FOR(received());
    client_close(&c);
}

static void test_edited_in_place(void **unused)
{
    (void)unused;
    struct client c = client_open(load("friend.key", "monitor.pub", NULL));
    WAIT_FOR(received());
    client_close(&c);
    key_file_write("allowed/friend.pub", 0644, "revoked\n", 8); /* the directory's own time stays */
    do {
        struct security_counts before = security_counts(server.security);
        c = client_open(load("friend.key", "monitor.pub", NULL));
        WAIT_FOR(security_counts(server.security).refused > before.refused || received());
        client_close(&c);
    } while (security_counts(server.security).refused == 0);
    assert_true(was_told("left out: "));
    assert_true(was_told("allowed/friend.pub: is no key file"));
}

static void test_a_directory_that_became_open(void **unused)
{
    (void)unused;
    assert_int_equal(chmod(key_path("allowed"), 0777), 0);
    key_pair_make("allowed/other"); /* changes its time as well */
    struct client c = client_open(load("friend.key", "monitor.pub", NULL));
    WAIT_FOR(security_counts(server.security).refused >= 1);
    assert_true(was_told("has mode 0777: others could put keys into it (chmod go-w "));
    assert_int_equal(chmod(key_path("allowed"), 0700), 0);
    WAIT_FOR(received());
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

/* Requests at the authenticating thread that libzmq would not send: answered with a refusal or not
 * at all, and those behind them are answered still. */
static void test_malformed_requests(void **unused)
{
    (void)unused;
    static const struct {
        const char *frames[10];
        const char *status; /* NULL: no answer */
    } requests[] = {
        { { "" }, NULL },
        { { "1.0" }, NULL },
        { { "2.0", "7", "foretrace", "1.2.3.4", "", "NULL" }, NULL },
        { { "1.0", "7" }, "500" },
        { { "1.0", "7", "foretrace", "1.2.3.4", "" }, "500" },
        { { "1.0", "7", "foretrace", "1.2.3.4", "", "CURVE", "x", "y", "z" }, "500" },
        { { "1.0", "7", "foretrace", "1.2.3.4", "", "NULL" }, "400" },
        { { "1.0", "7", "foretrace", "1.2.3.4", "", "PLAIN", "user" }, "400" },
        { { "1.0", "7", "foretrace", "1.2.3.4", "", "CURVE", "too short a key" }, "400" },
        { { "1.0", "7", "elsewhere", "1.2.3.4", "", "CURVE", "12345678901234567890123456789012" }, "400" },
        { { "1.0", "7", "foretrace", "", "", "CURVE", "12345678901234567890123456789012" }, "300" },
    };
    void *peer = zmq_socket(server.zmq, ZMQ_DEALER);
    int linger = 0, patience_ms = PATIENCE_MS;
    uint64_t unanswered = 0;
    zmq_setsockopt(peer, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(peer, ZMQ_RCVTIMEO, &patience_ms, sizeof(patience_ms));
    assert_int_equal(zmq_connect(peer, "inproc://zeromq.zap.01"), 0);
    for (size_t i = 0; i < COUNT(requests); i++) {
        zmq_send(peer, "", 0, ZMQ_SNDMORE);
        for (size_t k = 0; requests[i].frames[k]; k++)
            zmq_send(peer, requests[i].frames[k], strlen(requests[i].frames[k]), requests[i].frames[k + 1] ? ZMQ_SNDMORE : 0);
        unanswered += !requests[i].status;
        if (!requests[i].status)
            continue;
        char frames[8][64] = { "" };
        int more = 1, n = 0;
        size_t size = sizeof(more);
        for (; more && n < 8; n++) {
            assert_true(zmq_recv(peer, frames[n], sizeof(frames[n]) - 1, 0) >= 0);
            zmq_getsockopt(peer, ZMQ_RCVMORE, &more, &size);
        }
        assert_int_equal(n, 7);
        assert_string_equal(frames[1], "1.0");
        assert_string_equal(frames[2], "7");
        assert_string_equal(frames[3], requests[i].status);
    }
    char big[5000] = { 0 };
    zmq_send(peer, big, sizeof(big), ZMQ_SNDMORE);
    zmq_send(peer, "1.0", 3, 0);
    WAIT_FOR(security_counts(server.security).malformed == unanswered + 4);
    assert_int_equal(security_counts(server.security).admitted, 0);
    zmq_close(peer);
    struct client c = client_open(load("friend.key", "monitor.pub", NULL));
    WAIT_FOR(received());
    client_close(&c);
}

static void test_nobody_is_admitted_when_nobody_decides(void **unused)
{
    (void)unused;
    security_stop(server.security);
    struct client c = client_open(load("friend.key", "monitor.pub", NULL));
    WAIT_FOR(server.monitor.accepted >= 2); /* it came back, so the first attempt has failed */
    assert_false(received());
    assert_int_equal(server.monitor.established, 0);
    struct error err;
    assert_int_equal(security_server(server.security, server.socket, "tcp://127.0.0.1:1", &err), -EINVAL);
    client_close(&c);
}

static void test_endpoints(void **unused)
{
    (void)unused;
    static const char *const foreign[] = { "tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://192.0.2.1:5555", "tcp://127.evil.example:1" };
    static const char *const local[] = { "tcp://127.0.0.1:5555", "tcp://[::1]:5555", "ipc:///tmp/x", "inproc://x" };
    struct security *client = load("friend.key", "monitor.pub", NULL);
    struct error err;
    int mechanism = -1;
    size_t size = sizeof(mechanism);
    void *socket = zmq_socket(server.zmq, ZMQ_PUSH);
    for (size_t i = 0; i < COUNT(foreign); i++) {
        assert_int_equal(security_server(NULL, socket, foreign[i], &err), -EACCES);
        assert_non_null(strstr(err.text, "foretrace keygen"));
        assert_non_null(strstr(err.text, "security.key and security.allowed"));
        assert_non_null(strstr(err.text, foreign[i]));
        assert_int_equal(security_client(NULL, socket, foreign[i], &err), -EACCES);
        assert_non_null(strstr(err.text, "security.key and security.server_key"));
        assert_int_equal(security_server(client, socket, foreign[i], &err), -EACCES); /* knows no clients */
        assert_int_equal(security_client(server.security, socket, foreign[i], &err), -EACCES); /* knows no server */
    }
    for (size_t i = 0; i < COUNT(local); i++) {
        assert_int_equal(security_server(NULL, socket, local[i], &err), 0);
        assert_int_equal(security_client(NULL, socket, local[i], &err), 0);
    }
    assert_int_equal(security_server(NULL, socket, "tcp://nowhere", &err), -EINVAL);
    assert_int_equal(security_client(client, socket, "tcp://nowhere:x", &err), -EINVAL);
    assert_int_equal(security_server(server.security, socket, "ipc:///tmp/x", &err), 0);
    zmq_getsockopt(socket, ZMQ_MECHANISM, &mechanism, &size);
    assert_int_equal(mechanism, ZMQ_NULL); /* nothing so far asked for keys */
    assert_int_equal(security_client(client, socket, "tcp://127.0.0.1:5555", &err), 0);
    zmq_getsockopt(socket, ZMQ_MECHANISM, &mechanism, &size);
    assert_int_equal(mechanism, ZMQ_CURVE);
    zmq_close(socket);
    security_free(client);
}

static void refused(struct security_config c, int result, const char *error)
{
    struct security *s = NULL;
    struct error err = { "" };
    int r = security_load(&c, &s, &err);
    if (r != result || !strstr(err.text, error))
        fail_msg("%d, '%s'; wanted %d, '%s'", r, err.text, result, error);
    assert_null(s);
}

static void test_what_is_not_loaded(void **unused)
{
    (void)unused;
    refused(config_of(NULL, NULL, NULL), 0, "");
    refused(config_of(NULL, "monitor.pub", NULL), -EINVAL, "server_key needs key");
    refused(config_of(NULL, NULL, "allowed"), -EINVAL, "allowed needs key");
    refused(config_of("monitor.key", NULL, NULL), -EINVAL, "key alone does nothing");
    refused(config_of("none.key", NULL, "allowed"), -ENOENT, "security.key: ");
    refused(config_of("monitor.pub", NULL, "allowed"), -EPERM, "has mode 0644");
    refused(config_of("friend.key", "none.pub", NULL), -ENOENT, "security.server_key: ");
    refused(config_of("friend.key", "monitor.key", NULL), -EINVAL, "holds a secret key");
    refused(config_of("friend.key", NULL, "none"), -ENOENT, "security.allowed: ");
    refused(config_of("friend.key", NULL, "friend.pub"), -ENOTDIR, "security.allowed: ");
    key_file_write("allowed/README", 0666, "not a key", 9);
    key_file_write("allowed/.hidden.pub", 0666, "nor is this", 11);
    security_free(load("friend.key", NULL, "allowed")); /* only *.pub count */
    key_file_write("allowed/bad.pub", 0644, "no key", 6);
    refused(config_of("friend.key", NULL, "allowed"), -EINVAL, "allowed/bad.pub: is no key file");
    key_file_write("allowed/bad.pub", 0666, "no key", 6);
    refused(config_of("friend.key", NULL, "allowed"), -EPERM, "allowed/bad.pub has mode 0666: others may change it");
    assert_int_equal(unlink(key_path("allowed/bad.pub")), 0);
    assert_int_equal(symlink("nowhere", key_path("allowed/gone.pub")), 0);
    refused(config_of("friend.key", NULL, "allowed"), -ENOENT, "allowed/gone.pub: No such file");
    assert_int_equal(unlink(key_path("allowed/gone.pub")), 0);
    assert_int_equal(chmod(key_path("allowed"), 0770), 0);
    refused(config_of("friend.key", NULL, "allowed"), -EPERM, "has mode 0770: others could put keys into it (chmod go-w ");
}

static void test_too_many_keys(void **unused)
{
    (void)unused;
    static const char text[] = "curve\n    public-key = \"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"\n";
    for (int i = 0; i < 1024; i++) { /* and friend.pub */
        char name[64];
        snprintf(name, sizeof(name), "allowed/%d.pub", i);
        key_file_write(name, 0644, text, sizeof(text) - 1);
    }
    refused(config_of("friend.key", NULL, "allowed"), -E2BIG, "has more than 1024 *.pub files");
    struct client c = client_open(load("stranger.key", "monitor.pub", NULL));
    WAIT_FOR(security_counts(server.security).refused >= 1); /* while running: told, and the others count */
    assert_true(was_told("has more than 1024 *.pub files"));
    client_close(&c);
}

static void test_one_decider_a_context(void **unused)
{
    (void)unused;
    struct security *second = load("monitor.key", NULL, "allowed"), *client = load("friend.key", "monitor.pub", NULL);
    struct error err;
    assert_int_equal(security_start(second, server.zmq, NULL, NULL, &err), -EADDRINUSE);
    assert_int_equal(security_start(client, server.zmq, NULL, NULL, &err), 0); /* admits nobody, so decides nothing */
    assert_int_equal(security_start(NULL, server.zmq, NULL, NULL, &err), 0);
    security_stop(NULL);
    security_free(NULL);
    security_free(second);
    security_free(client);
    assert_int_equal(security_counts(NULL).refused, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_allowed_key),
        TEST(test_a_key_that_is_not_allowed),
        TEST(test_no_key),
        TEST(test_a_client_that_expects_another_server),
        TEST(test_added_and_withdrawn),
        TEST(test_edited_in_place),
        TEST(test_a_directory_that_became_open),
        TEST(test_noise),
        TEST(test_malformed_requests),
        TEST(test_nobody_is_admitted_when_nobody_decides),
        TEST(test_endpoints),
        TEST(test_what_is_not_loaded),
        TEST(test_too_many_keys),
        TEST(test_one_decider_a_context),
    };
    return cmocka_run_group_tests_name("security", tests, NULL, NULL);
}
