/* publish.c - alerts as msgpack on a ZeroMQ PUB socket, topic first, with a
 * heartbeat that carries the newest sequence number, and a replay socket beside it
 * for what a subscriber missed (docs/wire.md). Beyond this machine only with keys. A subscriber
 * that does not read loses messages at its own high-water mark and holds nobody up. */
#include "alerts/replay.h"
#include "alerts/replay_server.h"
#include "alerts/sink.h"
#include "base/endpoint.h"
#include "base/ipc_lock.h"
#include "base/monitor.h"
#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

struct config {
    struct text endpoint, replay;
    uint32_t depth;
};

static const struct option options[] = {
    OPTION(struct config, endpoint, 0, 0, "auto", "ipc://PATH or tcp://HOST:PORT (beyond loopback with keys: security); auto: ipc in the runtime directory"),
    OPTION(struct config, replay, 0, 0, "auto", "where subscribers ask for what they missed: likewise; auto: beside endpoint; none: nowhere"),
    OPTION(struct config, depth, 1, 1000000, "1000", "messages kept for a subscriber that is slow"),
    OPTION_END
};

struct publisher {
    void *socket;
    struct monitor monitor, replay_monitor; /* who fails to connect */
    void (*notice)(void *self, bool warning, const char *text);
    void *notice_self;
    struct replay_server *replay;
    uint64_t epoch, failures;
    int lock_fd, replay_lock_fd;
    struct bytes message;
};

/* Of the option replay: not an endpoint. */
static bool is_usual(const char *replay)
{
    return strcmp(replay, "auto") == 0 || strcmp(replay, "none") == 0;
}

static int check(const void *config, struct error *err)
{
    const struct config *c = config;
    int r = strcmp(c->endpoint.s, "auto") == 0 ? 0 : endpoint_check(c->endpoint.s, err);
    return r < 0 || is_usual(c->replay.s) ? r : endpoint_check(c->replay.s, err);
}

static void close_publisher(void *self)
{
    struct publisher *p = self;
    if (p->replay)
        replay_server_finish(p->replay);
    monitor_close(&p->monitor);
    monitor_close(&p->replay_monitor);
    if (p->socket)
        zmq_close(p->socket);
    replay_server_free(p->replay);
    if (p->lock_fd >= 0)
        close(p->lock_fd);
    if (p->replay_lock_fd >= 0)
        close(p->replay_lock_fd);
    bytes_done(&p->message);
    free(p);
}

/* Before it is bound. */
static int secure(const struct sink_setup *setup, void *socket, struct monitor *monitor, const char *endpoint, struct error *err)
{
    int r = security_server(setup->security, socket, endpoint, err);
    return r < 0 || !endpoint_is_tcp(endpoint) ? r : monitor_open(monitor, setup->zmq, socket, err);
}

static int bind_endpoint(struct publisher *p, const struct config *c, const struct sink_setup *setup,
                         const char *endpoint, struct error *err)
{
    int depth = (int)c->depth, linger = 500;
    int r = ipc_lock(endpoint, &p->lock_fd, err);
    if (r < 0)
        return r;
    p->socket = zmq_socket(setup->zmq, ZMQ_PUB);
    if (!p->socket)
        return error_set(err, -errno, "%s: %s", endpoint, zmq_strerror(errno));
    zmq_setsockopt(p->socket, ZMQ_SNDHWM, &depth, sizeof(depth));
    zmq_setsockopt(p->socket, ZMQ_LINGER, &linger, sizeof(linger));
    r = secure(setup, p->socket, &p->monitor, endpoint, err);
    if (r < 0)
        return r;
    if (zmq_bind(p->socket, endpoint) < 0)
        return error_set(err, -errno, "cannot publish at %s: %s", endpoint, zmq_strerror(errno));
    return 0;
}

static int bind_replay(struct publisher *p, const struct sink_setup *setup, const char *endpoint, struct error *err)
{
    void *socket = zmq_socket(setup->zmq, ZMQ_ROUTER);
    if (!socket)
        return error_set(err, -errno, "%s: %s", endpoint, zmq_strerror(errno));
    int r = security_server(setup->security, socket, endpoint, err);
    if (r < 0)
        zmq_close(socket);
    else
        r = replay_server_new(socket, endpoint, p->epoch, setup->history, &p->replay, err);
    return r < 0 || !endpoint_is_tcp(endpoint) ? r : monitor_open(&p->replay_monitor, setup->zmq, socket, err);
}

/* Beside the endpoint, publishing goes on where that place is taken: a port is
 * nobody's choice there. An endpoint that somebody chose must be had. */
static int open_replay(struct publisher *p, const struct config *c, const struct sink_setup *setup, struct error *err)
{
    char bound[TEXT_MAX + 16], endpoint[REPLAY_ENDPOINT_MAX], text[sizeof(((struct error *)NULL)->text) + 128];
    size_t size = sizeof(bound);
    struct error why = { "it has no port beside it" };
    if (!setup->history || strcmp(c->replay.s, "none") == 0)
        return 0;
    if (!is_usual(c->replay.s)) {
        int r = ipc_lock(c->replay.s, &p->replay_lock_fd, err);
        return r < 0 ? r : bind_replay(p, setup, c->replay.s, err);
    }
    if (zmq_getsockopt(p->socket, ZMQ_LAST_ENDPOINT, bound, &size) < 0)
        return error_set(err, -errno, "%s", zmq_strerror(errno));
    if (replay_endpoint(bound, endpoint, sizeof(endpoint)) == 0 && bind_replay(p, setup, endpoint, &why) == 0)
        return 0;
    snprintf(text, sizeof(text), "subscribers cannot ask for what they missed (option replay of publish): %s", why.text);
    if (setup->notice)
        setup->notice(setup->notice_self, true, text);
    return 0;
}

/* Which port that was, nobody else could know. */
static void tell_any_port(const struct publisher *p, const char *endpoint)
{
    char bound[TEXT_MAX], text[TEXT_MAX + 64];
    size_t size = sizeof(bound), n = strlen(endpoint);
    if (!p->notice || !endpoint_is_tcp(endpoint) || endpoint[n - 1] != '*' || zmq_getsockopt(p->socket, ZMQ_LAST_ENDPOINT, bound, &size) < 0)
        return;
    snprintf(text, sizeof(text), "alerts are published at %s", bound);
    p->notice(p->notice_self, false, text);
}

static int try_open(const struct config *c, const struct sink_setup *setup, const char *endpoint, void **ret_self,
                    struct error *err)
{
    struct publisher *p = xcalloc(1, sizeof(*p));
    p->epoch = setup->epoch;
    p->notice = setup->notice;
    p->notice_self = setup->notice_self;
    p->lock_fd = p->replay_lock_fd = -1;
    int r = bind_endpoint(p, c, setup, endpoint, err);
    if (r == 0)
        r = open_replay(p, c, setup, err);
    if (r < 0)
        close_publisher(p);
    else
        *ret_self = p;
    if (r == 0)
        tell_any_port(p, endpoint);
    return r;
}

/* The usual endpoint, or, when another foretrace has that, one of our own, which
 * is said: two monitors on one machine are nothing unusual. */
static int open_usual(const struct config *c, const struct sink_setup *setup, void **ret_self, struct error *err)
{
    char endpoint[TEXT_MAX], text[TEXT_MAX + 128];
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/alerts", setup->runtime_dir);
    int r = try_open(c, setup, endpoint, ret_self, err);
    if (r != -EADDRINUSE)
        return r;
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/alerts.%d", setup->runtime_dir, (int)getpid());
    r = try_open(c, setup, endpoint, ret_self, err);
    snprintf(text, sizeof(text), "another foretrace publishes at the usual place; this one's alerts are at %s", endpoint);
    if (r == 0 && setup->notice)
        setup->notice(setup->notice_self, false, text);
    return r;
}

static int open_publisher(const void *config, const struct sink_setup *setup, void **ret_self, struct error *err)
{
    const struct config *c = config;
    int r = check(config, err);
    if (r < 0)
        return r;
    if (strcmp(c->endpoint.s, "auto") == 0)
        return open_usual(c, setup, ret_self, err);
    return try_open(c, setup, c->endpoint.s, ret_self, err);
}

static void send_topic(struct publisher *p, const char *topic)
{
    if (zmq_send(p->socket, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        zmq_send(p->socket, p->message.data, p->message.size, ZMQ_DONTWAIT) < 0)
        p->failures++;
}

static void deliver(void *self, const struct alert *a)
{
    struct publisher *p = self;
    char topic[TOPIC_TEXT_MAX];
    bytes_reset(&p->message);
    wire_put_header(&p->message, WIRE_ALERT, p->epoch, a->sequence);
    alert_put(&p->message, a);
    send_topic(p, alert_topic(a, topic));
}

static void tell_failures(struct publisher *p, struct monitor *monitor)
{
    char text[MONITOR_TEXT_MAX];
    while (monitor->socket && monitor_take(monitor, text))
        if (p->notice)
            p->notice(p->notice_self, true, text);
}

static void tick(void *self, uint64_t last)
{
    struct publisher *p = self;
    bytes_reset(&p->message);
    wire_put_header(&p->message, WIRE_HEARTBEAT, p->epoch, last);
    wire_put_nil(&p->message);
    send_topic(p, "heartbeat");
    tell_failures(p, &p->monitor);
    tell_failures(p, &p->replay_monitor);
}

static void *replay_socket(void *self)
{
    struct publisher *p = self;
    return p->replay ? replay_server_socket(p->replay) : NULL;
}

static void service(void *self)
{
    replay_server_service(((struct publisher *)self)->replay);
}

/* Requests refused and answers cut short count, too. */
static uint64_t failures(const void *self)
{
    const struct publisher *p = self;
    return p->failures + (p->replay ? replay_server_refused(p->replay) + replay_server_dropped(p->replay) : 0);
}

const struct sink sink_publish = {
    .name = "publish",
    .summary = "msgpack on a ZeroMQ PUB socket, for `foretrace subscribe` and other programs",
    .options = options,
    .config_size = sizeof(struct config),
    .check = check,
    .open = open_publisher,
    .deliver = deliver,
    .tick = tick,
    .socket = replay_socket,
    .service = service,
    .failures = failures,
    .close = close_publisher,
};
