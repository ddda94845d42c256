/* zscore.c - how many deviations a sample lies from the mean of the last ones,
 * on either side. The mean's own uncertainty and the small sample are accounted
 * for: the statistic is Student's t. */
#include "detectors/rolling.h"
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
    _Alignas(struct rolling) int64_t outside_ns; /* since when all samples have been called anomalous; 0: the last was not */
    struct sparsity sparsity;
};

static const struct option options[] = {
    OPTION(struct config, window, 8, 1000, "60", "samples that make up the baseline"),
    OPTION(struct config, warmup, 4, 1000, "20", "samples to learn from before judging"),
    OPTION(struct config, threshold, 1, 100, "6", "-log10 of the probability at which to warn"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION(struct config, min_spread, 0, 10, "0.1", "share of the value that is always taken for noise"),
    OPTION(struct config, relearn, 1, 604800, "5m", "what is anomalous for so long is the new normal"),
    OPTION_END
};

/* The last samples stand behind the state. */
static struct rolling *rolling_of(struct state *st)
{
    return (struct rolling *)(st + 1);
}

static int check(const void *config, struct error *err)
{
    const struct config *c = config;
    if (c->warmup > c->window)
        return error_set(err, -EINVAL, "warmup (%u) is longer than window (%u)", c->warmup, c->window);
    return 0;
}

static size_t state_size(const void *config)
{
    const struct config *c = config;
    return sizeof(struct state) + rolling_size(c->window);
}

static void init(void *state, const void *config)
{
    const struct config *c = config;
    rolling_init(rolling_of(state), c->window);
}

/* A value far out, but not called anomalous, is learned as if it were at the edge. */
static void learn(struct state *st, double x, double mean, double spread)
{
    double edge = 3 * spread;
    if (x > mean + edge)
        x = mean + edge;
    else if (x < mean - edge)
        x = mean - edge;
    rolling_add(rolling_of(st), x);
}

static void observe(void *state, const void *config, const struct observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    struct rolling *rolling = rolling_of(st);
    struct scale scale = scale_for(o);
    bool trusted = !(o->quality & (QUALITY_LOSSY | QUALITY_LATE)) && scale_enough(o);
    *j = JUDGEMENT_OK;
    j->finding = FINDING_ANOMALY;
    j->abstains = !trusted || scale_sparse(&st->sparsity, o) || rolling->count < c->warmup;
    if (!trusted)
        return;
    double x = scale_apply(&scale, o->value), n = rolling->count;
    if (rolling->count == 1 && scale_false_start(&scale, rolling_mean(rolling), x))
        rolling_init(rolling, c->window);
    if (j->abstains) {
        rolling_add(rolling, x);
        return;
    }
    double mean = rolling_mean(rolling);
    double spread = at_least(rolling_deviation(rolling), scale_floor(&scale, mean, c->min_spread));
    double predicted = spread * sqrt(1 + 1 / n), t = (x - mean) / predicted;
    double tail = score_student_tail(t, n - 1);
    j->score = score_of_tail(tail, c->threshold);
    j->severity = score_severity(tail, c->threshold, c->critical);
    if (j->severity == SEVERITY_OK) {
        st->outside_ns = 0;
        learn(st, x, mean, predicted);
        return;
    }
    j->expected = scale_invert(&scale, mean);
    double reach = score_student_quantile(c->threshold, n - 1) * predicted;
    j->low = scale_invert(&scale, mean - reach);
    j->high = scale_invert(&scale, mean + reach);
    if (st->outside_ns == 0)
        st->outside_ns = o->begin_ns;
    if (score_lasted(st->outside_ns, o, c->relearn)) {
        j->new_normal = true;
        rolling_init(rolling, c->window);
        st->outside_ns = 0;
    }
}

const struct detector detector_zscore = {
    .name = "zscore",
    .summary = "distance from the mean of the last samples, in deviations",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .check = check,
    .init = init,
    .observe = observe,
};
