#include "base/zap.h"
#include "base/clock.h"
#include "base/text.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

static const char *const endpoint = "inproc://zeromq.zap.01";

/* What a request consists of behind the sender's routing id and an empty frame. */
enum { FRAME_VERSION, FRAME_ID, FRAME_DOMAIN, FRAME_ADDRESS, FRAME_IDENTITY, FRAME_MECHANISM, FRAME_KEY, FRAMES };
enum { FRAME_MAX = 256 };

struct frame {
    size_t size; /* FRAME_MAX + 1: was longer */
    char data[FRAME_MAX];
};

struct request {
    struct frame sender, delimiter, frames[FRAMES];
    uint32_t count; /* of frames, those beyond FRAMES included */
};

static bool take_frame(void *socket, struct frame *frame, bool *ret_more)
{
    int more = 0, n = zmq_recv(socket, frame->data, FRAME_MAX, ZMQ_DONTWAIT);
    size_t size = sizeof(more);
    if (n < 0)
        return false;
    frame->size = n > FRAME_MAX ? FRAME_MAX + 1 : (size_t)n;
    *ret_more = zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more;
    return true;
}

static bool take_request(void *socket, struct request *q)
{
    struct frame surplus;
    bool more;
    *q = (struct request){ .count = 0 };
    if (!take_frame(socket, &q->sender, &more))
        return false;
    if (more && !take_frame(socket, &q->delimiter, &more))
        return false;
    while (more && take_frame(socket, q->count < FRAMES ? &q->frames[q->count] : &surplus, &more))
        q->count++;
    return true;
}

static bool frame_is(const struct frame *frame, const char *text)
{
    return frame->size == strlen(text) && memcmp(frame->data, text, frame->size) == 0;
}

static void reply(void *socket, const struct request *q, const char *status, const char *text, const char *user)
{
    zmq_send(socket, q->sender.data, q->sender.size, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(socket, "", 0, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(socket, "1.0", 3, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(socket, q->frames[FRAME_ID].data, q->frames[FRAME_ID].size, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(socket, status, 3, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(socket, text, strlen(text), ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(socket, user, strlen(user), ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(socket, "", 0, ZMQ_DONTWAIT);
}

static void tell(void *self, const char *text)
{
    struct zap *z = self;
    if (z->notice)
        z->notice(z->notice_self, text);
}

static void tell_withheld(struct zap *z)
{
    uint64_t withheld;
    char text[128];
    if (!throttle_due(&z->refusals, clock_monotonic_ns(), &withheld))
        return;
    snprintf(text, sizeof(text), "%" PRIu64 " more connections were refused: their keys are not allowed here", withheld);
    tell(z, text);
}

static void tell_refusal(struct zap *z, const struct request *q, const char *reason)
{
    char address[ADDRESS_MAX], text[512], more[64] = "";
    uint64_t withheld;
    const struct frame *from = &q->frames[FRAME_ADDRESS];
    struct text_out out = text_out_init(address, sizeof(address));
    text_put_clean(&out, from->data, from->size);
    if (!throttle_pass(&z->refusals, address, clock_monotonic_ns(), &withheld))
        return;
    if (withheld)
        snprintf(more, sizeof(more), " (and %" PRIu64 " more were refused)", withheld);
    snprintf(text, sizeof(text), "refused a connection from %s: %s%s", *address ? address : "an unknown address", reason, more);
    tell(z, text);
}

/* NULL: admitted as *ret_user. A key that is not allowed may be by and by: 300 makes libzmq's client try
 * again by itself, where after 400 it would be silent for ever. */
static const char *judge(struct zap *z, const struct request *q, const char **ret_user, const char **ret_status, char reason[256])
{
    char text[KEY_TEXT_SIZE];
    *ret_status = "400";
    const struct frame *key = &q->frames[FRAME_KEY];
    if (!frame_is(&q->frames[FRAME_DOMAIN], ZAP_DOMAIN))
        return "it asks for another domain";
    if (!frame_is(&q->frames[FRAME_MECHANISM], "CURVE") || key->size != KEY_SIZE)
        return "it has no CURVE key";
    allowed_refresh(&z->allowed, clock_monotonic_ns(), tell, z);
    *ret_user = allowed_find(&z->allowed, (const uint8_t *)key->data);
    if (*ret_user)
        return NULL;
    if (!zmq_z85_encode(text, (const uint8_t *)key->data, KEY_SIZE))
        return "its key is not readable";
    *ret_status = "300";
    snprintf(reason, 256, "its key %s is not in %s", text, z->allowed.directory);
    return reason;
}

/* A request without a version and an id cannot be answered; libzmq gives that connection up. */
static void answer(struct zap *z, void *socket, const struct request *q)
{
    char buffer[256];
    const char *user = "", *status, *reason;
    bool answerable = q->sender.size <= FRAME_MAX && q->delimiter.size == 0 && q->count > FRAME_ID &&
                      frame_is(&q->frames[FRAME_VERSION], "1.0") && q->frames[FRAME_ID].size <= FRAME_MAX;
    bool whole = answerable && q->count >= FRAMES - 1 && q->count <= FRAMES;
    for (uint32_t i = 0; whole && i < FRAMES; i++)
        whole = q->frames[i].size <= FRAME_MAX;
    if (!whole) {
        atomic_fetch_add(&z->malformed, 1);
        if (answerable)
            reply(socket, q, "500", "malformed request", "");
        return;
    }
    reason = judge(z, q, &user, &status, buffer);
    if (!reason) {
        atomic_fetch_add(&z->admitted, 1);
        reply(socket, q, "200", "OK", user);
        return;
    }
    atomic_fetch_add(&z->refused, 1);
    reply(socket, q, status, "not allowed", "");
    tell_refusal(z, q, reason);
}

static int run(struct stage_io *io, void *self, struct error *err)
{
    static const long tell_period_ms = 1000;
    struct zap *z = self;
    struct request q;
    int linger = 0;
    void *socket = zmq_socket(stage_zmq(io), ZMQ_ROUTER);
    if (!socket)
        return error_set(err, -errno, "authentication: %s", zmq_strerror(errno));
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
    if (zmq_bind(socket, endpoint) < 0) {
        int r = -errno;
        zmq_close(socket);
        return error_set(err, r, "cannot authenticate at %s: %s", endpoint, zmq_strerror(-r));
    }
    stage_ready(io);
    zmq_pollitem_t items[] = { { .socket = stage_socket(io), .events = ZMQ_POLLIN }, { .socket = socket, .events = ZMQ_POLLIN } };
    for (;;) {
        if (zmq_poll(items, 2, z->refusals.withheld ? tell_period_ms : -1) < 0 && errno != EINTR)
            break; /* the context is going away */
        if (stage_must_end(io))
            break;
        if (take_request(socket, &q))
            answer(z, socket, &q);
        tell_withheld(z);
    }
    zmq_close(socket);
    return 0;
}

int zap_start(struct zap *z, void *zmq, void (*notice)(void *self, const char *text), void *self, struct error *err)
{
    z->notice = notice;
    z->notice_self = self;
    return stage_start(&z->stage, zmq, "zap", run, z, err);
}

void zap_stop(struct zap *z)
{
    stage_stop(&z->stage);
}
