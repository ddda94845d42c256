#include "base/delivery.h"
#include "base/text.h"

struct link_sender_setup delivery_sender(const struct delivery *d, void *zmq, const char *peer)
{
    struct link_sender_setup setup = { .zmq = zmq,
                                       .endpoint = d->out,
                                       .peer = peer,
                                       .security = d->security,
                                       .epoch = d->epoch,
                                       .full = LINK_WAIT,
                                       .buffer_bytes = d->buffer_bytes,
                                       .heartbeat_ns = d->heartbeat_ns,
                                       .silent_after_ns = d->silent_after_ns };
    text_copy(setup.name, sizeof(setup.name), d->name);
    return setup;
}

struct link_receiver_setup delivery_receiver(const struct delivery *d, void *zmq)
{
    return (struct link_receiver_setup){ .zmq = zmq,
                                         .endpoint = d->in,
                                         .security = d->security,
                                         .epoch = d->epoch,
                                         .silent_after_ns = d->silent_after_ns,
                                         .still_after_ns = d->still_after_ns,
                                         .expected = d->expected };
}

void delivery_take_totals(struct delivery_totals *totals, const struct link_receiver *link)
{
    struct link_receiver_totals in;
    link_receiver_totals(link, &in);
    totals->refused = in.refused;
    totals->repeated = in.repeated;
    totals->silences = in.silences;
    totals->connections_refused = in.handshakes;
    totals->strange = in.strange;
}
