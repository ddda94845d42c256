/* viewer.h - a connection to an lttng-relayd, as one who views live sessions. Nothing here waits: questions are put, what
 * the network does is served when its descriptor is ready, and answers are taken in the order of the questions. */
#ifndef FT_COLLECTOR_VIEWER_H
#define FT_COLLECTOR_VIEWER_H
#include "collector/relay.h"
#include "collector/viewer_wire.h"

struct viewer;

/* Begins to connect, to each of the addresses that the name has. */
int viewer_open(const struct relay_url *url, struct viewer **ret_viewer, struct error *err);
void viewer_close(struct viewer *v);
int viewer_fd(const struct viewer *v); /* changes while it connects; -1 while a name is looked up */
/* Until it is, viewer_service() is to be called now and then, ready or not. */
bool viewer_is_connected(const struct viewer *v);
/* What to wait for, as poll() has it: POLLIN, and POLLOUT while something is to be sent. */
short viewer_poll_events(const struct viewer *v);

/* Questions; up to VIEWER_PENDING_MAX may be under way. CONNECT comes first. */
enum { VIEWER_PENDING_MAX = 1024 };
void viewer_ask(struct viewer *v, enum viewer_command command);
void viewer_ask_attach(struct viewer *v, uint64_t session, enum viewer_seek seek);
void viewer_ask_of(struct viewer *v, enum viewer_command command, uint64_t stream_or_session);
void viewer_ask_packet(struct viewer *v, uint64_t stream, uint64_t offset, uint32_t size);
/* How many have no answer yet. */
uint32_t viewer_pending(const struct viewer *v);

/* An answer with what follows it; valid until the next call. */
struct viewer_reply {
    struct viewer_answer answer;
    const uint8_t *list; /* answer.count sessions or streams: viewer_get_session(), viewer_get_stream() */
    const uint8_t *data; /* answer.size bytes */
};

/* Sends and receives what it can. 0, or negative with err: the connection is gone, and stays so. */
int viewer_service(struct viewer *v, struct error *err);
/* Sends what it can of what was asked. Likewise. */
int viewer_flush(struct viewer *v, struct error *err);
/* Bytes that have come, ever: whether an answer makes progress. */
uint64_t viewer_received(const struct viewer *v);
/* The next answer, if it is there. 1, 0, or negative with err: what came is no answer. */
int viewer_take(struct viewer *v, struct viewer_reply *ret_reply, struct error *err);

/* For those who may wait: until the answer to what was asked first is there; -ETIMEDOUT at deadline_ns (monotonic). */
int viewer_wait(struct viewer *v, int64_t deadline_ns, struct viewer_reply *ret_reply, struct error *err);

#endif
