/* sketch_fixture.h - windows of made-up operations for detectors that look at sketches. */
#ifndef FT_TESTS_SKETCH_FIXTURE_H
#define FT_TESTS_SKETCH_FIXTURE_H
#include "detectors/detector.h"
#include "testing.h"

/* How the operations of a window come about. */
struct operations {
    uint32_t count;        /* 0: 200 */
    double level;          /* ns; 0: 5e6 */
    double spread;         /* of the logarithm */
    bool constant;         /* all are the level itself */
    double wander;         /* deviation of the level's logarithm, from window to window */
    bool heavy;            /* Pareto's, with index 1.5, instead of log-normal */
    double second;         /* share of a second mode eight times slower, that is always there, */
    double second_wander;  /* and how its share wanders */
    double slow, slower;   /* a fault: such a share is so many times slower, */
    bool mean_kept;        /* and the rest so much faster that the mean stands still */
};

struct maker {
    uint64_t seed;
    double walk;
};

static inline double operation_of(struct maker *m, const struct operations *w, double level)
{
    double factor = exp((w->spread != 0 ? w->spread : 0.5) * random_normal(&m->seed));
    if (w->constant)
        return level;
    if (w->heavy)
        factor = pow(1 - random_unit(&m->seed), -1 / 1.5);
    double share = fmax(0.02, w->second + w->second_wander * m->walk);
    return level * factor * (w->second > 0 && random_unit(&m->seed) < share ? 8 : 1);
}

static inline void sketch_add(uint32_t counts[SKETCH_BUCKETS], double value)
{
    int exponent;
    double b = 0;
    if (value >= 1)
        b = 4 * (2 * frexp(value, &exponent) - 1), b = floor(b) + 4 * (exponent - 1);
    counts[b < SKETCH_BUCKETS ? (uint32_t)b : SKETCH_BUCKETS - 1]++;
}

static inline uint64_t make_sketch(struct maker *m, const struct operations *w, struct sketch *k)
{
    uint32_t counts[SKETCH_BUCKETS] = { 0 }, n = w->count ? w->count : 200;
    m->walk = 0.9 * m->walk + 0.436 * random_normal(&m->seed);
    double level = (w->level != 0 ? w->level : 5e6) * exp(w->wander * m->walk);
    for (uint32_t i = 0; i < n; i++) {
        double value = operation_of(m, w, level);
        if (w->slow > 0 && random_unit(&m->seed) < w->slow)
            value *= w->slower;
        sketch_add(counts, w->mean_kept ? value / (1 + w->slow * (w->slower - 1)) : value);
    }
    k->size = 0;
    for (uint32_t i = 0; i < SKETCH_BUCKETS; i++)
        if (counts[i] > 0)
            k->buckets[k->size++] = (struct sketch_bucket){ i, counts[i] };
    return n;
}

/* A detector that is being shown windows. */
struct watching {
    const struct detector *detector;
    void *config, *state;
    struct maker maker;
    int64_t now_ns, window_ns;
    struct observation last;
    struct judgement judgement;
};

static inline void watching_begin(struct watching *w, const char *name, const char *const (*set)[2], uint64_t seed)
{
    struct error err;
    *w = (struct watching){ .detector = detector_find(name), .maker.seed = seed, .now_ns = INT64_C(1700000000000000000), .window_ns = 1000000000 };
    w->config = calloc(1, w->detector->config_size);
    options_default(w->detector->options, w->config);
    for (; set && (*set)[0]; set++)
        if (option_set(w->detector->options, w->config, (*set)[0], (*set)[1], &err) < 0)
            fail_msg("%s", err.text);
    w->state = calloc(1, w->detector->state_size(w->config));
}

static inline void watching_end(struct watching *w)
{
    free(w->config);
    free(w->state);
}

/* The next window; what is said of it is in w->judgement. */
static inline const struct judgement *watching_show(struct watching *w, const struct operations *ops, uint32_t quality)
{
    static struct sketch sketch;
    sketch.size = 0;
    uint64_t n = ops ? make_sketch(&w->maker, ops, &sketch) : 0;
    w->last = (struct observation){ .begin_ns = w->now_ns, .end_ns = w->now_ns + w->window_ns, .value = (double)NAN, .count = n,
                                    .quality = quality | (n == 0 ? (uint32_t)QUALITY_ZERO : 0), .kind = METRIC_LATENCY,
                                    .statistic = STATISTIC_KINDS, .unit = UNIT_NANOSECONDS, .sketch = &sketch };
    w->now_ns += w->window_ns;
    w->detector->observe(w->state, w->config, &w->last, &w->judgement);
    return &w->judgement;
}

/* How many of n windows are bad, and in *ret_first which one is first (from 1; 0: none). */
static inline size_t watching_bad(struct watching *w, const struct operations *ops, size_t n, size_t *ret_first)
{
    size_t bad = 0, first = 0;
    for (size_t i = 0; i < n; i++) {
        if (watching_show(w, ops, 0)->severity == SEVERITY_OK)
            continue;
        bad++;
        first = first ? first : i + 1;
    }
    if (ret_first)
        *ret_first = first;
    return bad;
}

#endif
