#include "stream/sketch/histogram.h"
#include "base/bytes.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Values nearer to zero than 2^-64 count as zero: no metric is that small. */
enum { OCTAVE_BIAS = 1023, OCTAVE_LOW = OCTAVE_BIAS - 64, MANTISSA_BITS = 52, BUCKET_BITS = 6, QUARTERS = 4 };

void histogram_pool_init(struct histogram_pool *pool, uint64_t bytes)
{
    uint64_t pages = bytes / sizeof(struct histogram_page);
    if (pages < 1)
        pages = 1;
    if (pages >= HISTOGRAM_NONE)
        pages = HISTOGRAM_NONE - 1;
    *pool = (struct histogram_pool){ .pages = xcalloc(pages, sizeof(struct histogram_page)),
                                     .capacity = (uint32_t)pages,
                                     .free_list = HISTOGRAM_NONE };
}

void histogram_pool_done(struct histogram_pool *pool)
{
    free(pool->pages);
    *pool = (struct histogram_pool){ 0 };
}

static uint32_t take_page(struct histogram_pool *pool, int32_t octave)
{
    uint32_t page = pool->free_list;
    if (page != HISTOGRAM_NONE)
        pool->free_list = pool->pages[page].next;
    else if (pool->used < pool->capacity)
        page = pool->used++;
    else
        return HISTOGRAM_NONE;
    memset(pool->pages[page].counts, 0, sizeof(pool->pages[page].counts));
    pool->pages[page].octave = octave;
    return page;
}

void histogram_init(struct histogram *h)
{
    *h = (struct histogram){ .min = (double)INFINITY, .max = (double)-INFINITY, .first = HISTOGRAM_NONE, .hit_octave = HISTOGRAM_NONE };
}

void histogram_clear(struct histogram *h, struct histogram_pool *pool)
{
    for (uint32_t page = h->first, next; page != HISTOGRAM_NONE; page = next) {
        next = pool->pages[page].next;
        pool->pages[page].next = pool->free_list;
        pool->free_list = page;
    }
    histogram_init(h);
}

/* Octave and bucket of a value. Octaves of negative values are negative, lower
 * for larger magnitudes, and their buckets run backwards, so that both ascend
 * with the value; zero has octave 0. */
static int32_t place(double value, uint32_t *ret_bucket)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    int32_t octave = (int32_t)(bits >> MANTISSA_BITS & 0x7ff) - OCTAVE_LOW;
    uint32_t bucket = (uint32_t)(bits >> (MANTISSA_BITS - BUCKET_BITS)) & (HISTOGRAM_BUCKETS - 1);
    if (octave <= 0) {
        *ret_bucket = 0;
        return 0;
    }
    *ret_bucket = value < 0 ? HISTOGRAM_BUCKETS - 1 - bucket : bucket;
    return value < 0 ? -octave : octave;
}

/* The middle of a bucket. */
static double middle(int32_t octave, uint32_t bucket)
{
    if (octave == 0)
        return 0;
    bool negative = octave < 0;
    uint32_t b = negative ? HISTOGRAM_BUCKETS - 1 - bucket : bucket;
    int exponent = (negative ? -octave : octave) + OCTAVE_LOW - OCTAVE_BIAS;
    double magnitude = ldexp(1 + (b + 0.5) / HISTOGRAM_BUCKETS, exponent);
    return negative ? -magnitude : magnitude;
}

static uint32_t find_page(struct histogram *h, struct histogram_pool *pool, int32_t octave)
{
    uint32_t before = HISTOGRAM_NONE, page = h->first;
    while (page != HISTOGRAM_NONE && pool->pages[page].octave < octave) {
        before = page;
        page = pool->pages[page].next;
    }
    if (page != HISTOGRAM_NONE && pool->pages[page].octave == octave)
        return page;
    uint32_t fresh = take_page(pool, octave);
    if (fresh == HISTOGRAM_NONE)
        return fresh;
    pool->pages[fresh].next = page;
    if (before == HISTOGRAM_NONE)
        h->first = fresh;
    else
        pool->pages[before].next = fresh;
    return fresh;
}

void histogram_add_elsewhere(struct histogram *h, struct histogram_pool *pool, double value)
{
    if (!isfinite(value))
        return;
    uint32_t bucket;
    uint64_t bits;
    int32_t octave = place(value, &bucket);
    uint32_t page = find_page(h, pool, octave);
    h->count++;
    h->sum += value;
    h->min = value < h->min ? value : h->min;
    h->max = value > h->max ? value : h->max;
    if (page == HISTOGRAM_NONE) {
        pool->unplaced++;
        return;
    }
    h->placed++;
    pool->pages[page].counts[bucket]++;
    if (octave == 0)
        return; /* all small values share its one bucket: they come here */
    memcpy(&bits, &value, sizeof(bits));
    h->hit_octave = (uint32_t)(bits >> MANTISSA_BITS);
    h->hit_counts = pool->pages[page].counts;
}

void histogram_merge(struct histogram *into, const struct histogram *from, struct histogram_pool *pool)
{
    if (from->count == 0)
        return;
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
    into->count += from->count;
    into->sum += from->sum;
    for (uint32_t page = from->first; page != HISTOGRAM_NONE; page = pool->pages[page].next) {
        uint32_t target = find_page(into, pool, pool->pages[page].octave);
        for (uint32_t b = 0; b < HISTOGRAM_BUCKETS; b++) {
            uint32_t n = pool->pages[page].counts[b];
            if (target == HISTOGRAM_NONE) {
                pool->unplaced += n;
                continue;
            }
            pool->pages[target].counts[b] += n;
            into->placed += n;
        }
    }
}

static double clamp(const struct histogram *h, double value)
{
    return value < h->min ? h->min : value > h->max ? h->max : value;
}

void histogram_quantiles(const struct histogram *h, const struct histogram_pool *pool, const double *q, size_t n,
                         double *ret_values)
{
    uint64_t below = 0;
    size_t k = 0;
    for (uint32_t page = h->first; page != HISTOGRAM_NONE && k < n; page = pool->pages[page].next) {
        const struct histogram_page *p = &pool->pages[page];
        for (uint32_t b = 0; b < HISTOGRAM_BUCKETS && k < n; b++) {
            if (p->counts[b] == 0)
                continue;
            below += p->counts[b];
            /* The q-quantile is the value of rank ceil(q * n), at least 1. */
            while (k < n && (double)below >= q[k] * (double)h->placed)
                ret_values[k++] = clamp(h, middle(p->octave, b));
        }
    }
    for (; k < n; k++)
        ret_values[k] = h->count ? h->max : (double)NAN;
}

void histogram_quarters(const struct histogram *h, const struct histogram_pool *pool, uint32_t *counts, uint32_t n)
{
    for (uint32_t page = h->first; page != HISTOGRAM_NONE; page = pool->pages[page].next) {
        const struct histogram_page *p = &pool->pages[page];
        int64_t first = (int64_t)(p->octave + OCTAVE_LOW - OCTAVE_BIAS) * QUARTERS;
        for (uint32_t b = 0; b < HISTOGRAM_BUCKETS; b++) {
            int64_t at = p->octave <= 0 ? 0 : first + b / (HISTOGRAM_BUCKETS / QUARTERS);
            counts[at < 0 ? 0 : at < n ? at : n - 1] += p->counts[b];
        }
    }
}
