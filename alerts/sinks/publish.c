/* publish.c - alerts as msgpack on a ZeroMQ PUB socket, topic first, with a
 * heartbeat that carries the newest sequence number, and a replay socket beside it
 * for what a subscriber missed (docs/wire.md). Loopback and ipc only. A subscriber
 * that does not read loses messages at its own high-water mark and holds nobody up. */
#include "alerts/replay.h"
#include "alerts/replay_server.h"
#include "alerts/sink.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <zmq.h>

struct config {
    struct text endpoint, replay;
    uint32_t depth;
};

static const struct option options[] = {
    OPTION(struct config, endpoint, 0, 0, "auto", "tcp://127.0.0.1:PORT or ipc://PATH; auto: ipc in the runtime directory"),
    OPTION(struct config, replay, 0, 0, "auto", "where subscribers ask for what they missed: tcp://127.0.0.1:PORT or ipc://PATH; auto: beside endpoint; none: nowhere"),
    OPTION(struct config, depth, 1, 1000000, "1000", "messages kept for a subscriber that is slow"),
    OPTION_END
};

struct publisher {
    void *socket;
    struct replay_server *replay;
    uint64_t epoch, failures;
    int lock_fd, replay_lock_fd;
    struct bytes message;
};

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_local(const char *endpoint)
{
    return starts_with(endpoint, "ipc://") || starts_with(endpoint, "inproc://") ||
           starts_with(endpoint, "tcp://127.") || starts_with(endpoint, "tcp://[::1]:") ||
           starts_with(endpoint, "tcp://localhost:");
}

/* Of the option replay: not an endpoint. */
static bool is_usual(const char *replay)
{
    return strcmp(replay, "auto") == 0 || strcmp(replay, "none") == 0;
}

static int check(const void *config, struct error *err)
{
    const struct config *c = config;
    const char *const endpoints[] = { c->endpoint.s, is_usual(c->replay.s) ? "auto" : c->replay.s };
    for (size_t i = 0; i < 2; i++)
        if (strcmp(endpoints[i], "auto") != 0 && !is_local(endpoints[i]))
            return error_set(err, -EACCES, "%s: alerts are published on loopback or ipc only (tcp://127.0.0.1:PORT, ipc://PATH)",
                             endpoints[i]);
    return 0;
}

/* libzmq takes over an ipc path that somebody else is serving. The lock says
 * whether somebody is. */
static int take_lock(const char *endpoint, int *ret_fd, struct error *err)
{
    char path[TEXT_MAX + 8];
    if (!starts_with(endpoint, "ipc://"))
        return 0;
    snprintf(path, sizeof(path), "%s.lock", endpoint + strlen("ipc://"));
    *ret_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*ret_fd < 0)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (flock(*ret_fd, LOCK_EX | LOCK_NB) < 0)
        return error_set(err, -EADDRINUSE, "%s: another foretrace publishes there", endpoint);
    return 0;
}

static void close_publisher(void *self)
{
    struct publisher *p = self;
    if (p->replay)
        replay_server_finish(p->replay);
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

static int bind_endpoint(struct publisher *p, const struct config *c, const struct sink_setup *setup,
                         const char *endpoint, struct error *err)
{
    int depth = (int)c->depth, linger = 500;
    int r = take_lock(endpoint, &p->lock_fd, err);
    if (r < 0)
        return r;
    p->socket = zmq_socket(setup->zmq, ZMQ_PUB);
    if (!p->socket)
        return error_set(err, -errno, "%s: %s", endpoint, zmq_strerror(errno));
    zmq_setsockopt(p->socket, ZMQ_SNDHWM, &depth, sizeof(depth));
    zmq_setsockopt(p->socket, ZMQ_LINGER, &linger, sizeof(linger));
    if (zmq_bind(p->socket, endpoint) < 0)
        return error_set(err, -errno, "cannot publish at %s: %s", endpoint, zmq_strerror(errno));
    return 0;
}

static int bind_replay(struct publisher *p, const struct sink_setup *setup, const char *endpoint, struct error *err)
{
    void *socket = zmq_socket(setup->zmq, ZMQ_ROUTER);
    if (!socket)
        return error_set(err, -errno, "%s: %s", endpoint, zmq_strerror(errno));
    return replay_server_new(socket, endpoint, p->epoch, setup->history, &p->replay, err);
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
        int r = take_lock(c->replay.s, &p->replay_lock_fd, err);
        return r < 0 ? r : bind_replay(p, setup, c->replay.s, err);
    }
    if (zmq_getsockopt(p->socket, ZMQ_LAST_ENDPOINT, bound, &size) < 0)
        return error_set(err, -errno, "%s", zmq_strerror(errno));
    if (replay_endpoint(bound, endpoint, sizeof(endpoint)) == 0 && bind_replay(p, setup, endpoint, &why) == 0)
        return 0;
    snprintf(text, sizeof(text), "subscribers cannot ask for what they missed (option replay of publish): %s", why.text);
    if (setup->notice)
        setup->notice(setup->notice_self, text);
    return 0;
}

static int try_open(const struct config *c, const struct sink_setup *setup, const char *endpoint, void **ret_self,
                    struct error *err)
{
    struct publisher *p = xcalloc(1, sizeof(*p));
    p->epoch = setup->epoch;
    p->lock_fd = p->replay_lock_fd = -1;
    int r = bind_endpoint(p, c, setup, endpoint, err);
    if (r == 0)
        r = open_replay(p, c, setup, err);
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

static void tick(void *self, uint64_t last)
{
    struct publisher *p = self;
    bytes_reset(&p->message);
    wire_put_header(&p->message, WIRE_HEARTBEAT, p->epoch, last);
    wire_put_nil(&p->message);
    send_topic(p, "heartbeat");
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
