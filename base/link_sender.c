#include "base/link_sender.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/loop.h"
#include "base/security.h"
#include "base/text.h"
#include "base/unit.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

/* Sent and not yet applied: enough to keep both ends busy, few enough that a
 * receiver which is behind holds little of it in memory. */
enum { FLIGHT_MESSAGES = 1024, FLIGHT_BYTES = 4 << 20 };
static const int64_t hello_period_ns = 200000000, reconnect_after_ns = 5000000000;

static int take_message(void *self, enum wire_type type, const struct bytes *body);

int link_sender_open(struct link_sender *link, const struct link_sender_setup *setup, struct error *err)
{
    int unlimited = 0, linger = 1000, yes = 1, beat_ms = 2000, timeout_ms = 6000, retry_ms = 50, retry_most_ms = 500;
    int64_t most = WIRE_MESSAGE_MAX;
    *link = (struct link_sender){ .outlet = { .send = take_message, .self = link }, .setup = *setup };
    link->heard_ns = clock_monotonic_ns();
    backlog_init(&link->kept, 1);
    link->next = link->applied_at = backlog_seek(&link->kept, 1);
    link->socket = zmq_socket(setup->zmq, ZMQ_DEALER);
    if (!link->socket)
        return error_set(err, -errno, "%s: %s", setup->endpoint, zmq_strerror(errno));
    zmq_setsockopt(link->socket, ZMQ_SNDHWM, &unlimited, sizeof(unlimited)); /* bounded by what may be in flight */
    zmq_setsockopt(link->socket, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(link->socket, ZMQ_IMMEDIATE, &yes, sizeof(yes));
    zmq_setsockopt(link->socket, ZMQ_MAXMSGSIZE, &most, sizeof(most));
    zmq_setsockopt(link->socket, ZMQ_HEARTBEAT_IVL, &beat_ms, sizeof(beat_ms));
    zmq_setsockopt(link->socket, ZMQ_HEARTBEAT_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
    zmq_setsockopt(link->socket, ZMQ_RECONNECT_IVL, &retry_ms, sizeof(retry_ms));
    zmq_setsockopt(link->socket, ZMQ_RECONNECT_IVL_MAX, &retry_most_ms, sizeof(retry_most_ms));
    int r = security_client(setup->security, link->socket, setup->endpoint, err);
    if (r == 0 && zmq_connect(link->socket, setup->endpoint) < 0)
        r = error_set(err, -errno, "%s: %s", setup->endpoint, zmq_strerror(errno));
    if (r < 0)
        link_sender_close(link);
    return r;
}

void link_sender_close(struct link_sender *link)
{
    if (link->socket)
        zmq_close(link->socket);
    link->socket = NULL;
    bytes_done(&link->frame);
    outlet_done(&link->outlet);
    backlog_done(&link->kept);
}

static void notice(const struct link_sender *link, bool warning, const char *text)
{
    if (link->setup.owner && link->setup.owner->notice)
        link->setup.owner->notice(link->setup.self, warning, text);
}

/* ---- sending ---- */

static bool send_frame(struct link_sender *link, const void *data, size_t size)
{
    loop_note_use();
    if (zmq_send(link->socket, data, size, ZMQ_DONTWAIT) >= 0)
        return true;
    link->welcomed = false; /* there is no connection */
    return false;
}

static void say_hello(struct link_sender *link, int64_t now_ns)
{
    struct link_hello hello = { .live = link->setup.live };
    text_copy(hello.name, sizeof(hello.name), link->setup.name);
    bytes_reset(&link->frame);
    link_hello_put(&link->frame, link->setup.epoch, &hello);
    link->hello_ns = now_ns;
    send_frame(link, link->frame.data, link->frame.size);
}

static void say_pulse(struct link_sender *link, int64_t now_ns)
{
    struct link_pulse pulse = { .newest = link_sender_newest(link),
                                .has_watermark = link->has_watermark,
                                .watermark_ns = link->watermark_ns };
    bytes_reset(&link->frame);
    link_pulse_put(&link->frame, link->setup.epoch, &pulse);
    link->pulse_ns = now_ns;
    send_frame(link, link->frame.data, link->frame.size);
}

static void say_resync(struct link_sender *link, bool opening, bool anew)
{
    struct link_resync resync = { .opening = opening, .base = link->kept.base, .anew = anew };
    bytes_reset(&link->frame);
    link_resync_put(&link->frame, link->setup.epoch, &resync);
    send_frame(link, link->frame.data, link->frame.size);
}

void link_recall(struct link_sender *link, enum wire_type type, const struct bytes *body)
{
    bytes_reset(&link->frame);
    wire_put_header(&link->frame, type, link->setup.epoch, 0);
    bytes_append(&link->frame, body->data, body->size);
    if (link->welcomed)
        send_frame(link, link->frame.data, link->frame.size);
}

/* position: how far the receiver is; 0: it knows nothing. anew: it is further than we remember to have come. */
static void resync(struct link_sender *link, uint64_t position, bool anew)
{
    const struct link_owner *owner = link->setup.owner;
    link->totals.resyncs++;
    say_resync(link, true, anew);
    if (owner && owner->recall)
        owner->recall(link->setup.self, link, position, position == 0);
    if (link->welcomed)
        say_resync(link, false, anew);
    link->next = backlog_seek(&link->kept, link->kept.base);
    link->applied = link->kept.base - 1;
    link->applied_at = link->next;
}

static bool may_fly(const struct link_sender *link)
{
    uint64_t from = link->applied_at.position > link->kept.popped ? link->applied_at.position : link->kept.popped;
    return link->next.number <= link->applied + FLIGHT_MESSAGES && link->next.position < from + FLIGHT_BYTES;
}

static void pump(struct link_sender *link)
{
    const void *message;
    size_t size;
    if (link->welcomed && link->next.number < link->kept.base)
        resync(link, link->next.number - 1, false); /* what was not even sent has been dropped */
    while (link->welcomed && may_fly(link)) {
        struct backlog_cursor before = link->next;
        message = backlog_read(&link->kept, &link->next, &size);
        if (!message)
            return;
        if (!send_frame(link, message, size))
            link->next = before;
    }
}

/* ---- what the receiver says ---- */

static void forget_front(struct link_sender *link, enum link_left why)
{
    const struct link_owner *owner = link->setup.owner;
    struct wire_header header;
    struct wire_reader body;
    size_t size;
    const void *front = backlog_front(&link->kept, &size);
    if (owner && owner->left && wire_open(&body, front, size, &header))
        owner->left(link->setup.self, &header, body, why);
    backlog_pop(&link->kept);
}

void link_sender_settle(struct link_sender *link, uint64_t durable)
{
    while (link->kept.count > 0 && link->kept.base <= durable)
        forget_front(link, LINK_LEFT_SAFE);
}

static void take_position(struct link_sender *link, const struct link_position *p)
{
    const void *message = link;
    size_t size;
    uint64_t newest = link_sender_newest(link);
    if (p->received > newest)
        return; /* a lie, or about another life */
    link_sender_settle(link, p->durable);
    if (p->applied > link->applied)
        link->applied = p->applied;
    while (message && link->applied_at.number <= link->applied)
        message = backlog_read(&link->kept, &link->applied_at, &size);
}

static void on_welcome(struct link_sender *link, const struct link_position *p, int64_t now_ns)
{
    if (p->epoch != link->setup.epoch) {
        bool first = link->welcomed; /* every message under way is answered so: one hello is enough */
        link->welcomed = false;
        if (first)
            say_hello(link, now_ns);
        return;
    }
    link->welcomed = true;
    bool beyond = p->received > link_sender_newest(link);
    if (p->known && !beyond && p->received + 1 >= link->kept.base) {
        link->totals.rewinds++;
        link->applied = p->applied;
        link->applied_at = backlog_seek(&link->kept, p->applied + 1);
        link->next = backlog_seek(&link->kept, p->received + 1);
        take_position(link, p);
    } else {
        resync(link, beyond ? 0 : p->received, beyond);
    }
    say_pulse(link, now_ns);
}

static void on_refused(struct link_sender *link, const char *reason)
{
    link->failed = true;
    error_set(&link->failure, -EPERM, "%s at %s refuses this one: %s", link->setup.peer, link->setup.endpoint, reason);
}

void link_sender_take(struct link_sender *link, const void *data, size_t size, int64_t now_ns)
{
    struct wire_header header;
    struct wire_reader body;
    struct link_position position;
    char reason[LINK_REASON_MAX];
    if (!wire_open(&body, data, size, &header)) {
        if (header.version != 0 && header.version != WIRE_VERSION) {
            snprintf(reason, sizeof(reason), "it speaks version %u of the wire format, this is version %d", header.version, WIRE_VERSION);
            on_refused(link, reason);
        }
        return;
    }
    link->heard_ns = now_ns;
    if (header.type == WIRE_WELCOME && link_position_get(&body, &position))
        on_welcome(link, &position, now_ns);
    else if (header.type == WIRE_ACK && link_position_get(&body, &position) && position.epoch == link->setup.epoch && link->welcomed)
        take_position(link, &position);
    else if (header.type == WIRE_REFUSED && link_refused_get(&body, reason))
        on_refused(link, reason);
}

static void receive(struct link_sender *link, int64_t now_ns)
{
    uint8_t data[1024];
    for (int i = 0; i < 1000 && !link->failed; i++) {
        int n = zmq_recv(link->socket, data, sizeof(data), ZMQ_DONTWAIT);
        if (n < 0)
            return;
        if (n <= (int)sizeof(data))
            link_sender_take(link, data, (size_t)n, now_ns);
    }
}

static void watch_silence(struct link_sender *link, int64_t now_ns)
{
    char text[400], size[UNIT_TEXT_MAX];
    int64_t after_ns = link->setup.silent_after_ns;
    bool silent = after_ns > 0 && now_ns - link->heard_ns > after_ns;
    if (silent == link->silent_told)
        return;
    link->silent_told = silent;
    unit_format(size, (double)link->setup.buffer_bytes, UNIT_BYTES);
    if (silent)
        snprintf(text, sizeof(text), "%s at %s does not answer; what it should get is kept, up to %s", link->setup.peer,
                 link->setup.endpoint, size);
    else
        snprintf(text, sizeof(text), "%s at %s answers", link->setup.peer, link->setup.endpoint);
    notice(link, silent, text);
}

/* libzmq gives a peer up for good with which it could not agree on keys; the peer may be another one by now. */
static void connect_anew(struct link_sender *link, int64_t now_ns)
{
    int64_t since_ns = link->heard_ns > link->connected_ns ? link->heard_ns : link->connected_ns;
    if (link->welcomed || now_ns - since_ns < reconnect_after_ns)
        return;
    link->connected_ns = now_ns;
    zmq_disconnect(link->socket, link->setup.endpoint);
    zmq_connect(link->socket, link->setup.endpoint);
}

int link_service(struct link_sender *link)
{
    int64_t now_ns = clock_monotonic_ns();
    receive(link, now_ns);
    if (link->failed)
        return -EPERM;
    if (!link->welcomed && now_ns - link->hello_ns > hello_period_ns)
        say_hello(link, now_ns);
    else if (link->welcomed && now_ns - link->pulse_ns > link->setup.heartbeat_ns)
        say_pulse(link, now_ns);
    pump(link);
    connect_anew(link, now_ns);
    watch_silence(link, now_ns);
    return 0;
}

/* ---- the owner's end ---- */

static void drop_oldest(struct link_sender *link)
{
    while (link->kept.count > 0 && backlog_size(&link->kept) > link->setup.buffer_bytes / 4 * 3) {
        forget_front(link, link->kept.base < link->next.number ? LINK_LEFT_SENT : LINK_LEFT_UNSENT);
        link->totals.dropped++;
    }
}

/* One turn of waiting; false gives up. */
static bool wait_a_little(struct link_sender *link)
{
    zmq_pollitem_t item = { .socket = link->socket, .events = ZMQ_POLLIN };
    loop_note_use();
    const struct link_owner *owner = link->setup.owner;
    if (owner && owner->give_up && owner->give_up(link->setup.self))
        return false;
    if (zmq_poll(&item, 1, 50) < 0 && errno != EINTR)
        return false;
    return link_service(link) == 0;
}

static int take_message(void *self, enum wire_type type, const struct bytes *body)
{
    struct link_sender *link = self;
    if (link->failed)
        return -EPERM;
    bytes_reset(&link->frame);
    wire_put_header(&link->frame, type, link->setup.epoch, backlog_next(&link->kept));
    bytes_append(&link->frame, body->data, body->size);
    backlog_append(&link->kept, link->frame.data, link->frame.size);
    pump(link);
    if (link->setup.full == LINK_GROW || !link_sender_full(link))
        return 0; /* a recovering owner must not be answered before it is done */
    link_service(link);
    while (link->patient && link->welcomed && link_sender_full(link))
        if (!wait_a_little(link))
            break;
    if (link->setup.full == LINK_DROP && link_sender_full(link))
        drop_oldest(link);
    while (link->setup.full == LINK_WAIT && link_sender_full(link))
        if (!wait_a_little(link))
            return link->failed ? -EPERM : -ECANCELED;
    return 0;
}

void link_sender_watermark(struct link_sender *link, int64_t time_ns, bool now)
{
    link->has_watermark = true;
    link->watermark_ns = time_ns;
    if (now && link->welcomed)
        say_pulse(link, clock_monotonic_ns());
}

void link_sender_no_watermark(struct link_sender *link)
{
    link->has_watermark = false;
}

bool link_sender_full(const struct link_sender *link)
{
    return backlog_size(&link->kept) > link->setup.buffer_bytes;
}

uint64_t link_sender_newest(const struct link_sender *link)
{
    return backlog_next(&link->kept) - 1;
}

uint64_t link_sender_durable(const struct link_sender *link)
{
    return link->kept.base - 1;
}

uint64_t link_flush(struct link_sender *link, int64_t timeout_ns)
{
    int64_t until_ns = clock_monotonic_ns() + timeout_ns;
    link_service(link);
    while (!link->failed && link->applied < link_sender_newest(link) && clock_monotonic_ns() < until_ns)
        if (!wait_a_little(link))
            break;
    return link_sender_newest(link) - link->applied;
}
