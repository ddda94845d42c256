/* alert_stage.h - the alert stage: verdicts in, alerts out to sinks. */
#ifndef FT_ALERTS_ALERT_STAGE_H
#define FT_ALERTS_ALERT_STAGE_H
#include "alerts/life.h"
#include "alerts/sink.h"
#include "base/delivery.h"
#include "base/stage.h"

enum { SINKS_MAX = 16 };

struct bound_sink {
    const struct sink *sink;
    const void *config;
};

struct alert_stage {
    struct delivery delivery;
    struct life_config config;
    const char *runtime_dir;
    uint32_t sink_count;
    struct bound_sink sinks[SINKS_MAX];
    /* After the end: */
    struct life_totals totals;
    struct delivery_totals delivered;
    uint64_t failures;            /* of sinks to deliver */
};

/* A stage_fn; self is a struct alert_stage. */
int alert_stage_run(struct stage_io *io, void *self, struct error *err);

#endif
