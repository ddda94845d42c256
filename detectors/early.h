/* early.h - what a short history says of a series: the mean and deviation of its samples, the latest left out until they can
 * no longer be part of a change that is not seen yet, else it would be its own baseline. A run of samples that are all off is
 * judged by Student's t, what is small and lasts by Page's sums (Biometrika 41, 1954); both are discounted by
 * autocorrelation. Later, extremes.h knows better. */
#ifndef FT_DETECTORS_EARLY_H
#define FT_DETECTORS_EARLY_H
#include "detectors/scale.h"

enum { EARLY_LAG = 16, EARLY_RUN = 8, EARLY_RUNS = 400, EARLY_SUMS = 3000 };

struct early {
    double anchor;                               /* the first sample: all others are distances from it */
    double mean, variance;                       /* of those learned */
    double covariances[2], before[2];            /* with the one before, with the second one before */
    double sums[2];                              /* of the distances above and below the mean, in deviations */
    float latest[EARLY_LAG + 1];                 /* not learned yet, the latest first */
    uint32_t samples, learned, waiting, usual;   /* usual: which of the latest will be learned, as bits */
};

/* Tails, as score.h has them. noise: deviations below that are not believed in. Of counts only
 * what is below is judged: they burst, but upwards. */
double early_run(const struct early *e, enum scale_kind scale, double noise, double x);
double early_sum(struct early *e, enum scale_kind scale, double noise, double x);
/* What lasted is over: the sums begin anew. */
void early_forget(struct early *e);
/* The sample's turn is over. When it is not usual, nor are those that wait. */
void early_add(struct early *e, double x, bool usual);

#endif
