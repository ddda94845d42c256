/* rolling.h - mean and deviation of the last n values, exact, in O(1). Values
 * are kept as floats relative to the first one, so that a large level with a
 * small spread keeps its digits; the sums are made anew once per round. */
#ifndef FT_DETECTORS_ROLLING_H
#define FT_DETECTORS_ROLLING_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>

struct rolling {
    double origin, sum, squares;
    uint32_t capacity, count, at;
    float values[];
};

static inline size_t rolling_size(uint32_t capacity)
{
    /* A multiple of the alignment, so that something may follow it. */
    return (sizeof(struct rolling) + capacity * sizeof(float) + 7) & ~(size_t)7;
}
void rolling_init(struct rolling *r, uint32_t capacity);
void rolling_add(struct rolling *r, double value);
/* 0 when empty. */
static inline double rolling_mean(const struct rolling *r)
{
    return r->count ? r->origin + r->sum / r->count : 0;
}

/* Sample deviation (n - 1); 0 below two values. */
static inline double rolling_deviation(const struct rolling *r)
{
    if (r->count < 2)
        return 0;
    double variance = (r->squares - r->sum * r->sum / r->count) / (r->count - 1);
    return variance > 0 ? sqrt(variance) : 0;
}

#endif
