/* outlet.h - where a stage puts its messages, whatever carries them on. */
#ifndef FT_BASE_OUTLET_H
#define FT_BASE_OUTLET_H
#include "base/bytes.h"
#include "base/wire.h"

struct outlet {
    /* Takes one message. -errno when it never can again. */
    int (*send)(void *self, enum wire_type type, const struct bytes *body);
    void *self;
    struct bytes body; /* the one being built */
};

/* Starts a message; the body is for the caller to put. */
static inline struct bytes *outlet_begin(struct outlet *o)
{
    bytes_reset(&o->body);
    return &o->body;
}

static inline int outlet_send(struct outlet *o, enum wire_type type)
{
    return o->send(o->self, type, &o->body);
}

static inline void outlet_done(struct outlet *o)
{
    bytes_done(&o->body);
}

#endif
