/* rolling.h - mean and deviation of the last n values, exact, in O(1). Values
 * are kept as floats relative to the first one, so that a large level with a
 * small spread keeps its digits; the sums are made anew once per round. */
#ifndef FT_DETECTORS_ROLLING_H
#define FT_DETECTORS_ROLLING_H
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
double rolling_mean(const struct rolling *r);
/* Sample deviation (n - 1); 0 below two values. */
double rolling_deviation(const struct rolling *r);

#endif
