/* publish.c - alerts as msgpack on a ZeroMQ PUB socket, topic first, with a
 * heartbeat that carries the newest sequence number (docs/wire.md). Beyond this
 * machine only with keys. A subscriber that does not read loses messages at its own high-water
 * mark and holds nobody up. */
#include "alerts/sink.h"
#include "base/endpoint.h"
#include "base/monitor.h"
#include "base/ipc_lock.h"
#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

struct config {
    struct text endpoint;
    uint32_t depth;
};

static const struct option options[] = {
    OPTION(struct config, endpoint, 0, 0, "auto", "ipc://PATH or tcp://HOST:PORT (beyond loopback with keys: security); auto: ipc in the runtime directory"),
    OPTION(struct config, depth, 1, 1000000, "1000", "messages kept for a subscriber that is slow"),
    OPTION_END
};

/* A bound socket, and who fails to connect to it. */
struct port {
    void *socket;
    struct monitor monitor;
};

struct publisher {
    struct port alerts;
    void (*notice)(void *self, const char *text);
    void *notice_self;
    uint64_t epoch, failures;
    int lock_fd;
    struct bytes message;
};

static int check(const void *config, struct error *err)
{
    const char *endpoint = ((const struct config *)config)->endpoint.s;
    return strcmp(endpoint, "auto") != 0 ? endpoint_check(endpoint, err) : 0;
}

static void port_close(struct port *port)
{
    monitor_close(&port->monitor);
    if (port->socket)
        zmq_close(port->socket);
    port->socket = NULL;
}

/* The port is to be closed even after a failure. */
static int port_open(struct port *port, const struct sink_setup *setup, int type, uint32_t depth, const char *endpoint,
                     struct error *err)
{
    int messages = (int)depth, linger = 500;
    port->socket = zmq_socket(setup->zmq, type);
    if (!port->socket)
        return error_set(err, -errno, "%s: %s", endpoint, zmq_strerror(errno));
    zmq_setsockopt(port->socket, ZMQ_SNDHWM, &messages, sizeof(messages));
    zmq_setsockopt(port->socket, ZMQ_LINGER, &linger, sizeof(linger));
    int r = security_server(setup->security, port->socket, endpoint, err);
    if (r == 0 && endpoint_is_tcp(endpoint))
        r = monitor_open(&port->monitor, setup->zmq, port->socket, err);
    if (r == 0 && zmq_bind(port->socket, endpoint) < 0)
        return error_set(err, -errno, "cannot publish at %s: %s", endpoint, zmq_strerror(errno));
    return r;
}

static void port_tick(struct port *port, struct publisher *p)
{
    char text[MONITOR_TEXT_MAX];
    while (monitor_take(&port->monitor, text))
        if (p->notice)
            p->notice(p->notice_self, text);
}

static void close_publisher(void *self)
{
    struct publisher *p = self;
    port_close(&p->alerts);
    if (p->lock_fd >= 0)
        close(p->lock_fd);
    bytes_done(&p->message);
    free(p);
}

static int try_open(const struct config *c, const struct sink_setup *setup, const char *endpoint, void **ret_self,
                    struct error *err)
{
    struct publisher *p = xcalloc(1, sizeof(*p));
    p->epoch = setup->epoch;
    p->notice = setup->notice;
    p->notice_self = setup->notice_self;
    p->lock_fd = -1;
    int r = ipc_lock(endpoint, &p->lock_fd, err);
    if (r == 0)
        r = port_open(&p->alerts, setup, ZMQ_PUB, c->depth, endpoint, err);
    if (r < 0)
        close_publisher(p);
    else
        *ret_self = p;
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
        setup->notice(setup->notice_self, text);
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
    if (zmq_send(p->alerts.socket, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        zmq_send(p->alerts.socket, p->message.data, p->message.size, ZMQ_DONTWAIT) < 0)
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

static void tick(void *self, uint64_t last)
{
    struct publisher *p = self;
    bytes_reset(&p->message);
    wire_put_header(&p->message, WIRE_HEARTBEAT, p->epoch, last);
    wire_put_nil(&p->message);
    send_topic(p, "heartbeat");
    port_tick(&p->alerts, p);
}

static uint64_t failures(const void *self)
{
    return ((const struct publisher *)self)->failures;
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
    .failures = failures,
    .close = close_publisher,
};
