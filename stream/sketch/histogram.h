/* histogram.h - a sparse log-linear histogram of real numbers.
 *
 * Every power of two is cut into 64 equal buckets (the sign, the exponent and
 * the top six bits of the mantissa of the value as a double), so a quantile is
 * within 1/128 = 0.8 % of a value that was there: the layout of HdrHistogram
 * (Tene) and DDSketch (Masson, Rim, Lee, VLDB 2019, section 2) with a power of
 * two for a base. Histograms merge by adding their buckets.
 *
 * An octave that holds something takes a page of 64 counters from a pool with a
 * fixed number of pages. When the pool is empty the value still counts in
 * count, sum, minimum and maximum, and is counted as unplaced. */
#ifndef FT_STREAM_SKETCH_HISTOGRAM_H
#define FT_STREAM_SKETCH_HISTOGRAM_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { HISTOGRAM_BUCKETS = 64 };

struct histogram_page {
    int32_t octave;  /* signed: negative values mirror the positive ones */
    uint32_t next;   /* the page of the next higher octave, or HISTOGRAM_NONE */
    uint32_t counts[HISTOGRAM_BUCKETS];
};

struct histogram_pool {
    struct histogram_page *pages;
    uint32_t capacity, used, free_list;
    uint64_t unplaced; /* values that found no page, since the pool was made */
};

#define HISTOGRAM_NONE UINT32_MAX

struct histogram {
    uint64_t count, placed;
    double sum, min, max;     /* min and max: +-infinity when empty */
    uint32_t first;           /* the page of the lowest octave */
    uint32_t hit_octave;      /* of the value added last: sign and exponent; HISTOGRAM_NONE */
    uint32_t *hit_counts;     /* its page */
};

/* Memory is reserved here, at most `bytes`, and touched only as it is needed. */
void histogram_pool_init(struct histogram_pool *pool, uint64_t bytes);
void histogram_pool_done(struct histogram_pool *pool);

void histogram_init(struct histogram *h);
/* Gives the pages back; the histogram is empty again. */
void histogram_clear(struct histogram *h, struct histogram_pool *pool);
/* The same for values of another octave than the one before: a walk over the few in use. */
void histogram_add_elsewhere(struct histogram *h, struct histogram_pool *pool, double value);
/* value is finite (others are ignored). */
static inline void histogram_add(struct histogram *h, struct histogram_pool *pool, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    if (bits >> 52 != h->hit_octave) {
        histogram_add_elsewhere(h, pool, value);
        return;
    }
    uint64_t backwards = (uint64_t)((int64_t)bits >> 63);
    h->count++;
    h->placed++;
    h->sum += value;
    h->min = value < h->min ? value : h->min;
    h->max = value > h->max ? value : h->max;
    h->hit_counts[((bits >> 46) ^ backwards) & (HISTOGRAM_BUCKETS - 1)]++;
}
/* Adds all of `from` to `into`. */
void histogram_merge(struct histogram *into, const struct histogram *from, struct histogram_pool *pool);
/* The values at quantiles q[0..n), ascending and in [0, 1], in one pass; NAN when empty. */
void histogram_quantiles(const struct histogram *h, const struct histogram_pool *pool, const double *q, size_t n,
                         double *ret_values);
/* Adds the counts of n buckets of a quarter of an octave each, the first of which begins at 1; the first and the last one also
 * have what is beyond. */
void histogram_quarters(const struct histogram *h, const struct histogram_pool *pool, uint32_t *counts, uint32_t n);

#endif
