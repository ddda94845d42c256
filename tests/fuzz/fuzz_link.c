/* What either end of a link may be told, and what a receiver's journal may say: a script of frames, well-formed ones with
 * any numbers and raw ones. A receiver applies the messages of each life of a sender one after the other, and holds
 * a bounded amount; a sender forgets nothing that it was not told to be safe. */
#include "base/link_receiver_private.h"
#include "base/link_sender.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct script {
    const uint8_t *at, *end;
};

static uint8_t take(struct script *s)
{
    return s->at < s->end ? *s->at++ : 0;
}

/* Small ones mostly, now and then one that is absurd. */
static uint64_t number(struct script *s)
{
    uint8_t n = take(s);
    return n < 250 ? n : n == 255 ? UINT64_MAX : UINT64_C(1) << (n - 192);
}

static size_t raw(struct script *s, uint8_t buffer[256])
{
    size_t size = take(s);
    for (size_t i = 0; i < size; i++)
        buffer[i] = take(s);
    return size;
}

/* ---- a receiver ---- */

static uint64_t next_of[LINK_SENDERS_MAX]; /* 0: any, since a recall is under way */

static int apply(void *self, uint32_t sender, const struct wire_header *header, struct wire_reader body)
{
    (void)self;
    (void)body;
    if (header->sequence > 0) {
        if (next_of[sender] != 0 && header->sequence != next_of[sender])
            abort();
        next_of[sender] = header->sequence + 1;
    }
    return header->sequence % 5 == 4 ? -EBADMSG : 0;
}

static int presence(void *self, uint32_t sender, enum link_presence what, int64_t time_ns)
{
    (void)self;
    (void)time_ns;
    if (what == LINK_BEGAN || what == LINK_RECALL || what == LINK_RECALLED)
        next_of[sender] = 0;
    return 0;
}

static int64_t window_end(const struct wire_header *header, struct wire_reader body)
{
    return header->type == WIRE_WINDOW ? wire_get_time(&body) : INT64_MIN;
}

static const struct link_consumer consumer = { .apply = apply, .presence = presence, .window_end = window_end };

static void make_frame(struct script *s, uint8_t op, struct bytes *b)
{
    static const char *const names[] = { "a", "b", "c", "", "a b", "d" };
    struct link_hello hello = { .live = op & 64 };
    struct link_pulse pulse = { 0 };
    struct link_resync resync = { .opening = op & 64, .anew = op & 128 };
    uint64_t epoch = 1 + take(s) % 4;
    switch (op % 6) {
    case 0:
        snprintf(hello.name, sizeof(hello.name), "%s", names[take(s) % 6]);
        link_hello_put(b, epoch, &hello);
        break;
    case 1:
        pulse.newest = number(s);
        pulse.has_watermark = op & 64;
        pulse.watermark_ns = (int64_t)number(s);
        link_pulse_put(b, epoch, &pulse);
        break;
    case 2:
        resync.base = number(s);
        link_resync_put(b, epoch, &resync);
        break;
    default:
        wire_put_header(b, op & 64 ? WIRE_WINDOW : op & 128 ? WIRE_END : WIRE_VERDICT, epoch, number(s));
        wire_put_int(b, take(s));
    }
}

static void check_receiver(const struct link_receiver *link)
{
    for (uint32_t i = 0; i < link->count; i++) {
        const struct peer *p = link->peers[i];
        if (backlog_size(&p->lane) > LANE_BYTES_MAX || p->durable > p->applied || !link_name_valid(p->name))
            abort();
    }
}

static void fuzz_receiver(struct script *s)
{
    struct link_receiver_setup setup = { .endpoint = "none", .epoch = 1, .silent_after_ns = 1, .expected = take(s) % 3, .consumer = &consumer };
    struct link_receiver *link = link_receiver_new(&setup);
    static struct bytes b;
    uint8_t buffer[256];
    memset(next_of, 0, sizeof(next_of));
    while (s->at < s->end) {
        uint8_t op = take(s), route[2] = { 1, op >> 3 & 3 };
        bytes_reset(&b);
        if (op % 8 == 7) {
            size_t size = raw(s, buffer);
            link_receiver_take(link, route, sizeof(route), buffer, size);
        } else if (op % 8 == 6) {
            link_receiver_tick(link);
        } else {
            make_frame(s, (uint8_t)(op * 7 / 8 + (op & 192)), &b);
            link_receiver_take(link, route, sizeof(route), b.data, b.size);
            link_receiver_resume(link);
        }
        check_receiver(link);
    }
    bytes_reset(&b);
    link_receiver_save(link, &b);
    struct wire_reader r = wire_reader_init(b.data, b.size);
    struct link_receiver *again = link_receiver_new(&setup);
    if (!link_receiver_load(again, &r) || !wire_finished(&r))
        abort();
    link_receiver_free(again);
    link_receiver_free(link);
}

/* ---- a journal's records, whatever their checksums say ---- */

static int apply_any(void *self, uint32_t sender, const struct wire_header *header, struct wire_reader body)
{
    (void)self;
    (void)sender;
    (void)body;
    return header->sequence % 5 == 4 ? -EBADMSG : 0;
}

static const struct link_consumer any_consumer = { .apply = apply_any, .presence = presence, .window_end = window_end };

static void fuzz_records(struct script *s)
{
    struct link_receiver_setup setup = { .endpoint = "none", .epoch = 1, .silent_after_ns = 1, .consumer = &any_consumer };
    struct link_receiver *link = link_receiver_new(&setup);
    static struct bytes b;
    uint8_t head[11] = { 0 }, buffer[256];
    while (s->at < s->end) {
        uint8_t op = take(s);
        bytes_reset(&b);
        head[0] = op % 4;
        head[1] = op >> 2 & 3;
        head[2] = take(s);
        bytes_append(&b, head, sizeof(head));
        if (op & 16)
            make_frame(s, take(s), &b);
        else
            bytes_append(&b, buffer, raw(s, buffer));
        link_receiver_replay(link, b.data, op & 32 ? b.size / 2 : b.size);
        link_receiver_resume(link);
        check_receiver(link);
    }
    link_receiver_free(link);
}

/* ---- a sender ---- */

static uint64_t durable_told, left;

static void on_left(void *self, const struct wire_header *header, struct wire_reader body, enum link_left why)
{
    (void)self;
    (void)body;
    if (header->sequence != left + 1 || (why == LINK_LEFT_SAFE && header->sequence > durable_told))
        abort();
    left = header->sequence;
}

static const struct link_owner owner = { .left = on_left };

/* One sender for all scripts, as if just opened; what it sends goes to a socket that nobody reads but this. */
static struct link_sender *fresh_sender(void)
{
    static struct link_sender link;
    static void *zmq, *peer;
    struct link_sender_setup setup = { .endpoint = "inproc://peer", .peer = "peer", .name = "a", .epoch = 1, .full = LINK_DROP,
                                       .buffer_bytes = 1024, .heartbeat_ns = 1, .owner = &owner };
    struct error err;
    char rest[16];
    if (!zmq) {
        setup.zmq = zmq = zmq_ctx_new();
        peer = zmq_socket(zmq, ZMQ_ROUTER);
        if (zmq_bind(peer, setup.endpoint) < 0 || link_sender_open(&link, &setup, &err) < 0)
            abort();
    }
    while (zmq_recv(peer, rest, sizeof(rest), ZMQ_DONTWAIT) >= 0)
        ;
    link_sender_reset(&link, 1);
    link.welcomed = link.failed = link.has_watermark = false;
    return &link;
}

static void fuzz_sender(struct script *s)
{
    struct link_sender *link = fresh_sender();
    static struct bytes b;
    uint8_t buffer[256];
    durable_told = left = 0;
    while (s->at < s->end) {
        uint8_t op = take(s);
        if (op % 8 == 0) {
            wire_put_uint(outlet_begin(&link->outlet), op);
            outlet_send(&link->outlet, WIRE_VERDICT);
        } else if (op % 8 == 1) {
            size_t size = raw(s, buffer);
            durable_told = UINT64_MAX; /* it may be a position */
            link_sender_take(link, buffer, size, 1);
        } else if (op % 8 == 2) {
            link_service(link);
        } else {
            struct link_position p = { .epoch = op & 16 ? 1 : 0, .known = op & 32, .durable = number(s) };
            p.applied = p.durable + take(s) % 4;
            p.received = p.applied + take(s) % 4;
            durable_told = p.durable > durable_told ? p.durable : durable_told;
            bytes_reset(&b);
            link_position_put(&b, op & 64 ? WIRE_WELCOME : WIRE_ACK, 7, &p);
            link_sender_take(link, b.data, b.size, 1);
        }
        if (link_sender_durable(link) != left || backlog_size(&link->kept) > 2048)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script s = { data, data + size };
    uint8_t which = take(&s);
    if (which == 254)
        fuzz_records(&s);
    else if (which & 1)
        fuzz_receiver(&s);
    else
        fuzz_sender(&s);
    return 0;
}
