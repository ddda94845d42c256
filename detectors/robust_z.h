/* robust_z.h - how many deviations a value lies from the mean of those before it, where single ones cannot move the mean
 * and the deviation far (winsorised: Tukey, "A survey of sampling from contaminated distributions", 1960). The first values
 * give a median and a median deviation to start from, and 0. */
#ifndef FT_DETECTORS_ROBUST_Z_H
#define FT_DETECTORS_ROBUST_Z_H
#include <stdint.h>

enum { ROBUST_Z_START = 32 };

struct robust_z {
    double mean, variance;
    float weight;            /* of what was learned: values, up to the memory */
    uint32_t started;        /* values in first, until it is full */
    float first[ROBUST_Z_START];
};

/* The value is judged, then learned. memory: values over which is learned. floor: the least deviation to believe in. */
double robust_z(struct robust_z *z, double value, double memory, double floor);
double robust_z_deviation(const struct robust_z *z, double floor);

/* An exponentially weighted mean that is a plain one at first. */
struct fading_mean {
    double mean, weight;
};
static inline double fading_mean_add(struct fading_mean *m, double value, double memory)
{
    m->weight = m->weight + 1 < memory ? m->weight + 1 : memory > 1 ? memory : 1;
    m->mean += (value - m->mean) / m->weight;
    return m->mean;
}

#endif
