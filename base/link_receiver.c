#include "base/link_receiver.h"
#include "base/clock.h"
#include "base/endpoint.h"
#include "base/hash.h"
#include "base/ipc_lock.h"
#include "base/monitor.h"
#include "base/security.h"
#include "base/text.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { TAKE_MAX = 256, ROUTE_MAX = 64, LANE_BYTES_MAX = 16 << 20, MARKS_MAX = 1024, REPLACED_MAX = 4, RECORD_HEAD = 11 };
static const int64_t ask_period_ns = 100000000, complain_period_ns = 1000000000;

/* What a record of the journal is. */
enum record_kind { RECORD_SENDER = 1, RECORD_MESSAGE = 2, RECORD_PRESENCE = 3 };

/* One sender. `received` counts what came in, `applied` what was taken from the lane. */
struct peer {
    char name[LINK_NAME_MAX];
    uint8_t route[ROUTE_MAX];
    size_t route_size;               /* 0: not connected since we started */
    bool live, synced, applied_synced, silent, ended, left_out, ack_due;
    bool greeted;                    /* a new life said hello, and has not begun */
    bool missed;                     /* it was told to be silent, and nothing of it was applied since */
    bool awaited;                    /* it is there, or was before a restart, and has not said how far it is */
    uint32_t asked_to_begin;         /* WELCOMEs on this connection that it will answer with a RESYNC */
    bool skipping;                   /* it tells anew what we know: up to the closing RESYNC nothing of that counts */
    bool overflowed;                 /* something was not taken for want of room */
    uint64_t epoch, applied_epoch;
    uint64_t replaced[REPLACED_MAX]; /* epochs of earlier ones of this name */
    uint64_t received, applied, durable;
    struct backlog lane;             /* frames that wait for others' time */
    bool has_watermark, has_pending;
    int64_t watermark_ns, pending_ns;
    uint64_t pending_at;             /* the watermark holds once so much was received */
    int64_t heard_ns, moved_ns, asked_ns;
};

/* Up to here a sender's messages need not be sent again once `made` is settled. */
struct mark {
    uint32_t sender;
    uint64_t applied, made;
};

struct link_receiver {
    struct link_receiver_setup setup;
    void *socket;
    struct journal *journal;
    struct peer *peers[LINK_SENDERS_MAX];
    uint32_t count;
    struct mark marks[MARKS_MAX];
    uint32_t first_mark, mark_count;
    struct link_receiver_totals totals;
    uint64_t refused_told;
    int64_t complained_ns;
    uint8_t *message;
    struct monitor monitor;  /* of the connections, where there are keys to disagree on */
    int lock_fd;
    struct bytes record, answer;
};

struct link_receiver *link_receiver_new(const struct link_receiver_setup *setup)
{
    struct link_receiver *link = xcalloc(1, sizeof(*link));
    link->setup = *setup;
    link->message = xcalloc(1, WIRE_MESSAGE_MAX);
    link->lock_fd = -1;
    return link;
}

void link_receiver_free(struct link_receiver *link)
{
    if (!link)
        return;
    monitor_close(&link->monitor);
    if (link->socket)
        zmq_close(link->socket);
    if (link->lock_fd >= 0)
        close(link->lock_fd);
    for (uint32_t i = 0; i < link->count; i++) {
        backlog_done(&link->peers[i]->lane);
        free(link->peers[i]);
    }
    bytes_done(&link->record);
    bytes_done(&link->answer);
    free(link->message);
    free(link);
}

int link_receiver_bind(struct link_receiver *link, struct error *err)
{
    int depth = 2 * TAKE_MAX, linger = 1000, beat_ms = 2000, timeout_ms = 6000;
    int64_t most = WIRE_MESSAGE_MAX;
    const char *endpoint = link->setup.endpoint;
    int r = ipc_lock(endpoint, &link->lock_fd, err);
    if (r < 0)
        return r;
    link->socket = zmq_socket(link->setup.zmq, ZMQ_ROUTER);
    if (!link->socket)
        return error_set(err, -errno, "%s: %s", endpoint, zmq_strerror(errno));
    zmq_setsockopt(link->socket, ZMQ_RCVHWM, &depth, sizeof(depth));
    zmq_setsockopt(link->socket, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(link->socket, ZMQ_MAXMSGSIZE, &most, sizeof(most));
    zmq_setsockopt(link->socket, ZMQ_HEARTBEAT_IVL, &beat_ms, sizeof(beat_ms));
    zmq_setsockopt(link->socket, ZMQ_HEARTBEAT_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
    r = security_server(link->setup.security, link->socket, endpoint, err);
    if (r == 0 && endpoint_is_tcp(endpoint))
        r = monitor_open(&link->monitor, link->setup.zmq, link->socket, err);
    if (r < 0)
        return r;
    if (zmq_bind(link->socket, endpoint) < 0)
        return error_set(err, -errno, "cannot listen at %s: %s", endpoint, zmq_strerror(errno));
    return 0;
}

void link_receiver_set_journal(struct link_receiver *link, struct journal *journal)
{
    link->journal = journal;
}

static void notice(const struct link_receiver *link, bool warning, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void notice(const struct link_receiver *link, bool warning, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (link->setup.consumer->notice)
        link->setup.consumer->notice(link->setup.self, warning, text);
}

/* ---- records ---- */

static int write_record(struct link_receiver *link, enum record_kind kind, uint32_t sender, uint8_t what, int64_t time_ns,
                        const void *data, size_t size)
{
    uint8_t head[RECORD_HEAD] = { (uint8_t)kind, (uint8_t)sender, what };
    if (!link->journal)
        return 0;
    memcpy(head + 3, &time_ns, sizeof(time_ns));
    bytes_reset(&link->record);
    bytes_append(&link->record, head, sizeof(head));
    bytes_append(&link->record, data, size);
    return journal_append(link->journal, link->record.data, link->record.size);
}

static int tell_presence(struct link_receiver *link, uint32_t sender, enum link_presence what, int64_t time_ns)
{
    const struct link_consumer *c = link->setup.consumer;
    return c->presence ? c->presence(link->setup.self, sender, what, time_ns) : 0;
}

static int record_presence(struct link_receiver *link, uint32_t sender, enum link_presence what)
{
    int64_t time_ns = clock_wall_ns();
    int r = write_record(link, RECORD_PRESENCE, sender, (uint8_t)what, time_ns, NULL, 0);
    return r < 0 ? r : tell_presence(link, sender, what, time_ns);
}

/* ---- applying ---- */

static int apply_resync(struct link_receiver *link, uint32_t sender, const struct wire_header *header, struct wire_reader body)
{
    struct peer *p = link->peers[sender];
    struct link_resync resync;
    if (!link_resync_get(&body, &resync))
        return -EBADMSG;
    if (!resync.opening) {
        p->applied = p->durable = resync.base - 1;
        p->applied_synced = true;
        return tell_presence(link, sender, LINK_RECALLED, 0);
    }
    bool anew = header->epoch != p->applied_epoch;
    p->applied_epoch = header->epoch;
    p->applied_synced = false;
    p->ended = p->greeted = false;
    p->applied = p->durable = 0;
    return tell_presence(link, sender, anew ? LINK_BEGAN : LINK_RECALL, 0);
}

/* A message whose turn it is; it is in the journal already. */
static int apply(struct link_receiver *link, uint32_t sender, const void *data, size_t size)
{
    const struct link_consumer *c = link->setup.consumer;
    struct peer *p = link->peers[sender];
    struct wire_header header;
    struct wire_reader body;
    int r = -EBADMSG;
    if (!wire_open(&body, data, size, &header))
        r = -EBADMSG;
    else if (header.type == WIRE_RESYNC)
        r = apply_resync(link, sender, &header, body);
    else
        r = c->apply(link->setup.self, sender, &header, body);
    p->missed = false;
    if (header.sequence > 0)
        p->applied = header.sequence;
    if (r >= 0 && header.type == WIRE_END) {
        p->ended = true;
        r = tell_presence(link, sender, LINK_ENDED, 0);
    }
    if (r == -EBADMSG) {
        link->totals.refused++;
        r = 0;
    }
    return r < 0 ? r : 0;
}

bool link_receiver_replay(struct link_receiver *link, const void *record, size_t size)
{
    const uint8_t *at = record;
    int64_t time_ns;
    if (size < RECORD_HEAD)
        return false;
    uint32_t sender = at[1];
    memcpy(&time_ns, at + 3, sizeof(time_ns));
    at += RECORD_HEAD;
    size -= RECORD_HEAD;
    switch (((const uint8_t *)record)[0]) {
    case RECORD_SENDER:
        if (sender != link->count || size >= LINK_NAME_MAX)
            return false;
        link->peers[link->count] = xcalloc(1, sizeof(struct peer));
        link->peers[link->count]->awaited = true;
        memcpy(link->peers[link->count++]->name, at, size);
        return true;
    case RECORD_MESSAGE:
        if (sender >= link->count || apply(link, sender, at, size) < 0)
            return false;
        break;
    case RECORD_PRESENCE:
        if (sender >= link->count || tell_presence(link, sender, (enum link_presence)((const uint8_t *)record)[2], time_ns) < 0)
            return false;
        link->peers[sender]->silent = ((const uint8_t *)record)[2] == LINK_SILENT;
        link->peers[sender]->missed |= link->peers[sender]->silent;
        break;
    default:
        return false;
    }
    struct peer *p = link->peers[sender];
    p->epoch = p->applied_epoch;
    p->received = p->applied;
    p->synced = p->applied_synced;
    return true;
}

/* One that was killed and is back at once: what happened meanwhile it did not see. */
static bool begins_after_break(const struct peer *p, const void *data, size_t size)
{
    struct wire_header header;
    struct wire_reader body;
    return wire_open(&body, data, size, &header) && header.type == WIRE_RESYNC && header.epoch != p->applied_epoch &&
           p->applied_epoch != 0 && !p->ended && !p->missed;
}

/* Before anything of the message is seen outside, it is written down. */
static int take_front(struct link_receiver *link, uint32_t sender)
{
    struct peer *p = link->peers[sender];
    size_t size;
    const void *front = backlog_front(&p->lane, &size);
    int r = begins_after_break(p, front, size) ? record_presence(link, sender, LINK_BROKE_OFF) : 0;
    if (r == 0)
        r = write_record(link, RECORD_MESSAGE, sender, 0, 0, front, size);
    if (r == 0)
        r = apply(link, sender, front, size);
    if (r == 0) {
        backlog_pop(&p->lane);
        p->ack_due = true;
    }
    return r;
}

/* ---- whose turn it is ---- */

static bool counts(const struct peer *p)
{
    return !p->ended && !p->silent && !p->left_out;
}

static int64_t front_end(const struct link_receiver *link, const struct peer *p)
{
    struct wire_header header;
    struct wire_reader body;
    size_t size;
    const void *front = backlog_front(&p->lane, &size);
    if (!front || !link->setup.consumer->window_end || !wire_open(&body, front, size, &header))
        return INT64_MIN;
    return link->setup.consumer->window_end(&header, body);
}

/* A window that ends at end_ns may be applied: no other sender has an earlier one, or can still have. */
static bool is_next(const struct link_receiver *link, uint32_t sender, int64_t end_ns)
{
    for (uint32_t i = 0; i < link->count; i++) {
        const struct peer *other = link->peers[i];
        if (i == sender || (!counts(other) && other->lane.count == 0))
            continue;
        if (other->lane.count == 0) {
            if (other->has_watermark ? other->watermark_ns < end_ns : other->awaited)
                return false;
            continue;
        }
        int64_t theirs_ns = front_end(link, other);
        if (theirs_ns < end_ns || (theirs_ns == end_ns && strcmp(other->name, link->peers[sender]->name) < 0))
            return false;
    }
    return true;
}

static int drain(struct link_receiver *link)
{
    const struct link_consumer *c = link->setup.consumer;
    if (link->count < link->setup.expected)
        return 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t i = 0; i < link->count; i++) {
            struct peer *p = link->peers[i];
            while (p->lane.count > 0) {
                int64_t end_ns = front_end(link, p);
                if ((c->ready && !c->ready(link->setup.self)) || (end_ns != INT64_MIN && link->count > 1 && !is_next(link, i, end_ns)))
                    break;
                int r = take_front(link, i);
                if (r < 0)
                    return r;
                moved = true;
            }
        }
    }
    return 0;
}

/* ---- acknowledging ---- */

static void answer(struct link_receiver *link, struct peer *p, enum wire_type type)
{
    struct link_position position = { .epoch = p->epoch, .known = p->synced, .received = p->received };
    if (p->applied_synced && p->applied_epoch == p->epoch && p->applied <= p->received) {
        position.applied = p->applied;
        position.durable = p->durable;
    }
    p->asked_to_begin += type == WIRE_WELCOME && !position.known;
    bytes_reset(&link->answer);
    link_position_put(&link->answer, type, link->setup.epoch, &position);
    if (zmq_send(link->socket, p->route, p->route_size, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        zmq_send(link->socket, link->answer.data, link->answer.size, ZMQ_DONTWAIT);
}

static void answer_stranger(struct link_receiver *link, const uint8_t *route, size_t route_size, const char *refusal)
{
    struct link_position position = { 0 };
    bytes_reset(&link->answer);
    if (refusal)
        link_refused_put(&link->answer, link->setup.epoch, refusal);
    else
        link_position_put(&link->answer, WIRE_WELCOME, link->setup.epoch, &position);
    if (zmq_send(link->socket, route, route_size, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        zmq_send(link->socket, link->answer.data, link->answer.size, ZMQ_DONTWAIT);
}

static void mark_applied(struct link_receiver *link, uint32_t sender, uint64_t made)
{
    struct peer *p = link->peers[sender];
    if (link->mark_count == MARKS_MAX)
        return; /* a later one will do for this one too */
    uint32_t at = (link->first_mark + link->mark_count++) % MARKS_MAX;
    link->marks[at] = (struct mark){ .sender = sender, .applied = p->applied, .made = made };
}

/* End to end: a message need not be kept once what was made of it is with the next stage. */
static void settle(struct link_receiver *link)
{
    const struct link_consumer *c = link->setup.consumer;
    uint64_t made = c->made ? c->made(link->setup.self) : 0, settled = c->settled ? c->settled(link->setup.self) : made;
    while (link->mark_count > 0 && link->marks[link->first_mark].made <= settled) {
        const struct mark *m = &link->marks[link->first_mark];
        struct peer *p = link->peers[m->sender];
        if (m->applied > p->durable && m->applied <= p->applied) {
            p->durable = m->applied;
            p->ack_due = true;
        }
        link->first_mark = (link->first_mark + 1) % MARKS_MAX;
        link->mark_count--;
    }
    for (uint32_t i = 0; i < link->count; i++) {
        struct peer *p = link->peers[i];
        if (p->applied == p->durable)
            continue;
        if (settled >= made)
            p->durable = p->applied;
        else if (p->ack_due)
            mark_applied(link, i, made);
    }
    for (uint32_t i = 0; i < link->count; i++) {
        struct peer *p = link->peers[i];
        if (p->route_size > 0 && p->overflowed && p->lane.count == 0) {
            p->overflowed = false;
            answer(link, p, WIRE_WELCOME);
        } else if (p->route_size > 0 && p->ack_due) {
            answer(link, p, WIRE_ACK);
        }
        p->ack_due = false;
    }
}

/* ---- what comes in ---- */

static uint32_t find_route(const struct link_receiver *link, const uint8_t *route, size_t size)
{
    for (uint32_t i = 0; i < link->count; i++)
        if (link->peers[i]->route_size == size && memcmp(link->peers[i]->route, route, size) == 0)
            return i;
    return HASH_NONE;
}

/* *ret_sender: HASH_NONE when there is no room for one more. */
static int find_name(struct link_receiver *link, const char *name, uint32_t *ret_sender)
{
    for (uint32_t i = 0; i < link->count; i++) {
        if (strcmp(link->peers[i]->name, name) == 0) {
            *ret_sender = i;
            return 0;
        }
    }
    *ret_sender = HASH_NONE;
    if (link->count == LINK_SENDERS_MAX)
        return 0;
    int r = write_record(link, RECORD_SENDER, link->count, 0, 0, name, strlen(name));
    if (r < 0)
        return r;
    struct peer *p = xcalloc(1, sizeof(*p));
    text_copy(p->name, sizeof(p->name), name);
    *ret_sender = link->count;
    link->peers[link->count++] = p;
    return 0;
}

/* It is there. */
static int hear(struct link_receiver *link, uint32_t sender)
{
    struct peer *p = link->peers[sender];
    p->heard_ns = clock_monotonic_ns();
    if (!p->silent)
        return 0;
    p->silent = false;
    notice(link, false, "%s is heard again", p->name);
    return record_presence(link, sender, LINK_BACK);
}

static bool was_replaced(const struct peer *p, uint64_t epoch)
{
    for (int i = 0; i < REPLACED_MAX; i++)
        if (p->replaced[i] == epoch)
            return true;
    return false;
}

static int on_hello(struct link_receiver *link, const uint8_t *route, size_t route_size, uint64_t epoch, struct wire_reader *body)
{
    struct link_hello hello;
    uint32_t sender;
    int64_t now_ns = clock_monotonic_ns();
    if (!link_hello_get(body, &hello) || epoch == 0) {
        link->totals.refused++;
        return 0;
    }
    int r = find_name(link, hello.name, &sender);
    if (r < 0)
        return r;
    if (sender == HASH_NONE) {
        link->totals.refused++;
        answer_stranger(link, route, route_size, "it has as many senders as it can have");
        return 0;
    }
    struct peer *p = link->peers[sender];
    if (was_replaced(p, epoch)) {
        answer_stranger(link, route, route_size, "another one of its name has taken its place; give each a name of its own (delivery.name)");
        return 0;
    }
    if (p->epoch != epoch) {
        memmove(p->replaced + 1, p->replaced, sizeof(p->replaced) - sizeof(p->replaced[0]));
        p->replaced[0] = p->epoch;
        p->epoch = epoch;
        p->synced = p->skipping = false;
        p->asked_to_begin = 0;
        p->received = 0;
        p->has_pending = p->has_watermark = false;
        p->awaited = p->greeted = true;
    }
    bool same_route = p->route_size == route_size && memcmp(p->route, route, route_size) == 0;
    if (p->route_size > 0 && !same_route)
        notice(link, false, "%s has connected again", p->name);
    if (!same_route) {
        p->asked_to_begin = 0;
        p->skipping = false;
    }
    memcpy(p->route, route, route_size);
    p->route_size = route_size;
    p->live = hello.live;
    p->moved_ns = now_ns;
    answer(link, p, WIRE_WELCOME);
    return hear(link, sender);
}

/* Says where to go on, now and then while messages come that are ahead of that. */
static void ask_again(struct link_receiver *link, struct peer *p)
{
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns - p->asked_ns < ask_period_ns)
        return;
    p->asked_ns = now_ns;
    answer(link, p, WIRE_WELCOME);
}

static void take_watermark(struct peer *p)
{
    if (!p->has_pending || p->pending_at > p->received)
        return;
    if (!p->has_watermark || p->pending_ns > p->watermark_ns)
        p->moved_ns = p->heard_ns;
    p->has_watermark = true;
    p->watermark_ns = p->pending_ns;
    p->has_pending = p->left_out = false;
}

static void on_pulse(struct link_receiver *link, struct peer *p, const struct wire_header *header, struct wire_reader *body)
{
    struct link_pulse pulse;
    if (!link_pulse_get(body, &pulse)) {
        link->totals.refused++;
        return;
    }
    if (!pulse.has_watermark)
        p->has_watermark = p->has_pending = false;
    else if (!p->has_pending) { /* an older one that waits for its message is left to wait */
        p->has_pending = true;
        p->pending_ns = pulse.watermark_ns;
        p->pending_at = header->sequence;
        take_watermark(p);
    }
    if (p->live || p->has_watermark)
        p->awaited = false; /* a session without events holds nobody up; a replay will have some */
    p->ack_due = true; /* which tells the sender that we are there */
}

/* Two HELLOs that crossed our answer are answered twice, and so a sender may begin twice. What
 * it then tells anew is had already; taken again, messages would be applied twice. */
static bool skips(struct peer *p, const struct wire_header *header, struct wire_reader body)
{
    struct link_resync resync;
    if (header->sequence > 0)
        return false;
    bool is_resync = header->type == WIRE_RESYNC && link_resync_get(&body, &resync);
    if (is_resync && resync.opening) {
        p->skipping = p->asked_to_begin > 0 && p->synced && resync.base <= p->received + 1;
        p->asked_to_begin -= p->asked_to_begin > 0;
    }
    bool skipped = p->skipping;
    if (is_resync && !resync.opening)
        p->skipping = false;
    return skipped;
}

static void on_message(struct link_receiver *link, struct peer *p, const struct wire_header *header, const void *data, size_t size,
                       struct wire_reader *body)
{
    struct link_resync resync;
    if (skips(p, header, *body))
        return;
    if (p->overflowed || backlog_size(&p->lane) + size > LANE_BYTES_MAX) {
        p->overflowed = true; /* beyond what may be in flight: asked for again later */
        p->synced &= header->sequence > 0;
        return;
    }
    if (header->type == WIRE_RESYNC) {
        if (!link_resync_get(body, &resync)) {
            link->totals.refused++;
            return;
        }
        p->synced = !resync.opening;
        p->received = resync.opening ? 0 : resync.base - 1;
        p->ack_due = true;
    } else if (header->sequence > 0) {
        if (!p->synced || header->sequence > p->received + 1) {
            ask_again(link, p);
            return;
        }
        if (header->sequence <= p->received) {
            link->totals.repeated++;
            p->ack_due = true;
            return;
        }
        p->received = header->sequence;
    }
    backlog_append(&p->lane, data, size);
    take_watermark(p);
}

static int on_frame(struct link_receiver *link, const uint8_t *route, size_t route_size, const void *data, size_t size)
{
    struct wire_header header;
    struct wire_reader body;
    if (!wire_open(&body, data, size, &header)) {
        link->totals.refused++;
        if (header.version != 0 && header.version != WIRE_VERSION)
            answer_stranger(link, route, route_size, "another version of the wire format");
        return 0;
    }
    if (header.type == WIRE_HELLO)
        return on_hello(link, route, route_size, header.epoch, &body);
    uint32_t sender = find_route(link, route, route_size);
    if (sender == HASH_NONE) {
        link->totals.strange++;
        answer_stranger(link, route, route_size, NULL);
        return 0;
    }
    struct peer *p = link->peers[sender];
    if (header.epoch != p->epoch) {
        link->totals.strange++;
        answer_stranger(link, route, route_size, NULL);
        return 0;
    }
    int r = hear(link, sender);
    if (r < 0)
        return r;
    if (header.type == WIRE_HEARTBEAT)
        on_pulse(link, p, &header, &body);
    else
        on_message(link, p, &header, data, size, &body);
    return 0;
}

/* Parts beyond the expected two are dropped. */
static bool drop_rest(struct link_receiver *link)
{
    int more = 0;
    size_t size = sizeof(more);
    bool any = false;
    while (zmq_getsockopt(link->socket, ZMQ_RCVMORE, &more, &size) == 0 && more) {
        any = true;
        if (zmq_recv(link->socket, link->message, WIRE_MESSAGE_MAX, ZMQ_DONTWAIT) < 0)
            break;
    }
    return any;
}

static int take_one(struct link_receiver *link)
{
    uint8_t route[ROUTE_MAX];
    int more = 0;
    size_t option_size = sizeof(more);
    int route_size = zmq_recv(link->socket, route, sizeof(route), ZMQ_DONTWAIT);
    if (route_size < 0)
        return 0;
    zmq_getsockopt(link->socket, ZMQ_RCVMORE, &more, &option_size);
    int size = more ? zmq_recv(link->socket, link->message, WIRE_MESSAGE_MAX, ZMQ_DONTWAIT) : -1;
    if (drop_rest(link) || size < 0 || size > WIRE_MESSAGE_MAX || route_size > ROUTE_MAX) {
        link->totals.refused++;
        return 1;
    }
    int r = on_frame(link, route, (size_t)route_size, link->message, (size_t)size);
    return r < 0 ? r : 1;
}

static int advance(struct link_receiver *link)
{
    int r = drain(link);
    settle(link);
    return r;
}

int link_receive(struct link_receiver *link)
{
    int r = 1;
    for (int i = 0; i < TAKE_MAX && r > 0; i++)
        r = take_one(link);
    return r < 0 ? r : advance(link);
}

int link_receiver_resume(struct link_receiver *link)
{
    return advance(link);
}

/* ---- silence ---- */

static void complain_refused(struct link_receiver *link, int64_t now_ns)
{
    if (link->totals.refused == link->refused_told || now_ns - link->complained_ns < complain_period_ns)
        return;
    notice(link, true, "%" PRIu64 " messages at %s were refused: malformed, or of another version", link->totals.refused - link->refused_told,
           link->setup.endpoint);
    link->refused_told = link->totals.refused;
    link->complained_ns = now_ns;
}

static void watch_handshakes(struct link_receiver *link)
{
    char text[MONITOR_TEXT_MAX];
    while (link->monitor.socket && monitor_take(&link->monitor, text))
        notice(link, true, "%s", text);
    link->totals.handshakes = link->monitor.handshake_failures;
}

int link_receiver_tick(struct link_receiver *link)
{
    int64_t now_ns = clock_monotonic_ns(), after_ns = link->setup.silent_after_ns;
    complain_refused(link, now_ns);
    watch_handshakes(link);
    for (uint32_t i = 0; i < link->count && after_ns > 0; i++) {
        struct peer *p = link->peers[i];
        if (p->heard_ns == 0)
            p->heard_ns = p->moved_ns = now_ns; /* known from before we started */
        if (p->live && p->lane.count == 0 && now_ns - p->moved_ns > after_ns)
            p->left_out = true; /* heard, but its time stands still: it will say why */
        if (p->silent || (p->ended && !p->greeted) || now_ns - p->heard_ns <= after_ns)
            continue;
        int r = record_presence(link, i, LINK_SILENT);
        if (r < 0)
            return r;
        p->silent = p->missed = true;
        p->awaited = false;
        link->totals.silences++;
        notice(link, true, "nothing is heard of %s", p->name);
    }
    return advance(link);
}

/* ---- for others ---- */

void *link_receiver_socket(const struct link_receiver *link)
{
    return link->socket;
}

uint32_t link_receiver_known(const struct link_receiver *link)
{
    return link->count;
}

uint32_t link_receiver_active(const struct link_receiver *link)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < link->count; i++)
        n += !link->peers[i]->ended;
    return n;
}

void link_receiver_totals(const struct link_receiver *link, struct link_receiver_totals *ret_totals)
{
    *ret_totals = link->totals;
    ret_totals->senders = link->count;
}

const char *link_receiver_name(const struct link_receiver *link, uint32_t sender)
{
    return link->peers[sender]->name;
}

void link_receiver_save(const struct link_receiver *link, struct bytes *b)
{
    wire_put_array(b, link->count);
    for (uint32_t i = 0; i < link->count; i++) {
        const struct peer *p = link->peers[i];
        wire_put_string(b, p->name);
        wire_put_uint(b, p->applied_epoch);
        wire_put_bool(b, p->applied_synced);
        wire_put_uint(b, p->applied);
        wire_put_uint(b, p->durable);
        wire_put_bool(b, p->silent);
        wire_put_bool(b, p->ended);
    }
}

bool link_receiver_load(struct link_receiver *link, struct wire_reader *r)
{
    uint32_t n = wire_get_array(r, LINK_SENDERS_MAX);
    for (uint32_t i = 0; i < n && wire_ok(r); i++) {
        struct peer *p = xcalloc(1, sizeof(*p));
        wire_get_string(r, p->name, sizeof(p->name));
        p->epoch = p->applied_epoch = wire_get_uint(r);
        p->synced = p->applied_synced = wire_get_bool(r);
        p->received = p->applied = wire_get_uint(r);
        p->durable = wire_get_uint(r);
        p->silent = p->missed = wire_get_bool(r);
        p->ended = wire_get_bool(r);
        p->awaited = !p->ended;
        link->peers[link->count++] = p;
    }
    return wire_ok(r);
}
