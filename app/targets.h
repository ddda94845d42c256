/* targets.h - whom a session of ours traces: a program and its descendants,
 * processes by number, name or user, or everybody. */
#ifndef FT_APP_TARGETS_H
#define FT_APP_TARGETS_H
#include "app/args.h"
#include "app/own_session.h"
#include "base/loop.h"
#include "base/process.h"

struct descendants;

struct targets {
    /* As asked for: */
    struct arg_list pids, names;
    const char *user;
    const struct process *program; /* NULL: none is run */
    bool everybody;
    struct own_session *own;       /* the session that traces them */
    struct descendants *descendants;
    bool untracked_told, frozen;
};

/* Tells a session that was just made. -ESRCH when there is nobody of that number or name. */
int targets_track(struct targets *t, struct error *err);
/* From here on the program's descendants are traced as they appear, news of them coming through the loop. */
void targets_follow(struct targets *t, struct loop *loop);
/* To be called every 10 ms. */
/* Whether nobody tells when processes start: targets_tick() looks, which then should be every 10 ms. */
bool targets_need_looks(const struct targets *t);
void targets_tick(struct targets *t);
/* No changes from here on: tracing is about to stop. */
void targets_freeze(struct targets *t);
/* All processes that were given by number have ended; false when none were. */
bool targets_are_gone(const struct targets *t);
/* Says what could not be followed. */
void targets_close(struct targets *t);

#endif
