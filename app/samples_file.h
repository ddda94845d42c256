/* samples_file.h - the stage behind --samples: every sample as a line of CSV,
 * time_ns,series,value,count,quality; time_ns is the window's end. */
#ifndef FT_APP_SAMPLES_FILE_H
#define FT_APP_SAMPLES_FILE_H
#include "base/stage.h"

struct samples_stage {
    const char *in;   /* endpoint to bind */
    const char *path; /* "-": standard output */
};

/* A stage_fn; self is a struct samples_stage. Ends after WIRE_END. */
int samples_stage_run(struct stage_io *io, void *self, struct error *err);

#endif
