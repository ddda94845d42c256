/* replay.h - what a subscriber and a publisher say on the replay socket: requests
 * for what was missed or for what fires now, and the END of their answers.
 * docs/wire.md has the bytes. */
#ifndef FT_ALERTS_REPLAY_H
#define FT_ALERTS_REPLAY_H
#include "base/wire.h"

/* Of one answer; what is beyond is asked for again (replay_end.next). */
enum { REPLAY_REQUEST_MAX = 256, REPLAY_ALERTS_MAX = 64, REPLAY_BYTES_MAX = 256 << 10, REPLAY_ENDPOINT_MAX = 512 };

struct replay_request {
    uint64_t number;      /* the requester's own, repeated in the END */
    bool firing;          /* what fires now; else what was published in [first, last] */
    uint64_t epoch;       /* of first and last; what fires now is asked without one */
    uint64_t first, last; /* firing: from first on, 0 for all; last is not looked at */
};
/* The whole message. */
void replay_request_put(struct bytes *b, const struct replay_request *q);
/* False: it is malformed, too large, of another version or asks for nothing. */
bool replay_request_get(const void *data, size_t size, struct replay_request *ret_request);

struct replay_end {
    uint64_t number;
    uint64_t newest; /* sequence of the newest alert there is */
    uint64_t sent;   /* alerts of this answer */
    uint64_t gone;   /* were asked for, were published once, and are no longer there */
    uint64_t next;   /* the answer was too long: ask again from here; 0: that was all */
};
/* The whole message. */
void replay_end_put(struct bytes *b, uint64_t epoch, const struct replay_end *e);
/* Reads the body. */
bool replay_end_get(struct wire_reader *body, struct replay_end *ret_end);

/* Where the replay socket of a publisher is: PATH.replay beside ipc://PATH (inproc
 * likewise), the next port for tcp://HOST:PORT. 0, -EINVAL when there is none, or
 * -ENAMETOOLONG. */
int replay_endpoint(const char *endpoint, char *buffer, size_t capacity);

#endif
