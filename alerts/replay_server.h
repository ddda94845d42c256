/* replay_server.h - the publisher's replay socket: a ROUTER that answers from the
 * history. Nobody who asks can hold anything up: sends never wait, and a requester
 * that does not read gets no more once its queue is full. */
#ifndef FT_ALERTS_REPLAY_SERVER_H
#define FT_ALERTS_REPLAY_SERVER_H
#include "alerts/history.h"
#include "base/error.h"

struct replay_server;

/* Takes a ROUTER socket that is not bound yet (closed by replay_server_free, and
 * when this fails) and binds it. The history is borrowed. */
int replay_server_new(void *socket, const char *endpoint, uint64_t epoch, const struct history *history,
                      struct replay_server **ret_server, struct error *err);
void replay_server_free(struct replay_server *s);

/* Readable when somebody asks. */
void *replay_server_socket(const struct replay_server *s);
/* Answers a few requests, without waiting. */
void replay_server_service(struct replay_server *s);
/* At the end: the last heartbeat tells subscribers what they missed of a burst before
 * it. Serves until nobody has asked for 200 ms, 2 s at most, and not at all when
 * nobody ever asked. */
void replay_server_finish(struct replay_server *s);

uint64_t replay_server_refused(const struct replay_server *s); /* requests that were malformed */
uint64_t replay_server_dropped(const struct replay_server *s); /* answers cut short: the requester does not read, or left */

#endif
