/* zap.h - who is let in: the answering side of ZeroMQ's authentication (RFC 27),
 * a thread on inproc://zeromq.zap.01, one per ZeroMQ context. It admits
 * clients whose CURVE key is among the allowed ones, and nobody else. */
#ifndef FT_BASE_ZAP_H
#define FT_BASE_ZAP_H
#include "base/allowed.h"
#include "base/stage.h"
#include "base/throttle.h"
#include <stdatomic.h>

#define ZAP_DOMAIN "foretrace"

struct zap {
    struct allowed allowed;            /* the thread's, while it runs */
    struct throttle refusals;
    struct stage stage;
    void (*notice)(void *self, const char *text);
    void *notice_self;
    atomic_uint_least64_t admitted, refused, malformed;
};

/* Starts answering; z->allowed has been opened. notice, which may be NULL, is called from the thread. -EADDRINUSE: this
 * context has such a thread. */
int zap_start(struct zap *z, void *zmq, void (*notice)(void *self, const char *text), void *self, struct error *err);
/* Ends the thread; from then on nobody is admitted. Fine when it never started. */
void zap_stop(struct zap *z);

#endif
