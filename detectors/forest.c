/* forest.c - how few of the recent windows were like this one: a streaming isolation forest, of a group's members, or of one
 * series and its last values (a shingle).
 *
 * A tree cuts the space again and again, at each node across one coordinate, and what is unlike the rest is alone after a few
 * cuts (Liu, Ting and Zhou, ICDM 2008). Trees are drawn beforehand, by hashing, and need no memory but for counts of how many
 * windows fell into each node; the counts of one period are compared with while those of the next are made, as
 * half-space trees do (Tan, Ting and Liu, "Fast anomaly detection for streaming data", IJCAI 2011, section 3). Coordinates
 * are random projections of deviations from a running mean, so that cuts follow the series and are not along single ones (as
 * Hariri, Carrasco Kind and Brunner, IEEE Transactions on Knowledge and Data Engineering 33, 2021, extend such forests).
 *
 * How lonely a window is is calibrated by its own history (detectors/tail.h). What is called anomalous is not counted. */
#include "detectors/scale.h"
#include "detectors/score.h"
#include "detectors/tail.h"
#include "base/hash.h"
#include <math.h>
#include <string.h>

struct config {
    uint32_t trees, depth, period, shingle, memory, relearn;
    double threshold, critical, min_spread;
};

enum { PROJECTIONS = 16, TREES_MAX = 64, DEPTH_MAX = 10, SHINGLE_MAX = 32, SMOOTH_SPAN = 8, FEW = 16 }; /* FEW: a node with less than that part of the period is not followed further */
/* Deviations that the cuts are spread over, to either side; projections of a group have long tails. */
static const double series_reach = 5, group_reach = 30;
static const double most_off = 100; /* deviations of a member */
static const double farthest = 8;    /* deviations: what is learned of a value */


struct coordinate {
    double mean, variance;
    uint32_t age;
};
/* Behind it: the coordinates; then the counts of each tree's nodes, of the last period and of this one. */
struct state {
    uint32_t seen;                   /* windows of this period */
    uint32_t periods;                /* that are over */
    uint32_t bad;                    /* windows in a row */
    double smooth;
    int64_t onset_ns;
    struct tail mass;
    struct sparsity sparsity;        /* of one series */
    float shingle[SHINGLE_MAX];      /* its last values, a ring */
    uint32_t values;
    struct coordinate coordinates[];
};

static const struct option options[] = {
    OPTION(struct config, trees, 1, TREES_MAX, "16", "trees"),
    OPTION(struct config, depth, 2, DEPTH_MAX, "7", "halvings of each tree"),
    OPTION(struct config, period, 32, 60000, "500", "windows whose counts the next ones are compared with"),
    OPTION(struct config, shingle, 1, SHINGLE_MAX, "8", "of one series: its last values, looked at together"),
    OPTION(struct config, memory, 100, 1000000, "8000", "windows over which mean, deviation and usual mass are learned"),
    OPTION(struct config, relearn, 10, 1000000, "1000", "what is anomalous for so many windows is the new normal"),
    OPTION(struct config, threshold, 1, 100, "4", "-log10 of the probability at which to warn"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION(struct config, min_spread, 0, 10, "0.01", "share of the value that is always taken for noise"),
    OPTION_END
};

static size_t nodes_of(const struct config *c)
{
    return (size_t)c->trees << (c->depth + 1);
}

static uint16_t *masses(struct state *st, uint32_t dimensions)
{
    return (uint16_t *)(void *)(st->coordinates + dimensions);
}

static size_t size_of(const struct config *c, uint32_t coordinates)
{
    return sizeof(struct state) + coordinates * sizeof(struct coordinate) + 2 * nodes_of(c) * sizeof(uint16_t);
}

static size_t group_state_size(const void *config, uint32_t places)
{
    return size_of(config, places + PROJECTIONS);
}

static size_t state_size(const void *config)
{
    return size_of(config, 1 + PROJECTIONS);
}

static void forget(void *state, const void *config, uint32_t places, uint32_t place)
{
    struct state *st = state;
    (void)config;
    (void)places;
    st->coordinates[place] = (struct coordinate){ 0 };
}

/* ---- coordinates ---- */

static double spread_of(const struct coordinate *x, double least)
{
    double deviation = sqrt(x->variance);
    return deviation > least ? deviation : least;
}

static void learn_coordinate(struct coordinate *x, const struct config *c, double value, double least)
{
    double weight = 1.0 / (x->age < c->memory ? x->age + 1 : c->memory), off = value - x->mean;
    double most = x->age < 32 ? INFINITY : farthest * spread_of(x, least);
    off = off > most ? most : off < -most ? -most : off;
    x->mean += weight * off;
    x->variance = (1 - weight) * (x->variance + weight * off * off);
    x->age += x->age < UINT32_MAX;
}

/* Beyond the range is at its end. */
static uint16_t place_in_range(double deviations, double reach)
{
    double u = (0.5 + deviations / (2 * reach)) * UINT16_MAX;
    return (uint16_t)(u < 0 ? 0 : u > UINT16_MAX ? UINT16_MAX : u);
}

/* ---- trees ---- */

static uint32_t mix(uint32_t tree, uint32_t node)
{
    uint32_t h = (tree << DEPTH_MAX << 1 ^ node) * 0x9e3779b1U;
    h = (h ^ (h >> 15)) * 0x85ebca77U;
    return h ^ (h >> 13);
}

/* A point in the ranges of its coordinates, and where it ends in each tree. */
struct descent {
    uint16_t point[PROJECTIONS];
    uint16_t leaf[TREES_MAX];
};

/* Nodes are numbered as in a heap, from 1: so node >> i is above a node. */
static void go_down(struct descent *d, const struct config *c)
{
    for (uint32_t tree = 0; tree < c->trees; tree++) {
        uint32_t node = 1;
        for (uint32_t depth = 0; depth < c->depth; depth++) {
            uint32_t h = mix(tree, node);
            node = 2 * node + (d->point[(h >> 16) * PROJECTIONS >> 16] > (h & UINT16_MAX));
        }
        d->leaf[tree] = (uint16_t)node;
    }
}

/* log2(1 + n), between powers of two by a line. */
static float log2_of(uint32_t n)
{
    uint32_t whole = 31U - (uint32_t)__builtin_clz(n + 1);
    return (float)whole + (float)(n + 1 - (1U << whole)) / (float)(1U << whole);
}

/* How early the point was alone: the fewer halvings it took, and the fewer others the last period had there, the more. */
static double loneliness(struct state *st, const struct config *c, const struct descent *d, uint32_t coordinates)
{
    const uint16_t *before = masses(st, coordinates) + nodes_of(c);
    uint32_t enough = c->period / FEW;
    float total = 0;
    for (uint32_t tree = 0; tree < c->trees; tree++, before += (size_t)2 << c->depth) {
        uint32_t depth = 1;
        while (depth < c->depth && before[d->leaf[tree] >> (c->depth - depth)] >= enough)
            depth++;
        total += (float)depth + log2_of(before[d->leaf[tree] >> (c->depth - depth)]);
    }
    return -(double)total / c->trees;
}

static void count(struct state *st, const struct config *c, const struct descent *d, uint32_t coordinates)
{
    uint16_t *nodes = masses(st, coordinates);
    for (uint32_t tree = 0; tree < c->trees; tree++, nodes += (size_t)2 << c->depth)
        for (uint32_t node = d->leaf[tree]; node > 1; node >>= 1)
            nodes[node]++; /* a period has no more windows than fit */
}

static void end_period(struct state *st, const struct config *c, uint32_t coordinates)
{
    uint16_t *all = masses(st, coordinates);
    memcpy(all + nodes_of(c), all, nodes_of(c) * sizeof(*all));
    memset(all, 0, nodes_of(c) * sizeof(*all));
    st->seen = 0;
    st->periods += st->periods < UINT32_MAX;
}

/* Sparse random projections: each value has a part in about every second one, with either sign (Achlioptas, Journal of
 * Computer and System Sciences 66, 2003). So what one of
 * many does, or a difference of two, is seen by many trees. */
static void project(const float *z, uint32_t places, float ret_projected[PROJECTIONS])
{
    static const float parts[4] = { 1, -1, 0, 0 };
    memset(ret_projected, 0, PROJECTIONS * sizeof(*ret_projected));
    for (uint32_t i = 0; i < places; i++) {
        uint64_t h = hash_spread(i + 1);
        for (uint32_t k = 0; k < PROJECTIONS; k++, h >>= 2)
            ret_projected[k] += parts[h & 3] * z[i];
    }
}

/* Where a point is in the ranges of the trees, and its projections. */
static void place(const struct coordinate *projections, const float *z, uint32_t count, double reach, float ret_projected[PROJECTIONS],
                  struct descent *ret_descent)
{
    project(z, count, ret_projected);
    for (uint32_t k = 0; k < PROJECTIONS; k++) {
        double off = ((double)ret_projected[k] - projections[k].mean) / spread_of(&projections[k], 0.1);
        ret_descent->point[k] = place_in_range(off, reach);
    }
}

static void learn_projections(struct coordinate *projections, const struct config *c, const float projected[PROJECTIONS])
{
    for (uint32_t k = 0; k < PROJECTIONS; k++)
        learn_coordinate(&projections[k], c, (double)projected[k], 0.1);
}

/* ---- judging ---- */

static void relearn(struct state *st)
{
    st->bad = st->seen = st->periods = 0;
    tail_reset(&st->mass);
}

/* The point is judged, and counted unless it is bad; true: its coordinates may be learned from. */
static bool judge(struct state *st, const struct config *c, struct descent *d, uint32_t coordinates, double span, int64_t begin_ns, struct judgement *j)
{
    go_down(d, c);
    double lonely = loneliness(st, c, d, coordinates);
    st->smooth += (st->mass.learned == 0 ? 1 : 2 / (span + 1)) * (lonely - st->smooth);
    double tail = tail_of(&st->mass, st->smooth);
    j->abstains = st->periods < 2;
    if (!j->abstains) {
        j->score = score_of_tail(tail, c->threshold);
        j->severity = score_severity(tail, c->threshold, c->critical);
    }
    if (j->severity != SEVERITY_OK) {
        if (st->bad++ == 0)
            st->onset_ns = begin_ns;
        j->onset_ns = st->onset_ns;
        j->new_normal = st->bad >= c->relearn;
        if (j->new_normal)
            relearn(st);
        return false;
    }
    st->bad = 0;
    count(st, c, d, coordinates);
    if (st->periods > 0)
        tail_learn(&st->mass, st->smooth, c->memory);
    if (++st->seen == c->period)
        end_period(st, c, coordinates);
    return true;
}

static void group_observe(void *state, const void *config, const struct group_observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    struct descent d;
    struct coordinate *projections = st->coordinates + o->places;
    float z[GROUP_PLACES_MAX] = { 0 }, projected[PROJECTIONS];
    uint32_t there = 0;
    *j = JUDGEMENT_OK;
    j->finding = FINDING_ANOMALY;
    j->abstains = true;
    if (o->quality & (QUALITY_LOSSY | QUALITY_LATE))
        return;
    for (uint32_t i = 0; i < o->places; i++) {
        const struct coordinate *x = &st->coordinates[i];
        bool known = !isnan(o->values[i]) && x->age > 0;
        double least = c->min_spread * fabs(x->mean) + 1e-9, off = known ? (o->values[i] - x->mean) / spread_of(x, least) : 0;
        z[i] = (float)(off > most_off ? most_off : off < -most_off ? -most_off : off);
        there += isnan(o->values[i]) ? 0 : 1;
        if (j->named_count < GROUP_NAMED_MAX || fabs(off) > j->named[GROUP_NAMED_MAX - 1].share)
            judgement_name(j, &(struct group_member){ i, fabs(off), (double)NAN, (double)NAN });
    }
    place(projections, z, o->places, group_reach, projected, &d);
    bool learns = there >= 2 && judge(st, c, &d, o->places + PROJECTIONS, SMOOTH_SPAN, o->begin_ns, j);
    double all = 0;
    for (uint32_t k = 0; k < j->named_count; k++)
        all += j->named[k].share;
    for (uint32_t k = 0; k < j->named_count; k++)
        j->named[k].share /= all;
    if (j->severity == SEVERITY_OK)
        j->named_count = 0;
    for (uint32_t i = 0; i < o->places && learns; i++)
        if (!isnan(o->values[i]))
            learn_coordinate(&st->coordinates[i], c, o->values[i], c->min_spread * fabs(st->coordinates[i].mean) + 1e-9);
    if (learns)
        learn_projections(projections, c, projected);
}

static void observe(void *state, const void *config, const struct observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    struct scale scale = scale_for(o);
    struct descent d;
    struct coordinate *x = &st->coordinates[0];
    float z[SHINGLE_MAX] = { 0 }, projected[PROJECTIONS];
    bool trusted = !(o->quality & (QUALITY_LOSSY | QUALITY_LATE)) && scale_enough(o);
    *j = JUDGEMENT_OK;
    j->finding = FINDING_ANOMALY;
    j->abstains = true;
    if (!trusted)
        return;
    double value = scale_apply(&scale, o->value), least = scale_floor(&scale, x->mean, c->min_spread);
    if (x->age == 1 && scale_false_start(&scale, x->mean, value)) {
        *x = (struct coordinate){ 0 };
        st->values = 0;
    }
    bool sparse = scale_sparse(&st->sparsity, o);
    st->shingle[st->values++ % c->shingle] = (float)(x->age ? (value - x->mean) / spread_of(x, least) : 0);
    if (st->values < c->shingle) {
        learn_coordinate(x, c, value, least);
        return;
    }
    for (uint32_t i = 0; i < c->shingle; i++)
        z[i] = st->shingle[(st->values - 1 - i) % c->shingle];
    place(x + 1, z, c->shingle, series_reach, projected, &d);
    bool learns = judge(st, c, &d, 1 + PROJECTIONS, 1, o->begin_ns, j);
    if (j->severity != SEVERITY_OK)
        j->expected = scale_invert(&scale, x->mean);
    if (learns) {
        learn_coordinate(x, c, value, least);
        learn_projections(x + 1, c, projected);
    }
    if (sparse)
        *j = (struct judgement){ .abstains = true };
}

const struct detector detector_forest = {
    .name = "forest",
    .summary = "how few of the recent windows were like this one (streaming isolation forest), of a series' last values or a group",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .observe = observe,
    .group = { .state_size = group_state_size, .observe = group_observe, .forget = forget },
};
