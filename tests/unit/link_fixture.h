/* link_fixture.h - both ends of a link over real sockets, with a wire between them that moves as many
 * frames as it is told to and can be cut, and a clock that moves when it is told to (link with
 * --wrap=clock_monotonic_ns). */
#ifndef FT_TESTS_LINK_FIXTURE_H
#define FT_TESTS_LINK_FIXTURE_H
#include "base/link_receiver_private.h"
#include "base/link_sender.h"
#include "seed.h"
#include <zmq.h>

static int64_t fixture_now_ns = 1000000000;
int64_t __wrap_clock_monotonic_ns(void);
int64_t __wrap_clock_monotonic_ns(void)
{
    return fixture_now_ns;
}

/* near: a ROUTER that the sender connects to; far: a DEALER, one for each connection. */
struct wire {
    void *zmq, *near, *far;
    char near_endpoint[32];
    uint8_t route[64];
    size_t route_size;
};

static inline void wire_init(struct wire *w, void *zmq)
{
    static unsigned count;
    int unlimited = 0, linger = 0;
    *w = (struct wire){ .zmq = zmq, .near = zmq_socket(zmq, ZMQ_ROUTER) };
    snprintf(w->near_endpoint, sizeof(w->near_endpoint), "inproc://near-%u", ++count);
    zmq_setsockopt(w->near, ZMQ_RCVHWM, &unlimited, sizeof(unlimited));
    zmq_setsockopt(w->near, ZMQ_SNDHWM, &unlimited, sizeof(unlimited));
    zmq_setsockopt(w->near, ZMQ_LINGER, &linger, sizeof(linger));
    assert_int_equal(zmq_bind(w->near, w->near_endpoint), 0);
}

/* One frame of the sender's; NULL far: it is lost. */
static inline bool wire_forward(struct wire *w)
{
    static uint8_t data[1 << 20];
    uint8_t route[64];
    int n = zmq_recv(w->near, route, sizeof(route), ZMQ_DONTWAIT);
    if (n < 0)
        return false;
    memcpy(w->route, route, (size_t)n);
    w->route_size = (size_t)n;
    n = zmq_recv(w->near, data, sizeof(data), ZMQ_DONTWAIT);
    assert_true(n >= 0 && n <= (int)sizeof(data));
    if (w->far)
        assert_int_equal(zmq_send(w->far, data, (size_t)n, ZMQ_DONTWAIT), n);
    return true;
}

static inline bool wire_back(struct wire *w)
{
    uint8_t data[1024];
    int n = w->far ? zmq_recv(w->far, data, sizeof(data), ZMQ_DONTWAIT) : -1;
    if (n < 0)
        return false;
    zmq_send(w->near, w->route, w->route_size, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(w->near, data, (size_t)n, ZMQ_DONTWAIT);
    return true;
}

/* What is under way is lost. */
static inline void wire_cut(struct wire *w)
{
    if (w->far)
        zmq_close(w->far);
    w->far = NULL;
    while (wire_forward(w))
        ;
}

static inline void wire_connect(struct wire *w, const char *far_endpoint)
{
    int unlimited = 0, linger = 0;
    w->far = zmq_socket(w->zmq, ZMQ_DEALER);
    zmq_setsockopt(w->far, ZMQ_RCVHWM, &unlimited, sizeof(unlimited));
    zmq_setsockopt(w->far, ZMQ_SNDHWM, &unlimited, sizeof(unlimited));
    zmq_setsockopt(w->far, ZMQ_LINGER, &linger, sizeof(linger));
    assert_int_equal(zmq_connect(w->far, far_endpoint), 0);
}

static inline void wire_done(struct wire *w)
{
    wire_cut(w);
    zmq_close(w->near);
}

/* A name for the next life of a receiver: one is given back only some time after its socket is closed. */
static inline const char *fixture_endpoint(void)
{
    static char texts[64][32];
    static unsigned count;
    char *text = texts[++count % 64];
    snprintf(text, sizeof(texts[0]), "inproc://far-%u", count);
    return text;
}

#endif
