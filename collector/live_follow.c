#include "collector/live_follow.h"
#include "collector/live_tap.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { RECEIVE_SIZE = 256 * 1024 };

struct live_follow {
    struct live_follow_setup setup;
    struct live_set set;
    int fd;
    struct bytes in;
};

static void on_notice(void *self, const char *text)
{
    struct live_follow *f = self;
    f->setup.notice(f->setup.self, text);
}

static void on_begin(void *self, int64_t time_ns)
{
    (void)self;
    (void)time_ns;
}

static struct live_stream *find_stream(struct live_follow *f, uint64_t id)
{
    for (uint32_t i = 0; i < f->set.stream_count; i++)
        if (f->set.streams[i]->id == id && f->set.streams[i]->connected)
            return f->set.streams[i];
    return NULL;
}

/* What the collector waited for may have been dropped on the way here: then nobody waits for it. */
static void make_room(struct live_follow *f, const struct live_stream *s)
{
    while (s->count == LIVE_PACKETS_MAX) {
        live_set_deliver(&f->set, UINT32_MAX);
        if (s->count < LIVE_PACKETS_MAX || !f->set.awaited || f->set.awaited == s)
            return;
        f->set.awaited->stalled = true;
    }
}

static void take_packet(struct live_follow *f, const struct tap_frame *frame, const uint8_t *data)
{
    struct live_stream *s = find_stream(f, frame->a);
    if (!s || !s->bound)
        return;
    make_room(f, s);
    if (s->count == LIVE_PACKETS_MAX)
        return;
    struct live_packet *p = live_stream_next_packet(s);
    bytes_reset(&p->data);
    bytes_append(&p->data, data, frame->size);
    live_stream_packet(s, frame->b, frame->c);
}

static int take(struct live_follow *f, const struct tap_frame *frame, const uint8_t *data)
{
    struct error err;
    char text[256];
    struct live_stream *s;
    switch (frame->type) {
    case TAP_HELLO:
        return frame->a == TAP_VERSION ? 0 : -EPROTO;
    case TAP_METADATA:
        if (live_set_metadata(&f->set, live_set_trace(&f->set, frame->a, frame->b), data, frame->size, &err) < 0)
            on_notice(f, err.text);
        return 0;
    case TAP_STREAM:
        snprintf(text, sizeof(text), "%.*s", (int)frame->size, (const char *)data);
        live_set_stream(&f->set, live_set_trace(&f->set, frame->a, frame->b), frame->c, text, 0);
        return 0;
    case TAP_PACKET:
        take_packet(f, frame, data);
        return 0;
    case TAP_KNOWN:
        if ((s = find_stream(f, frame->a)))
            live_stream_advance(s, (int64_t)frame->b);
        return 0;
    case TAP_HANG_UP:
    case TAP_STALLED:
        if ((s = find_stream(f, frame->a)))
            frame->type == TAP_HANG_UP ? live_stream_hang_up(s) : live_stream_stall(s);
        return 0;
    case TAP_CONNECTED:
        live_set_connected(&f->set);
        return 0;
    case TAP_DISCONNECTED:
        live_set_disconnect(&f->set);
        return 0;
    case TAP_DROPPED:
        snprintf(text, sizeof(text), "%" PRIu64 " packets came faster than they were taken here: they are missing", frame->a);
        on_notice(f, text);
        return 0;
    default:
        return -EPROTO;
    }
}

static int take_frames(struct live_follow *f)
{
    size_t at = 0;
    int r = 0;
    struct tap_frame frame;
    while (r == 0 && f->in.size - at >= sizeof(frame)) {
        memcpy(&frame, f->in.data + at, sizeof(frame));
        if (frame.size > TAP_FRAME_MAX)
            return -EPROTO;
        if (f->in.size - at - sizeof(frame) < frame.size)
            break;
        r = take(f, &frame, f->in.data + at + sizeof(frame));
        at += sizeof(frame) + frame.size;
    }
    memmove(f->in.data, f->in.data + at, f->in.size - at);
    f->in.size -= at;
    return r;
}

static int on_readable(void *self)
{
    struct live_follow *f = self;
    ssize_t n = recv(f->fd, bytes_reserve(&f->in, RECEIVE_SIZE), RECEIVE_SIZE, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    f->in.size += n > 0 ? (size_t)n : 0;
    if (n > 0 && take_frames(f) == 0) {
        live_set_deliver(&f->set, UINT32_MAX);
        return 0;
    }
    loop_remove_fd(f->setup.loop, f->fd);
    live_set_drain(&f->set);
    f->setup.ended(f->setup.self);
    return 0;
}

int live_follow_open(const struct live_follow_setup *setup, struct live_follow **ret_follow, int *ret_pid)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct ucred peer = { 0 };
    socklen_t size = sizeof(peer);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", setup->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    *ret_pid = peer.pid;
    struct live_follow *f = xcalloc(1, sizeof(*f));
    f->setup = *setup;
    f->fd = fd;
    const struct live_set_setup set = { .consumer = setup->consumer, .raw = setup->raw, .raw_self = setup->raw_self, .window_ns = INT64_MIN,
                                        .notice = on_notice, .begin = on_begin, .self = f };
    live_set_init(&f->set, &set);
    loop_add_fd(setup->loop, fd, on_readable, f);
    *ret_follow = f;
    return 0;
}

void live_follow_close(struct live_follow *f)
{
    if (!f)
        return;
    loop_remove_fd(f->setup.loop, f->fd);
    close(f->fd);
    live_set_done(&f->set);
    bytes_done(&f->in);
    free(f);
}
