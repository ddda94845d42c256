/* outlet_fixture.h - an outlet that keeps what it is given, framed as on the wire. */
#ifndef FT_TESTS_OUTLET_FIXTURE_H
#define FT_TESTS_OUTLET_FIXTURE_H
#include "base/backlog.h"
#include "base/outlet.h"

struct outlet_fixture {
    struct outlet outlet;
    struct backlog kept;
    struct bytes frame;
    bool front_taken;
};

static inline int outlet_fixture_send(void *self, enum wire_type type, const struct bytes *body)
{
    struct outlet_fixture *f = self;
    bytes_reset(&f->frame);
    wire_put_header(&f->frame, type, 1, backlog_next(&f->kept));
    bytes_append(&f->frame, body->data, body->size);
    backlog_append(&f->kept, f->frame.data, f->frame.size);
    return 0;
}

static inline void outlet_fixture_init(struct outlet_fixture *f)
{
    *f = (struct outlet_fixture){ .outlet = { .send = outlet_fixture_send, .self = f } };
    backlog_init(&f->kept, 1);
    bytes_reserve(&f->frame, 1 << 20); /* from here on nothing is allocated */
    backlog_append(&f->kept, f->frame.data, 1 << 20);
    backlog_pop(&f->kept);
}

/* The next message, valid until the next call; false when there is none. */
static inline bool outlet_fixture_take(struct outlet_fixture *f, struct wire_header *ret_header, struct wire_reader *ret_body)
{
    size_t size;
    if (f->front_taken)
        backlog_pop(&f->kept);
    const void *front = backlog_front(&f->kept, &size);
    f->front_taken = front != NULL;
    return front && wire_open(ret_body, front, size, ret_header);
}

static inline void outlet_fixture_done(struct outlet_fixture *f)
{
    outlet_done(&f->outlet);
    backlog_done(&f->kept);
    bytes_done(&f->frame);
}

#endif
