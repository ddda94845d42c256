/* segment.c - where the level or the slope of a series broke: of the rows since the last
 * break, are they one piece or two?
 *
 * Two tests a row, each on its own segment: one mean against two, one straight line against two. The split
 * with the least residual sum of squares is weighed by Schwarz's criterion (Annals of Statistics 6, 1978):
 * g = n ln(RSS1 / RSS2) - k ln N, twice the log of the odds for two pieces that need k numbers more. Residuals that
 * resemble their neighbours are worth less than so many rows: n is N (1 - r)/(1 + r), r being their lag-one
 * autocorrelation, with what it is underestimated by on average in short pieces (Kendall, Biometrika 41, 1954) and a
 * margin. So what wanders is not cut into pieces; the turns of a slow season are, they are breaks of slope. Both sums have a floor: the noise of first
 * differences, and a share of the level.
 *
 * Two means must also be clearly better than one line: a ramp is for the other test. And more than half of
 * the rows behind the split must lie nearer to the two pieces than to the one: a few spikes are no level. A single
 * spike is taken out of the rows as soon as it is known to be one.
 *
 * The noise and the autocorrelation are worked out only where the rest would do for a break, which is
 * rare: without them a row costs one pass over the segment. */
#include "detectors/scale.h"
#include "detectors/score.h"
#include <math.h>
#include <stdlib.h>

struct config {
    uint32_t warmup, memory;
    struct duration relearn;
    double threshold, critical, min_spread;
};

enum test { LEVEL, SLOPE, TESTS };
enum { MEMORY_MAX = 512, RECENT = 8, SAME_BREAK = 10 };

/* What differs between the tests. */
static const struct test_kind {
    uint32_t least_left, least_right; /* rows of a piece */
    uint32_t rows_running;            /* rows at which it must be seen in a row */
    double penalty;                   /* times the threshold */
    double numbers;                   /* that two pieces need more than one; the split itself is in the penalty */
    double bias[2];                   /* of the autocorrelation, over N: [0] + [1] r */
} kinds[TESTS] = {
    [LEVEL] = { 5, 4, 1, 1, 1, { 3.3, 3.3 * 3 } },
    [SLOPE] = { 8, 8, 2, 2, 2, { 3.3 * 2, 3.3 * 4 } },
};
static const double noise_rows = 2;        /* rows' worth of the differences' noise in each sum of squares */
static const double better_than_line = 0.8;
static const double spike = 8;             /* mean differences */

struct state {
    double origin;                    /* values are kept relative to the first one */
    int64_t first_ns, unit_ns;        /* and times in windows since the first one */
    uint32_t rows;                    /* seen */
    uint32_t start[TESTS];            /* first row of the segment */
    uint8_t running[TESTS];
    bool returned;                    /* the break that is told leads back to where the last one came from */
    uint32_t breaks;
    uint32_t recent[RECENT];          /* rows of the latest ones */
    float difference;                 /* mean distance of neighbours */
    /* The break that is being told: */
    float before, after, share;
    int64_t onset_ns, until_ns;       /* until_ns 0: none */
};

/* The latest rows stand behind the state: values, then times. Row r is at r % memory. */
static float *values_of(struct state *st)
{
    return (float *)(st + 1);
}
static uint32_t *times_of(struct state *st, const struct config *c)
{
    return (uint32_t *)(void *)(values_of(st) + c->memory);
}

static const struct option options[] = {
    OPTION(struct config, warmup, 16, MEMORY_MAX, "24", "samples to see before judging"),
    OPTION(struct config, memory, 32, MEMORY_MAX, "200", "samples of a segment that are looked at, at most"),
    OPTION(struct config, threshold, 1, 1000, "7", "evidence at which to warn of a level: twice the log of the odds; a slope needs twice that"),
    OPTION(struct config, critical, 1, 1000, "10", "times the threshold: critical"),
    OPTION(struct config, min_spread, 0, 1, "0.004", "share of the value that is always taken for noise"),
    OPTION(struct config, relearn, 1, 604800, "5m", "for so long a break is told; then it is the new normal"),
    OPTION_END
};

static size_t state_size(const void *config)
{
    const struct config *c = config;
    return sizeof(struct state) + c->memory * (sizeof(float) + sizeof(uint32_t));
}

/* ---- fits ---- */

/* A segment, relative to its first value, and its running sums: [i] is of the first i rows. */
struct segment {
    uint32_t start, count;
    double level;                     /* its mean, as it is on the scale */
    double y[MEMORY_MAX];
    double sum[MEMORY_MAX + 1], moment[MEMORY_MAX + 1];
    double squares;
};

/* A mean or a line, for rows counted from the first one of its piece. */
struct piece {
    double at, slope;
};

static void take_segment(struct state *st, const struct config *c, uint32_t start, struct segment *s)
{
    const float *values = values_of(st);
    double base = (double)values[start % c->memory], squares = 0, sum = 0, moment = 0;
    uint32_t at = start % c->memory;
    s->start = start;
    s->count = st->rows - start;
    for (uint32_t i = 0; i < s->count; i++) {
        double y = (double)values[at] - base;
        s->y[i] = y;
        s->sum[i] = sum;
        s->moment[i] = moment;
        sum += y;
        moment += i * y;
        squares += y * y;
        if (++at == c->memory)
            at = 0;
    }
    s->sum[s->count] = sum;
    s->moment[s->count] = moment;
    s->squares = squares;
    s->level = st->origin + base + sum / s->count;
}

/* The sum of (t - mean t)^2 over n rows. */
static double times_squared(double n)
{
    return n * (n * n - 1) * (1.0 / 12);
}

/* How much of the sum of squares two means explain at each split. */
static void explain_levels(const struct segment *s, int first, int last, double *explained)
{
    double rows = s->count, total = s->sum[s->count];
    for (int q = first; q <= last; q++) {
        double n = q, m = rows - n, a = s->sum[q], b = total - a;
        explained[q] = (a * a * m + b * b * n) / (n * m);
    }
}

/* The same of two lines. */
static void explain_slopes(const struct segment *s, int first, int last, double *explained)
{
    double rows = s->count, total = s->sum[s->count], moments = s->moment[s->count];
    for (int q = first; q <= last; q++) {
        double n = q, m = rows - n, a = s->sum[q], b = total - a, tn = times_squared(n), tm = times_squared(m);
        double c = s->moment[q] - a * (n - 1) / 2, d = moments - s->moment[q] - b * (n + (m - 1) / 2);
        explained[q] = ((a * a * m + b * b * n) * (tn * tm) + (c * c * tm + d * d * tn) * (n * m)) / (n * m * (tn * tm));
    }
}

static uint32_t best_split(const struct segment *s, enum test test, double *ret_explained)
{
    double explained[MEMORY_MAX], most = 0;
    int first = (int)kinds[test].least_left, last = (int)(s->count - kinds[test].least_right), best = first;
    if (test == LEVEL)
        explain_levels(s, first, last, explained);
    else
        explain_slopes(s, first, last, explained);
    for (int q = first; q <= last; q++) {
        if (explained[q] > most) {
            most = explained[q];
            best = q;
        }
    }
    *ret_explained = most;
    return (uint32_t)best;
}

/* Fits rows [from, to); returns the residual sum of squares but for the sum of their squares. */
static double fit(const struct segment *s, enum test test, uint32_t from, uint32_t to, struct piece *ret_piece)
{
    double n = to - from, a = s->sum[to] - s->sum[from];
    double c = s->moment[to] - s->moment[from] - a * (from + (n - 1) / 2);
    double slope = test == SLOPE ? c / times_squared(n) : 0;
    *ret_piece = (struct piece){ a / n - slope * (n - 1) / 2, slope };
    return -a * a / n - slope * c;
}

/* The middle value; reorders them (Hoare, CACM 4, 1961, algorithm 65). */
static double median(double *values, uint32_t n)
{
    int64_t low = 0, high = (int64_t)n - 1, k = n / 2;
    while (low < high) {
        double pivot = values[k];
        int64_t i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i > j)
                break;
            double swapped = values[i];
            values[i++] = values[j];
            values[j--] = swapped;
        }
        if (j < k)
            low = i;
        if (k < i)
            high = j;
    }
    return values[k];
}

/* The variance of noise that neighbours do not share, from the median of their differences. */
static double noise_variance(const struct segment *s)
{
    double d[MEMORY_MAX];
    uint32_t n = s->count - 1;
    for (uint32_t i = 0; i < n; i++)
        d[i] = s->y[i + 1] - s->y[i];
    double middle = median(d, n);
    for (uint32_t i = 0; i < n; i++)
        d[i] = fabs(d[i] - middle);
    double deviation = 1.4826 * median(d, n);
    return deviation * deviation / 2;
}

/* ---- weighing ---- */

struct split {
    uint32_t at;
    double evidence;
    struct piece left, right;
};

static double residual(const struct segment *s, const struct split *x, uint32_t i)
{
    const struct piece *p = i < x->at ? &x->left : &x->right;
    return s->y[i] - p->at - p->slope * (i < x->at ? i : i - x->at);
}

static double correlation(const struct segment *s, const struct split *x, const struct test_kind *k)
{
    double squares = 0, products = 0, last = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        double e = residual(s, x, i);
        squares += e * e;
        products += e * last;
        last = e;
    }
    double r = squares > 0 ? products / squares : 0;
    r += (k->bias[0] + k->bias[1] * r) / s->count;
    return fmin(fmax(r, 0), 0.99);
}

/* More than half of what is behind the split must lie nearer to its own piece than to the single one. */
static bool carried(const struct segment *s, const struct split *x, const struct piece *one)
{
    uint32_t nearer = 0;
    for (uint32_t i = x->at; i < s->count; i++)
        nearer += fabs(residual(s, x, i)) < fabs(s->y[i] - one->at - one->slope * i);
    return 2 * nearer > s->count - x->at;
}

/* In each sum of squares, whatever the rows say. */
static double floor_squares(const struct segment *s, double floor, double noise)
{
    double squares = s->count * floor * floor + noise_rows * noise;
    return squares > 0 ? squares : 1e-12 * (1 + s->squares / s->count);
}

/* A level of so few rows may have been called with the last row of the old one among them. */
static void trim(const struct segment *s, struct split *x)
{
    double rest = (s->sum[s->count] - s->sum[x->at + 1]) / (s->count - x->at - 1);
    if (s->count - x->at > kinds[LEVEL].least_right || fabs(s->y[x->at] - x->left.at) > fabs(s->y[x->at] - rest))
        return;
    x->at++;
    x->right.at = rest;
}

/* The best split of the segment; its evidence is 0 where something speaks against it, or it is below the threshold.
 * What only lessens the evidence is worked out in the order of its cost, while the rest would do. */
static struct split weigh(const struct segment *s, enum test test, double floor, double threshold)
{
    const struct test_kind *k = &kinds[test];
    struct split x = { 0 };
    struct piece one, line;
    double explained, cost = k->numbers * log(s->count), rows = s->count + noise_rows;
    double whole = fmax(0, s->squares + fit(s, test, 0, s->count, &one));
    x.at = best_split(s, test, &explained);
    double parts = fmax(0, s->squares - explained), least = floor_squares(s, floor, 0);
    double most = rows * log((whole + least) / (parts + least));
    if (most - cost < threshold)
        return x;
    fit(s, test, 0, x.at, &x.left);
    fit(s, test, x.at, s->count, &x.right);
    double r = correlation(s, &x, k), worth = (1 - r) / (1 + r);
    if (most * worth - cost < threshold)
        return x;
    double ramp = test == LEVEL ? fmax(0, s->squares + fit(s, SLOPE, 0, s->count, &line)) : INFINITY;
    least = floor_squares(s, floor, noise_variance(s));
    double evidence = rows * worth * log((whole + least) / (parts + least)) - cost;
    if (parts + least <= better_than_line * (ramp + least) && carried(s, &x, &one))
        x.evidence = evidence;
    if (test == LEVEL)
        trim(s, &x);
    return x;
}

/* ---- the detector ---- */

/* A row that lies far off both its neighbours, on the same side, was a spike. */
static void forget_spike(struct state *st, const struct config *c)
{
    if (st->rows < 3)
        return;
    float *values = values_of(st);
    float *middle = &values[(st->rows - 2) % c->memory];
    float before = values[(st->rows - 3) % c->memory], after = values[(st->rows - 1) % c->memory];
    float off = fminf(fabsf(*middle - before), fabsf(*middle - after));
    bool peak = (*middle > before) == (*middle > after);
    if (peak && off > (float)spike * st->difference && st->rows >= c->warmup)
        *middle = (before + after) / 2;
    float step = fabsf(*middle - before), most = (float)spike * st->difference;
    float weight = st->rows < 34 ? 1.0F / (float)(st->rows - 2) : 1.0F / 32;
    st->difference += weight * ((st->rows >= c->warmup && step > most ? most : step) - st->difference);
}

/* Of values far from the first one, which was unlike them, nothing would be left in single precision. */
static void move_origin(struct state *st, const struct config *c)
{
    double away = (double)values_of(st)[(st->rows - 1) % c->memory];
    if (st->rows != c->warmup || fabs(away) <= 1e4 * (double)st->difference)
        return;
    st->origin += away;
    for (uint32_t i = 0; i < st->rows && i < c->memory; i++)
        values_of(st)[i] = (float)((double)values_of(st)[i] - away);
}

static void take_row(struct state *st, const struct config *c, const struct observation *o, double x)
{
    if (st->rows == 0) {
        st->origin = x;
        st->first_ns = o->begin_ns;
        st->unit_ns = o->end_ns - o->begin_ns;
    }
    int64_t since = (o->begin_ns - st->first_ns) / st->unit_ns;
    values_of(st)[st->rows % c->memory] = (float)(x - st->origin);
    times_of(st, c)[st->rows % c->memory] = (uint32_t)since;
    st->rows++;
    forget_spike(st, c);
    move_origin(st, c);
}

static bool told_before(const struct state *st, uint32_t row)
{
    for (uint32_t i = 0; i < RECENT && i < st->breaks; i++)
        if (st->recent[i] + SAME_BREAK >= row && row + SAME_BREAK >= st->recent[i])
            return true;
    return false;
}

/* A new segment begins at the split; true when that is news. */
static bool cut(struct state *st, enum test test, uint32_t onset)
{
    bool known = told_before(st, onset);
    st->running[test] = 0;
    st->start[test] = onset;
    if (!known)
        st->recent[st->breaks++ % RECENT] = onset;
    return !known;
}

static void call(struct state *st, const struct config *c, const struct observation *o, const struct segment *s,
                 const struct split *x, uint32_t onset, double share)
{
    double first = s->level - s->sum[s->count] / s->count - st->origin;
    float before = (float)(first + x->left.at + x->left.slope * (x->at - 1));
    float after = (float)(first + x->right.at + x->right.slope * (s->count - x->at - 1));
    st->returned = st->until_ns != 0 && fabsf(after - st->before) < fabsf(st->after - st->before) / 2;
    st->before = before;
    st->after = after;
    st->share = (float)share;
    st->onset_ns = st->first_ns + times_of(st, c)[onset % c->memory] * st->unit_ns;
    st->until_ns = st->returned ? o->end_ns : o->begin_ns + c->relearn.ns;
}

/* Both tests of a row; the greatest share of a threshold that was reached. */
static double look_for_breaks(struct state *st, const struct config *c, const struct scale *scale, const struct observation *o)
{
    struct segment s;
    double most = 0;
    s.count = 0;
    for (enum test test = LEVEL; test < TESTS; test++) {
        const struct test_kind *k = &kinds[test];
        double threshold = c->threshold * k->penalty;
        if (st->rows - st->start[test] > c->memory)
            st->start[test] = st->rows - c->memory;
        if (st->rows - st->start[test] < k->least_left + k->least_right)
            continue;
        if (s.count == 0 || s.start != st->start[test])
            take_segment(st, c, st->start[test], &s);
        struct split x = weigh(&s, test, scale_floor(scale, s.level, c->min_spread), threshold);
        double share = fmax(0, x.evidence / threshold);
        uint32_t onset = st->start[test] + x.at;
        st->running[test] = share > 1 ? (uint8_t)(st->running[test] + 1) : 0;
        most = fmax(most, fmin(share, 1));
        if (st->running[test] >= k->rows_running && cut(st, test, onset))
            call(st, c, o, &s, &x, onset, share);
    }
    return most;
}

/* A break is told until it is the new normal. */
static void tell(struct state *st, const struct config *c, const struct scale *scale, const struct observation *o,
                 struct judgement *j)
{
    j->score = score_of_tail((double)st->share, 1);
    j->severity = score_severity((double)st->share, 1, c->critical);
    j->expected = scale_invert(scale, st->origin + (double)st->before);
    j->magnitude = scale_invert(scale, st->origin + (double)st->after) - j->expected;
    j->onset_ns = st->onset_ns;
    if (o->end_ns < st->until_ns)
        return;
    j->new_normal = !st->returned;
    st->until_ns = 0;
}

static void observe(void *state, const void *config, const struct observation *o, struct judgement *j)
{
    struct state *st = state;
    const struct config *c = config;
    struct scale scale = scale_for(o);
    bool trusted = !(o->quality & (QUALITY_LOSSY | QUALITY_LATE)) && scale_enough(o);
    *j = JUDGEMENT_OK;
    j->finding = FINDING_CHANGE;
    j->abstains = !trusted || st->rows + 1 < c->warmup;
    if (!trusted)
        return;
    double x = scale_apply(&scale, o->value);
    if (st->rows == 1 && scale_false_start(&scale, st->origin, x))
        st->rows = 0;
    take_row(st, c, o, x);
    if (j->abstains)
        return;
    double share = look_for_breaks(st, c, &scale, o);
    if (st->until_ns != 0)
        tell(st, c, &scale, o, j);
    else
        j->score = score_of_tail(fmin(share, 0.99), 1);
}

const struct detector detector_segment = {
    .name = "segment",
    .summary = "a break of level or slope, with its onset and size (split of a segment by Schwarz's criterion)",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .observe = observe,
};
