/* scale.h - on which scale a series is judged. Latencies vary by factors: their
 * logarithm. Counts vary as their square root does: the square root, in which a
 * Poisson count has a deviation of one whatever its mean (Anscombe, Biometrika
 * 35, 1948). Everything else is taken as it is. Each has a floor for its spread,
 * so that a series that never moved does not alarm when it first does. */
#ifndef FT_DETECTORS_SCALE_H
#define FT_DETECTORS_SCALE_H
#include "detectors/detector.h"

enum scale_kind { SCALE_LINEAR, SCALE_LOG, SCALE_ROOT };

struct scale {
    enum scale_kind kind;
    double per_value; /* SCALE_ROOT: events per unit of the series' value */
};

struct scale scale_for(const struct observation *o);
double scale_apply(const struct scale *s, double value);
double scale_invert(const struct scale *s, double scaled);
/* The least spread to believe in at a level (on the scale); relative is the
 * share of the value that is always taken for noise. */
double scale_floor(const struct scale *s, double level, double relative);
/* Whether a statistic has enough observations behind it to be judged: a 99th
 * percentile of five is not one. Zeros of counts and rates always are. */
bool scale_enough(const struct observation *o);

/* Counts that mostly are, and gauges that mostly stand at, zero have no level to
 * depart from: bursts would be called anomalies, never be learned, and so be called
 * anomalies for ever. Adds the sample to the share of zeros among about the last
 * hundred; true while more than half of them are: then everything is learned and
 * nothing judged. */
struct sparsity {
    float share;
    uint32_t seen;
};
bool scale_sparse(struct sparsity *s, const struct observation *o);

#endif
