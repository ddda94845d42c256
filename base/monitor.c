#include "base/monitor.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

/* One event more than these may be missing: ZMTP 1 noise at a CURVE server is dropped by
 * libzmq 4.3.4 with nothing but a disconnection, so a failure is also what was accepted and went away
 * without having succeeded. Success is told without its descriptor; hence the counts of
 * peers not told apart, which leave the totals exact whenever no handshake is under way. */
static const int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                          ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                          ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

static const char *const gave_up = "it is no ZeroMQ peer, or it uses no key, or it gave up";
static const char *const was_ended = "it ended the handshake: it may not allow this key, or it is no ZeroMQ peer";

struct monitor_peer {
    bool accepted; /* else we connected to it */
    int fd; /* a number to know it by: libzmq owns it, and may have closed it */
    char address[ADDRESS_MAX];
};

int monitor_open(struct monitor *m, void *zmq, void *socket, struct error *err)
{
    static atomic_uint serial;
    int linger = 0, unlimited = 0;
    char name[64];
    *m = (struct monitor){ .watched = socket };
    snprintf(name, sizeof(name), "inproc://monitor-%u", atomic_fetch_add(&serial, 1));
    m->socket = zmq_socket(zmq, ZMQ_PAIR);
    if (!m->socket)
        return error_set(err, -errno, "monitor: %s", zmq_strerror(errno));
    zmq_setsockopt(m->socket, ZMQ_LINGER, &linger, sizeof(linger));
    /* A full queue would block libzmq's I/O thread, and with it every socket of the process. */
    zmq_setsockopt(m->socket, ZMQ_RCVHWM, &unlimited, sizeof(unlimited));
    if (zmq_socket_monitor(socket, name, events) < 0 || zmq_connect(m->socket, name) < 0) {
        int r = -errno;
        monitor_close(m);
        return error_set(err, r, "monitor: %s", zmq_strerror(-r));
    }
    m->peers = xcalloc(MONITOR_PEERS_MAX, sizeof(*m->peers));
    return 0;
}

void monitor_close(struct monitor *m)
{
    if (m->socket) {
        zmq_socket_monitor(m->watched, NULL, 0);
        zmq_close(m->socket);
    }
    free(m->peers);
    m->socket = NULL;
    m->peers = NULL;
    m->peer_count = 0;
}

void *monitor_socket(const struct monitor *m)
{
    return m->socket;
}

/* Best effort: a peer that is gone has no address any more, and its descriptor may be another's by now. */
static void describe(int fd, char address[ADDRESS_MAX])
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof(peer);
    address[0] = '\0';
    if (getpeername(fd, (struct sockaddr *)&peer, &size) < 0)
        return;
    if (peer.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&peer)->sin_addr, address, ADDRESS_MAX);
    else if (peer.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&peer)->sin6_addr, address, ADDRESS_MAX);
}

/* When as many succeeded as there are, it is these. */
static void settle(struct monitor *m)
{
    if (m->failed == 0 && m->succeeded >= m->peer_count)
        m->succeeded = m->peer_count = 0;
}

static void on_opened(struct monitor *m, int fd, bool accepted)
{
    m->accepted++;
    if (m->peer_count == MONITOR_PEERS_MAX)
        return; /* only libzmq's own word counts for the surplus */
    struct monitor_peer *p = &m->peers[m->peer_count++];
    p->fd = fd;
    p->accepted = accepted;
    describe(fd, p->address);
}

static const char *protocol_reason(uint32_t value)
{
    switch (value) {
    case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
        return "it uses no key, or this end does not";
    case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC:
        return "it takes this server for another one (server_key)";
    default:
        return "it does not keep to the protocol";
    }
}

static void on_failed(struct monitor *m, const char *reason)
{
    m->handshake_failures++;
    m->reason = reason;
    if (m->failed < m->peer_count)
        m->failed++;
}

/* True when this ended a handshake that is to be told. */
static bool on_disconnected(struct monitor *m, int fd)
{
    uint32_t i = 0;
    m->disconnected++;
    while (i < m->peer_count && m->peers[i].fd != fd)
        i++;
    if (i == m->peer_count)
        return false;
    bool accepted = m->peers[i].accepted;
    text_copy(m->address, sizeof(m->address), m->peers[i].address);
    m->peers[i] = m->peers[--m->peer_count];
    if (m->failed > 0) {
        m->failed--;
        m->reason = m->reason == gave_up && !accepted ? was_ended : m->reason;
        return m->reason != NULL;
    }
    if (m->succeeded > m->peer_count) {
        m->succeeded--; /* there must have been one established among those that went */
        return false;
    }
    m->handshake_failures++;
    m->reason = accepted ? gave_up : was_ended;
    return true;
}

static bool tell(struct monitor *m, char text[MONITOR_TEXT_MAX])
{
    uint64_t withheld;
    char more[64] = "";
    const char *reason = m->reason;
    m->reason = NULL;
    if (!throttle_pass(&m->told, m->address, clock_monotonic_ns(), &withheld))
        return false;
    if (withheld)
        snprintf(more, sizeof(more), " (and %" PRIu64 " more failed)", withheld);
    snprintf(text, MONITOR_TEXT_MAX, "a connection with %s failed: %s%s", *m->address ? m->address : "an unknown address", reason, more);
    return true;
}

/* Takes one event of libzmq's: 16 bits of kind and 32 of value, then the endpoint. 0: none,
 * 1: nothing to tell, 2: a sentence. */
static int take(struct monitor *m, char text[MONITOR_TEXT_MAX])
{
    uint8_t frame[6];
    char endpoint[1];
    uint16_t kind;
    uint32_t value;
    if (zmq_recv(m->socket, frame, sizeof(frame), ZMQ_DONTWAIT) < 0)
        return 0;
    zmq_recv(m->socket, endpoint, sizeof(endpoint), ZMQ_DONTWAIT);
    memcpy(&kind, frame, sizeof(kind));
    memcpy(&value, frame + sizeof(kind), sizeof(value));
    bool failure = false;
    if (kind == ZMQ_EVENT_ACCEPTED || kind == ZMQ_EVENT_CONNECTED) {
        on_opened(m, (int)value, kind == ZMQ_EVENT_ACCEPTED);
    } else if (kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        m->established++;
        m->succeeded++;
    } else if (kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
        on_failed(m, NULL);
    } else if (kind == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
        on_failed(m, protocol_reason(value));
    } else if (kind == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) {
        on_failed(m, gave_up);
    } else if (kind == ZMQ_EVENT_DISCONNECTED) {
        failure = on_disconnected(m, (int)value);
    }
    settle(m);
    return failure && tell(m, text) ? 2 : 1;
}

bool monitor_take(struct monitor *m, char text[MONITOR_TEXT_MAX])
{
    uint64_t withheld;
    if (!m->socket)
        return false;
    for (int i = 0, r = 1; i < MONITOR_EVENTS_MAX && r != 0; i++)
        if ((r = take(m, text)) == 2)
            return true;
    if (!throttle_due(&m->told, clock_monotonic_ns(), &withheld))
        return false;
    snprintf(text, MONITOR_TEXT_MAX, "%" PRIu64 " more connections failed in their handshakes", withheld);
    return true;
}
