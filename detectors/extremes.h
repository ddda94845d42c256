/* extremes.h - how improbable a value is by the greatest ones of each block of those before it: block maxima have a Gumbel
 * distribution, whatever the values' own (Gumbel, Statistics of Extremes, 1958; with shape 0), neighbours that resemble
 * each other and rare bursts included. A few numbers and two comparisons a value; for either side.
 *
 * Blocks are short at first, so that something can be said early, and double until they have EXTREMES_BLOCK values. */
#ifndef FT_DETECTORS_EXTREMES_H
#define FT_DETECTORS_EXTREMES_H
#include <stdbool.h>
#include <stdint.h>

enum { EXTREMES_FIRST = 8, EXTREMES_BLOCK = 512, EXTREMES_MEMORY = 30 };

struct extremes {
    struct extremes_side {
        float extreme;         /* of the block under way */
        float mean, variance;  /* of those of the blocks before it */
        float scale;           /* Gumbel's */
    } sides[2];                /* above, below */
    float size;                /* mean distance from zero */
};

/* Where the blocks are: one for all that is learned together. */
struct extremes_blocks {
    uint32_t length, in_block, blocks, at_length, learned;
    float log_length;          /* to base 10 */
};

/* A value has come to every one: true when that was the block's last, and extremes_close() is due for each. */
bool extremes_step(struct extremes_blocks *b);
/* Before extremes_step(). */
static inline void extremes_learn(struct extremes *e, const struct extremes_blocks *b, float value)
{
    float size = value < 0 ? -value : value;
    if (b->in_block == 0) {
        e->sides[0].extreme = value;
        e->sides[1].extreme = -value;
    } else if (value > e->sides[0].extreme) {
        e->sides[0].extreme = value;
    } else if (-value > e->sides[1].extreme) {
        e->sides[1].extreme = -value;
    }
    e->size += (size - e->size) / (float)(b->learned < 1000 ? b->learned + 1 : 1000);
}
void extremes_close(struct extremes *e, const struct extremes_blocks *b);
/* A value that was left out of the blocks is usual after all. */
void extremes_expect(struct extremes *e, float value);
/* Behind all extremes_close(): blocks become longer. */
void extremes_next(struct extremes *list, uint32_t count, struct extremes_blocks *b);

/* How the tail goes: -log10 of the probability is base + slope times the distance. margin: added to the scale. */
struct extremes_tail {
    double base, slope;
};
struct extremes_tail extremes_tail(const struct extremes *e, const struct extremes_blocks *b, bool below, double margin);

#endif
