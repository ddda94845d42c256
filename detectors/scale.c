#include "detectors/scale.h"
#include <math.h>

struct scale scale_for(const struct observation *o)
{
    double seconds = (double)(o->end_ns - o->begin_ns) / 1e9;
    if (o->statistic == STATISTIC_RATE)
        return (struct scale){ SCALE_ROOT, seconds };
    if (o->statistic == STATISTIC_COUNT)
        return (struct scale){ SCALE_ROOT, 1 };
    if (o->kind == METRIC_LATENCY)
        return (struct scale){ SCALE_LOG, 1 };
    return (struct scale){ SCALE_LINEAR, 1 };
}

double scale_apply(const struct scale *s, double value)
{
    switch (s->kind) {
    case SCALE_LOG:
        return log(value > 1 ? value : 1); /* nanoseconds: below one there is nothing */
    case SCALE_ROOT:
        return 2 * sqrt((value > 0 ? value : 0) * s->per_value + 0.375);
    default:
        return value;
    }
}

double scale_invert(const struct scale *s, double scaled)
{
    double half = scaled / 2, count;
    switch (s->kind) {
    case SCALE_LOG:
        return exp(scaled);
    case SCALE_ROOT:
        count = half > 0 ? half * half - 0.375 : 0;
        return (count > 0 ? count : 0) / s->per_value;
    default:
        return scaled;
    }
}

double scale_floor(const struct scale *s, double level, double relative)
{
    double floor;
    switch (s->kind) {
    case SCALE_LOG:
        return relative;
    case SCALE_ROOT:
        floor = relative * level / 2; /* d(2 sqrt(n)) = sqrt(n) dn/n */
        return floor > 1 ? floor : 1;
    default:
        floor = relative * fabs(level);
        return floor > 1e-12 ? floor : 1e-12;
    }
}

bool scale_sparse(struct sparsity *s, const struct observation *o)
{
    static const uint32_t memory = 100;
    bool counts = o->statistic == STATISTIC_COUNT || o->statistic == STATISTIC_RATE;
    bool zero = counts ? o->count == 0 : o->kind == METRIC_VALUE && o->value == 0;
    if (s->seen < memory)
        s->seen++;
    s->share += ((zero ? 1.0F : 0.0F) - s->share) / (float)s->seen;
    return s->share > 0.5F;
}

bool scale_enough(const struct observation *o)
{
    switch (o->statistic) {
    case STATISTIC_COUNT:
    case STATISTIC_RATE:
        return true;
    case STATISTIC_P99:
        return o->count >= 20;
    case STATISTIC_P90:
        return o->count >= 10;
    default:
        return o->count >= 3;
    }
}
