/* subscriber.h - the state of a subscriber: what it has, what it waits for.
 *
 * One message at a time is taken from the live socket. One that reveals a gap is
 * held while the replay socket is asked for what is missing; the live socket is
 * not read meanwhile, its queue keeps what comes. So alerts are given in order,
 * and a sequence number at or below `given` is a duplicate, however it came. */
#ifndef FT_ALERTS_CLIENT_SUBSCRIBER_H
#define FT_ALERTS_CLIENT_SUBSCRIBER_H
#include "alerts/client/decode.h"
#include "alerts/client/options.h"

/* Of one step: an alert is ready in `decoded`; something was done; nothing can be done now. */
enum step { STEP_ALERT, STEP_PROGRESS, STEP_NOTHING };

/* Questions to the replay socket, one after the other until the answer is complete. */
struct recovery {
    bool active;
    bool firing;          /* what fires now; else the range up to last */
    bool answered;        /* firing: epoch and newest are the first answer's */
    unsigned attempts;
    uint64_t number;      /* of the request under way */
    uint64_t epoch, newest;
    uint64_t after;       /* firing: the last sequence taken */
    uint64_t last;        /* of the range */
    int64_t deadline_ns;  /* 0: nobody is known to be there yet */
};

struct foretrace_subscriber {
    struct foretrace_options options;
    char endpoint[512], replay_endpoint[512]; /* the latter empty: there is none */
    void *zmq, *live, *replay;                /* replay is open while it is asked */
    bool accounts;                            /* everything is subscribed to: a gap is a loss */
    bool known;                               /* epoch and given are */
    uint64_t epoch, given;                    /* the newest sequence that is settled: given, left out or missed */
    uint64_t live_newest;                     /* the newest the live socket told of */
    struct recovery recovery;
    bool holds;                               /* a message waits for the recovery before it */
    struct bytes held, message, request;
    struct decoded decoded;
    uint64_t missed, recovered, duplicates, refused, restarts;
    int64_t heard_ns;                         /* 0: never */
    int epoll_fd, more_fd, timer_fd;          /* -1 until foretrace_fd() is called */
};

/* recovery.c. Sends the question; false: there is no replay socket to ask. */
bool recovery_begin_firing(struct foretrace_subscriber *s);
/* What is after `given`, up to last. */
bool recovery_begin_range(struct foretrace_subscriber *s, uint64_t last, int64_t now_ns);
enum step recovery_step(struct foretrace_subscriber *s, int64_t now_ns);

/* sockets.c. The descriptor of foretrace_fd(), kept true. */
int sockets_open(struct foretrace_subscriber *s, void **ret_socket, int type, const char *endpoint);
void sockets_close(struct foretrace_subscriber *s, void **socket);
/* Takes one message, all parts of it, the last one into s->message. The number of
 * parts, 0 when there is none, -EBADMSG when a part is too large. */
int sockets_receive(struct foretrace_subscriber *s, void *socket);
bool sockets_readable(void *socket);
/* Waits until there is something to do. -EINTR, -ETIMEDOUT, or 0. */
int sockets_wait(struct foretrace_subscriber *s, int64_t now_ns, int64_t timeout_ns);
void sockets_note(struct foretrace_subscriber *s, bool more, int64_t now_ns);
void sockets_forget_descriptor(struct foretrace_subscriber *s);

#endif
