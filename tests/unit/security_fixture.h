/* security_fixture.h - a server with keys on a real tcp socket, its monitor, and clients. Nothing
 * sleeps: every wait polls for what must come, and fails when it does not. */
#ifndef FT_TESTS_SECURITY_FIXTURE_H
#define FT_TESTS_SECURITY_FIXTURE_H
#include "base/clock.h"
#include "base/monitor.h"
#include "base/security.h"
#include "key_fixture.h"
#include <pthread.h>
#include <zmq.h>

enum { PATIENCE_MS = 60000, STEP_MS = 10 };

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

static inline void take_notice(void *self, const char *text)
{
    assert_true(self == &notices);
    pthread_mutex_lock(&notices.lock);
    notices.count++;
    size_t used = strlen(notices.all);
    snprintf(notices.all + used, sizeof(notices.all) - used, "%s\n", text);
    pthread_mutex_unlock(&notices.lock);
}

static inline bool was_told(const char *text)
{
    pthread_mutex_lock(&notices.lock);
    bool found = strstr(notices.all, text) != NULL;
    pthread_mutex_unlock(&notices.lock);
    return found;
}

static inline struct security_config config_of(const char *key, const char *server_key, const char *allowed)
{
    struct security_config c;
    options_default(security_options, &c);
    snprintf(c.key.s, sizeof(c.key.s), "%s", key ? key_path(key) : "");
    snprintf(c.server_key.s, sizeof(c.server_key.s), "%s", server_key ? key_path(server_key) : "");
    snprintf(c.allowed.s, sizeof(c.allowed.s), "%s", allowed ? key_path(allowed) : "");
    return c;
}

static inline struct security *load(const char *key, const char *server_key, const char *allowed)
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
static inline void allow(const char *name)
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

static inline int set_up(void **unused)
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

static inline int tear_down(void **unused)
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

static inline struct client client_open(struct security *security)
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

static inline void client_close(struct client *c)
{
    zmq_close(c->socket);
    zmq_ctx_term(c->zmq);
    security_free(c->security);
}

static inline void drain_monitor(void)
{
    while (monitor_take(&server.monitor, server.sentence))
        server.sentences++;
}

static inline bool received(void)
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
