/* detect_stage.h - the detect stage: samples in, verdicts out. */
#ifndef FT_DETECTORS_DETECT_STAGE_H
#define FT_DETECTORS_DETECT_STAGE_H
#include "base/delivery.h"
#include "base/stage.h"
#include "detectors/host.h"

struct detect_stage {
    struct delivery delivery;
    struct host_config config;
    const struct rules *rules;
    /* After the end: */
    struct host_totals totals;
    struct delivery_totals delivered;
};

/* A stage_fn; self is a struct detect_stage. */
int detect_stage_run(struct stage_io *io, void *self, struct error *err);

#endif
