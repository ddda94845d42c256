/* collect.h - the collect stage: readers (collector/) feeding streams (stream/),
 * in one thread. It replays recorded traces, or samples that were written of one, or
 * reads live sessions as it is told of them. */
#ifndef FT_APP_COLLECT_H
#define FT_APP_COLLECT_H
#include "app/config.h"
#include "base/delivery.h"
#include "base/stage.h"
#include "collector/live.h"
#include "stream/feed.h"
#include "stream/output.h"

enum { COLLECT_LIVES_MAX = 256 };

struct collect_stage {
    const struct config *config;
    struct delivery delivery;             /* to the detect stage */
    const char *tap;                      /* endpoint of one more receiver; NULL: none */
    const char *runtime_dir;              /* where others may read along (collector/live_tap.h) */
    bool drop;                            /* when live: what the detect stage does not take in time is dropped, not waited for */
    const char *const *paths;             /* traces to replay; none: live */
    size_t path_count;
    const char *samples;                  /* a file of samples (app/samples_csv.h) instead; NULL: none */
    /* After the end: */
    struct stream_totals totals;
    uint64_t outages, restarts, delays;
    struct delivery_totals delivered;
};

/* A stage_fn; self is a struct collect_stage.
 *
 * Words it takes when live: "attach own|once|keep TIMER_NS URL" (own: our own
 * session, whose end is the end of all; once: a session that is let go when it
 * ends; keep: one that is waited for), "expect-end NS", and the end word.
 * Events it sends: "progress FRACTION", "attached URL", "ended URL",
 * "lost URL" (our own session is gone; a second "attach own" takes its place),
 * "seen" (the first event of all). */
int collect_stage_run(struct stage_io *io, void *self, struct error *err);

#endif
