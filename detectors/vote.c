/* vote.c - several ways to look at a series vote, and a value far beyond everything seen so far is said at once.
 *
 * Each view (vote_views.h) is a z score against its own history, divided by what a typical series reaches in 1 % of its rows.
 * Their mean is the surprise: several views must agree, or one be extreme, and it must last. The second rule is that of the
 * new extreme: outside the range so far by a share of it, at once. Bad rows within the cool-down after the row in which an incident was
 * first called belong to it (their onset is its own); each incident makes the next one a little harder to call, for a while.
 *
 * Nothing is left out of learning, but one row moves what was learned by little: a lasting change is normal after a while, a
 * spike never is. The surprise is no probability; it is scaled to what the other detectors' tails mean to a user. */
#include "detectors/scale.h"
#include "detectors/score.h"
#include "detectors/vote_views.h"
#include <math.h>

struct config {
    uint32_t warmup;
    double threshold, critical, min_spread;
};

struct range {
    double low, high;
};

struct state {
    struct vote_views views;
    struct range values;
    struct sparsity sparsity;
    double origin;            /* the first value, which all others are relative to */
    double habit;             /* share by which the threshold is raised */
    uint32_t run;             /* rows in a row whose surprise was above it */
    bool called;              /* there was an incident */
    int64_t run_since_ns, called_ns, onset_ns, end_ns;
};

static const struct option options[] = {
    OPTION(struct config, warmup, 64, 1000000, "100", "samples to learn from before judging"),
    OPTION(struct config, threshold, 1, 100, "6", "surprise at which to warn: 4 is talkative, 9 is quiet"),
    OPTION(struct config, critical, 1, 100, "2", "times the threshold: critical"),
    OPTION(struct config, min_spread, 0, 10, "0.001", "share of the value that is always taken for noise"),
    OPTION_END
};

/* What |z| of each view is above in 1 % of the rows of a typical series. */
static const double typical[VIEWS] = { 5.1, 3.5, 3.2, 4.7, 4.1, 4.4, 4.4 };
static const double most = 6;           /* times that: more is not more of a vote */
static const double per_surprise = 10.8;
static const double cool_down_rows = 150, habit_step = 0.05, habit_rows = 4000, lasting_rows = 5; /* as in vote_views.c */
static const int64_t cool_down_most_ns = 4 * 86400000000000;
/* A value outside its range by that share of it has that surprise, which grows as the root of the share. */
static const double extreme_share = 0.10, extreme_surprise = 4, range_rows = 30000;
static const int64_t gap_windows = 10;

static size_t state_size(const void *config)
{
    (void)config;
    return sizeof(struct state);
}

static void init(void *state, const void *config)
{
    struct state *st = state;
    (void)config;
    vote_views_init(&st->views);
}

/* How far outside the range, in its widths; the range then includes it, and shrinks a little. */
static double beyond(struct range *r, double x, double mean, double scale, double floor)
{
    double over = fmax(0, fmax(x - r->high, r->low - x)) / (r->high - r->low + floor);
    r->high -= (r->high - mean) / (range_rows * scale);
    r->low += (mean - r->low) / (range_rows * scale);
    r->high = fmax(r->high, x);
    r->low = fmin(r->low, x);
    return over;
}

static double surprise_of(const double z[VIEWS])
{
    double sum = 0;
    for (int k = 0; k < VIEWS; k++)
        sum += fmin(fabs(z[k]) / typical[k], most);
    return sum / VIEWS;
}

/* A bad row: of the incident under way, or of a new one. */
static void call(struct state *st, const struct observation *o, double scale)
{
    double cool_down_ns = fmin((double)cool_down_most_ns, cool_down_rows * scale * (double)(o->end_ns - o->begin_ns));
    if (st->called && (double)(o->end_ns - st->called_ns) <= cool_down_ns)
        return;
    bool since = st->run > 0 && (!st->called || st->run_since_ns > st->called_ns);
    st->onset_ns = since ? st->run_since_ns : o->begin_ns;
    st->called = true;
    st->called_ns = o->end_ns;
    st->habit += habit_step;
}

/* tail: of the vote; extreme: of the value outside its range, 0 within. */
static void grade(struct state *st, const struct config *c, const struct observation *o, double tail, double extreme, double scale,
                  struct judgement *j)
{
    st->habit = st->habit > 1e-9 ? st->habit * exp(-1 / (habit_rows * fmax(scale, 0.2))) : 0;
    double threshold = c->threshold * (1 + st->habit);
    st->run = tail >= threshold ? st->run + 1 : 0;
    if (st->run == 1)
        st->run_since_ns = o->begin_ns;
    bool lasts = st->run >= fmax(2, round(lasting_rows * (scale > 1 ? sqrt(scale) : scale)));
    if (extreme >= c->threshold)
        tail = fmax(fmax(tail, extreme), threshold); /* no habit: it was never there */
    else if (!lasts)
        tail = fmin(tail, 0.999 * threshold);
    j->score = score_of_tail(tail, threshold);
    j->severity = score_severity(tail, threshold, c->critical);
    if (j->severity == SEVERITY_OK)
        return;
    call(st, o, scale);
    j->onset_ns = st->onset_ns;
}

static void observe(void *state, const void *config, const struct observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    struct scale scale = scale_for(o);
    bool trusted = !(o->quality & (QUALITY_LOSSY | QUALITY_LATE)) && scale_enough(o);
    *j = JUDGEMENT_OK;
    j->finding = FINDING_ANOMALY;
    j->abstains = !trusted || st->views.row < c->warmup;
    if (!trusted)
        return;
    if (scale.kind == SCALE_ROOT && scale_sparse(&st->sparsity, o))
        j->abstains = true;
    double x = scale_apply(&scale, o->value), z[VIEWS];
    if (st->views.row == 1 && scale_false_start(&scale, st->origin, x)) {
        *st = (struct state){ .sparsity = st->sparsity };
        vote_views_init(&st->views);
    }
    if (st->views.row == 0)
        st->origin = x;
    if (st->views.row == 0 || st->views.row == c->warmup / 4) /* of many programs the first operations are slow */
        st->values.low = st->values.high = x;
    double level = st->views.slow.mean + st->origin, floor = scale_floor(&scale, level, c->min_spread);
    struct range usual = { st->values.low, st->values.high };
    struct view_input in = { .value = x - st->origin, .origin = st->origin, .scale = vote_views_scale(o->end_ns - o->begin_ns),
                             .floor = floor, .time_ns = o->end_ns, .window_ns = o->end_ns - o->begin_ns,
                             .after_gap = st->views.row && o->begin_ns - st->end_ns > gap_windows * (o->end_ns - o->begin_ns) };
    st->end_ns = o->end_ns;
    double mean = st->views.row ? level : x;
    double extreme = extreme_surprise * sqrt(beyond(&st->values, x, mean, in.scale, floor) / extreme_share);
    vote_views_add(&st->views, &in, z);
    if (j->abstains)
        return;
    grade(st, c, o, per_surprise * surprise_of(z), extreme, in.scale, j);
    if (j->severity == SEVERITY_OK)
        return;
    j->expected = scale_invert(&scale, level);
    j->low = scale_invert(&scale, usual.low);
    j->high = scale_invert(&scale, usual.high);
}

const struct detector detector_vote = {
    .name = "vote",
    .summary = "several views of one series vote: shape, mix of values, time of day, movement, spread, level; and new extremes",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .init = init,
    .observe = observe,
};
