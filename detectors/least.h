/* least.h - the lesser and the greater of two numbers, as one instruction: fmin() and fmax() are calls, since they mind
 * which of the two is no number. Here it is `bound` that comes out if x is none. */
#ifndef FT_DETECTORS_LEAST_H
#define FT_DETECTORS_LEAST_H

static inline double at_most(double x, double bound)
{
    return x < bound ? x : bound;
}

static inline double at_least(double x, double bound)
{
    return x > bound ? x : bound;
}

#endif
