/* iqr.c - fences around the quartiles, on either side by what that side looks like (Tukey, Exploratory Data Analysis, 1977,
 * made streaming).
 *
 * Quartiles do not mind single samples that are far out, so the first few of each run of them are learned: bursts that come
 * again and again are no anomalies for ever. What lasts is not, until it is the new normal. */
#include "detectors/fence.h"
#include "detectors/scale.h"
#include "detectors/score.h"
#include <errno.h>
#include <math.h>

struct config {
    uint32_t window, warmup;
    struct duration relearn;
    double threshold, critical, min_spread;
};

struct state {
    struct quantiles quantiles;
    int64_t outside_ns; /* since when all samples have been called anomalous; 0: the last was not */
    uint32_t outside;   /* how many */
    struct sparsity sparsity;
};

static const struct option options[] = {
    OPTION(struct config, window, 40, 1000000, "1000", "samples that make up the quantiles, at least; twice as many at most"),
    OPTION(struct config, warmup, 20, 1000000, "40", "samples to learn from before judging"),
    OPTION(struct config, threshold, 1, 100, "6", "-log10 of the probability at which to warn"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION(struct config, min_spread, 0, 10, "0.1", "share of the value that is always taken for noise"),
    OPTION(struct config, relearn, 1, 604800, "5m", "what is anomalous for so long is the new normal"),
    OPTION_END
};

static int check(const void *config, struct error *err)
{
    const struct config *c = config;
    if (c->warmup > c->window)
        return error_set(err, -EINVAL, "warmup (%u) is longer than window (%u)", c->warmup, c->window);
    return 0;
}

static size_t state_size(const void *config)
{
    (void)config;
    return sizeof(struct state);
}

static void observe(void *state, const void *config, const struct observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    const struct quantiles *q = &st->quantiles;
    struct scale scale = scale_for(o);
    bool trusted = !(o->quality & (QUALITY_LOSSY | QUALITY_LATE)) && scale_enough(o);
    *j = JUDGEMENT_OK;
    j->finding = FINDING_ANOMALY;
    j->abstains = !trusted || scale_sparse(&st->sparsity, o) || quantiles_count(q) < c->warmup;
    if (!trusted)
        return;
    double x = scale_apply(&scale, o->value);
    if (j->abstains) {
        quantiles_add(&st->quantiles, x, c->window);
        return;
    }
    double median = quantiles_at(q, QUANTILE_50), floor = scale_floor(&scale, median, c->min_spread);
    struct fence fence = fence_of(q, floor);
    double tail = fence_tail(&fence, x);
    j->score = score_of_tail(tail, c->threshold);
    j->severity = score_severity(tail, c->threshold, c->critical);
    if (j->severity == SEVERITY_OK) {
        st->outside_ns = 0;
        st->outside = 0;
        quantiles_add(&st->quantiles, x, c->window);
        return;
    }
    if (st->outside++ < FENCE_RUN_LEARNED)
        quantiles_add(&st->quantiles, x, c->window);
    j->expected = scale_invert(&scale, median);
    j->low = scale_invert(&scale, fence_low(&fence, c->threshold));
    j->high = scale_invert(&scale, fence_high(&fence, c->threshold));
    if (st->outside_ns == 0)
        st->outside_ns = o->begin_ns;
    if (score_lasted(st->outside_ns, o, c->relearn)) {
        j->new_normal = true;
        *st = (struct state){ .sparsity = st->sparsity };
    }
}

const struct detector detector_iqr = {
    .name = "iqr",
    .summary = "fences around the quartiles of the last samples, on either side by its own tail",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .check = check,
    .observe = observe,
};
