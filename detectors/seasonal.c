/* seasonal.c - a sample against what is usual at its place in the period: of a short period that was found in the series, of
 * the hour, the day or the week; or against the level, where no season says more than that. A season is believed when it was
 * there twice and what it said was nearer to the samples than the level was.
 *
 * How far is too far the quantiles of these distances say (fence.h), in deviations of the model, whichever it was.
 * What was there at the same time of each of the two days before is usual, however rare: the job that runs at six. */
#include "detectors/fence.h"
#include "detectors/scale.h"
#include "detectors/score.h"
#include "detectors/season.h"
#include <math.h>

struct config {
    uint32_t warmup;
    double threshold, critical, min_spread;
    struct duration relearn;
};

struct state {
    struct season season;
    struct quantiles distances;
    int64_t end_ns;         /* of the last sample */
    int64_t outside_ns;     /* since when all samples have been called anomalous; 0: the last was not */
    uint32_t outside;       /* how many */
    struct sparsity sparsity;
};

static const struct option options[] = {
    OPTION(struct config, warmup, 16, 1000000, "60", "samples to learn from before judging"),
    OPTION(struct config, threshold, 1, 100, "6", "-log10 of the probability at which to warn"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION(struct config, min_spread, 0, 10, "0.1", "share of the value that is always taken for noise"),
    OPTION(struct config, relearn, 1, 604800, "30m", "what is anomalous for so long is the new level"),
    OPTION_END
};

static const double clip_deviations = 4, compare_deviations = 10, usual_deviations = 3, least_deviation = 1;
enum { DISTANCES_READ = 1000, DISTANCES_LEAST = 20 };

static size_t state_size(const void *config)
{
    (void)config;
    return sizeof(struct state);
}

/* A sample at its distance from what was expected, in deviations. */
struct sample {
    double x, distance, deviation;
};

static void learn(struct state *st, const struct season_view *v, const struct sample *x)
{
    quantiles_add(&st->distances, x->distance, DISTANCES_READ);
    season_learn(&st->season, v, x->x, clip_deviations * x->deviation);
}

/* The first few of each run are learned, within the clip: what comes again and again is no anomaly for ever. */
static void call(struct state *st, const struct config *c, const struct observation *o, const struct season_view *v,
                 const struct sample *x, struct judgement *j)
{
    if (st->outside_ns == 0)
        st->outside_ns = o->begin_ns;
    if (st->outside++ < FENCE_RUN_LEARNED)
        learn(st, v, x);
    if (!score_lasted(st->outside_ns, o, c->relearn))
        return;
    j->new_normal = true;
    season_shift(&st->season, x->x - v->expected[v->model]);
    st->outside_ns = 0;
    st->outside = 0;
}

static void grade(struct state *st, const struct config *c, const struct observation *o, const struct season_view *v,
                  const struct sample *x, bool usual, struct judgement *j)
{
    struct scale scale = scale_for(o);
    struct fence fence = fence_of(&st->distances, least_deviation);
    double expected = v->expected[v->model], tail = fence_tail(&fence, x->distance);
    if (usual)
        tail = fmin(tail, 0.9 * c->threshold);
    j->score = score_of_tail(tail, c->threshold);
    j->severity = score_severity(tail, c->threshold, c->critical);
    if (j->severity == SEVERITY_OK) {
        st->outside_ns = 0;
        st->outside = 0;
        learn(st, v, x);
        return;
    }
    j->expected = scale_invert(&scale, expected);
    j->low = scale_invert(&scale, expected + fence_low(&fence, c->threshold) * x->deviation);
    j->high = scale_invert(&scale, expected + fence_high(&fence, c->threshold) * x->deviation);
    call(st, c, o, v, x, j);
}

static void observe(void *state, const void *config, const struct observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    struct scale scale = scale_for(o);
    struct season_view v;
    bool trusted = !(o->quality & (QUALITY_LOSSY | QUALITY_LATE)) && scale_enough(o);
    *j = JUDGEMENT_OK;
    j->finding = FINDING_ANOMALY;
    j->abstains = !trusted || scale_sparse(&st->sparsity, o) || quantiles_count(&st->distances) < DISTANCES_LEAST ||
                  st->season.told[SEASON_FLAT] < c->warmup;
    if (st->end_ns && (o->begin_ns - st->end_ns > o->end_ns - o->begin_ns || o->begin_ns < st->end_ns))
        season_gap(&st->season);
    double value = scale_apply(&scale, o->value);
    if (trusted && st->season.told[SEASON_FLAT] == 1 && scale_false_start(&scale, st->season.level, value))
        *st = (struct state){ .sparsity = st->sparsity };
    st->end_ns = o->end_ns;
    season_look(&st->season, o->begin_ns, o->end_ns, &v);
    if (!trusted) {
        season_skip(&st->season, &v);
        return;
    }
    double expected = v.expected[v.model], floor = scale_floor(&scale, expected, c->min_spread);
    struct sample x = { .x = value, .deviation = fmax(season_deviation(&st->season, &v), floor) };
    x.distance = (x.x - expected) / x.deviation;
    bool usual = season_usual(&st->season, &v, x.x, usual_deviations * x.deviation);
    if (!j->abstains) {
        grade(st, c, o, &v, &x, usual, j);
    } else {
        season_learn(&st->season, &v, x.x, INFINITY);
        if (st->season.told[SEASON_FLAT] >= c->warmup / 2)
            quantiles_add(&st->distances, x.distance, DISTANCES_READ);
    }
    season_compare(&st->season, &v, x.x, j->abstains ? (double)INFINITY : compare_deviations * x.deviation);
}

const struct detector detector_seasonal = {
    .name = "seasonal",
    .summary = "distance from what is usual at this place of the period, the hour, the day or the week",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .observe = observe,
};
