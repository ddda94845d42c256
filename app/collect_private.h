/* collect_private.h - the collect stage: its links and replays (collect.c), and live sessions (collect_live.c). */
#ifndef FT_APP_COLLECT_PRIVATE_H
#define FT_APP_COLLECT_PRIVATE_H
#include "app/collect.h"
#include "collector/positions.h"
#include "stream/recall.h"

struct tap {
    struct collecting *owner;
    struct relay_url url;
    struct live *live;
    struct feed *feed;
    int64_t window_ns;          /* handed on by an earlier process; INT64_MIN: nothing */
    bool own, keep, ended;
    bool current;               /* what lttng-relayd held at first has been read */
    bool begun;                 /* a position is known, or not needed */
};

struct collecting {
    struct collect_stage *stage;
    struct stage_io *io;
    struct error *err;
    struct link_sender links[OUTPUT_TAPS_MAX]; /* the detect stage, and a tap */
    struct outlet *outlets[OUTPUT_TAPS_MAX];
    uint32_t link_count;
    uint64_t windows_told;
    struct recall *recall;
    struct positions *positions;  /* NULL: nothing outlives the process */
    struct output output;
    struct stream_setup setup;
    struct loop *loop;
    struct tap *taps[COLLECT_LIVES_MAX];
    uint32_t tap_count;
    bool seen_told;
};

/* Serves the links; a callback of the loop's. */
int collect_service_links(void *collecting);
/* How far event time is, so that a detect stage with other collectors need not wait
 * longer than it must: at once when a window was closed. */
void collect_tell_watermark(struct collecting *c, int64_t time_ns);
/* What went wrong with handing on samples. */
int collect_check_output(const struct collecting *c, struct error *err);
/* Sends the samples of stage->samples. */
int collect_samples(struct collecting *c, struct error *err);
/* Watches live sessions until the stage is to end. */
int collect_live(struct collecting *c, struct error *err);

#endif
