/* monitor.h - what happens to the connections of a socket before they are any: peers
 * that come, fail to agree on keys or speak no ZeroMQ at all, and go. None of these reach the
 * socket's owner or ZAP. */
#ifndef FT_BASE_MONITOR_H
#define FT_BASE_MONITOR_H
#include "base/error.h"
#include "base/throttle.h"
#include <stddef.h>

enum { MONITOR_EVENTS_MAX = 256, MONITOR_PEERS_MAX = 1024, MONITOR_TEXT_MAX = 512 };

struct monitor_peer;

struct monitor {
    void *socket, *watched;
    /* Connections, of either direction. At rest, accepted = established + handshake_failures. */
    uint64_t accepted, established, disconnected, handshake_failures;
    /* Peers that have not been told apart yet: */
    struct monitor_peer *peers;
    uint32_t peer_count;
    uint32_t succeeded, failed;   /* so many of them did, and it was counted */
    const char *reason;           /* of the last failure whose peer is not known yet */
    char address[ADDRESS_MAX];    /* of the last peer that failed; "" when it was gone too soon to be asked */
    struct throttle told;
};

/* Begins to watch a socket of the calling thread, before it is bound or connected. zmq is its context; m is not
 * moved until monitor_close(). */
int monitor_open(struct monitor *m, void *zmq, void *socket, struct error *err);
/* Before the socket is closed. Fine for what is zeroed or never opened. */
void monitor_close(struct monitor *m);

/* Readable when there is something to take, for a poll loop of the owner's thread. What is not taken is kept
 * by libzmq without bound: take it, or call monitor_take() from a tick. */
void *monitor_socket(const struct monitor *m);

/* Takes at most MONITOR_EVENTS_MAX events, without waiting, and counts them. True when text
 * is a sentence for people about handshakes that failed (the first of each address, then one a second at most);
 * refusals of a key are counted, and left to ZAP to tell. Call it again while it says true. */
bool monitor_take(struct monitor *m, char text[MONITOR_TEXT_MAX]);

#endif
