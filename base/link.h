/* link.h - what carries messages from a stage to its right neighbour, over
 * inproc today and ipc or tcp as well. A sender numbers its messages within an
 * epoch; a receiver counts the gaps. A full queue blocks the sender: a replay
 * waits, and a live reader leaves the data with lttng-relayd meanwhile. */
#ifndef FT_BASE_LINK_H
#define FT_BASE_LINK_H
#include "base/bytes.h"
#include "base/error.h"
#include "base/wire.h"

struct link_sender {
    void *socket;
    uint64_t epoch, sequence;
    struct bytes buffer;       /* the message being built */
    /* Asked now and then while a full queue blocks: true gives up. Optional. */
    bool (*give_up)(void *self);
    void *give_up_self;
};

int link_sender_open(struct link_sender *link, void *zmq, const char *endpoint, uint64_t epoch, struct error *err);
/* Starts a message: its header is in the buffer it returns, the body is for the caller to put. */
struct bytes *link_begin(struct link_sender *link, enum wire_type type);
/* Sends what was built, waiting while the queue is full. -ECANCELED when give_up
 * says so, else -errno when the other side's context is gone. */
int link_send(struct link_sender *link);
void link_sender_close(struct link_sender *link);

struct link_receiver {
    void *socket;
    uint64_t epoch, sequence;  /* of the last message */
    uint64_t refused;          /* malformed, too large, or of another version */
    uint64_t missing;          /* sequence numbers never seen */
    struct bytes buffer;
};

int link_receiver_open(struct link_receiver *link, void *zmq, const char *endpoint, struct error *err);
/* Takes one message without waiting. 1: header is filled and the body can be
 * read until the next call; 0: nothing there, or it was refused (and counted). */
int link_receive(struct link_receiver *link, struct wire_header *ret_header, struct wire_reader *ret_body);
/* The receiver of a body found it malformed. */
void link_refuse(struct link_receiver *link);
void link_receiver_close(struct link_receiver *link);

#endif
