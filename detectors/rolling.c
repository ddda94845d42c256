#include "detectors/rolling.h"
#include <math.h>

void rolling_init(struct rolling *r, uint32_t capacity)
{
    r->origin = r->sum = r->squares = 0;
    r->capacity = capacity;
    r->count = r->at = 0;
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
        sum_up(r);
    }
}

double rolling_mean(const struct rolling *r)
{
    return r->count ? r->origin + r->sum / r->count : 0;
}

double rolling_deviation(const struct rolling *r)
{
    if (r->count < 2)
        return 0;
    double variance = (r->squares - r->sum * r->sum / r->count) / (r->count - 1);
    return variance > 0 ? sqrt(variance) : 0;
}
