/* detect_stage.h - the detect stage: samples in, verdicts out. */
#ifndef FT_DETECTORS_DETECT_STAGE_H
#define FT_DETECTORS_DETECT_STAGE_H
#include "base/stage.h"
#include "detectors/host.h"

struct detect_stage {
    const char *in, *out;         /* ZeroMQ endpoints: binds in, connects out */
    uint64_t epoch;
    struct host_config config;
    const struct rules *rules;
    /* After the end: */
    struct host_totals totals;
    uint64_t refused, missing;    /* messages */
};

/* A stage_fn; self is a struct detect_stage. Ends after WIRE_END. */
int detect_stage_run(struct stage_io *io, void *self, struct error *err);

#endif
