#include "base/link_receiver_private.h"
#include <zmq.h>

void link_receiver_answer(struct link_receiver *link, const struct peer *p, enum wire_type type)
{
    struct link_position position = { .epoch = p->epoch, .known = p->synced, .received = p->received };
    if (p->applied_synced && p->applied_epoch == p->epoch && p->applied <= p->received) {
        position.applied = p->applied;
        position.durable = p->durable;
    }
    bytes_reset(&link->answer);
    link_position_put(&link->answer, type, link->setup.epoch, &position);
    if (zmq_send(link->socket, p->route, p->route_size, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        zmq_send(link->socket, link->answer.data, link->answer.size, ZMQ_DONTWAIT);
}

void link_receiver_answer_stranger(struct link_receiver *link, const uint8_t *route, size_t route_size, const char *refusal)
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
    link->marks[at] = (struct mark){ .sender = sender, .life = p->lives, .applied = p->applied, .made = made };
}

/* End to end: a message need not be kept once what was made of it is with the next stage. */
void link_receiver_settle(struct link_receiver *link)
{
    const struct link_consumer *c = link->setup.consumer;
    uint64_t made = c->made ? c->made(link->setup.self) : 0, settled = c->settled ? c->settled(link->setup.self) : made;
    while (link->mark_count > 0 && link->marks[link->first_mark].made <= settled) {
        const struct mark *m = &link->marks[link->first_mark];
        struct peer *p = link->peers[m->sender];
        if (m->life == p->lives && m->applied > p->durable && m->applied <= p->applied) {
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
            link_receiver_answer(link, p, WIRE_WELCOME);
        } else if (p->route_size > 0 && p->ack_due) {
            link_receiver_answer(link, p, WIRE_ACK);
        }
        p->ack_due = false;
    }
}
