#include "detectors/quantiles.h"
#include <stdbool.h>

static const double shares[QUANTILE_MARKERS] = { 0, 0.025, 0.05, 0.15, 0.25, 0.375, 0.5, 0.625, 0.75, 0.85, 0.95, 0.975, 1 };

/* The first values, in order. */
static void insert(struct p2 *p, double value)
{
    uint32_t at = p->count++;
    for (; at > 0 && p->heights[at - 1] > value; at--)
        p->heights[at] = p->heights[at - 1];
    p->heights[at] = value;
    for (uint32_t i = 0; i < p->count; i++)
        p->places[i] = i + 1;
}

/* Height of a marker that is moved by one place, up or down: by a parabola through its neighbours, or a line where
 * that would put it beyond them. */
static double moved(const struct p2 *p, int i, int step)
{
    double below = (double)(p->places[i] - p->places[i - 1]), above = (double)(p->places[i + 1] - p->places[i]);
    double rise = (p->heights[i + 1] - p->heights[i]) / above, fall = (p->heights[i] - p->heights[i - 1]) / below;
    double height = p->heights[i] + step / (below + above) * ((below + step) * rise + (above - step) * fall);
    if (height > p->heights[i - 1] && height < p->heights[i + 1])
        return height;
    return p->heights[i] + (step > 0 ? rise : -fall);
}

void p2_add(struct p2 *p, double value)
{
    enum { LAST = QUANTILE_MARKERS - 1 };
    if (p->count < QUANTILE_MARKERS) {
        insert(p, value);
        return;
    }
    if (value < p->heights[0])
        p->heights[0] = value;
    if (value > p->heights[LAST])
        p->heights[LAST] = value;
    p->count++;
    for (int i = 1; i < LAST; i++)
        p->places[i] += value < p->heights[i];
    p->places[LAST]++;
    for (int i = 1; i < LAST; i++) {
        double wanted = 1 + shares[i] * (p->count - 1) - p->places[i];
        int step = wanted >= 1 && p->places[i + 1] - p->places[i] > 1 ? 1 : wanted <= -1 && p->places[i] - p->places[i - 1] > 1 ? -1 : 0;
        if (step == 0)
            continue;
        p->heights[i] = moved(p, i, step);
        p->places[i] = (uint32_t)((int64_t)p->places[i] + step);
    }
}

void quantiles_add(struct quantiles *q, double value, uint32_t capacity)
{
    bool grown = q->read.count >= capacity;
    p2_add(&q->grow, value);
    if (!grown) {
        p2_add(&q->read, value);
        if (q->read.count == capacity)
            q->grow.count = 0;
    } else if (q->grow.count >= capacity) {
        q->read = q->grow;
        q->grow.count = 0;
    }
}
