/* alert_stage.h - the alert stage: verdicts in, alerts out to sinks. */
#ifndef FT_ALERTS_ALERT_STAGE_H
#define FT_ALERTS_ALERT_STAGE_H
#include "alerts/life.h"
#include "alerts/sink.h"
#include "base/stage.h"

enum { SINKS_MAX = 16 };

struct bound_sink {
    const struct sink *sink;
    const void *config;
};

struct alert_stage {
    const char *in;               /* ZeroMQ endpoint to bind */
    uint64_t epoch;
    struct life_config config;
    const char *runtime_dir;
    struct security *security;    /* may be NULL; outlives the stage */
    uint32_t sink_count;
    struct bound_sink sinks[SINKS_MAX];
    /* After the end: */
    struct life_totals totals;
    uint64_t refused, missing;    /* messages */
    uint64_t failures;            /* of sinks to deliver */
};

/* A stage_fn; self is a struct alert_stage. Ends after WIRE_END. */
int alert_stage_run(struct stage_io *io, void *self, struct error *err);

#endif
