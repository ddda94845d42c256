#include "base/link_receiver_private.h"
#include "base/clock.h"
#include "base/endpoint.h"
#include "base/ipc_lock.h"
#include "base/security.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { TAKE_MAX = 256 };
static const int64_t complain_period_ns = 1000000000;

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

void link_receiver_notice(const struct link_receiver *link, bool warning, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (link->setup.consumer->notice)
        link->setup.consumer->notice(link->setup.self, warning, text);
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
    int r = link_receiver_take(link, route, (size_t)route_size, link->message, (size_t)size);
    return r < 0 ? r : 1;
}

static int advance(struct link_receiver *link)
{
    int r = link_receiver_drain(link);
    link_receiver_settle(link);
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
    link_receiver_notice(link, true, "%" PRIu64 " messages at %s were refused: malformed, or of another version", link->totals.refused - link->refused_told,
           link->setup.endpoint);
    link->refused_told = link->totals.refused;
    link->complained_ns = now_ns;
}

static void watch_handshakes(struct link_receiver *link)
{
    char text[MONITOR_TEXT_MAX];
    while (link->monitor.socket && monitor_take(&link->monitor, text))
        link_receiver_notice(link, true, "%s", text);
    link->totals.handshakes = link->monitor.handshake_failures;
}

int link_receiver_tick(struct link_receiver *link)
{
    int64_t now_ns = clock_monotonic_ns(), after_ns = link->setup.silent_after_ns;
    int64_t still_ns = after_ns > link->setup.still_after_ns ? after_ns : link->setup.still_after_ns;
    complain_refused(link, now_ns);
    watch_handshakes(link);
    for (uint32_t i = 0; i < link->count && after_ns > 0; i++) {
        struct peer *p = link->peers[i];
        if (p->heard_ns == 0)
            p->heard_ns = p->moved_ns = now_ns; /* known from before we started */
        if (p->live && p->lane.count == 0 && now_ns - p->moved_ns > still_ns)
            p->left_out = true; /* heard, but its time stands still: it will say why */
        bool over = p->ended && !p->awaited; /* and no other life of it has said hello since */
        if (p->silent || over || now_ns - p->heard_ns <= after_ns)
            continue;
        int r = link_receiver_record_presence(link, i, LINK_SILENT);
        if (r < 0)
            return r;
        p->silent = p->missed = true;
        p->awaited = false;
        link->totals.silences++;
        link_receiver_notice(link, true, "nothing is heard of %s", p->name);
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
        if (!link_name_valid(p->name) || p->durable > p->applied || p->applied > INT64_MAX)
            return false;
    }
    return wire_ok(r);
}
