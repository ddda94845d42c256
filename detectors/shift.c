/* shift.c - a group of series moved: the mean of each member's last windows against the windows before them.
 *
 * The difference of the two means is taken in units of its own usual size, limited, so that one member does not speak for
 * all, and averaged over the members. That movement of the group is judged against its own mean and deviation. Many
 * small movements at once so count where each alone is within the noise; and what a group always does
 * together, it is used to. (The two-window comparison of Basseville and Nikiforov, Detection of Abrupt
 * Changes, 1993, section 2.1, for many series.)
 *
 * What is called a change is not learned; its level is normal as soon as it fills the windows. */
#include "detectors/score.h"
#include <math.h>
#include <string.h>

struct config {
    uint32_t warmup, memory;
    double threshold, critical;
};

enum { LATEST = 8, BEFORE = 30, KEPT = LATEST + BEFORE };
static const double farthest = 4; /* usual sizes */

struct place {
    double origin, latest, before;  /* the first value, and sums relative to it */
    double square;                  /* mean of the difference's square */
    uint32_t count, learned;        /* values, and differences */
    float values[KEPT];             /* a ring */
};
struct state {
    double mean, variance;          /* of the group's movement */
    uint32_t learned;
    bool bad;
    int64_t onset_ns;               /* of the movement under way */
    struct place places[];
};

static const struct option options[] = {
    OPTION(struct config, warmup, 20, 1000000, "300", "windows to learn from before judging"),
    OPTION(struct config, memory, 100, 1000000, "2000", "windows over which it is learned what is usual"),
    OPTION(struct config, threshold, 0.5, 100, "2.4", "deviations of the group's movement from its mean at which to warn"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION_END
};

static size_t state_size(const void *config, uint32_t places)
{
    (void)config;
    return sizeof(struct state) + places * sizeof(struct place);
}

static void forget(void *state, const void *config, uint32_t places, uint32_t place)
{
    struct state *st = state;
    (void)config;
    (void)places;
    memset(&st->places[place], 0, sizeof(st->places[place]));
}

/* The ring's sums are made anew once a round, so that nothing adds up. */
static void sum_up(struct place *p)
{
    p->latest = p->before = 0;
    for (uint32_t i = 0; i < KEPT; i++) {
        uint32_t age = (p->count - 1 - i) % KEPT;
        *(age < LATEST ? &p->latest : &p->before) += (double)p->values[i];
    }
}

/* Adds a value; true when the difference of the means is known. */
static bool take(struct place *p, double value, double *ret_difference)
{
    if (p->count == 0)
        p->origin = value;
    float x = (float)(value - p->origin);
    if (p->count >= LATEST) {
        double leaves = (double)p->values[(p->count - LATEST) % KEPT];
        p->latest -= leaves;
        p->before += leaves;
    }
    if (p->count >= KEPT)
        p->before -= (double)p->values[p->count % KEPT];
    p->values[p->count % KEPT] = x;
    p->latest += (double)x;
    p->count++;
    if (p->count % KEPT == 0)
        sum_up(p);
    *ret_difference = p->latest / LATEST - p->before / BEFORE;
    return p->count >= KEPT;
}

static void learn(struct place *p, const struct config *c, double difference, double usual)
{
    double limited = p->learned < c->warmup ? difference : fmin(fabs(difference), 3 * usual);
    p->learned += p->learned < c->memory;
    p->square += (limited * limited - p->square) / p->learned;
}

/* How far the group has moved, in usual sizes; a member counts once it knows its own. */
static uint32_t group_movement(struct state *st, const struct config *c, const struct group_observation *o, struct judgement *j, double *ret_movement)
{
    uint32_t there = 0;
    double total = 0, difference;
    for (uint32_t i = 0; i < o->places; i++) {
        struct place *p = &st->places[i];
        if (isnan(o->values[i]) || !take(p, o->values[i], &difference))
            continue;
        double usual = fmax(sqrt(p->square), 1e-9 * (1 + fabs(p->origin)));
        if (p->learned >= BEFORE) {
            double moved = fmin(fabs(difference) / usual, farthest);
            struct group_member m = { i, moved, (double)NAN, (double)NAN };
            there++;
            total += moved;
            judgement_name(j, &m);
        }
        if (!st->bad)
            learn(p, c, difference, usual);
    }
    *ret_movement = there ? total / there : 0;
    for (uint32_t k = 0; k < j->named_count; k++)
        j->named[k].share /= total;
    return there;
}

static void observe(void *state, const void *config, const struct group_observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    double movement;
    *j = JUDGEMENT_OK;
    j->finding = FINDING_CHANGE;
    j->abstains = o->quality & (QUALITY_LOSSY | QUALITY_LATE);
    if (j->abstains)
        return;
    if (group_movement(st, c, o, j, &movement) == 0) {
        j->abstains = true;
        return;
    }
    double deviation = fmax(sqrt(st->variance), 0.05), share = (movement - st->mean) / (c->threshold * deviation);
    j->abstains = st->learned < c->warmup;
    if (!j->abstains) {
        j->score = score_of_tail(fmax(share, 0), 1);
        j->severity = score_severity(share, 1, c->critical);
    }
    st->bad = j->severity != SEVERITY_OK;
    if (!st->bad) {
        st->learned += st->learned < c->memory;
        double step = (movement - st->mean) / st->learned;
        st->variance = (1 - 1.0 / st->learned) * (st->variance + step * (movement - st->mean));
        st->mean += step;
        st->onset_ns = 0;
        j->named_count = 0;
        return;
    }
    if (st->onset_ns == 0)
        st->onset_ns = o->begin_ns - (LATEST / 2) * (o->end_ns - o->begin_ns);
    j->onset_ns = st->onset_ns;
}

const struct detector detector_shift = {
    .name = "shift",
    .summary = "many series of a group moved together, each perhaps by little",
    .options = options,
    .config_size = sizeof(struct config),
    .group = { .state_size = state_size, .observe = observe, .forget = forget },
};
