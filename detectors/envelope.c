/* envelope.c - how far a group of series lies outside of what each of its members does otherwise.
 *
 * Three views of every member: its value; the value less a fast average before it (a jump); a slow average (a small
 * shift that noise hides). Each view has an envelope, nearly all of its values: edges that move outwards by a step when
 * a value is beyond them, and inwards by so much less that a share P of the values is outside in the long run
 * (stochastic approximation of a quantile: Robbins and Monro, Annals of Mathematical Statistics 22, 1951). What is
 * outside counts by its distance in widths of the envelope, the less the more often that view has been outside before.
 * What a value does inside its envelope is no news: where all members are added up, only so small ones are heard.
 *
 * The group's excess is the mean over members and views, smoothed. It is judged against a threshold and what it usually is.
 *
 * Learning: a member's first values, but for the most extreme ones, are its envelope. Widths are learned from windows
 * that are not anomalous only, and not for ever: once they are known, a long incident must not make the
 * next one small. Edges always move, so that what lasts is normal in the end, and at once where a view has been
 * outside for `relearn` windows. */
#include "detectors/score.h"
#include <math.h>
#include <string.h>

struct config {
    uint32_t warmup, learn, memory, relearn;
    double threshold, critical;
};

enum view_kind { VALUE, JUMP, SLOW, VIEWS };
enum { EXTREMES = 6 };                      /* the 0.5 % most extreme of 1,000 values at each end */

static const double outside_share = 0.005;  /* of the values of a view */
static const double edge_step = 0.005;      /* widths an edge moves */
enum { FAST_SPAN = 3, SLOW_SPAN = 45, SMOOTH_SPAN = 8 }; /* windows; the weight is 2 / (span + 1) */
static const double least_width[VIEWS] = { 0.12, 0.05, 0.12 }; /* shares of the member's range */
static const double least_range = 0.07;     /* share of the member's level */
static const double farthest = 10, farthest_constant = 4; /* widths; the latter of a member that never moved while it learned */
static const double habit = 0.3;            /* mean excess of a view at which it counts half */
static const double usual_share = 1.2;      /* of the group's usual excess, added to the threshold */

struct view {
    double low, high;
    float width, habit;
    uint32_t outside;                       /* windows in a row */
};
/* Of a view's values while it warms up: the largest, and the smallest ones negated. */
struct extremes {
    float top[EXTREMES], bottom[EXTREMES];
};
struct place {
    double origin;                          /* values are kept relative to the first one */
    double fast, slow, sum, low, high;      /* averages, and the range */
    uint32_t age;                           /* values seen */
    bool constant;
    float trouble;                          /* its smoothed excess */
    struct view views[VIEWS];
};
struct state {
    int64_t rising_ns;                      /* since when the score is above a third */
    double excess, usual;
    uint32_t judged;
    bool bad;
    struct place places[];                  /* and behind them the extremes of their views, out of the way */
};

static struct extremes *extremes_of(struct state *st, uint32_t places, uint32_t place)
{
    return (struct extremes *)(void *)(st->places + places) + place * VIEWS;
}

static const struct option options[] = {
    OPTION(struct config, warmup, 50, 1000, "400", "values of a member to learn from before it counts"),
    OPTION(struct config, learn, 0, 1000000, "5000", "values of a member in which the width of its envelope is learned"),
    OPTION(struct config, memory, 100, 1000000, "8000", "windows over which it is learned what is usual"),
    OPTION(struct config, relearn, 10, 1000000, "2000", "a member outside of its envelope for so many windows is taken for normal"),
    OPTION(struct config, threshold, 1e-6, 10, "0.016", "mean excess at which to warn, in widths of the envelopes"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION_END
};

static size_t state_size(const void *config, uint32_t places)
{
    (void)config;
    return sizeof(struct state) + places * (sizeof(struct place) + VIEWS * sizeof(struct extremes));
}

static void forget(void *state, const void *config, uint32_t places, uint32_t place)
{
    struct state *st = state;
    (void)config;
    (void)places;
    memset(&st->places[place], 0, sizeof(st->places[place]));
}

static double weight_of(double span)
{
    return 2 / (span + 1);
}

static void keep_extreme(float extremes[EXTREMES], uint32_t count, float value)
{
    uint32_t n = count < EXTREMES ? count : EXTREMES, at = n < EXTREMES ? n : EXTREMES - 1;
    if (n == EXTREMES && value <= extremes[EXTREMES - 1])
        return;
    while (at > 0 && extremes[at - 1] < value) {
        extremes[at] = extremes[at - 1];
        at--;
    }
    extremes[at] = value;
}

/* The three views of a value; the averages learn it. */
static void look(struct place *p, double x, double ret_views[VIEWS])
{
    if (p->age == 0)
        p->fast = p->slow = p->low = p->high = x;
    ret_views[VALUE] = x;
    ret_views[JUMP] = x - p->fast;
    p->fast += weight_of(FAST_SPAN) * (x - p->fast);
    p->slow += (2 * p->age < SLOW_SPAN ? 1.0 / (p->age + 1) : weight_of(SLOW_SPAN)) * (x - p->slow);
    ret_views[SLOW] = p->slow;
    p->age++;
}

static double range_of(const struct place *p)
{
    double level = fabs(p->origin + p->sum / p->age);
    return fmax(fmax(p->high - p->low, least_range * level), 1e-6);
}

static void learn_range(struct place *p, double x)
{
    p->low = fmin(p->low, x);
    p->high = fmax(p->high, x);
}

static void learn_width(struct view *v, enum view_kind kind, double range)
{
    double spread = v->high - v->low, least = least_width[kind] * range, width = spread > least ? spread : least;
    if (width > (double)v->width)
        v->width = (float)width;
}

/* A slow average begins as the mean of little: its first values say nothing, if there are enough others. */
static uint32_t extremes_from(const struct config *c, enum view_kind kind)
{
    return kind == SLOW && c->warmup > 4 * (uint32_t)SLOW_SPAN ? (uint32_t)SLOW_SPAN : 0;
}

static void warm_up(struct place *p, struct extremes extremes[VIEWS], const struct config *c, double x)
{
    double views[VIEWS];
    look(p, x, views);
    p->sum += x;
    learn_range(p, x);
    for (enum view_kind k = VALUE; k < VIEWS; k++) {
        uint32_t from = extremes_from(c, k);
        if (p->age <= from)
            continue;
        keep_extreme(extremes[k].top, p->age - 1 - from, (float)views[k]);
        keep_extreme(extremes[k].bottom, p->age - 1 - from, (float)-views[k]);
    }
    if (p->age < c->warmup)
        return;
    p->constant = p->high <= p->low;
    for (enum view_kind k = VALUE; k < VIEWS; k++) {
        struct view *v = &p->views[k];
        uint32_t at = (uint32_t)(outside_share * (c->warmup - extremes_from(c, k)));
        v->high = (double)extremes[k].top[at];
        v->low = (double)-extremes[k].bottom[at];
        learn_width(v, k, range_of(p));
    }
}

static void move_edges(const struct config *c, struct place *p, struct view *v, double x)
{
    double out = edge_step * (double)v->width, in = out * (outside_share / (1 - outside_share));
    v->outside = x > v->high || x < v->low ? v->outside + 1 : 0;
    if (v->outside >= c->relearn) {
        v->high = fmax(v->high, x);
        v->low = fmin(v->low, x);
        v->outside = 0;
        p->constant = false;
        p->age = c->warmup;  /* its width is learned once more */
        return;
    }
    v->high += x > v->high ? out : -in;
    v->low -= x < v->low ? out : -in;
}

/* A member's excess, over its three views; its envelopes learn. */
static double member_excess(struct place *p, const struct config *c, double x, bool bad)
{
    double views[VIEWS], total = 0, weight = weight_of(c->memory);
    bool learns = p->age < c->learn && !bad;
    look(p, x, views);
    p->sum += x;
    if (learns)
        learn_range(p, x);
    double range = learns ? range_of(p) : 0;
    for (enum view_kind k = VALUE; k < VIEWS; k++) {
        struct view *v = &p->views[k];
        double often = (double)v->habit;
        v->habit -= (float)(weight * often);
        if (views[k] > v->high || views[k] < v->low) {
            double beyond = (views[k] > v->high ? views[k] - v->high : v->low - views[k]) / (double)v->width;
            double excess = fmin(beyond, p->constant ? farthest_constant : farthest);
            v->habit += (float)(weight * excess);
            total += excess / (1 + often / habit);
        }
        if (learns)
            learn_width(v, k, range);
        move_edges(c, p, v, views[k]);
    }
    p->constant &= !learns || p->high <= p->low;
    p->trouble += (float)(weight_of(SMOOTH_SPAN) * (total - (double)p->trouble));
    return total;
}

static void name_members(const struct state *st, const struct group_observation *o, struct judgement *j)
{
    double all = 0;
    for (uint32_t i = 0; i < o->places; i++) {
        const struct place *p = &st->places[i];
        struct group_member m = { i, (double)p->trouble, p->origin + p->views[VALUE].low, p->origin + p->views[VALUE].high };
        all += m.share;
        judgement_name(j, &m);
    }
    for (uint32_t k = 0; k < j->named_count; k++)
        j->named[k].share /= all;
}

/* Of the members that know themselves; false: too few of them are there. */
static bool group_excess(struct state *st, const struct config *c, const struct group_observation *o, double *ret_excess)
{
    uint32_t known = 0, there = 0;
    double total = 0;
    for (uint32_t i = 0; i < o->places; i++) {
        known += st->places[i].age >= c->warmup;
        there += st->places[i].age >= c->warmup && !isnan(o->values[i]);
    }
    bool enough = there > 0 && 2 * there >= known;
    for (uint32_t i = 0; i < o->places; i++) {
        struct place *p = &st->places[i];
        if (isnan(o->values[i]))
            continue;
        if (p->age == 0)
            p->origin = o->values[i];
        double x = o->values[i] - p->origin;
        if (p->age < c->warmup)
            warm_up(p, extremes_of(st, o->places, i), c, x);
        else if (enough)
            total += member_excess(p, c, x, st->bad);
    }
    if (enough)
        *ret_excess = total / (VIEWS * there);
    return enough;
}

static void observe(void *state, const void *config, const struct group_observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    double excess;
    *j = JUDGEMENT_OK;
    j->finding = FINDING_ANOMALY;
    j->abstains = (o->quality & (QUALITY_LOSSY | QUALITY_LATE)) || !group_excess(st, c, o, &excess);
    if (j->abstains)
        return;
    st->excess += (st->judged++ == 0 ? 1 : weight_of(SMOOTH_SPAN)) * (excess - st->excess);
    double share = st->excess / (c->threshold + usual_share * st->usual);
    st->usual += weight_of(c->memory) * (st->excess - st->usual);
    j->score = score_of_tail(share, 1);
    j->severity = score_severity(share, 1, c->critical);
    st->bad = j->severity != SEVERITY_OK;
    if (share < 0.5)
        st->rising_ns = 0;
    else if (st->rising_ns == 0)
        st->rising_ns = o->begin_ns;
    if (!st->bad)
        return;
    j->onset_ns = st->rising_ns;
    name_members(st, o, j);
}

const struct detector detector_envelope = {
    .name = "envelope",
    .summary = "how far a group of series lies outside of what each of them does otherwise",
    .options = options,
    .config_size = sizeof(struct config),
    .group = { .state_size = state_size, .observe = observe, .forget = forget },
};
