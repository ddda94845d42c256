/* client_fixture.h - a publisher that does what a test says, and what a subscriber
 * made of it as text: "3f 4 5r" are sequences, f: was firing already, r: recovered. */
#ifndef FT_TESTS_CLIENT_FIXTURE_H
#define FT_TESTS_CLIENT_FIXTURE_H
#include "alerts/client/foretrace.h"
#include "alerts/replay.h"
#include "alerts/replay_server.h"
#include "base/clock.h"
#include "sink_fixture.h"

struct publisher {
    void *zmq, *pub;
    struct replay_server *replay;
    struct history *history;
    uint64_t epoch;
    char dir[64], endpoint[128];
};

/* Both sockets, or the first only. curve is a secret key, or NULL. */
static inline void publisher_start(struct publisher *p, uint64_t epoch, bool replay, const char *curve)
{
    int linger = 0, yes = 1;
    char where[REPLAY_ENDPOINT_MAX];
    struct error err;
    p->zmq = zmq_ctx_new();
    p->pub = zmq_socket(p->zmq, ZMQ_PUB);
    p->epoch = epoch;
    void *router = replay ? zmq_socket(p->zmq, ZMQ_ROUTER) : NULL;
    zmq_setsockopt(p->pub, ZMQ_LINGER, &linger, sizeof(linger));
    for (int i = 0; curve && i < 2; i++) {
        zmq_setsockopt(i ? p->pub : router, ZMQ_CURVE_SERVER, &yes, sizeof(yes));
        zmq_setsockopt(i ? p->pub : router, ZMQ_CURVE_SECRETKEY, curve, 41);
    }
    assert_int_equal(zmq_bind(p->pub, p->endpoint), 0);
    assert_int_equal(replay_endpoint(p->endpoint, where, sizeof(where)), 0);
    if (replay)
        assert_int_equal(replay_server_new(router, where, epoch, p->history, &p->replay, &err), 0);
}

static inline void publisher_stop(struct publisher *p)
{
    replay_server_free(p->replay);
    p->replay = NULL;
    zmq_close(p->pub);
    zmq_ctx_term(p->zmq);
}

static inline void publisher_open(struct publisher *p, bool replay)
{
    memset(p, 0, sizeof(*p));
    strcpy(p->dir, "/tmp/foretrace-test-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->endpoint, sizeof(p->endpoint), "ipc://%s/alerts", p->dir);
    p->history = history_new(100, 1 << 20);
    publisher_start(p, 7, replay, NULL);
}

static inline void publisher_close(struct publisher *p)
{
    publisher_stop(p);
    history_free(p->history);
    dirs_remove(p->dir);
}

static inline void publish_bytes(struct publisher *p, const char *topic, const void *data, size_t size)
{
    assert_true(zmq_send(p->pub, topic, strlen(topic), ZMQ_SNDMORE) >= 0);
    assert_true(zmq_send(p->pub, data, size, 0) >= 0);
}

/* What fires by default is an anomaly of analysis "request"; each alert is one of its own. */
static inline struct alert numbered(uint64_t sequence, enum alert_state state)
{
    struct alert a = sample_alert(sequence);
    a.id = 1000 + sequence;
    a.state = state;
    return a;
}

static inline void send_alert(struct publisher *p, const struct alert *a)
{
    struct bytes b = { 0 };
    char topic[TOPIC_TEXT_MAX];
    wire_put_header(&b, WIRE_ALERT, p->epoch, a->sequence);
    alert_put(&b, a);
    publish_bytes(p, alert_topic(a, topic), b.data, b.size);
    bytes_done(&b);
}

static inline void heartbeat(struct publisher *p, uint64_t newest)
{
    struct bytes b = { 0 };
    wire_put_header(&b, WIRE_HEARTBEAT, p->epoch, newest);
    wire_put_nil(&b);
    publish_bytes(p, "heartbeat", b.data, b.size);
    bytes_done(&b);
}

/* Into the history, and, unless it shall be missed, to the subscribers. */
static inline void publish(struct publisher *p, uint64_t first, uint64_t last, enum alert_state state, bool sent)
{
    for (uint64_t i = first; i <= last; i++) {
        struct alert a = numbered(i, state);
        history_add(p->history, &a);
        if (sent)
            send_alert(p, &a);
    }
}

static inline int pump(struct publisher *p, struct foretrace_subscriber *s, const struct foretrace_alert **ret_alert)
{
    if (p->replay)
        replay_server_service(p->replay);
    return foretrace_next(s, 1, ret_alert);
}

/* Fails when something else comes, or not all of it within a minute, or more within 30 ms. */
static inline void expect(struct publisher *p, struct foretrace_subscriber *s, const char *wanted)
{
    const struct foretrace_alert *a;
    char got[2048] = "";
    size_t used = 0;
    int64_t now_ns = clock_monotonic_ns(), end_ns = now_ns + INT64_C(60000000000), quiet_ns = 0;
    do {
        if (pump(p, s, &a) == 1)
            used += (size_t)snprintf(got + used, sizeof(got) - used, "%s%d%s", used ? " " : "", (int)a->sequence,
                                     a->origin == FORETRACE_REPLAYED ? "f" : a->origin == FORETRACE_RECOVERED ? "r" : "");
        now_ns = clock_monotonic_ns();
        if (strcmp(got, wanted) == 0 && quiet_ns == 0)
            quiet_ns = now_ns + 30000000;
    } while (now_ns < (quiet_ns ? quiet_ns : end_ns) && used < sizeof(got) - 32);
    assert_string_equal(got, wanted);
}

/* Until it hears the publisher, which heartbeats with that number. */
static inline void await_connection(struct publisher *p, struct foretrace_subscriber *s, uint64_t newest)
{
    const struct foretrace_alert *a;
    for (int i = 0; i < 60000; i++) {
        heartbeat(p, newest);
        assert_int_equal(pump(p, s, &a), 0);
        if (foretrace_silent_ms(s) >= 0 && foretrace_silent_ms(s) < 50 && i > 20)
            return;
    }
    fail_msg("the subscriber never heard the publisher");
}

/* options are taken; NULL: it waits for an answer for longer than a machine is busy with others */
static inline struct foretrace_subscriber *connect_with(struct publisher *p, struct foretrace_options *o)
{
    struct foretrace_subscriber *s;
    char why[256];
    if (!o) {
        o = foretrace_options_new();
        assert_int_equal(foretrace_options_set_patience(o, 20000), 0);
    }
    assert_int_equal(foretrace_connect(p->endpoint, o, &s, why, sizeof(why)), 0);
    foretrace_options_free(o);
    return s;
}

/* Options for a publisher without a replay socket: do not wait for it for long. */
static inline struct foretrace_options *impatient(void)
{
    struct foretrace_options *o = foretrace_options_new();
    assert_int_equal(foretrace_options_set_patience(o, 30), 0);
    return o;
}

#endif
