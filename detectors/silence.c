/* silence.c - what should come and does not: windows without any event, in a
 * series that hardly ever has one.
 *
 * The share of empty windows is learned, and so is the longest run of them, which
 * slowly fades. A run that is longer than twice the longest, and whose probability
 * (the share to the power of its length) is below the threshold, is silence. What
 * was called silence is not learned, unless it comes again and again. */
#include "detectors/score.h"
#include <math.h>

struct config {
    uint32_t warmup, memory;
    double threshold, critical, max_empty;
};

struct state {
    double empty;         /* share of empty windows, exponentially weighted */
    uint32_t learned;     /* windows */
    uint32_t run, called; /* empty windows until now; runs called silence, since one was not */
    double longest;
    bool is_called;       /* this run */
    int64_t since_ns;     /* begin of the run */
    double usual;         /* value of a window that has something */
    uint32_t nonempty;
};

static const struct option options[] = {
    OPTION(struct config, warmup, 4, 1000000, "30", "windows to learn from before judging"),
    OPTION(struct config, memory, 8, 1000000, "300", "windows over which the share of empty ones is learned"),
    OPTION(struct config, threshold, 1, 100, "4", "-log10 of the probability at which to warn"),
    OPTION(struct config, critical, 1, 100, "3", "times the threshold: critical"),
    OPTION(struct config, max_empty, 0, 1, "0.5", "a series with a larger share of empty windows is not expected to speak"),
    OPTION_END
};

enum { SHORTEST_RUN = 3, CALLED_OFTEN = 3 };

static size_t state_size(const void *config)
{
    (void)config;
    return sizeof(struct state);
}

static void learn(struct state *st, const struct config *c, double share, uint32_t windows)
{
    for (uint32_t i = 0; i < windows; i++) {
        double weight = st->learned < c->memory ? 1.0 / (st->learned + 1) : 1.0 / c->memory;
        st->empty += weight * (share - st->empty);
        st->learned += st->learned < UINT32_MAX;
    }
}

/* A run of empty windows is learned when it is over, if it was not called silence. */
static void speak(struct state *st, const struct config *c, double value)
{
    st->called = st->run == 0 ? st->called : st->is_called ? st->called + 1 : 0;
    if (st->run > 0 && (!st->is_called || st->called >= CALLED_OFTEN)) {
        learn(st, c, 1, st->run < c->memory ? st->run : c->memory);
        st->longest = fmax(st->longest, st->run);
    }
    st->run = 0;
    st->is_called = false;
    st->longest -= st->longest / (4.0 * c->memory);
    learn(st, c, 0, 1);
    st->nonempty += st->nonempty < UINT32_MAX;
    double weight = st->nonempty < c->memory ? 1.0 / st->nonempty : 1.0 / c->memory;
    st->usual += weight * (value - st->usual);
}

static void observe(void *state, const void *config, const struct observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    *j = JUDGEMENT_OK;
    j->finding = FINDING_SILENCE;
    j->abstains = st->learned < c->warmup || (o->quality & (QUALITY_LOSSY | QUALITY_LATE));
    if (o->quality & (QUALITY_LOSSY | QUALITY_LATE))
        return;
    if (o->count > 0) {
        speak(st, c, o->value);
        return;
    }
    if (st->run++ == 0)
        st->since_ns = o->begin_ns;
    if (j->abstains || st->empty > c->max_empty || st->run < SHORTEST_RUN || st->run <= 2 * st->longest)
        return;
    /* Laplace's rule: what was never seen is not impossible. */
    double share = (st->empty * st->learned + 1) / (st->learned + 2.0);
    double tail = -log10(share) * st->run;
    j->score = score_of_tail(tail, c->threshold);
    j->severity = score_severity(tail, c->threshold, c->critical);
    st->is_called |= j->severity != SEVERITY_OK;
    j->expected = st->usual;
    j->onset_ns = st->since_ns;
}

const struct detector detector_silence = {
    .name = "silence",
    .summary = "no events where there always were some",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .observe = observe,
};
