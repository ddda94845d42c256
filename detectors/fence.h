/* fence.h - how improbable a value is by the quantiles of those before it, on either side by that side's own tail: beyond the
 * median, -log10 of the probability is taken to grow as a power of the distance (a Weibull tail), the one that goes through the
 * quartile and the 95th percentile. So a heavy tail has its fence further out than a normal one, without anybody saying so. */
#ifndef FT_DETECTORS_FENCE_H
#define FT_DETECTORS_FENCE_H
#include "detectors/quantiles.h"

struct fence {
    double median;
    struct fence_side {
        double quarter, power; /* distance of the quartile; with which the tail grows */
    } below, above;
};

/* Quantiles move little by values that are far out and few: of each run of them so many may be learned. */
enum { FENCE_RUN_LEARNED = 5 };

/* At least QUANTILE_MARKERS values; floor: the least deviation to believe in. */
struct fence fence_of(const struct quantiles *q, double floor);
double fence_tail(const struct fence *f, double value);
/* The values at which the tail is `tail`. */
double fence_low(const struct fence *f, double tail);
double fence_high(const struct fence *f, double tail);

#endif
