#include "detectors/early.h"
#include "detectors/score.h"
#include <math.h>
#include <string.h>

enum { FEWEST_WAIT = EARLY_RUN - 1, MEMORY = 1000, FADES = 40 };
/* The deviation of levels that a short history has not seen yet: of logarithms, else a share; fading. */
static const double unknown[] = { [SCALE_LINEAR] = 0.05, [SCALE_LOG] = 0.15, [SCALE_ROOT] = 0.05 };
/* No sample of a run counts for more than so many times the least one. */
static const double alike = 1.25;
static const double allowance = 0.75, overshoot = 1.166;

/* By how much the variance of a mean of neighbours is greater than of as many independent ones, were it an autoregression,
 * or one with noise upon it: the second correlation says which. The first one's bias in a short history is taken off
 * (Kendall, Biometrika 41, 1954). */
static double inflation(const struct early *e)
{
    static const double most = 0.98;
    double n = e->learned, r = e->variance > 0 ? at_least(e->covariances[0] / e->variance, 0) : 0, persistence = r;
    if (r * r * n > 4)
        persistence = at_least(r, e->covariances[1] / e->covariances[0]);
    r = at_most(r + (1 + 3 * r) / n, most);
    return 1 + 2 * r / (1 - at_most(persistence + (1 + 3 * persistence) / n, most));
}

static double margin_of(const struct early *e, enum scale_kind scale)
{
    double n = e->learned / (double)FADES;
    return unknown[scale] * (scale == SCALE_LOG ? 1 : fabs(e->anchor + e->mean)) / (1 + n * n * n * n);
}

/* Freedom is that of the estimated part (Welch, Biometrika 34, 1947). */
static double tail_of_run(const struct early *e, double distance, double per_deviation, double noise, double margin, double inflated)
{
    double estimated = e->variance * inflated * per_deviation;
    double all = at_least(noise * noise * per_deviation, estimated) + margin * margin;
    double share = all / at_least(estimated, 1e-3 * all);
    return score_student_tail(distance / sqrt(all), (e->learned - 1) * share * share);
}

double early_run(const struct early *e, enum scale_kind scale, double noise, double x)
{
    double distances[EARLY_RUN] = { x - e->anchor - e->mean }, sign = distances[0] < 0 ? -1 : 1, least = fabs(distances[0]), best = 0;
    if (e->samples >= EARLY_RUNS || e->learned < 2 || (scale == SCALE_ROOT && sign > 0))
        return 0;
    double margin = margin_of(e, scale), inflated = inflation(e);
    for (int k = 1; k <= EARLY_RUN && least > 0; k++) {
        double sum = 0;
        for (int i = 0; i < k; i++)
            sum += at_most(sign * distances[i], alike * least);
        /* Single values are no run, but of counts: these have no heavy tail below. */
        if (k > 1 || scale == SCALE_ROOT)
            best = at_least(best, tail_of_run(e, sum / k, 1.0 / k + 1.0 / e->learned, noise, margin, inflated));
        if (k < EARLY_RUN) {
            distances[k] = (double)e->latest[k - 1] - e->mean;
            least = at_most(least, sign * distances[k]);
        }
    }
    return best;
}

/* The tail is as in change_point.c. */
double early_sum(struct early *e, enum scale_kind scale, double noise, double x)
{
    static const double most[] = { [SCALE_LINEAR] = 0, [SCALE_LOG] = 3, [SCALE_ROOT] = 5 };
    if (scale == SCALE_LINEAR || e->samples >= EARLY_SUMS || e->learned < 2)
        return 0;
    double unit = at_least(noise, sqrt(e->variance)), z = (x - e->anchor - e->mean) / unit, inflated = inflation(e), sum;
    double least = allowance + 2 * margin_of(e, scale) / unit;
    e->sums[0] = at_least(e->sums[0] + at_most(z, most[scale]) - least, 0);
    e->sums[1] = at_least(e->sums[1] + at_most(-z, most[scale]) - least, 0);
    sum = scale == SCALE_ROOT ? e->sums[1] : at_least(e->sums[0], e->sums[1]);
    double sure = at_least(allowance - sqrt(inflated / e->learned), 0); /* the mean is no better known than that */
    return sum > 0 ? 2 * sure * (sum + overshoot) * M_LOG10E / inflated : 0;
}

void early_forget(struct early *e)
{
    e->sums[0] = e->sums[1] = 0;
}

static void learn(struct early *e, double value)
{
    uint32_t n = ++e->learned < MEMORY ? e->learned : MEMORY;
    double distance = value - e->mean;
    e->variance += (distance * distance * (n - 1) / n - e->variance) / n;
    for (int i = 0; i < 2; i++)
        e->covariances[i] += (distance * e->before[i] - e->covariances[i]) / n;
    e->mean += distance / n;
    e->before[1] = e->before[0];
    e->before[0] = n > 1 ? distance : 0;
}

void early_add(struct early *e, double x, bool usual)
{
    if (e->samples >= EARLY_SUMS)
        return;
    if (e->samples++ == 0)
        e->anchor = x;
    uint32_t wait = e->samples / 4 < FEWEST_WAIT ? FEWEST_WAIT : e->samples / 4 > EARLY_LAG ? EARLY_LAG : e->samples / 4;
    memmove(e->latest + 1, e->latest, EARLY_LAG * sizeof(*e->latest));
    e->latest[0] = (float)(x - e->anchor);
    e->usual = usual ? e->usual << 1 | 1U : 0;
    if (++e->waiting <= wait)
        return;
    e->waiting--;
    if (e->usual >> e->waiting & 1U)
        learn(e, (double)e->latest[e->waiting]);
}
