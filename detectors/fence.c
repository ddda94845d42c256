#include "detectors/fence.h"
#include <math.h>

/* -log10 of the probability of being above the median, the quartile, the 95th percentile. */
static const double at_median = 0.3010, at_quarter = 0.6021, at_twentieth = 1.3010;

static struct fence_side side_of(double quarter, double twentieth, double floor)
{
    static const double least = 0.4, most = 1.7; /* powers; a normal tail has about 1.35, an exponential one 1 */
    quarter = fmax(quarter, 0.6745 * floor);
    twentieth = fmax(twentieth, 1.645 * floor);
    double power = log((at_twentieth - at_median) / (at_quarter - at_median)) / log(fmax(twentieth / quarter, 1.2));
    return (struct fence_side){ quarter, fmax(least, fmin(most, power)) };
}

struct fence fence_of(const struct quantiles *q, double floor)
{
    double median = quantiles_at(q, QUANTILE_50);
    return (struct fence){
        .median = median,
        .below = side_of(median - quantiles_at(q, QUANTILE_25), median - quantiles_at(q, QUANTILE_5), floor),
        .above = side_of(quantiles_at(q, QUANTILE_75) - median, quantiles_at(q, QUANTILE_95) - median, floor),
    };
}

double fence_tail(const struct fence *f, double value)
{
    const struct fence_side *side = value > f->median ? &f->above : &f->below;
    return at_median + (at_quarter - at_median) * pow(fabs(value - f->median) / side->quarter, side->power);
}

static double reach(const struct fence_side *side, double tail)
{
    return side->quarter * pow((tail - at_median) / (at_quarter - at_median), 1 / side->power);
}

double fence_low(const struct fence *f, double tail)
{
    return f->median - reach(&f->below, tail);
}

double fence_high(const struct fence *f, double tail)
{
    return f->median + reach(&f->above, tail);
}
