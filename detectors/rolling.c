#include "detectors/rolling.h"

void rolling_init(struct rolling *r, uint32_t capacity)
{
    r->origin = r->sum = r->squares = 0;
    r->capacity = capacity;
    r->count = r->at = 0;
}

/* Values far from the origin, a first one that was unlike all others, have no room for what they differ by. */
static void move_origin(struct rolling *r)
{
    double away = r->sum / r->count, spread = r->squares / r->count - away * away;
    if (away * away <= 1e6 * spread)
        return;
    r->origin += away;
    for (uint32_t i = 0; i < r->count; i++)
        r->values[i] = (float)((double)r->values[i] - away);
}

static void sum_up(struct rolling *r)
{
    r->sum = r->squares = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        r->sum += (double)r->values[i];
        r->squares += (double)r->values[i] * (double)r->values[i];
    }
}

void rolling_add(struct rolling *r, double value)
{
    if (r->count == 0)
        r->origin = value;
    float kept = (float)(value - r->origin);
    if (r->count == r->capacity) {
        double old = (double)r->values[r->at];
        r->sum -= old;
        r->squares -= old * old;
    } else {
        r->count++;
    }
    r->values[r->at] = kept;
    r->sum += (double)kept;
    r->squares += (double)kept * (double)kept;
    if (++r->at == r->capacity) {
        r->at = 0;
        move_origin(r);
        sum_up(r);
    }
}
