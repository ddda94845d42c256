#include "detectors/scale.h"
#include <math.h>

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
