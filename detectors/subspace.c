/* subspace.c - a group of series leaves the few directions in which it usually moves.
 *
 * Each member's values are standardised by their own running mean and deviation; a few orthonormal directions that hold most of
 * what moves are followed by Oja's rule (Journal of Mathematical Biology 15, 1982), one after the other on what the
 * ones before leave (Sanger, Neural Networks 2, 1989). Two numbers are made of a window: the residual, what the
 * directions do not explain, for each member in units of its usual residual; and the leverage, how far along the directions
 * it lies, in units of their usual energy (T squared of principal components: Jackson and Mudholkar, Technometrics 21, 1979).
 * A member that is missing is taken to be where the others say: only those that are there have a say in the coordinates,
 * by least squares (as Brand, Linear Algebra and its Applications 415, 2006, section 3, completes partial columns).
 *
 * Either number is calibrated by its own history: what its tail is like beyond its 90th percentile (detectors/tail.h), over a few windows. */
#include "detectors/score.h"
#include "detectors/tail.h"
#include <math.h>
#include <string.h>

struct config {
    uint32_t warmup, memory, directions, relearn;
    double threshold, critical, min_spread;
};

enum { DIRECTIONS_MAX = 8, SMOOTH_SPAN = 8 };
static const float farthest = 8;     /* deviations: what is learned of a value */
static const double faster = 8;      /* directions are learned with so much more weight */

struct place {
    double mean, variance, spread;
    float residual;                  /* its square, usually */
    uint32_t age;
};
struct state {
    uint32_t learned;                /* windows */
    uint32_t bad;                    /* windows in a row */
    int64_t onset_ns;
    double energy[DIRECTIONS_MAX];
    double smooth_residual, smooth_leverage;
    struct tail residual, leverage;
    struct place places[];
};

/* The directions stand behind the places, one after the other. */
static float *direction(struct state *st, uint32_t places, uint32_t k)
{
    return (float *)(void *)(st->places + places) + k * places;
}

static const struct option options[] = {
    OPTION(struct config, warmup, 50, 1000000, "400", "windows to learn from before judging"),
    OPTION(struct config, memory, 100, 1000000, "2000", "windows over which it is learned what is usual"),
    OPTION(struct config, directions, 1, DIRECTIONS_MAX, "3", "in which the group is taken to move"),
    OPTION(struct config, relearn, 10, 1000000, "1000", "what is anomalous for so many windows is the new normal"),
    OPTION(struct config, threshold, 1, 100, "4", "-log10 of the probability at which to warn"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION(struct config, min_spread, 0, 1, "0.001", "share of a member's level that is always taken for noise"),
    OPTION_END
};

static size_t state_size(const void *config, uint32_t places)
{
    const struct config *c = config;
    return sizeof(struct state) + places * (sizeof(struct place) + c->directions * sizeof(float));
}

/* A place begins with a small share in each direction, as a fixed mixture. */
static void forget(void *state, const void *config, uint32_t places, uint32_t place)
{
    struct state *st = state;
    const struct config *c = config;
    memset(&st->places[place], 0, sizeof(st->places[place]));
    for (uint32_t k = 0; k < c->directions; k++)
        direction(st, places, k)[place] = (float)(sqrt(2.0 / places) * cos(M_PI * (place + 0.5) * (k + 1) / places));
}

static void init(void *state, const void *config, uint32_t places)
{
    for (uint32_t i = 0; i < places; i++)
        forget(state, config, places, i);
}

/* The window in deviations of each member; 0 for those that cannot say. */
struct window {
    uint32_t places, there;
    float z[GROUP_PLACES_MAX], rest[GROUP_PLACES_MAX], is_there[GROUP_PLACES_MAX];
    double coordinate[DIRECTIONS_MAX];
};

static void standardise(struct state *st, const struct config *c, const struct group_observation *o, struct window *w)
{
    w->places = o->places;
    w->there = 0;
    for (uint32_t i = 0; i < o->places; i++) {
        const struct place *p = &st->places[i];
        bool there = !isnan(o->values[i]) && p->age >= c->warmup / 4;
        w->z[i] = there ? (float)((o->values[i] - p->mean) / p->spread) : 0;
        w->is_there[i] = there;
        w->there += there;
    }
}

/* Coordinates by least squares over the members that are there: the directions are orthonormal over all of them, so each
 * is divided by what of it is there; what is left is the rest. */
static void project(struct state *st, const struct config *c, struct window *w)
{
    memcpy(w->rest, w->z, w->places * sizeof(w->z[0]));
    for (uint32_t k = 0; k < c->directions; k++) {
        const float *d = direction(st, w->places, k);
        float along = 0, length = 1e-9F;
        for (uint32_t i = 0; i < w->places; i++) {
            along += d[i] * w->rest[i];
            length += d[i] * d[i] * w->is_there[i];
        }
        along /= length;
        for (uint32_t i = 0; i < w->places; i++)
            w->rest[i] -= along * d[i] * w->is_there[i];
        w->coordinate[k] = (double)along;
    }
}

/* Sanger's rule: each direction moves towards what the ones up to it leave; then it has length one again. */
static void learn_directions(struct state *st, const struct config *c, const struct window *w, double weight)
{
    float left[GROUP_PLACES_MAX], limit = 3 * sqrtf((float)w->there);
    for (uint32_t i = 0; i < w->places; i++)
        left[i] = w->z[i] > farthest ? farthest : w->z[i] < -farthest ? -farthest : w->z[i];
    for (uint32_t k = 0; k < c->directions; k++) {
        float *d = direction(st, w->places, k), y = 0, length = 0;
        for (uint32_t i = 0; i < w->places; i++)
            y += d[i] * left[i];
        y = y > limit ? limit : y < -limit ? -limit : y;
        st->energy[k] += weight * ((double)(y * y) - st->energy[k]);
        float step = (float)(weight * faster) * y, change = step / (1 + step * y);
        for (uint32_t i = 0; i < w->places; i++) {
            left[i] -= y * d[i] * w->is_there[i];
            d[i] += change * left[i];
            length += d[i] * d[i];
        }
        float scale = length > 0 ? 1 / sqrtf(length) : 1;
        for (uint32_t i = 0; i < w->places; i++)
            d[i] *= scale;
    }
}

static void learn_members(struct state *st, const struct config *c, const struct group_observation *o, const struct window *w)
{
    for (uint32_t i = 0; i < o->places; i++) {
        struct place *p = &st->places[i];
        if (isnan(o->values[i]))
            continue;
        double weight = 1.0 / (p->age < c->memory ? p->age + 1 : c->memory), off = o->values[i] - p->mean;
        double reach = p->age < c->warmup / 4 ? INFINITY : (double)farthest * p->spread;
        off = off > reach ? reach : off < -reach ? -reach : off;
        p->mean += weight * off;
        p->variance = (1 - weight) * (p->variance + weight * off * off);
        double deviation = sqrt(p->variance), least = c->min_spread * fabs(p->mean) + 1e-9;
        p->spread = deviation > least ? deviation : least;
        p->age += p->age < UINT32_MAX;
        float square = w->rest[i] * w->rest[i];
        square = square > farthest * farthest ? farthest * farthest : square;
        if (w->is_there[i] > 0)
            p->residual += (square - p->residual) / (float)(p->age < c->memory ? p->age - c->warmup / 4 : c->memory);
    }
}

/* How far out the window is, both ways; names those whose residuals are largest. */
static void measure(const struct state *st, const struct config *c, const struct window *w, struct judgement *j, double *ret_residual,
                    double *ret_leverage)
{
    double residual = 0, leverage = 0;
    uint32_t known = 0;
    for (uint32_t i = 0; i < w->places; i++) {
        if (w->is_there[i] == 0 || st->places[i].age < c->warmup / 2)
            continue; /* it is not known yet how well the others tell it */
        float usual = st->places[i].residual, share = w->rest[i] * w->rest[i] / (usual > 0.01F ? usual : 0.01F);
        known++;
        struct group_member m = { i, (double)share, (double)NAN, (double)NAN };
        residual += m.share;
        if (j->named_count < GROUP_NAMED_MAX || m.share > j->named[GROUP_NAMED_MAX - 1].share)
            judgement_name(j, &m);
    }
    for (uint32_t k = 0; k < j->named_count; k++)
        j->named[k].share /= residual;
    for (uint32_t k = 0; k < c->directions; k++)
        leverage += w->coordinate[k] * w->coordinate[k] / fmax(st->energy[k], 0.1);
    *ret_residual = known ? log1p(residual / known) : 0;
    *ret_leverage = log1p(leverage / c->directions);
}

/* -log10 of the probability of the window; what it was smoothed to is learned when it is not bad. */
static double improbability(struct state *st, const struct config *c, const struct window *w, struct judgement *j)
{
    double residual, leverage, weight = st->learned == 0 ? 1 : 2.0 / (SMOOTH_SPAN + 1);
    measure(st, c, w, j, &residual, &leverage);
    st->smooth_residual += weight * (residual - st->smooth_residual);
    st->smooth_leverage += weight * (leverage - st->smooth_leverage);
    return fmax(tail_of(&st->residual, st->smooth_residual), tail_of(&st->leverage, st->smooth_leverage));
}

static void learn(struct state *st, const struct config *c, const struct group_observation *o, const struct window *w)
{
    if (w->there >= 2) {
        learn_directions(st, c, w, 1.0 / (st->learned < c->memory ? st->learned + 1 : c->memory));
        if (st->learned++ >= c->warmup / 4) {
            tail_learn(&st->residual, st->smooth_residual, c->memory);
            tail_learn(&st->leverage, st->smooth_leverage, c->memory);
        }
    }
    learn_members(st, c, o, w);
}

/* What has been bad for so long is learned from scratch, but for where the members are. */
static void relearn(struct state *st, const struct config *c, uint32_t places)
{
    st->learned = st->bad = 0;
    tail_reset(&st->residual);
    tail_reset(&st->leverage);
    for (uint32_t i = 0; i < places; i++)
        if (st->places[i].age > c->warmup / 4)
            st->places[i].age = c->warmup / 4;
}

static void observe(void *state, const void *config, const struct group_observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    struct window w;
    *j = JUDGEMENT_OK;
    j->finding = FINDING_ANOMALY;
    j->abstains = true;
    if (o->quality & (QUALITY_LOSSY | QUALITY_LATE))
        return;
    standardise(st, c, o, &w);
    memset(w.rest, 0, o->places * sizeof(w.rest[0]));
    if (w.there >= 2) {
        project(st, c, &w);
        double tail = improbability(st, c, &w, j);
        j->abstains = st->learned < c->warmup;
        j->score = j->abstains ? 0 : score_of_tail(tail, c->threshold);
        j->severity = j->abstains ? SEVERITY_OK : score_severity(tail, c->threshold, c->critical);
    }
    if (j->severity == SEVERITY_OK) {
        st->bad = 0;
        j->named_count = 0;
        learn(st, c, o, &w);
        return;
    }
    if (st->bad++ == 0)
        st->onset_ns = o->begin_ns;
    j->onset_ns = st->onset_ns;
    j->new_normal = st->bad >= c->relearn;
    if (j->new_normal)
        relearn(st, c, o->places);
}

const struct detector detector_subspace = {
    .name = "subspace",
    .summary = "a group of series leaves the directions in which it usually moves (streaming principal components)",
    .options = options,
    .config_size = sizeof(struct config),
    .group = { .state_size = state_size, .init = init, .observe = observe, .forget = forget },
};
