/* tail.h - how improbable a number is by its own history, whatever its distribution: beyond a tracked percentile the excesses
 * are taken to fall off exponentially, as they do beyond a high one for most distributions (Pickands, Annals of
 * Statistics 3, 1975, with shape 0). For numbers that are no larger than their logarithm would have it. */
#ifndef FT_DETECTORS_TAIL_H
#define FT_DETECTORS_TAIL_H
#include "detectors/least.h"
#include <math.h>
#include <stdint.h>

struct tail {
    double level;       /* the percentile */
    double excess;      /* mean of what is beyond it */
    double spread;      /* mean distance from the level: the step's unit */
    uint32_t learned;
};

enum { TAIL_BEYOND_PERCENT = 10 };

static inline void tail_reset(struct tail *t)
{
    *t = (struct tail){ 0 };
}

/* memory: values over which it is learned. The percentile moves by steps (Robbins and Monro, 1951). */
static inline void tail_learn(struct tail *t, double x, uint32_t memory)
{
    const double beyond = TAIL_BEYOND_PERCENT / 100.0;
    double weight;
    if (t->learned == 0)
        t->level = x;
    t->learned += t->learned < memory;
    weight = 1.0 / t->learned;
    t->spread += weight * (fabs(x - t->level) - t->spread);
    if (x > t->level)
        t->excess += at_most(weight / beyond, 1) * (x - t->level - t->excess);
    t->level += at_least(weight, 0.002) * 4 * t->spread * (x > t->level ? 1 - beyond : -beyond);
}

/* -log10 of the probability of so large a one. */
static inline double tail_of(const struct tail *t, double x)
{
    if (t->learned == 0 || x <= t->level)
        return 0;
    return 2 - log10((double)TAIL_BEYOND_PERCENT) + (x - t->level) / at_least(t->excess, 1e-6) * M_LOG10E;
}

#endif
