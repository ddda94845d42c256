/* scale.h - on which scale a series is judged. Latencies vary by factors: their
 * logarithm. Counts vary as their square root does: the square root, in which a
 * Poisson count has a deviation of one whatever its mean (Anscombe, Biometrika
 * 35, 1948). Everything else is taken as it is. Each has a floor for its spread,
 * so that a series that never moved does not alarm when it first does. */
#ifndef FT_DETECTORS_SCALE_H
#define FT_DETECTORS_SCALE_H
#include "detectors/detector.h"
#include "detectors/least.h"
#include <math.h>

enum scale_kind { SCALE_LINEAR, SCALE_LOG, SCALE_ROOT };

struct scale {
    enum scale_kind kind;
    double per_value; /* SCALE_ROOT: events per unit of the series' value */
};

static inline struct scale scale_for(const struct observation *o)
{
    if (o->statistic == STATISTIC_RATE)
        return (struct scale){ SCALE_ROOT, (double)(o->end_ns - o->begin_ns) / 1e9 };
    if (o->statistic == STATISTIC_COUNT)
        return (struct scale){ SCALE_ROOT, 1 };
    return (struct scale){ o->kind == METRIC_LATENCY ? SCALE_LOG : SCALE_LINEAR, 1 };
}

/* Nothing is farther from zero than SCALE_MOST: squares of distances must have room, in single precision, too. */
#define SCALE_MOST 1e18
static inline double scale_apply(const struct scale *s, double value)
{
    value = at_most(at_least(value, -SCALE_MOST), SCALE_MOST);
    switch (s->kind) {
    case SCALE_LOG:
        return log(value > 1 ? value : 1); /* nanoseconds: below one there is nothing */
    case SCALE_ROOT:
        return 2 * sqrt((value > 0 ? value : 0) * s->per_value + 0.375);
    default:
        return value;
    }
}

/* Whether the first of two values, on the scale, is not of the series: a hundred times the second one, as what a gauge holds
 * before anybody has set it, or the operation that had to load everything. */
static inline bool scale_false_start(const struct scale *s, double first, double second)
{
    return s->kind == SCALE_LOG ? first - second > M_LN10 * 2 : s->kind == SCALE_LINEAR && fabs(first) > 100 * fabs(second);
}

double scale_invert(const struct scale *s, double scaled);
/* The least spread to believe in at a level (on the scale); relative is the
 * share of the value that is always taken for noise. */
static inline double scale_floor(const struct scale *s, double level, double relative)
{
    double floor;
    switch (s->kind) {
    case SCALE_LOG:
        return relative;
    case SCALE_ROOT:
        floor = relative * level / 2; /* d(2 sqrt(n)) = sqrt(n) dn/n */
        return floor > 1 ? floor : 1;
    default:
        floor = relative * fabs(level);
        return floor > 1e-12 ? floor : 1e-12;
    }
}

/* Whether a statistic has enough observations behind it to be judged: a 99th
 * percentile of five is not one. A value may be reckoned, or told, once a window;
 * zeros of counts and rates always are enough. */
static inline bool scale_enough(const struct observation *o)
{
    switch (o->statistic) {
    case STATISTIC_COUNT:
    case STATISTIC_RATE:
        return true;
    case STATISTIC_P99: /* of ten it is the greatest, which has a level, too */
    case STATISTIC_P90:
        return o->count >= 10;
    default:
        return o->count >= (o->kind == METRIC_VALUE ? 1 : 3);
    }
}

/* Counts that mostly are, and gauges that mostly stand at, zero have no level to
 * depart from: bursts would be called anomalies, never be learned, and so be called
 * anomalies for ever. Adds the sample to the share of zeros among about the last
 * hundred; true while more than half of them are: then everything is learned and
 * nothing judged. */
struct sparsity {
    float share;
    uint32_t seen;
};

static inline bool scale_sparse(struct sparsity *s, const struct observation *o)
{
    static const uint32_t memory = 100;
    bool counts = o->statistic == STATISTIC_COUNT || o->statistic == STATISTIC_RATE;
    bool zero = counts ? o->count == 0 : o->kind == METRIC_VALUE && o->value == 0;
    if (s->seen < memory)
        s->seen++;
    s->share += ((zero ? 1.0F : 0.0F) - s->share) / (float)s->seen;
    return s->share > 0.5F;
}

#endif
