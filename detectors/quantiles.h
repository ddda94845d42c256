/* quantiles.h - quantiles of a stream in a few hundred bytes: the extended P2 algorithm (Raatikainen, "Simultaneous estimation
 * of several percentiles", Simulation 49, 1987, after Jain and Chlamtac, CACM 28, 1985). It forgets by halves: one estimator
 * is read while the next one grows, and takes its place when it has `capacity` values. */
#ifndef FT_DETECTORS_QUANTILES_H
#define FT_DETECTORS_QUANTILES_H
#include <stdint.h>

/* Of 5, 25, 50, 75 and 95 %, the least and the greatest, and one between each two. */
enum { QUANTILE_MARKERS = 13, QUANTILE_5 = 2, QUANTILE_25 = 4, QUANTILE_50 = 6, QUANTILE_75 = 8, QUANTILE_95 = 10 };

struct p2 {
    double heights[QUANTILE_MARKERS]; /* in order */
    uint32_t places[QUANTILE_MARKERS]; /* how many values are at or below each */
    uint32_t count;
};

struct quantiles {
    struct p2 read, grow;
};

void quantiles_add(struct quantiles *q, double value, uint32_t capacity);
/* Values behind what is read. Below QUANTILE_MARKERS there are no quantiles. */
static inline uint32_t quantiles_count(const struct quantiles *q)
{
    return q->read.count;
}
static inline double quantiles_at(const struct quantiles *q, int marker)
{
    return q->read.heights[marker];
}

void p2_add(struct p2 *p, double value);

#endif
