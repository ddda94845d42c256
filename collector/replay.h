/* replay.h - recorded traces through babeltrace2, in this process, as fast as they go. */
#ifndef FT_COLLECTOR_REPLAY_H
#define FT_COLLECTOR_REPLAY_H
#include "base/error.h"
#include "collector/event.h"
#include <stddef.h>

struct replay;

/* Opens every trace at or below the paths, which may take a while: -ECANCELED when
 * give_up (may be NULL) says so meanwhile. consumer is called by replay_step(). */
int replay_open(const char *const *paths, size_t count, const struct event_consumer *consumer,
                bool (*give_up)(void *self), void *self, struct replay **ret_replay, struct error *err);
/* Reads on a little. 1: there is more; 0: that was all; negative: failed, and
 * what came before was delivered. */
int replay_step(struct replay *replay, struct error *err);
/* How far event time has come, 0 to 1; negative when it cannot be told. */
double replay_progress(const struct replay *replay);
/* Events of streams without a clock: they were counted, and no more. */
uint64_t replay_untimed(const struct replay *replay);
struct bt2_graph;
struct bt2_graph *replay_graph(struct replay *replay);
void replay_close(struct replay *replay);

#endif
