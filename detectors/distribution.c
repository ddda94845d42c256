/* distribution.c - the whole sketch of a latency against its reference: a second mode appears while the mean stands still.
 *
 * The reference is a decaying mixture of past windows, q; a window is p. Their distance is the triangular discrimination,
 * sum (p - q)^2 / (p + q), which is within constant factors of the Jensen-Shannon divergence (Topsoe, IEEE Transactions on
 * Information Theory 46, 2000) and takes no logarithms, with every bucket measured by what is usual there: the variance of a
 * share among so many operations, and the mean square by which it has departed before. So a window of few operations and a
 * level that wanders make no distance, and operations where hardly ever one was make a large one. (Found at one false alarm
 * in 1000 windows of 100 operations whose level wanders, 15 % of them six times slower: 100 % of windows, of Jensen-Shannon's
 * 82 to 98, of Wasserstein's 45 to 89; where the shares of two modes wander 86, of 63 to 76, and of 0 to 1.)
 *
 * The logarithm of one and that distance, in units of the usual one, is nearly normal. It is averaged over a few windows and
 * compared with its own history, by Student's t with as many degrees of freedom as there were windows that do not overlap in
 * those averages, up to a bound.
 *
 * A level that stands beside a bucket's edge may cross it: only what has moved further than to the next bucket counts as
 * moved (the greatest difference of the two distribution functions, one of them a bucket aside: Levy's metric). */
#include "detectors/score.h"
#include "base/unit.h"
#include <math.h>
#include <string.h>

struct config {
    uint32_t warmup, memory, min_operations;
    struct duration relearn;
    double threshold, critical, min_share;
};

enum { PARTS = 2 };

/* Neighbouring buckets, [low, high), and their share of the operations. */
struct part {
    uint32_t low, high;
    float now, before;
};

struct state {
    float share[SKETCH_BUCKETS];       /* the reference */
    float departure[SKETCH_BUCKETS];   /* mean square */
    uint16_t gathered[SKETCH_BUCKETS]; /* of windows with few operations, not judged yet */
    uint32_t gathered_count;
    uint32_t low, high;                /* buckets in use: [low, high) */
    uint32_t learned;                  /* windows */
    uint32_t calibrated;               /* of them those that level and variance are of */
    double usual;                      /* distance */
    double recent;                     /* the average of its logarithm over a few windows, */
    double level, variance;            /* and what it usually is */
    int64_t gathered_ns;               /* since when */
    int64_t heard_ns;                  /* end of the last window that was taken */
    int64_t since_ns;                  /* since when all have been bad; 0: the last was not */
    struct part parts[PARTS];          /* of the last bad one: what gained most */
};

static const struct option options[] = {
    OPTION(struct config, warmup, 20, 1000000, "60", "windows to learn from before judging"),
    OPTION(struct config, memory, 20, 1000000, "200", "windows over which the reference is learned"),
    OPTION(struct config, min_operations, 10, 10000, "50", "windows are added up until they have so many operations"),
    OPTION(struct config, threshold, 1, 100, "6", "-log10 of the probability at which to warn"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION(struct config, min_share, 0.001, 1, "0.03", "share of the operations that must have moved"),
    OPTION(struct config, relearn, 1, 604800, "5m", "what is anomalous for so long is the new normal"),
    OPTION_END
};

enum {
    OVERLAP = 4,    /* windows that such an average makes dependent: (1 + a) / (1 - a), a = 1 - WEIGHT */
    FREEDOM_MAX = 20, /* such an average has a longer tail than the normal distribution, where levels wander */
    CLIP = 30       /* deviations a single window counts for at most */
};
enum { LANES = 4 }; /* buckets a processor takes at once */
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef uint32_t counts __attribute__((vector_size(LANES * sizeof(uint32_t))));
_Static_assert(SKETCH_BUCKETS % LANES == 0, "the last lanes end with the buckets");

static const double recent_weight = 0.4, min_deviation = 0.05;

static size_t state_size(const void *config)
{
    (void)config;
    return sizeof(struct state);
}

static lanes get_lanes(const float *from)
{
    lanes v;
    memcpy(&v, from, sizeof(v));
    return v;
}

static void put_lanes(float *to, lanes v)
{
    memcpy(to, &v, sizeof(v));
}

static uint32_t first_lane(const struct state *st)
{
    return st->low - st->low % LANES;
}

/* The counts of all buckets in use, and those beside them in their lanes; returns how many operations they are. */
static uint64_t spread(struct state *st, const struct sketch *k, uint32_t *all)
{
    static const counts none;
    uint64_t n = 0;
    if (k->size > 0) {
        st->low = st->high == 0 || k->buckets[0].bucket < st->low ? k->buckets[0].bucket : st->low;
        st->high = k->buckets[k->size - 1].bucket >= st->high ? k->buckets[k->size - 1].bucket + 1 : st->high;
    }
    for (uint32_t i = first_lane(st); i < st->high; i += LANES)
        memcpy(all + i, &none, sizeof(none));
    for (uint32_t i = 0; i < k->size; i++) {
        all[k->buckets[i].bucket] = k->buckets[i].count;
        n += k->buckets[i].count;
    }
    return n;
}

/* The shares of what was gathered and of these; n operations in all. */
static void take_shares(struct state *st, uint32_t *all, uint64_t n, float *p)
{
    float each = 1.0F / (float)n;
    counts here;
    for (uint32_t i = st->low; i < st->high && st->gathered_count > 0; i++) {
        all[i] += st->gathered[i];
        st->gathered[i] = 0;
    }
    st->gathered_count = 0;
    for (uint32_t i = first_lane(st); i < st->high; i += LANES) {
        memcpy(&here, all + i, sizeof(here));
        put_lanes(p + i, each * __builtin_convertvector(here, lanes));
    }
}

static void gather(struct state *st, const uint32_t *all)
{
    for (uint32_t i = st->low; i < st->high; i++) {
        st->gathered[i] += (uint16_t)all[i];
        st->gathered_count += all[i];
    }
}

/* What was gathered before a gap says nothing of after it. */
static void drop_gathered(struct state *st)
{
    if (st->gathered_count > 0)
        memset(st->gathered, 0, sizeof(st->gathered));
    st->gathered_count = 0;
}

static double distance(const struct state *st, const float *p, uint64_t n)
{
    float each = 0.5F / (float)n;
    lanes sums = { 0 };
    for (uint32_t i = first_lane(st); i < st->high; i += LANES) {
        lanes now = get_lanes(p + i), usual = get_lanes(st->share + i), d = now - usual;
        sums += d * d / ((now + usual) * each + get_lanes(st->departure + i) + 1e-12F);
    }
    return (double)(sums[0] + sums[1] + sums[2] + sums[3]);
}

/* The share that moved further than to the next bucket, at least. */
static double moved(const struct state *st, const float *p)
{
    float now = 0, before = 0, most = 0;
    for (uint32_t i = st->low; i < st->high; i++) {
        float now_here = now + p[i], before_here = before + st->share[i];
        float up = before - now_here, down = now - before_here;
        most = up > most ? up : most;
        most = down > most ? down : most;
        now = now_here;
        before = before_here;
    }
    return (double)most;
}

/* Of the buckets [low, high) the neighbouring ones that gained most together. */
static struct part find_part(const struct state *st, const float *p, uint32_t low, uint32_t high)
{
    struct part best = { low, low, 0, 0 }, here = best;
    for (uint32_t i = low; i < high; i++) {
        here.now += p[i];
        here.before += st->share[i];
        here.high = i + 1;
        if (here.now <= here.before)
            here = (struct part){ i + 1, i + 1, 0, 0 };
        else if (here.now - here.before > best.now - best.before)
            best = here;
    }
    return best;
}

static void find_parts(struct state *st, const float *p)
{
    struct part most = find_part(st, p, st->low, st->high);
    struct part below = find_part(st, p, st->low, most.low), above = find_part(st, p, most.high, st->high);
    st->parts[0] = most;
    st->parts[1] = below.now - below.before > above.now - above.before ? below : above;
}

/* Nearly normal, and 0 where nothing departs: the logarithm itself would have a long tail to that side. */
static double scaled(const struct state *st, double x)
{
    return log1p(x / fmax(1, st->usual));
}

static void learn(struct state *st, const struct config *c, const float *p, double x)
{
    st->learned += st->learned < c->memory;
    float weight = 1.0F / (float)st->learned, of_squares = st->learned > 1 ? 1.0F / (float)(st->learned - 1) : 0;
    for (uint32_t i = first_lane(st); i < st->high; i += LANES) {
        lanes usual = get_lanes(st->share + i), departure = get_lanes(st->departure + i), d = get_lanes(p + i) - usual;
        /* Not down to numbers that take a processor long. */
        put_lanes(st->departure + i, departure + of_squares * (d * d - departure) + 1e-18F);
        put_lanes(st->share + i, usual + weight * d + 1e-18F);
    }
    if (st->learned <= c->warmup / 3)
        return; /* of a reference that is made of hardly anything */
    st->calibrated += st->calibrated < c->memory;
    double share = 1.0 / st->calibrated;
    st->usual += share * (x - st->usual);
    if (st->calibrated == 1)
        st->recent = scaled(st, x);
    double step = share * (st->recent - st->level);
    st->variance = (1 - share) * (st->variance + step * (st->recent - st->level));
    st->level += step;
}

static double tail_of(struct state *st, double x)
{
    double deviation = fmax(sqrt(st->variance), min_deviation);
    if (st->calibrated == 0)
        return 0;
    st->recent += recent_weight * (fmin(scaled(st, x), st->level + CLIP * deviation) - st->recent);
    if (st->recent <= st->level)
        return 0;
    return score_student_tail((st->recent - st->level) / deviation, fmax(1, fmin(FREEDOM_MAX, (double)st->calibrated / OVERLAP - 1)));
}

static void judge(struct state *st, const struct config *c, const struct observation *o, const float *p, double tail, struct judgement *j)
{
    if (tail >= c->threshold)
        tail = fmin(tail, c->threshold * moved(st, p) / c->min_share * 0.999);
    j->score = score_of_tail(tail, c->threshold);
    j->severity = score_severity(tail, c->threshold, c->critical);
    if (j->severity == SEVERITY_OK) {
        st->since_ns = 0;
        return;
    }
    if (st->since_ns == 0)
        st->since_ns = j->begin_ns;
    j->onset_ns = st->since_ns;
    find_parts(st, p);
    if (score_lasted(st->since_ns, o, c->relearn)) {
        j->new_normal = true;
        *st = (struct state){ .heard_ns = o->end_ns };
    }
}

static void observe(void *state, const void *config, const struct observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    uint32_t all[SKETCH_BUCKETS];
    float p[SKETCH_BUCKETS];
    *j = JUDGEMENT_OK;
    j->finding = FINDING_ANOMALY;
    j->abstains = true;
    uint64_t n = spread(st, o->sketch, all);
    if (o->quality & (QUALITY_LOSSY | QUALITY_LATE) || n < o->count - o->count / 20)
        return; /* the last: there was no memory for all of the sketch */
    if (o->begin_ns != st->heard_ns)
        drop_gathered(st);
    if (st->gathered_count == 0)
        st->gathered_ns = o->begin_ns;
    st->heard_ns = o->end_ns;
    n += st->gathered_count;
    if (n < c->min_operations) {
        gather(st, all);
        return;
    }
    take_shares(st, all, n, p);
    double x = distance(st, p, n), tail = tail_of(st, x);
    j->abstains = st->learned < c->warmup;
    j->begin_ns = st->gathered_ns;
    if (!j->abstains)
        judge(st, c, o, p, tail, j);
    if (j->severity == SEVERITY_OK)
        learn(st, c, p, x);
}

static void put_percent(struct text_out *out, float share)
{
    text_printf(out, "%.*f %%", share < 0.1F ? 1 : 0, 100 * (double)share);
}

static void explain(const void *state, const void *config, const struct observation *o, const struct judgement *j, struct text_out *out)
{
    const struct state *st = state;
    const struct config *c = config;
    char low[UNIT_TEXT_MAX], high[UNIT_TEXT_MAX];
    (void)j;
    for (int i = 0; i < PARTS; i++) {
        const struct part *part = &st->parts[i];
        if (i > 0 && (double)(part->now - part->before) < c->min_share)
            break;
        text_puts(out, i > 0 ? "; " : "");
        put_percent(out, part->now);
        text_puts(out, i > 0 ? " now " : " of operations now ");
        unit_format(low, sketch_low(part->low), o->unit);
        unit_format(high, sketch_low(part->high), o->unit);
        if (part->low == 0)
            text_printf(out, "below %s", high);
        else if (part->high == SKETCH_BUCKETS)
            text_printf(out, "from %s on", low);
        else
            text_printf(out, "at %s to %s", low, high);
        text_puts(out, ", were ");
        put_percent(out, part->before);
    }
}

const struct detector detector_distribution = {
    .name = "distribution",
    .summary = "a latency's whole distribution against what it usually is: a second mode while the mean stands still",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .observe = observe,
    .sketch = true,
    .explain = explain,
};
