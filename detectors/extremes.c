#include "detectors/extremes.h"
#include <math.h>

enum { AT_EACH_LENGTH = 16 };
/* Of a normal distribution the blocks' extremes have at least that scale, in deviations (blocks of 512: 0.31). */
static const double least_scale = 0.3, deviation_per_size = 1.2533;
static const double scale_per_deviation = 0.7797, mean_of_gumbel = 0.5772;

bool extremes_step(struct extremes_blocks *b)
{
    if (b->length == 0) {
        b->length = EXTREMES_FIRST;
        b->log_length = log10f(EXTREMES_FIRST);
    }
    b->learned += b->learned < UINT32_MAX;
    if (++b->in_block < b->length)
        return false;
    b->in_block = 0;
    b->blocks += b->blocks < EXTREMES_MEMORY;
    b->at_length++;
    return true;
}

static void take(struct extremes_side *s, float extreme, float weight, double few)
{
    float distance = extreme - s->mean;
    s->mean += weight * distance;
    s->variance = (1 - weight) * (s->variance + weight * distance * distance);
    s->scale = (float)(few * scale_per_deviation * sqrt((double)s->variance));
}

void extremes_close(struct extremes *e, const struct extremes_blocks *b)
{
    for (int i = 0; i < 2; i++)
        take(&e->sides[i], e->sides[i].extreme, 1 / (float)b->blocks, 1 + 2.0 / b->blocks);
}

void extremes_expect(struct extremes *e, float value)
{
    struct extremes_side *s = &e->sides[value < 0];
    float extreme = fabsf(value);
    if (extreme > s->mean)
        take(s, extreme, 0.25F, 1);
}

void extremes_next(struct extremes *list, uint32_t count, struct extremes_blocks *b)
{
    if (b->at_length < AT_EACH_LENGTH || b->length >= EXTREMES_BLOCK)
        return;
    b->length *= 2;
    b->log_length = log10f((float)b->length);
    b->at_length = 0;
    for (uint32_t i = 0; i < count; i++)
        for (int k = 0; k < 2; k++) /* the maximum of two maxima of that scale */
            list[i].sides[k].mean += (float)(scale_per_deviation * M_LN2 * sqrt((double)list[i].sides[k].variance));
}

struct extremes_tail extremes_tail(const struct extremes *e, const struct extremes_blocks *b, bool below, double margin)
{
    const struct extremes_side *s = &e->sides[below];
    double scale = fmax((double)s->scale, least_scale * deviation_per_size * (double)e->size) + margin;
    double slope = M_LOG10E / fmax(scale, 1e-12);
    return (struct extremes_tail){ (double)b->log_length + M_LOG10E * mean_of_gumbel - slope * (double)s->mean, slope };
}
