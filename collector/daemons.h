/* daemons.h - lttng-sessiond and lttng-relayd, started where they are missing
 * and stopped again. What we start is bound to loopback, and ends with us. */
#ifndef FT_COLLECTOR_DAEMONS_H
#define FT_COLLECTOR_DAEMONS_H
#include "base/process.h"
#include "collector/session.h"
#include <limits.h>
#include <stdbool.h>

struct sessiond {
    struct process process; /* pid 0: it was there already */
};
/* Starts an lttng-sessiond unless one answers. */
int sessiond_ensure(struct sessiond *d, struct session *session, struct error *err);
void sessiond_stop(struct sessiond *d);

struct relayd {
    struct process process;      /* pid 0: somebody else's */
    uint32_t control_port, data_port, live_port;
    char address[256];
    char output[PATH_MAX];
    bool own_output;             /* to be removed at the end */
    int lock_fd;                 /* in it, held as long as it is in use */
};
/* Starts one on free loopback ports; its output goes to keep, or, when that is
 * NULL, to a directory of its own in `parent`, which relayd_stop() removes. What
 * one that was killed left there is removed, too. */
int relayd_start(struct relayd *d, const char *keep, const char *parent, struct error *err);
/* Uses one that is there: net://HOST[:LIVE_PORT], control and data on their usual ports. */
int relayd_use(struct relayd *d, const char *url, struct error *err);
void relayd_stop(struct relayd *d);

#endif
