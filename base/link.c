#include "base/link.h"
#include <errno.h>
#include <zmq.h>

/* Enough to keep both ends busy, few enough that a full queue is noticed soon. */
enum { LINK_DEPTH = 64 };

int link_sender_open(struct link_sender *link, void *zmq, const char *endpoint, uint64_t epoch, struct error *err)
{
    int depth = LINK_DEPTH, linger = 1000, patience_ms = 100;
    *link = (struct link_sender){ .socket = zmq_socket(zmq, ZMQ_PUSH), .epoch = epoch };
    if (!link->socket)
        return error_set(err, -errno, "%s: %s", endpoint, zmq_strerror(errno));
    zmq_setsockopt(link->socket, ZMQ_SNDHWM, &depth, sizeof(depth));
    zmq_setsockopt(link->socket, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(link->socket, ZMQ_SNDTIMEO, &patience_ms, sizeof(patience_ms));
    if (zmq_connect(link->socket, endpoint) < 0) {
        int r = -errno;
        link_sender_close(link);
        return error_set(err, r, "%s: %s", endpoint, zmq_strerror(-r));
    }
    return 0;
}

struct bytes *link_begin(struct link_sender *link, enum wire_type type)
{
    bytes_reset(&link->buffer);
    wire_put_header(&link->buffer, type, link->epoch, ++link->sequence);
    return &link->buffer;
}

int link_send(struct link_sender *link)
{
    while (zmq_send(link->socket, link->buffer.data, link->buffer.size, 0) < 0) {
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
        if (errno == EAGAIN && link->give_up && link->give_up(link->give_up_self))
            return -ECANCELED;
    }
    return 0;
}

void link_sender_close(struct link_sender *link)
{
    if (link->socket)
        zmq_close(link->socket);
    bytes_done(&link->buffer);
    link->socket = NULL;
}

int link_receiver_open(struct link_receiver *link, void *zmq, const char *endpoint, struct error *err)
{
    int depth = LINK_DEPTH, linger = 0;
    int64_t most = WIRE_MESSAGE_MAX;
    *link = (struct link_receiver){ .socket = zmq_socket(zmq, ZMQ_PULL) };
    if (!link->socket)
        return error_set(err, -errno, "%s: %s", endpoint, zmq_strerror(errno));
    zmq_setsockopt(link->socket, ZMQ_RCVHWM, &depth, sizeof(depth));
    zmq_setsockopt(link->socket, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(link->socket, ZMQ_MAXMSGSIZE, &most, sizeof(most));
    bytes_reserve(&link->buffer, WIRE_MESSAGE_MAX);
    if (zmq_bind(link->socket, endpoint) < 0) {
        int r = -errno;
        link_receiver_close(link);
        return error_set(err, r, "%s: %s", endpoint, zmq_strerror(-r));
    }
    return 0;
}

static void count_gap(struct link_receiver *link, const struct wire_header *h)
{
    if (h->epoch == link->epoch && h->sequence > link->sequence + 1)
        link->missing += h->sequence - link->sequence - 1;
    link->epoch = h->epoch;
    link->sequence = h->sequence;
}

int link_receive(struct link_receiver *link, struct wire_header *ret_header, struct wire_reader *ret_body)
{
    int n = zmq_recv(link->socket, link->buffer.data, WIRE_MESSAGE_MAX, ZMQ_DONTWAIT);
    if (n < 0)
        return 0;
    if (n > WIRE_MESSAGE_MAX || !wire_open(ret_body, link->buffer.data, (size_t)n, ret_header)) {
        link->refused++;
        return -EBADMSG;
    }
    count_gap(link, ret_header);
    return 1;
}

void link_refuse(struct link_receiver *link)
{
    link->refused++;
}

void link_receiver_close(struct link_receiver *link)
{
    if (link->socket)
        zmq_close(link->socket);
    bytes_done(&link->buffer);
    link->socket = NULL;
}
