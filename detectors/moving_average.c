/* moving_average.c - how far a sample lies from the average of the few before
 * it, against how far samples usually do. It follows a drift and sees a jump. */
#include "detectors/rolling.h"
#include "detectors/scale.h"
#include "detectors/score.h"
#include <math.h>

struct config {
    uint32_t window, warmup, memory;
    struct duration relearn;
    double threshold, critical, min_spread;
};

struct state {
    double variance;  /* of the distances, exponentially weighted */
    uint32_t learned; /* distances in it */
    int64_t outside_ns; /* since when all samples have been called anomalous; 0: the last was not */
    struct sparsity sparsity;
};

static const struct option options[] = {
    OPTION(struct config, window, 2, 1000, "10", "samples in the moving average"),
    OPTION(struct config, warmup, 4, 1000000, "20", "distances to learn from before judging"),
    OPTION(struct config, memory, 8, 1000000, "60", "samples over which the usual distance is learned"),
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

/* A plain average at first, exponentially weighted once there is enough. */
static void learn(struct state *st, const struct config *c, double x, double distance, double spread)
{
    double edge = 3 * spread;
    if (fabs(distance) > edge) {
        x += distance > 0 ? edge - distance : -edge - distance;
        distance = edge;
    }
    double weight = st->learned < c->memory ? 1.0 / (st->learned + 1) : 1.0 / c->memory;
    st->variance += weight * (distance * distance - st->variance);
    st->learned += st->learned < UINT32_MAX;
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
    j->abstains = !trusted || scale_sparse(&st->sparsity, o) || rolling->count < c->window || st->learned < c->warmup;
    if (!trusted)
        return;
    double x = scale_apply(&scale, o->value);
    if (rolling->count == 1 && scale_false_start(&scale, rolling_mean(rolling), x))
        rolling_init(rolling, c->window);
    if (rolling->count < c->window) {
        rolling_add(rolling, x);
        return;
    }
    double mean = rolling_mean(rolling), distance = x - mean;
    double spread = at_least(sqrt(st->variance), scale_floor(&scale, mean, c->min_spread));
    if (!j->abstains) {
        double freedom = st->learned < c->memory ? st->learned : c->memory;
        double tail = score_student_tail(distance / spread, freedom);
        j->score = score_of_tail(tail, c->threshold);
        j->severity = score_severity(tail, c->threshold, c->critical);
    }
    if (j->severity == SEVERITY_OK) {
        st->outside_ns = 0;
        learn(st, c, x, distance, j->abstains ? (double)INFINITY : spread);
        return;
    }
    j->expected = scale_invert(&scale, mean);
    double reach = score_student_quantile(c->threshold, c->memory) * spread;
    j->low = scale_invert(&scale, mean - reach);
    j->high = scale_invert(&scale, mean + reach);
    if (st->outside_ns == 0)
        st->outside_ns = o->begin_ns;
    if (score_lasted(st->outside_ns, o, c->relearn)) {
        j->new_normal = true;
        *st = (struct state){ .sparsity = st->sparsity };
        rolling_init(rolling, c->window);
    }
}

const struct detector detector_moving_average = {
    .name = "moving_average",
    .summary = "distance from the average of the last few samples",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .init = init,
    .observe = observe,
};
