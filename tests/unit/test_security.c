/* CURVE and ZAP over real tcp sockets on loopback. */
#include "security_fixture.h"
#include <errno.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_allowed_key),
        TEST(test_a_key_that_is_not_allowed),
        TEST(test_added_and_withdrawn),
        TEST(test_edited_in_place),
        TEST(test_a_directory_that_became_open),
        TEST(test_malformed_requests),
        TEST(test_nobody_is_admitted_when_nobody_decides),
        TEST(test_endpoints),
        TEST(test_what_is_not_loaded),
        TEST(test_too_many_keys),
        TEST(test_one_decider_a_context),
    };
    return cmocka_run_group_tests_name("security", tests, NULL, NULL);
}
