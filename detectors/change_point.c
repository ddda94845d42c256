/* change_point.c - a lasting change of level, up or down: two-sided CUSUM
 * (Page, Biometrika 41, 1954), with when it began and by how much.
 *
 * Sums of standardised distances beyond an allowance grow while the level is
 * off. In the steady state a sum exceeds S with probability about
 * exp(-2 allowance (S + 1.166)) (Siegmund, Sequential Analysis, 1985, section
 * 2.3), which gives the score. Neighbouring samples that resemble each other
 * make such sums grow by themselves: the score is discounted by (1 - r)/(1 + r),
 * r being the lag-one autocorrelation of normal samples. And the level itself is only
 * known to a standard error, which may lie on the wrong side: so much of the
 * allowance does not count.
 *
 * When it began: a sum with a small allowance leaves zero long before a large
 * change. So sums with larger allowances run beside it, and of the stretches they
 * mark, each from where its sum last left zero, a likely one is taken: with Z the
 * sum of n standardised distances, Z^2 / n is the likelihood ratio of a shift of
 * unknown size (Siegmund, section 2.5). */
#include "detectors/scale.h"
#include "detectors/score.h"
#include <math.h>

struct config {
    uint32_t warmup, memory;
    struct duration relearn;
    double threshold, critical, allowance, clip, min_spread;
};

enum { STRETCHES = 4 };

/* Allowances as multiples of the configured one. */
static const double coarser[STRETCHES] = { 1, 5.0 / 3, 8.0 / 3, 4 };

struct stretch {
    double sum;
    int64_t since_ns;       /* when the sum last left zero */
    uint32_t length;        /* samples since */
    double total;           /* of them, on the scale */
};

struct side {
    struct stretch stretches[STRETCHES]; /* the first one decides */
};

struct state {
    double mean, variance, covariance, last;
    uint32_t learned;
    uint32_t back;          /* normal samples in a row while changed */
    uint32_t changed;       /* samples since the change was called; 0: not */
    double recent, recent_variance; /* of the changed level */
    struct side sides[2];   /* up, down */
    int64_t onset_ns;       /* of the change that is called */
    int64_t changed_ns;     /* when it was called first */
    struct sparsity sparsity;
};

static const struct option options[] = {
    OPTION(struct config, warmup, 4, 1000000, "30", "samples to learn from before judging"),
    OPTION(struct config, memory, 8, 1000000, "200", "samples over which level and spread are learned"),
    OPTION(struct config, threshold, 1, 100, "6", "-log10 of the probability at which to warn"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION(struct config, allowance, 0.05, 10, "0.75", "deviations off that are not counted as a change"),
    OPTION(struct config, clip, 1, 100, "3", "deviations a single sample counts for at most"),
    OPTION(struct config, min_spread, 0, 10, "0.1", "share of the value that is always taken for noise"),
    OPTION(struct config, relearn, 1, 604800, "5m", "a change that has lasted so long is the new normal"),
    OPTION_END
};

enum {
    BACK_TO_NORMAL = 3,   /* samples near the old level that end a change */
    LEARNED_DISTANCE = 3  /* deviations: what is further off is not learned */
};

static size_t state_size(const void *config)
{
    (void)config;
    return sizeof(struct state);
}

static void reset_sums(struct state *st)
{
    st->sides[0] = st->sides[1] = (struct side){ 0 };
    st->changed = st->back = 0;
    st->recent = st->recent_variance = 0;
}

static void learn(struct state *st, const struct config *c, double x)
{
    double weight = st->learned < c->memory ? 1.0 / (st->learned + 1) : 1.0 / c->memory;
    double before = st->mean, step = weight * (x - before);
    double product = st->learned > 0 ? (x - before) * (st->last - before) : 0;
    st->mean += step;
    st->variance = (1 - weight) * (st->variance + step * (x - before));
    st->covariance += weight * (product - st->covariance);
    st->last = x;
    st->learned += st->learned < UINT32_MAX;
}

static double discount(const struct state *st)
{
    double r = st->variance > 0 ? st->covariance / st->variance : 0;
    r = r < 0 ? 0 : r > 0.98 ? 0.98 : r;
    return (1 - r) / (1 + r);
}

static void accumulate(struct side *side, double allowance, double z, double x, int64_t begin_ns)
{
    for (int i = 0; i < STRETCHES; i++) {
        struct stretch *s = &side->stretches[i];
        double sum = s->sum + z - allowance * coarser[i];
        if (sum <= 0) {
            s->sum = 0;
            continue;
        }
        if (s->sum == 0)
            *s = (struct stretch){ .since_ns = begin_ns };
        s->sum = sum;
        s->length++;
        s->total += x;
    }
}

/* The latest beginning that is nearly as likely as the likeliest (0.6 of it), on the
 * scale of Z^2 / n; the side's first sum is above zero. */
static const struct stretch *likely_stretch(const struct side *side, double allowance)
{
    double likelihood[STRETCHES], most = 0;
    int best = 0;
    for (int i = 0; i < STRETCHES; i++) {
        const struct stretch *s = &side->stretches[i];
        double z = s->sum + allowance * coarser[i] * s->length;
        likelihood[i] = s->sum > 0 ? z * z / s->length : 0;
        most = fmax(most, likelihood[i]);
    }
    for (int i = 0; i < STRETCHES; i++)
        if (likelihood[i] >= 0.6 * most)
            best = i;
    return &side->stretches[best];
}

static double tail_of(const struct state *st, const struct config *c, const struct side *side)
{
    double sum = side->stretches[0].sum, known = st->learned < c->memory ? st->learned : c->memory;
    if (sum == 0)
        return 0;
    double allowance = fmax(c->allowance / 3, c->allowance - 1 / sqrt(known));
    return 2 * allowance * (sum + 1.166) * M_LOG10E * discount(st);
}

/* Half way to the threshold it may be a change: nothing is learned until it is or is not. */
static bool suspected(const struct state *st, const struct config *c)
{
    return tail_of(st, c, &st->sides[0]) > c->threshold / 2 || tail_of(st, c, &st->sides[1]) > c->threshold / 2;
}

/* While changed: has the level come back, or has the new one become normal? */
static void follow(struct state *st, const struct config *c, const struct observation *o, double x, double z,
                   struct judgement *j)
{
    if (st->changed == 0)
        st->changed_ns = o->begin_ns;
    double weight = 1.0 / ++st->changed, step = weight * (x - st->recent);
    st->recent_variance = (1 - weight) * (st->recent_variance + step * (x - st->recent));
    st->recent += step;
    st->back = fabs(z) < 1.5 ? st->back + 1 : 0;
    if (st->back >= BACK_TO_NORMAL) {
        reset_sums(st);
    } else if (o->end_ns - st->changed_ns >= c->relearn.ns) {
        j->new_normal = true;
        st->covariance *= st->variance > 0 ? st->recent_variance / st->variance : 0; /* as correlated as before */
        st->mean = st->recent;
        st->variance = st->recent_variance;
        st->last = x;
        st->learned = st->changed;
        reset_sums(st);
    }
}

static void judge(struct state *st, const struct config *c, const struct scale *scale, double spread, struct judgement *j)
{
    const struct side *side = &st->sides[st->sides[1].stretches[0].sum > st->sides[0].stretches[0].sum];
    double tail = tail_of(st, c, side);
    j->score = score_of_tail(tail, c->threshold);
    j->severity = score_severity(tail, c->threshold, c->critical);
    if (j->severity == SEVERITY_OK)
        return;
    const struct stretch *since = likely_stretch(side, c->allowance);
    if (st->changed == 0)
        st->onset_ns = since->since_ns;
    j->expected = scale_invert(scale, st->mean);
    j->low = scale_invert(scale, st->mean - c->allowance * 4 * spread);
    j->high = scale_invert(scale, st->mean + c->allowance * 4 * spread);
    j->onset_ns = st->onset_ns;
    j->magnitude = scale_invert(scale, since->total / since->length) - j->expected;
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
    if (j->abstains) {
        learn(st, c, x);
        return;
    }
    double spread = fmax(sqrt(st->variance), scale_floor(&scale, st->mean, c->min_spread));
    double z = (x - st->mean) / spread, clipped = fmax(-c->clip, fmin(c->clip, z));
    accumulate(&st->sides[0], c->allowance, clipped, x, o->begin_ns);
    accumulate(&st->sides[1], c->allowance, -clipped, x, o->begin_ns);
    judge(st, c, &scale, spread, j);
    if (j->severity != SEVERITY_OK || st->changed > 0)
        follow(st, c, o, x, z, j);
    else if (fabs(z) < LEARNED_DISTANCE && !suspected(st, c))
        learn(st, c, x);
}

const struct detector detector_change_point = {
    .name = "change_point",
    .summary = "a lasting change of level, with its onset and size (two-sided CUSUM)",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .observe = observe,
};
