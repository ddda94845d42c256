/* replay.h - recorded traces, in this process, as fast as they go: by our own reader, or by
 * libbabeltrace2 where that does not understand the metadata or somebody wants it so. */
#ifndef FT_COLLECTOR_REPLAY_H
#define FT_COLLECTOR_REPLAY_H
#include "base/error.h"
#include "collector/event.h"
#include <stddef.h>

struct replay;

enum replay_reader { REPLAY_AUTO, REPLAY_BABELTRACE2, REPLAY_NATIVE };

struct replay_setup {
    const char *const *paths;
    size_t count;
    enum replay_reader reader;
    const struct event_consumer *consumer;         /* called by replay_step() */
    bool (*give_up)(void *self);                   /* asked while the traces are looked at; NULL: never */
    void (*notice)(void *self, const char *text);  /* why it is not the reader one might expect; may be NULL */
    void *self;
};

/* Opens every trace at or below the paths, which may take a while: -ECANCELED when give_up says so meanwhile. */
int replay_open(const struct replay_setup *setup, struct replay **ret_replay, struct error *err);
/* Reads on a little. 1: there is more; 0: that was all; negative: failed, and
 * what came before was delivered. */
int replay_step(struct replay *replay, struct error *err);
/* How far it has come, 0 to 1; negative when it cannot be told. */
double replay_progress(const struct replay *replay);
/* Events of streams without a clock: they were counted, and no more. */
uint64_t replay_untimed(const struct replay *replay);
struct bt2_graph;
/* Of libbabeltrace2; NULL when that is not the reader. */
struct bt2_graph *replay_graph(struct replay *replay);
void replay_close(struct replay *replay);

#endif
