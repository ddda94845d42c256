/* combined.c - several views of one series, each with a tail probability that is calibrated by its own history (extremes.h), in
 * one judgement: by the least probability, corrected for their number (Tippett, The Methods of Statistics, 1931), or
 * by the m-th least, where m of them must agree. What auto watches with.
 *
 * The views: a sample's distance from the level; a jump from the last few, which then counts for as long as the
 * samples stay there; a short and a long average's distance from the level; how much the samples move.
 *
 * While the history is short, runs and lasting changes are judged by theory as well (early.h), and only what is off by a
 * share of the level is called. What comes again and again is learned in the end, what comes at the same time of day the
 * third time (habits.h). */
#include "detectors/early.h"
#include "detectors/extremes.h"
#include "detectors/habits.h"
#include "detectors/scale.h"
#include "detectors/score.h"
#include <errno.h>
#include <math.h>

enum { VIEW_SAMPLE, VIEW_JUMP, VIEW_SHORT, VIEW_LONG, VIEW_MOVEMENT, VIEWS, VIEW_SUM = VIEWS, VIEW_RUN, ALL_VIEWS };
static const char *const view_names[] = { "sample", "jump", "short average", "long average", "movement", "sum", "run", NULL };

struct config {
    uint32_t warmup, votes;
    double threshold, critical, min_spread;
    struct duration relearn;
};

struct state {
    struct extremes views[VIEWS];
    struct extremes_blocks blocks;
    struct sparsity sparsity;
    double level;                    /* slow mean of normal samples */
    double quick, averages[2], last; /* quick: of the last few */
    double movement, usual_movement;
    double hold_from, hold_half;     /* a jump that was called: from where, and half of how far; 0: none */
    float hold_tail;
    struct early early;
    struct habits habits;
    float farthest;                  /* of the samples that were learned, from the level; fading */
    float log_learned;               /* how many these are, to base 10 */
    float peaks[VIEWS];              /* of the episode under way */
    float repeated;                  /* episodes, fading */
    float away, back;                /* the mean distance in the episode, and how likely it is that the samples are back */
    uint32_t away_count;
    uint32_t quiet;                  /* normal samples in a row */
    uint32_t samples;
    int64_t outside_ns;              /* since when there is an episode; 0: there is none */
};

static const struct option options[] = {
    OPTION(struct config, warmup, 20, 1000000, "20", "samples to learn from before judging"),
    OPTION(struct config, votes, 1, 5, "1", "views that must agree"),
    OPTION(struct config, threshold, 1, 100, "6", "-log10 of the probability at which to warn"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION(struct config, min_spread, 0, 10, "0.1", "share of the value that is always taken for noise; of gauges a fifth of it"),
    OPTION(struct config, relearn, 1, 604800, "5m", "what is anomalous for so long is the new normal"),
    OPTION_END
};

enum { LEVEL_MEMORY = 1000, EPISODE_ENDS = 10 };
static const double quick_weight = 1.0 / 4, average_weights[2] = { 1.0 / 8, 1.0 / 64 }, movement_weight = 1.0 / 32;
/* How much of the samples' noise each view has. */
static const double noise_left[VIEWS] = { 1, 1.2, 0.5, 0.25, 0.5 };
/* Per deviation of the noise that is always believed in; of a normal distribution it is so at 5 to 6. */
static const double tail_per_noise = 1.13;
/* The logarithm of how much more often one of five is great than one is. */
static const double of_five = 0.69897;
/* log-likelihood; deviations of a normal distribution beyond which a tenth of it is */
static const double surely_back = 8, tenth_of_normal = 1.28;
static const double episode_memory = 20000, clip_beyond = 1.3;
/* An exponential tail through the farthest sample so far says it as well: where the extremes of a few blocks differ much. */
static const double margins = 6, farthest_fades = 1e-5, log_learned_most = 4;

static size_t state_size(const void *config)
{
    (void)config;
    return sizeof(struct state);
}

/* What is known beforehand. */
struct bounds {
    double noise;    /* deviations below that are not believed in */
    double margin;   /* for a short history */
};

static struct bounds bounds_of(const struct state *st, const struct config *c, const struct scale *scale)
{
    static const double gauge = 0.2, unknown[] = { [SCALE_LINEAR] = 0.05, [SCALE_LOG] = 0.05, [SCALE_ROOT] = 0.14 };
    static const double short_history[] = { [SCALE_LINEAR] = 300, [SCALE_LOG] = 60, [SCALE_ROOT] = 300 };
    double n = st->samples / short_history[scale->kind];
    struct bounds b = { .noise = scale_floor(scale, st->level, scale->kind == SCALE_LINEAR ? gauge * c->min_spread : c->min_spread) };
    b.margin = unknown[scale->kind] * (scale->kind == SCALE_LOG ? 1 : fabs(st->level)) / (1 + n * n);
    return b;
}

static double tail_of_view(const struct state *st, const struct bounds *b, int view, double distance)
{
    bool below = distance < 0;
    double size = fabs(distance);
    if (view == VIEW_MOVEMENT && below)
        return 0;
    struct extremes_tail t = extremes_tail(&st->views[view], &st->blocks, below, b->margin * noise_left[view]);
    double tail = t.base + t.slope * size;
    if (view == VIEW_SAMPLE)
        tail = at_least(tail, (double)st->log_learned * size / ((double)st->farthest + margins * b->margin));
    return at_least(at_most(tail, tail_per_noise * size / (b->noise * noise_left[view])), 0);
}

/* The distance from the level at which a single sample's tail is `tail`. */
static double reach(const struct state *st, const struct bounds *b, bool below, double tail)
{
    struct extremes_tail t = extremes_tail(&st->views[VIEW_SAMPLE], &st->blocks, below, b->margin);
    return at_least((tail - t.base) / t.slope, tail * b->noise / tail_per_noise);
}

static void start(struct state *st, double x)
{
    if (st->samples > 0)
        return;
    st->level = st->quick = st->averages[0] = st->averages[1] = st->last = x;
}

/* From the last few samples, unless back to the level. */
static double jump_of(const struct state *st, double x)
{
    double jump = x - st->quick, most = 2 * (x - st->level);
    return jump > 0 ? at_least(at_most(jump, most), 0) : at_most(at_least(jump, most), 0);
}

/* One sample can move averages only so far. */
static void look(struct state *st, double x, double clipped, double distances[VIEWS])
{
    distances[VIEW_SAMPLE] = x - st->level;
    distances[VIEW_JUMP] = jump_of(st, x);
    for (int i = 0; i < 2; i++) {
        double first = 1.0 / (st->samples + 1);
        st->averages[i] += at_least(average_weights[i], first) * (clipped - st->averages[i]);
        distances[VIEW_SHORT + i] = st->averages[i] - st->level;
    }
    st->movement += movement_weight * (fabs(clipped - st->last) - st->movement);
    st->last = clipped;
    distances[VIEW_MOVEMENT] = st->movement - st->usual_movement;
}

static void learn(struct state *st, double x, const double distances[VIEWS])
{
    uint32_t n = st->samples + 1 < LEVEL_MEMORY ? st->samples + 1 : LEVEL_MEMORY;
    st->level += (x - st->level) / n;
    st->usual_movement += (st->movement - st->usual_movement) / n;
    st->samples += st->samples < INT32_MAX;
    st->farthest = (float)at_least((double)st->farthest * (1 - farthest_fades), fabs(distances[VIEW_SAMPLE]));
    for (int i = 0; i < VIEWS; i++)
        extremes_learn(&st->views[i], &st->blocks, (float)distances[i]);
    if (!extremes_step(&st->blocks))
        return;
    for (int i = 0; i < VIEWS; i++)
        extremes_close(&st->views[i], &st->blocks);
    st->log_learned = (float)at_most(log10((double)st->blocks.learned), log_learned_most);
    extremes_next(st->views, VIEWS, &st->blocks);
}

/* A jump that was called goes on while the samples stay beyond half of it. */
static double held(struct state *st, double x, double tail)
{
    if (st->hold_half == 0)
        return tail;
    if ((x - st->hold_from) / st->hold_half >= 1)
        return at_least(tail, (double)st->hold_tail);
    st->quick = st->hold_from;
    st->hold_half = 0;
    st->averages[0] = st->averages[1] = st->level;
    return 0; /* of the way back */
}

/* Only what is called by itself: what is not would be held for ever, and never become the new normal. */
static void hold(struct state *st, const struct config *c, double tail, double distance)
{
    if (st->hold_half != 0 || tail < c->threshold + of_five)
        return;
    st->hold_from = st->quick;
    st->hold_half = distance / 2;
    st->hold_tail = (float)tail;
}

/* The m-th greatest of the tails; the greatest of several is great more often than one is. */
static double combine(const double tails[ALL_VIEWS], uint32_t votes)
{
    double sorted[ALL_VIEWS];
    for (int i = 0; i < ALL_VIEWS; i++) {
        int at = i;
        for (; at > 0 && sorted[at - 1] < tails[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = tails[i];
    }
    return at_least(sorted[votes - 1] - (votes == 1 ? of_five : 0), 0);
}

/* An average, or a sum, knows of what is over for long. Whether the samples are back at the level is Page's test again: of the mean in
 * the episode against the level, by the likelihood of each sample since. One sample alone is not enough. */
static void come_back(struct state *st, const struct bounds *b, double distance)
{
    if (st->outside_ns == 0)
        return;
    double away = (double)st->away, spread = at_least(at_least(st->usual_movement, b->noise), reach(st, b, away < 0, 1) / tenth_of_normal);
    double likelihood = away * (away / 2 - distance) / (spread * spread);
    st->back = (float)at_least((double)st->back + at_least(at_most(likelihood, surely_back / 2), -surely_back), 0);
    if (st->back == 0) {
        st->away_count++;
        st->away += (float)((distance - away) / st->away_count);
    } else if ((double)st->back >= surely_back) {
        st->averages[0] = st->averages[1] = st->level;
        early_forget(&st->early);
        st->back = 0;
    }
}

/* within: of the level, where a view that is stricter than a single sample's said so. */
static void call(struct state *st, const struct config *c, const struct observation *o, const struct scale *scale,
                 const struct bounds *b, const double distances[VIEWS], double within, struct judgement *j)
{
    const uint32_t averages = 1U << VIEW_SHORT | 1U << VIEW_LONG;
    if (st->outside_ns == 0) {
        st->outside_ns = o->begin_ns;
        st->away = (float)distances[VIEW_SAMPLE];
        st->away_count = 1;
        st->back = 0;
        st->repeated++;
    }
    st->quiet = 0;
    habits_note(&st->habits, st->outside_ns, o->begin_ns, distances[VIEW_SAMPLE]);
    for (int i = 0; i < VIEWS; i++)
        if (fabsf((float)distances[i]) > fabsf(st->peaks[i]))
            st->peaks[i] = (float)distances[i];
    j->expected = scale_invert(scale, st->level);
    j->low = scale_invert(scale, st->level - at_most(within, reach(st, b, true, c->threshold)));
    j->high = scale_invert(scale, st->level + at_most(within, reach(st, b, false, c->threshold)));
    j->onset_ns = st->outside_ns;
    if (j->voters && (j->voters & ~averages) == 0) {
        j->finding = FINDING_CHANGE;
        j->magnitude = scale_invert(scale, st->averages[j->voters == 1U << VIEW_LONG]) - j->expected;
    }
}

/* What came again and again is usual. Counts come in bursts: of these less is enough, the more so in a short history. */
static bool end_episode(struct state *st, enum scale_kind scale)
{
    double often = scale != SCALE_ROOT ? 3.5 : st->samples < EARLY_SUMS ? 1.5 : 2.5;
    bool usual = (double)st->repeated >= often;
    for (int i = 0; i < VIEWS; i++) {
        if (usual)
            extremes_expect(&st->views[i], st->peaks[i]);
        if (usual && i == VIEW_SAMPLE)
            st->farthest = fmaxf(st->farthest, fabsf(st->peaks[i]));
        st->peaks[i] = 0;
    }
    st->outside_ns = 0;
    return usual;
}

/* It is the new normal, unless it is the old one, which came back as often. */
static void accept(struct state *st, enum scale_kind scale)
{
    if (end_episode(st, scale))
        st->hold_half = 0;
    else
        *st = (struct state){ .sparsity = st->sparsity, .habits = st->habits, .repeated = st->repeated };
}

static void normal(struct state *st, enum scale_kind scale)
{
    st->quiet += st->quiet < UINT32_MAX;
    if (st->outside_ns && st->quiet >= EPISODE_ENDS)
        end_episode(st, scale);
    st->repeated *= (float)(1 - 1 / episode_memory);
}

static void observe(void *state, const void *config, const struct observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    struct scale scale = scale_for(o);
    double distances[VIEWS], tails[ALL_VIEWS] = { 0 }, x = scale_apply(&scale, o->value);
    bool excused = false, trusted = !(o->quality & (QUALITY_LOSSY | QUALITY_LATE)) && scale_enough(o);
    *j = JUDGEMENT_OK;
    j->finding = FINDING_ANOMALY;
    j->abstains = !trusted || scale_sparse(&st->sparsity, o) || st->samples < c->warmup;
    if (!trusted)
        return;
    if (st->samples == 1 && scale_false_start(&scale, st->level, x))
        *st = (struct state){ .sparsity = st->sparsity, .habits = st->habits };
    start(st, x);
    struct bounds b = bounds_of(st, c, &scale);
    double clipped = x;
    if (!j->abstains) {
        double most = reach(st, &b, x < st->level, clip_beyond * c->threshold);
        clipped = at_least(st->level - most, at_most(st->level + most, x));
    }
    come_back(st, &b, x - st->level);
    look(st, x, clipped, distances);
    if (!j->abstains) {
        for (int i = 0; i < VIEWS; i++)
            tails[i] = tail_of_view(st, &b, i, distances[i]);
        tails[VIEW_JUMP] = held(st, x, tails[VIEW_JUMP]);
        tails[VIEW_SUM] = early_sum(&st->early, scale.kind, b.noise, x);
        tails[VIEW_RUN] = early_run(&st->early, scale.kind, b.noise, x);
        double tail = combine(tails, c->votes);
        excused = tail >= c->threshold && habits_usual(&st->habits, o->begin_ns, distances[VIEW_SAMPLE], b.noise);
        tail = excused ? c->threshold / 2 : tail;
        j->score = score_of_tail(tail, c->threshold);
        j->severity = score_severity(tail, c->threshold, c->critical);
        for (uint32_t i = 0; i < ALL_VIEWS; i++)
            j->voters |= !excused && tails[i] >= c->threshold ? 1U << i : 0;
    }
    if (j->severity != SEVERITY_OK)
        hold(st, c, tails[VIEW_JUMP], distances[VIEW_JUMP]);
    st->quick += quick_weight * (x - st->quick);
    early_add(&st->early, x, j->severity == SEVERITY_OK && !excused);
    if (excused)
        return;
    if (j->severity == SEVERITY_OK) {
        learn(st, clipped, distances);
        normal(st, scale.kind);
    } else {
        double run = tails[VIEW_RUN];
        call(st, c, o, &scale, &b, distances, run >= c->threshold ? fabs(distances[VIEW_SAMPLE]) * c->threshold / run : INFINITY, j);
        j->new_normal = score_lasted(st->outside_ns, o, c->relearn);
        if (j->new_normal)
            accept(st, scale.kind);
    }
}

const struct detector detector_combined = {
    .name = "combined",
    .summary = "several views of a series, each calibrated by its own history, in one judgement that says who voted",
    .options = options,
    .config_size = sizeof(struct config),
    .views = view_names,
    .state_size = state_size,
    .observe = observe,
};
