#include "collector/live_tap.h"
#include "base/endpoint.h"
#include "base/hash.h"
#include "collector/relay.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct reader {
    struct live_tap *tap;
    int fd;                 /* -1: a free place */
    struct bytes out;
    size_t sent;
    uint64_t dropped;       /* packets, not yet told */
};

struct live_tap {
    struct loop *loop;
    struct live_set *set;
    struct live_set_observer observer;
    struct sockaddr_un address;
    int fd;
    struct reader readers[TAP_CLIENTS_MAX];
};

void live_tap_path(const char *directory, const struct relay_url *url, char path[TAP_PATH_MAX])
{
    bool v6 = strchr(url->address, ':') != NULL;
    char relay[RELAY_NAME_MAX + 32];
    int n = snprintf(relay, sizeof(relay), v6 ? "tcp://[%s]:%u" : "tcp://%s:%u", url->address, (unsigned)url->port);
    if (endpoint_is_local(relay))
        n = snprintf(relay, sizeof(relay), "tcp://localhost:%u", (unsigned)url->port);
    uint64_t hash = hash_fnv(HASH_START, relay, (size_t)n + 1);
    hash = hash_fnv(hash, url->hostname, strlen(url->hostname) + 1);
    hash = hash_fnv(hash, url->session, strlen(url->session) + 1);
    snprintf(path, TAP_PATH_MAX, "%s/events-%016" PRIx64, directory, hash);
}

/* ---- one reader ---- */

static void drop_reader(struct reader *r)
{
    loop_remove_fd(r->tap->loop, r->fd);
    close(r->fd);
    bytes_done(&r->out);
    *r = (struct reader){ .tap = r->tap, .fd = -1 };
}

static void send_some(struct reader *r)
{
    while (r->sent < r->out.size) {
        ssize_t n = send(r->fd, r->out.data + r->sent, r->out.size - r->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            drop_reader(r);
            return;
        }
        if (n < 0)
            break;
        r->sent += (size_t)n;
    }
    if (r->sent > r->out.size / 2) { /* what was sent makes room */
        memmove(r->out.data, r->out.data + r->sent, r->out.size - r->sent);
        r->out.size -= r->sent;
        r->sent = 0;
    }
    loop_want_out(r->tap->loop, r->fd, r->out.size > 0);
}

static void put(struct reader *r, struct tap_frame frame, const void *data)
{
    bytes_append(&r->out, &frame, sizeof(frame));
    bytes_append(&r->out, data, frame.size);
}

/* Packets are dropped where they are too many, and times, as a later one says the same; what says what they are is not: whoever
 * does not take that is not served any more. */
static void send_frame(struct reader *r, struct tap_frame frame, const void *data)
{
    uint64_t waiting = r->fd < 0 ? 0 : r->out.size - r->sent;
    bool packet = frame.type == TAP_PACKET;
    if (r->fd < 0 || (frame.type == TAP_KNOWN && waiting > TAP_BUFFER))
        return;
    if (packet && waiting > 0 && waiting + frame.size > TAP_BUFFER) {
        r->dropped++;
        return;
    }
    if (!packet && waiting + frame.size > 2 * (uint64_t)TAP_BUFFER + TAP_FRAME_MAX) {
        drop_reader(r);
        return;
    }
    if (r->dropped > 0 && packet) {
        put(r, (struct tap_frame){ .type = TAP_DROPPED, .a = r->dropped }, "");
        r->dropped = 0;
    }
    put(r, frame, data);
    send_some(r);
}

static void send_all(struct live_tap *tap, struct tap_frame frame, const void *data)
{
    for (uint32_t i = 0; i < TAP_CLIENTS_MAX; i++)
        send_frame(&tap->readers[i], frame, data);
}

static int on_reader(void *self)
{
    struct reader *r = self;
    char byte;
    ssize_t n = recv(r->fd, &byte, sizeof(byte), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        drop_reader(r); /* it has nothing to say */
    else
        send_some(r);
    return 0;
}

/* ---- what goes into the set ---- */

static void on_metadata(void *self, const struct live_trace *t, const void *data, size_t size)
{
    send_all(self, (struct tap_frame){ .type = TAP_METADATA, .size = (uint32_t)size, .a = t->session, .b = t->id }, data);
}

static void on_stream(void *self, const struct live_trace *t, uint64_t id, const char *channel)
{
    send_all(self, (struct tap_frame){ .type = TAP_STREAM, .size = (uint32_t)strlen(channel), .a = t->session, .b = t->id, .c = id }, channel);
}

static void on_packet(void *self, const struct live_stream *s, const struct bytes *data, uint64_t begin, uint64_t end)
{
    send_all(self, (struct tap_frame){ .type = TAP_PACKET, .size = (uint32_t)data->size, .a = s->id, .b = begin, .c = end }, data->data);
}

static void on_advance(void *self, const struct live_stream *s, int64_t time_ns)
{
    send_all(self, (struct tap_frame){ .type = TAP_KNOWN, .a = s->id, .b = (uint64_t)time_ns }, "");
}

static void on_over(void *self, const struct live_stream *s)
{
    send_all(self, (struct tap_frame){ .type = s->hung_up ? TAP_HANG_UP : TAP_STALLED, .a = s->id }, "");
}

static void on_connection(void *self, bool connected)
{
    send_all(self, (struct tap_frame){ .type = connected ? TAP_CONNECTED : TAP_DISCONNECTED }, "");
}

/* ---- readers come ---- */

/* What was there before it came: what the streams are, and how far; not what is in them. */
static void introduce(struct reader *r)
{
    const struct live_set *set = r->tap->set;
    send_frame(r, (struct tap_frame){ .type = TAP_HELLO, .a = TAP_VERSION }, "");
    for (uint32_t i = 0; i < set->trace_count; i++) {
        const struct live_trace *t = set->traces[i];
        if (t->connected && t->raw.size > 0)
            send_frame(r, (struct tap_frame){ .type = TAP_METADATA, .size = (uint32_t)t->raw.size, .a = t->session, .b = t->id }, t->raw.data);
    }
    for (uint32_t i = 0; i < set->stream_count; i++) {
        const struct live_stream *s = set->streams[i];
        if (!s->connected || s->hung_up)
            continue;
        send_frame(r, (struct tap_frame){ .type = TAP_STREAM, .size = (uint32_t)strlen(s->channel), .a = s->trace->session, .b = s->trace->id, .c = s->id },
                   s->channel);
        send_frame(r, (struct tap_frame){ .type = TAP_KNOWN, .a = s->id, .b = (uint64_t)s->known_ns }, "");
        if (s->stalled)
            send_frame(r, (struct tap_frame){ .type = TAP_STALLED, .a = s->id }, "");
    }
    send_frame(r, (struct tap_frame){ .type = TAP_CONNECTED }, "");
}

static int on_listening(void *self)
{
    struct live_tap *tap = self;
    int fd = accept4(tap->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct reader *r = NULL;
    for (uint32_t i = 0; i < TAP_CLIENTS_MAX && fd >= 0; i++)
        if (tap->readers[i].fd < 0)
            r = &tap->readers[i];
    if (!r || loop_add_quiet_fd(tap->loop, fd, on_reader, r) < 0) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    r->fd = fd;
    introduce(r);
    return 0;
}

/* A socket that nobody listens at was left by a collector that was killed. */
static bool is_left(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool left = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return left;
}

static int listen_there(struct live_tap *tap)
{
    tap->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (tap->fd < 0)
        return -errno;
    if (is_left(&tap->address))
        unlink(tap->address.sun_path);
    if (bind(tap->fd, (const struct sockaddr *)&tap->address, sizeof(tap->address)) < 0 || listen(tap->fd, TAP_CLIENTS_MAX) < 0)
        return -errno;
    return 0;
}

int live_tap_open(struct loop *loop, const char *path, struct live_set *set, struct live_tap **ret_tap, struct error *err)
{
    struct live_tap *tap = xcalloc(1, sizeof(*tap));
    *tap = (struct live_tap){ .loop = loop, .set = set, .address = { .sun_family = AF_UNIX } };
    tap->observer = (struct live_set_observer){ .self = tap, .metadata = on_metadata, .stream = on_stream, .packet = on_packet, .advance = on_advance,
                                                .over = on_over, .connection = on_connection };
    for (uint32_t i = 0; i < TAP_CLIENTS_MAX; i++)
        tap->readers[i] = (struct reader){ .tap = tap, .fd = -1 };
    snprintf(tap->address.sun_path, sizeof(tap->address.sun_path), "%s", path);
    int r = listen_there(tap);
    if (r == 0)
        r = loop_add_quiet_fd(loop, tap->fd, on_listening, tap);
    if (r < 0) {
        error_set(err, r, "%s: %s", path, strerror(-r));
        if (tap->fd >= 0)
            close(tap->fd);
        free(tap);
        return r;
    }
    set->observer = &tap->observer;
    *ret_tap = tap;
    return 0;
}

void live_tap_close(struct live_tap *tap)
{
    if (!tap)
        return;
    tap->set->observer = NULL;
    for (uint32_t i = 0; i < TAP_CLIENTS_MAX; i++)
        if (tap->readers[i].fd >= 0)
            drop_reader(&tap->readers[i]);
    loop_remove_fd(tap->loop, tap->fd);
    unlink(tap->address.sun_path);
    close(tap->fd);
    free(tap);
}
