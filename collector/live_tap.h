/* live_tap.h - lttng-relayd lets one viewer read a session. Where foretrace is that viewer, others read along here: a socket of
 * the collector's on this machine gives all that goes into its set of streams (live_set.h), so that they can make the same one of
 * it. What they do not take in time is dropped, and they are told how much; the collector never waits.
 *
 * Both ends are the same program: numbers are in the machine's own form. Sizes are checked all the same. */
#ifndef FT_COLLECTOR_LIVE_TAP_H
#define FT_COLLECTOR_LIVE_TAP_H
#include "base/loop.h"
#include "collector/live_set.h"

enum { TAP_VERSION = 1, TAP_CLIENTS_MAX = 8, TAP_BUFFER = 32 << 20, TAP_FRAME_MAX = 256 << 20, TAP_PATH_MAX = 108 };

enum tap_type {
    TAP_HELLO = 1,    /* a: TAP_VERSION */
    TAP_METADATA,     /* of trace b of session a: the data */
    TAP_STREAM,       /* c, of trace b of session a: its channel */
    TAP_PACKET,       /* of stream a, from b to c: the data */
    TAP_KNOWN,        /* stream a: up to event time b */
    TAP_HANG_UP,      /* stream a */
    TAP_STALLED,      /* stream a */
    TAP_CONNECTED, TAP_DISCONNECTED,
    TAP_DROPPED       /* a packets were not taken in time */
};

struct tap_frame {
    uint32_t type, size; /* of the data that follow */
    uint64_t a, b, c;
};

/* Where the collector that watches this session of this lttng-relayd listens, if one does. All names of this machine are one
 * lttng-relayd's, if the port is the same; of another one, address and name are two. */
struct relay_url;
void live_tap_path(const char *directory, const struct relay_url *url, char path[TAP_PATH_MAX]);

struct live_tap;

/* Listens there, and becomes the observer of set. -EADDRINUSE: another collector has it. */
int live_tap_open(struct loop *loop, const char *path, struct live_set *set, struct live_tap **ret_tap, struct error *err);
void live_tap_close(struct live_tap *tap);

#endif
