/* ewma_control.c - an exponentially weighted average against its control limits (Roberts, Technometrics 1, 1959): small
 * changes that last, which no single sample shows. Neighbours that resemble each other widen the limits: the average's
 * own variance is learned besides what theory makes of the samples'. */
#include "detectors/scale.h"
#include "detectors/score.h"
#include <math.h>

struct config {
    uint32_t warmup, memory;
    double weight, threshold, critical, min_spread;
    struct duration relearn;
};

struct state {
    double mean, variance;  /* of samples */
    double average, spread; /* the chart's average, and its own variance around the mean */
    double faded;           /* what the average still has of its start */
    uint32_t learned;
    int64_t onset_ns;       /* since when the average has been off on this side; 0: it is not */
    bool above;
    int64_t outside_ns;     /* since when all samples have been called anomalous; 0: the last was not */
    struct sparsity sparsity;
};

static const struct option options[] = {
    OPTION(struct config, weight, 0.01, 1, "0.2", "of the current sample in the average"),
    OPTION(struct config, warmup, 8, 1000000, "40", "samples to learn from before judging"),
    OPTION(struct config, memory, 16, 1000000, "300", "samples over which mean and deviation are learned"),
    OPTION(struct config, threshold, 1, 100, "6", "-log10 of the probability at which to warn"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION(struct config, min_spread, 0, 10, "0.1", "share of the value that is always taken for noise"),
    OPTION(struct config, relearn, 1, 604800, "5m", "what is anomalous for so long is the new normal"),
    OPTION_END
};

static const double reach = 3; /* deviations as which a sample that is further out counts: one is no change */

static size_t state_size(const void *config)
{
    (void)config;
    return sizeof(struct state);
}

static void learn(struct state *st, const struct config *c, double x)
{
    if (st->learned < c->memory)
        st->learned++;
    double share = 1.0 / st->learned, distance = x - st->mean, off = st->average - st->mean;
    st->mean += share * distance;
    st->variance = (1 - share) * (st->variance + share * distance * distance);
    st->spread += share * (off * off - st->spread);
}

/* Since when the average is on this side of the mean, by more than a deviation of its own. */
static void note_onset(struct state *st, const struct observation *o, double off, double deviation)
{
    if (fabs(off) <= deviation)
        st->onset_ns = 0;
    else if (st->onset_ns == 0 || st->above != (off > 0))
        st->onset_ns = o->begin_ns;
    st->above = off > 0;
}

static void observe(void *state, const void *config, const struct observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    struct scale scale = scale_for(o);
    bool trusted = !(o->quality & (QUALITY_LOSSY | QUALITY_LATE)) && scale_enough(o);
    *j = JUDGEMENT_OK;
    j->finding = FINDING_ANOMALY;
    j->abstains = !trusted || scale_sparse(&st->sparsity, o) || st->learned < c->warmup;
    if (!trusted)
        return;
    double x = scale_apply(&scale, o->value);
    if (st->learned == 1 && scale_false_start(&scale, st->mean, x))
        *st = (struct state){ .sparsity = st->sparsity };
    if (st->learned == 0) {
        st->mean = st->average = x;
        st->faded = 1;
    }
    double floor = scale_floor(&scale, st->mean, c->min_spread), variance = st->variance > floor * floor ? st->variance : floor * floor;
    double counted = x, away = x - st->mean, deviation = 0;
    if (!j->abstains && away * away > reach * reach * variance)
        counted = st->mean + (away > 0 ? reach : -reach) * sqrt(variance);
    st->average += c->weight * (counted - st->average);
    st->faded = st->faded > 1e-9 ? st->faded * (1 - c->weight) * (1 - c->weight) : 0;
    double off = st->average - st->mean, learned = st->learned;
    if (!j->abstains) {
        /* The limits, and what is not known of the mean. */
        double share = c->weight / (2 - c->weight) * (1 - st->faded) + 1 / learned;
        deviation = sqrt(variance * share > st->spread ? variance * share : st->spread);
        double tail = score_student_tail(off / deviation, learned - 1);
        note_onset(st, o, off, deviation);
        j->score = score_of_tail(tail, c->threshold);
        j->severity = score_severity(tail, c->threshold, c->critical);
    }
    if (j->severity == SEVERITY_OK) {
        st->outside_ns = 0;
        learn(st, c, counted);
        return;
    }
    double out = score_student_quantile(c->threshold, learned - 1) * deviation;
    j->expected = scale_invert(&scale, st->mean);
    j->low = scale_invert(&scale, st->mean - out);
    j->high = scale_invert(&scale, st->mean + out);
    j->onset_ns = st->onset_ns;
    if (st->outside_ns == 0)
        st->outside_ns = o->begin_ns;
    if (score_lasted(st->outside_ns, o, c->relearn)) {
        j->new_normal = true;
        *st = (struct state){ .sparsity = st->sparsity };
    }
}

const struct detector detector_ewma_control = {
    .name = "ewma_control",
    .summary = "an exponentially weighted average against its control limits: small changes that last",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .observe = observe,
};
