/* live_child.h - libbabeltrace2 as the reader of a live session: in a child, since it may block for ever or abort; whoever hangs
 * is killed and started again. */
#ifndef FT_COLLECTOR_LIVE_CHILD_H
#define FT_COLLECTOR_LIVE_CHILD_H
#include "base/loop.h"
#include "collector/live_source.h"

struct live_child;

/* owner stays valid. */
struct live_child *live_child_new(struct loop *loop, const struct live_source_owner *owner);
void live_child_free(struct live_child *c);

/* 0, or negative with err. */
int live_child_start(struct live_child *c, const struct relay_url *url, int64_t live_timer_ns, struct error *err);
/* Kills it, if it runs. */
void live_child_stop(struct live_child *c);
/* What waits in the pipe was not read because we were busy: that is no silence. */
bool live_child_unread(const struct live_child *c);

#endif
