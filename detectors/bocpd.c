/* bocpd.c - Bayesian online change-point detection (Adams and MacKay, arXiv 0710.3742, 2007) with bounded run lengths: of what
 * may have been the latest change the RUNS likeliest are kept. Samples of a run are normal with unknown mean and
 * variance (normal-inverse-gamma prior around what was learned, hence Student's t for the next one).
 *
 * The tail is that of the run which is believed: -log10 of the probability that it still goes on, discounted by the
 * samples' autocorrelation as in change_point.c. What changed, the mean or the spread, is said by a test of each. */
#include "detectors/scale.h"
#include "detectors/score.h"
#include <math.h>

enum { RUNS = 20, RUN_NONE = -1 };

struct config {
    uint32_t warmup, memory;
    double threshold, critical, hazard, clip, min_spread;
    struct duration relearn;
};

struct run {
    double weight;             /* log of its probability */
    double kappa, mean, alpha, beta;
    int64_t since_ns;
    uint32_t length;
};

struct state {
    double mean, variance, covariance, last; /* of normal samples */
    uint32_t learned, count, back;
    int64_t believed_ns;       /* runs that began up to then are the believed one */
    int64_t changed_ns;        /* since when it is called; 0: it is not */
    struct sparsity sparsity;
    struct run runs[RUNS];
};

static const struct option options[] = {
    OPTION(struct config, warmup, 8, 1000000, "40", "samples to learn from before judging"),
    OPTION(struct config, memory, 16, 1000000, "300", "samples over which level and spread are learned"),
    OPTION(struct config, threshold, 1, 100, "6", "-log10 of the probability at which to warn"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION(struct config, hazard, 10, 1000000, "1000", "samples between changes, expected beforehand"),
    OPTION(struct config, clip, 2, 100, "4", "deviations a single sample counts for at most"),
    OPTION(struct config, min_spread, 0, 10, "0.1", "share of the value that is always taken for noise"),
    OPTION(struct config, relearn, 1, 604800, "5m", "a change that has lasted so long is the new normal"),
    OPTION_END
};

static const double prior_kappa = 0.05, prior_alpha = 1;

static size_t state_size(const void *config)
{
    (void)config;
    return sizeof(struct state);
}

/* Log of the predictive density: Student's t with 2 alpha degrees of freedom, and at least that spread. The ratio of gammas by Stirling. */
static double predict(const struct run *r, double x, double least)
{
    double a = r->alpha, scale = fmax(r->beta, a * least * least) * (r->kappa + 1) / r->kappa, d = x - r->mean;
    double gammas = 0.5 * log(a) - 1 / (8 * a) + 1 / (192 * a * a * a);
    return gammas - 0.5 * log(2 * M_PI * scale) - (a + 0.5) * log1p(d * d / (2 * scale));
}

static void extend(struct run *r, double x)
{
    double d = x - r->mean;
    r->beta += r->kappa * d * d / (2 * (r->kappa + 1));
    r->mean += d / (r->kappa + 1);
    r->kappa++;
    r->alpha += 0.5;
    r->length++;
}

/* A new run in the place of the least likely one. */
static void begin(struct state *st, double weight, double spread, int64_t begin_ns)
{
    uint32_t at = 0;
    if (st->count < RUNS)
        at = st->count++;
    else
        for (uint32_t i = 1; i < RUNS; i++)
            at = st->runs[i].weight < st->runs[at].weight ? i : at;
    st->runs[at] = (struct run){ .weight = weight, .kappa = prior_kappa, .mean = st->mean, .alpha = prior_alpha,
                                 .beta = prior_alpha * spread * spread, .since_ns = begin_ns };
}

static double log_sum(const struct state *st, int64_t until_ns)
{
    double most = -INFINITY, sum = 0;
    for (uint32_t i = 0; i < st->count; i++)
        if (st->runs[i].since_ns <= until_ns)
            most = fmax(most, st->runs[i].weight);
    for (uint32_t i = 0; i < st->count; i++)
        if (st->runs[i].since_ns <= until_ns)
            sum += exp(st->runs[i].weight - most);
    return sum > 0 ? most + log(sum) : -1000;
}

static void step(struct state *st, const struct config *c, double x, double spread, double least, int64_t begin_ns)
{
    double go_on = log(1 - 1 / c->hazard);
    begin(st, -log(c->hazard), spread, begin_ns);
    for (uint32_t i = 0; i < st->count; i++) {
        struct run *r = &st->runs[i];
        r->weight += predict(r, x, least) + (r->since_ns < begin_ns ? go_on : 0);
        extend(r, x);
    }
    double all = log_sum(st, INT64_MAX);
    for (uint32_t i = 0; i < st->count; i++)
        st->runs[i].weight = fmax(st->runs[i].weight - all, -1000);
}

static const struct run *likeliest(const struct state *st)
{
    const struct run *best = &st->runs[0];
    for (uint32_t i = 1; i < st->count; i++)
        if (st->runs[i].weight > best->weight)
            best = &st->runs[i];
    return best;
}

static void learn(struct state *st, const struct config *c, double x)
{
    double weight = 1.0 / (st->learned < c->memory ? st->learned + 1 : c->memory), before = st->mean, move = weight * (x - before);
    double product = st->learned ? (x - before) * (st->last - before) : 0;
    st->mean += move;
    st->variance = (1 - weight) * (st->variance + move * (x - before));
    st->covariance += weight * (product - st->covariance);
    st->last = x;
    st->learned += st->learned < UINT32_MAX;
}

static double discount(const struct state *st)
{
    double r = st->variance > 0 ? fmax(0, fmin(0.98, st->covariance / st->variance)) : 0;
    return (1 - r) / (1 + r);
}

/* What is different in the likeliest run: beyond three standard errors of its mean; its spread by a factor of 1.5 or more. */
static enum change what_changed(const struct state *st, const struct run *r, double wider, double now)
{
    bool moved = fabs(r->mean - st->mean) > 3 * now / sqrt(r->kappa);
    if (r->length >= 8 && (wider > 1.5 || wider < 1 / 1.5))
        return moved ? CHANGE_BOTH : CHANGE_SPREAD;
    return CHANGE_MEAN;
}

static void call(struct state *st, const struct config *c, const struct observation *o, const struct scale *scale, double x,
                 double spread, struct judgement *j)
{
    const struct run *r = likeliest(st);
    if (st->changed_ns == 0)
        st->changed_ns = o->begin_ns;
    double now = sqrt(r->beta / r->alpha);
    j->changed = what_changed(st, r, now / spread, now);
    if (j->changed != CHANGE_MEAN)
        j->spread = now / spread;
    j->expected = scale_invert(scale, st->mean);
    j->low = scale_invert(scale, st->mean - c->clip * spread);
    j->high = scale_invert(scale, st->mean + c->clip * spread);
    j->onset_ns = r->since_ns;
    j->magnitude = scale_invert(scale, r->mean) - j->expected;
    /* Near the old level, unless that is since the samples hardly move any more. */
    st->back = fabs(x - st->mean) < 1.5 * spread && now * 1.5 > spread ? st->back + 1 : 0;
    if (!score_lasted(st->changed_ns, o, c->relearn))
        return;
    j->new_normal = true;
    *st = (struct state){ .sparsity = st->sparsity };
}

static void observe(void *state, const void *config, const struct observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    struct scale scale = scale_for(o);
    bool trusted = !(o->quality & (QUALITY_LOSSY | QUALITY_LATE)) && scale_enough(o);
    *j = JUDGEMENT_OK;
    j->finding = FINDING_CHANGE;
    j->abstains = !trusted || scale_sparse(&st->sparsity, o) || st->learned < c->warmup;
    if (!trusted)
        return;
    double x = scale_apply(&scale, o->value);
    if (st->learned == 1 && scale_false_start(&scale, st->mean, x))
        *st = (struct state){ .sparsity = st->sparsity };
    if (j->abstains) {
        learn(st, c, x);
        st->believed_ns = o->begin_ns;
        return;
    }
    double least = scale_floor(&scale, st->mean, c->min_spread), spread = fmax(sqrt(st->variance), least);
    if (st->count == 0) { /* what was learned is a run */
        begin(st, 0, spread, st->believed_ns);
        st->runs[0].kappa = c->warmup;
        st->runs[0].alpha = 0.5 * c->warmup;
        st->runs[0].beta = st->runs[0].alpha * spread * spread;
    }
    double clipped = at_least(at_most(x, st->mean + c->clip * spread), st->mean - c->clip * spread);
    step(st, c, clipped, spread, least, o->begin_ns);
    double tail = -log_sum(st, st->believed_ns) * M_LOG10E * discount(st);
    tail = tail > 0 ? tail : 0;
    j->score = score_of_tail(tail, c->threshold);
    j->severity = score_severity(tail, c->threshold, c->critical);
    if (j->severity != SEVERITY_OK) {
        call(st, c, o, &scale, x, spread, j);
        if (st->back < 5)
            return;
        st->count = 0; /* back to what it was: the likeliest run is over */
        st->believed_ns = o->begin_ns;
    }
    st->changed_ns = 0;
    st->back = 0;
    if (tail < c->threshold / 2) {
        learn(st, c, clipped);
        if (tail < 0.1) { /* what is hardly in doubt is one run, whatever its beginning */
            const struct run *r = likeliest(st);
            if (st->count && r->since_ns > st->believed_ns)
                st->believed_ns = r->since_ns;
        }
    }
}

const struct detector detector_bocpd = {
    .name = "bocpd",
    .summary = "a lasting change of mean or spread, which of them, and since when (Bayesian, bounded run lengths)",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .observe = observe,
};
