/* change_point.c - a lasting change of level or of spread, up or down: two-sided CUSUM
 * (Page, Biometrika 41, 1954), with when it began, by how much, and which of the two it was.
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
 * unknown size (Siegmund, section 2.5).
 *
 * Page-Hinkley's test (Hinkley, Biometrika 58, 1971) is the same sum about the mean of all samples since the last change, those of
 * the change included: it forgets nothing, so what drifts slowly is a change in the end.
 *
 * The spread is watched by the distances of neighbours, which a change of level touches once (von Neumann, Annals of
 * Mathematical Statistics 12, 1941), with a sum of its own. */
#include "detectors/scale.h"
#include "detectors/score.h"
#include <math.h>

struct config {
    uint32_t warmup, memory;
    struct choice method, watch;
    struct duration relearn;
    double threshold, critical, allowance, clip, min_spread;
};

enum { METHOD_CUSUM, METHOD_PAGE_HINKLEY }; /* in the order of the options' words */
enum { WATCH_BOTH, WATCH_MEAN };

enum { STRETCHES = 4 };

/* Allowances as multiples of the configured one. */
static const double coarser[STRETCHES] = { 1, 5.0 / 3, 8.0 / 3, 4 };

struct stretch {
    int64_t since_ns;       /* when its sum last left zero */
    uint32_t length;        /* samples since */
    float rough;            /* of their distances from each other, in spreads */
    double total;           /* of them, on the scale */
};

/* The sums are beside each other, since most of them are zero, and then nobody looks at what they are of. */
struct side {
    double sums[STRETCHES];              /* the first one decides */
    struct stretch stretches[STRETCHES]; /* what they are of */
};

/* What distances of neighbours usually are, and what they have been lately. */
struct roughness {
    double mean, variance;
    double per_deviation;    /* one through the deviation, as of now and then */
    double sums[2];          /* wider, narrower */
    uint32_t learned;
    struct stretch sides[2];
    int64_t since_ns;        /* when a change of spread was called first; 0: none is */
};

/* What a unit of a sum says, as -log10 of a probability. */
struct worth {
    double level, spread;
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
    double before;          /* the sample before, whatever it was */
    struct roughness roughness;
    struct worth worth;
    struct sparsity sparsity;
};

static const struct option options[] = {
    OPTION(struct config, warmup, 4, 1000000, "30", "samples to learn from before judging"),
    OPTION(struct config, memory, 8, 1000000, "200", "samples over which level and spread are learned"),
    OPTION_ONE_OF(struct config, method, "cusum|page_hinkley", "cusum", "cusum: against what was learned; page_hinkley: against the mean of all since the last change"),
    OPTION_ONE_OF(struct config, watch, "both|mean", "both", "what may change: level and spread, or the level only"),
    OPTION(struct config, threshold, 1, 100, "6", "-log10 of the probability at which to warn"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION(struct config, allowance, 0.05, 10, "0.75", "deviations off that are not counted as a change"),
    OPTION(struct config, clip, 1, 100, "3", "deviations a single sample counts for at most"),
    OPTION(struct config, min_spread, 0, 10, "0.1", "share of the value that is always taken for noise"),
    OPTION(struct config, relearn, 1, 604800, "5m", "a change that has lasted so long is the new normal"),
    OPTION_END
};

static const double rough_discount = 0.6, /* distances of neighbours share a sample: (1 - r) / (1 + r), r = 0.224 for normal noise */
    least_deviation = 0.3,                /* half of what it is for normal noise: the least to believe in */
    rough_most = 4, rough_room = 1.5,     /* clipped; a sum grows to so many thresholds */
    significant = 4;                      /* standard errors, for the other of the two to have changed, too */

enum {
    RECKONED = 8,         /* samples learned between two looks at what changes slowly */
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

static double discount(const struct state *st)
{
    double r = st->variance > 0 ? st->covariance / st->variance : 0;
    r = r < 0 ? 0 : r > 0.98 ? 0.98 : r;
    return (1 - r) / (1 + r);
}

/* What changes slowly, and takes roots and divisions. */
static void reckon(struct state *st, const struct config *c)
{
    /* The level is known no better than that. */
    double known = st->learned < c->memory ? st->learned : c->memory;
    double allowance = fmax(c->allowance / 3, c->allowance - 1 / sqrt(known));
    st->worth.level = 2 * M_LOG10E * allowance * discount(st);
    st->worth.spread = 2 * M_LOG10E * allowance * rough_discount;
    st->roughness.per_deviation = 1 / fmax(sqrt(st->roughness.variance), least_deviation);
}

/* rough: the distance from the one before, in spreads; NAN: not known. */
static void learn(struct state *st, const struct config *c, double x, double rough)
{
    bool forgets = c->method.index == METHOD_CUSUM;
    double weight = !forgets || st->learned < c->memory ? 1.0 / (st->learned + 1) : 1.0 / c->memory;
    double before = st->mean, step = weight * (x - before);
    double product = st->learned > 0 ? (x - before) * (st->last - before) : 0;
    st->mean += step;
    st->variance = (1 - weight) * (st->variance + step * (x - before));
    st->covariance += weight * (product - st->covariance);
    st->last = x;
    st->learned += st->learned < INT32_MAX;
    if (st->learned % RECKONED == 0 || st->learned <= c->memory / 4)
        reckon(st, c);
    if (isnan(rough))
        return;
    struct roughness *r = &st->roughness;
    r->learned += r->learned < c->memory;
    weight = 1.0 / r->learned;
    step = weight * (rough - r->mean);
    r->variance = (1 - weight) * (r->variance + step * (rough - r->mean));
    r->mean += step;
}

/* False: its sum is zero. */
static bool extend(double *sum, struct stretch *s, double step, double x, double rough, int64_t begin_ns)
{
    double before = *sum;
    *sum = at_least(before + step, 0);
    if (*sum == 0)
        return false;
    if (before == 0)
        *s = (struct stretch){ .since_ns = begin_ns, .rough = -(float)rough }; /* that of the step itself */
    s->length++;
    s->total += x;
    s->rough += (float)rough;
    return true;
}

static void accumulate(struct side *side, double allowance, double z, double x, double rough, int64_t begin_ns)
{
    int i = 0;
    while (i < STRETCHES && extend(&side->sums[i], &side->stretches[i], z - allowance * coarser[i], x, rough, begin_ns))
        i++;
    for (i++; i < STRETCHES && side->sums[i] > 0; i++)
        side->sums[i] = 0; /* a larger allowance never has the larger sum */
}

/* The latest beginning that is nearly as likely as the likeliest (0.6 of it), on the
 * scale of Z^2 / n; the side's first sum is above zero. */
static const struct stretch *likely_stretch(const struct side *side, double allowance)
{
    double likelihood[STRETCHES], most = 0;
    int best = 0;
    for (int i = 0; i < STRETCHES; i++) {
        const struct stretch *s = &side->stretches[i];
        double z = side->sums[i] + allowance * coarser[i] * s->length;
        likelihood[i] = side->sums[i] > 0 ? z * z / s->length : 0;
        most = fmax(most, likelihood[i]);
    }
    for (int i = 0; i < STRETCHES; i++)
        if (likelihood[i] >= 0.6 * most)
            best = i;
    return &side->stretches[best];
}

static double tail_of(double sum, double worth)
{
    return sum == 0 ? 0 : worth * (sum + 1.166);
}

static void accumulate_rough(struct state *st, const struct config *c, double x, double rough, int64_t begin_ns)
{
    struct roughness *r = &st->roughness;
    double y = (rough - r->mean) * r->per_deviation, clipped = at_least(at_most(y, c->clip), -c->clip);
    for (int i = 0; i < 2; i++) {
        extend(&r->sums[i], &r->sides[i], (i ? -clipped : clipped) - c->allowance, x, rough, begin_ns);
        if (r->sums[i] * st->worth.spread > rough_room * c->threshold)
            r->sums[i] = rough_room * c->threshold / st->worth.spread;
    }
}

/* What the sums say: of level and of spread the side that says more. */
struct tails {
    double level, spread;
};

static struct tails tails_of(const struct state *st)
{
    double level = at_least(st->sides[1].sums[0], st->sides[0].sums[0]), spread = at_least(st->roughness.sums[1], st->roughness.sums[0]);
    return (struct tails){ tail_of(level, st->worth.level), tail_of(spread, st->worth.spread) };
}

/* Half way to the threshold it may be a change: nothing is learned until it is or is not. */
static bool suspected(const struct config *c, const struct tails *t)
{
    return at_least(t->spread, c->method.index == METHOD_CUSUM ? t->level : 0) > c->threshold / 2;
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
        reckon(st, c);
        reset_sums(st);
        st->roughness.sums[0] = st->roughness.sums[1] = 0;
    }
}

/* By which factor the spread of a stretch differs; in *ret_sure by how many standard errors. */
static double spread_ratio(const struct state *st, const struct stretch *s, double *ret_sure)
{
    double n = s->length - 1.0, mean = n > 0 ? (double)s->rough / n : st->roughness.mean;
    *ret_sure = fabs(mean - st->roughness.mean) * st->roughness.per_deviation * sqrt(n * rough_discount);
    return mean / fmax(st->roughness.mean, 0.1);
}

/* Which of the two it is, by how much: of the sums that say so; of the other one, when it is sure. A wider spread moves the
 * level's sum, too: then it is only that, unless the level is sure to have moved all the same. */
static void describe(const struct state *st, const struct scale *scale, const struct stretch *s, double spread, struct judgement *j)
{
    double sure, shift = s->total / s->length - st->mean, ratio = spread_ratio(st, s, &sure);
    bool moved = fabs(shift) / (spread * fmax(1, ratio)) * sqrt(s->length * discount(st)) > significant;
    bool varies = j->changed != CHANGE_MEAN || sure > significant;
    if (varies)
        j->changed = moved ? CHANGE_BOTH : CHANGE_SPREAD;
    j->magnitude = scale_invert(scale, st->mean + shift) - j->expected;
    j->spread = ratio;
}

static void judge(struct state *st, const struct config *c, const struct scale *scale, double spread, const struct tails *t, struct judgement *j)
{
    double tail = at_least(t->level, t->spread);
    j->score = score_of_tail(tail, c->threshold);
    j->severity = score_severity(tail, c->threshold, c->critical);
    if (j->severity == SEVERITY_OK)
        return;
    bool level = t->level >= c->threshold;
    const struct side *side = &st->sides[st->sides[1].sums[0] > st->sides[0].sums[0]];
    const struct stretch *rough = &st->roughness.sides[st->roughness.sums[1] > st->roughness.sums[0]];
    const struct stretch *since = level ? likely_stretch(side, c->allowance) : rough;
    j->changed = !level ? CHANGE_SPREAD : t->spread >= c->threshold ? CHANGE_BOTH : CHANGE_MEAN;
    if (st->changed == 0 && st->roughness.since_ns == 0)
        st->onset_ns = since->since_ns;
    j->expected = scale_invert(scale, st->mean);
    j->low = scale_invert(scale, st->mean - c->allowance * 4 * spread);
    j->high = scale_invert(scale, st->mean + c->allowance * 4 * spread);
    j->onset_ns = st->onset_ns;
    describe(st, scale, since, spread, j);
}

/* While the spread is changed: its sum falls by itself when that is over. True: for so long that all begins anew. */
static bool follow_spread(struct state *st, const struct config *c, const struct observation *o, double tail, struct judgement *j)
{
    if (tail < c->threshold / 2)
        st->roughness.since_ns = 0;
    else if (tail >= c->threshold && st->roughness.since_ns == 0)
        st->roughness.since_ns = o->begin_ns;
    if (j->severity == SEVERITY_OK || st->roughness.since_ns == 0 || o->end_ns - st->roughness.since_ns < c->relearn.ns)
        return false;
    j->new_normal = true;
    *st = (struct state){ .sparsity = st->sparsity, .before = st->before };
    return true;
}

/* What comes next, by what was said of this one. */
static void go_on(struct state *st, const struct config *c, const struct observation *o, const struct tails *t, double x, double clipped, double z, double rough,
                  struct judgement *j)
{
    bool all = c->method.index == METHOD_PAGE_HINKLEY;
    if (follow_spread(st, c, o, t->spread, j))
        return;
    if (t->level >= c->threshold || st->changed > 0)
        follow(st, c, o, x, z, j);
    else if ((all || fabs(z) < LEARNED_DISTANCE) && !suspected(c, t))
        learn(st, c, all ? clipped : x, rough);
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
    double spread = at_least(sqrt(st->variance), scale_floor(&scale, st->mean, c->min_spread));
    double per_spread = 1 / spread, rough = at_most(fabs(x - st->before) * M_SQRT1_2 * per_spread, rough_most);
    st->before = x;
    if (j->abstains) {
        /* Half of the warm-up is for the spread, in which distances are then measured. */
        learn(st, c, x, st->learned > c->warmup / 2 ? rough : (double)NAN);
        return;
    }
    double z = (x - st->mean) * per_spread, clipped = at_least(at_most(z, c->clip), -c->clip);
    accumulate(&st->sides[0], c->allowance, clipped, x, rough, o->begin_ns);
    accumulate(&st->sides[1], c->allowance, -clipped, x, rough, o->begin_ns);
    if (c->watch.index == WATCH_BOTH)
        accumulate_rough(st, c, x, rough, o->begin_ns);
    struct tails tails = tails_of(st);
    judge(st, c, &scale, spread, &tails, j);
    go_on(st, c, o, &tails, x, st->mean + clipped * spread, z, rough, j);
}

const struct detector detector_change_point = {
    .name = "change_point",
    .summary = "a lasting change of level or spread, with its onset and size (two-sided CUSUM, or Page-Hinkley)",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .observe = observe,
};
