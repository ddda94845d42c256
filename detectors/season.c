#include "detectors/season.h"
#include <math.h>
#include <string.h>

static const int64_t hour_ns = 3600000000000, day_ns = 24 * 3600000000000, week_ns = 7 * 24 * 3600000000000;
static const uint32_t look_every = 128, level_memory = 60, error_memory = 500;
static const float correlated = 0.5F;
static const double visit_rate = 0.25;  /* of a visit in the mean of a place */
static const double worth_it = 0.8;     /* a season must leave so much less of the variance than none */

struct place {
    struct phase *phases;
    uint32_t bins, bin;
    int64_t length_ns;
};

static struct place place_of(struct season *s, int model, const struct season_view *v)
{
    struct place p = { 0 };
    switch (model) {
    case SEASON_SHORT:
        p = (struct place){ .phases = s->short_phases, .bins = s->period, .length_ns = (int64_t)s->period * v->window_ns };
        p.bin = s->period ? (uint32_t)((v->time_ns - s->anchor_ns) / v->window_ns % s->period) : 0;
        return p;
    case SEASON_HOUR:
        p = (struct place){ .phases = s->hour, .bins = HOUR_BINS, .length_ns = hour_ns };
        break;
    case SEASON_DAY:
        p = (struct place){ .phases = s->day, .bins = DAY_BINS_SEASON, .length_ns = day_ns };
        break;
    default:
        p = (struct place){ .phases = s->week, .bins = WEEK_BINS, .length_ns = week_ns };
        break;
    }
    int64_t within = v->time_ns % p.length_ns;
    p.bin = (uint32_t)((within < 0 ? within + p.length_ns : within) / (p.length_ns / p.bins));
    return p;
}

/* ---- the short period ---- */

/* Of the ring, oldest first, without its mean. */
static double unroll(const struct season *s, float values[SEASON_RING])
{
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < SEASON_RING; i++) {
        values[i] = s->ring[(s->rows + i) % SEASON_RING];
        sum += (double)values[i];
    }
    for (uint32_t i = 0; i < SEASON_RING; i++) {
        values[i] -= (float)(sum / SEASON_RING);
        squares += (double)values[i] * (double)values[i];
    }
    return squares / SEASON_RING;
}

static float correlation(const float values[SEASON_RING], uint32_t lag, double variance)
{
    float sums[4] = { 0 };
    uint32_t n = (SEASON_RING - lag) & ~3U;
    for (uint32_t i = 0; i < n; i += 4)
        for (uint32_t k = 0; k < 4; k++)
            sums[k] += values[i + k] * values[i + k + lag];
    return (sums[0] + sums[1] + sums[2] + sums[3]) / (float)n / (float)variance;
}

/* The lag of the first peak that is nearly as high as the highest, of those that two periods confirm; 0: none. Before the
 * correlation has been low, it is neighbours that resemble each other. */
static uint32_t find_period(const struct season *s)
{
    float values[SEASON_RING], r[2 * SHORT_MAX + 2], best = correlated;
    double variance = unroll(s, values);
    bool was_low = false;
    uint32_t found = 0;
    if (variance < 1e-20)
        return 0;
    for (uint32_t lag = 1; lag <= 2 * SHORT_MAX + 1; lag++)
        r[lag] = correlation(values, lag, variance);
    for (uint32_t lag = 2; lag <= SHORT_MAX; lag++) {
        was_low |= r[lag - 1] < correlated / 2;
        bool peak = r[lag] >= r[lag - 1] && r[lag] >= r[lag + 1];
        float twice = fmaxf(r[2 * lag], fmaxf(r[2 * lag - 1], r[2 * lag + 1]));
        if (was_low && peak && r[lag] > best + (found ? 0.1F : 0) && twice > correlated) {
            best = r[lag];
            found = lag;
        }
    }
    return found;
}

/* Its profile begins with what the ring has of it, whose last sample began at that time. */
static void take_period(struct season *s, uint32_t period, const struct season_view *v)
{
    memset(s->short_phases, 0, sizeof(s->short_phases));
    s->period = period;
    s->error[SEASON_SHORT] = s->cost[SEASON_SHORT] = 0;
    s->told[SEASON_SHORT] = 0;
    if (period == 0)
        return;
    uint32_t last = 2 * period < SEASON_RING ? 2 * period : SEASON_RING;
    for (uint32_t i = 0; i < last; i++) {
        struct phase *p = &s->short_phases[i % period];
        p->seen++;
        p->mean += (s->ring[(s->rows + SEASON_RING - last + i) % SEASON_RING] - p->mean) / (float)p->seen;
    }
    s->anchor_ns = v->time_ns - (int64_t)(last - 1) * v->window_ns;
}

static void look_for_period(struct season *s, const struct season_view *v)
{
    if (++s->since_looked < look_every || s->rows < SEASON_RING)
        return;
    s->since_looked = 0;
    uint32_t period = find_period(s);
    /* A multiple or a neighbour of what is known is no news, nor is one window without it. */
    if (period == 0 || (s->period && (period % s->period <= 1 || period % s->period == s->period - 1)))
        return;
    take_period(s, period, v);
}

static void push(struct season *s, const struct season_view *v, double x)
{
    s->ring[s->rows++ % SEASON_RING] = (float)x;
    if (s->rows >= 2 * SEASON_RING)
        s->rows -= SEASON_RING; /* it only counts up to there */
    look_for_period(s, v);
}

/* ---- all ---- */

void season_look(struct season *s, int64_t begin_ns, int64_t end_ns, struct season_view *v)
{
    *v = (struct season_view){ .time_ns = begin_ns, .window_ns = end_ns - begin_ns, .model = SEASON_FLAT };
    if (s->first_ns == 0)
        s->first_ns = begin_ns;
    v->expected[SEASON_FLAT] = s->level;
    v->knows[SEASON_FLAT] = s->rows > 0 || s->told[SEASON_FLAT] > 0;
    double best = s->cost[SEASON_FLAT] * worth_it;
    for (int m = SEASON_SHORT; m < SEASONS; m++) {
        if (m == SEASON_SHORT && s->period == 0)
            continue;
        struct place p = place_of(s, m, v);
        if (p.length_ns < 4 * v->window_ns || p.phases[p.bin].seen == 0)
            continue;
        v->expected[m] = (double)p.phases[p.bin].mean;
        /* The first time round is no repetition; what a model says is scored from the second on, believed from the third. */
        v->knows[m] = m == SEASON_SHORT || begin_ns - s->first_ns >= p.length_ns;
        bool proven = m == SEASON_SHORT ? s->told[m] >= s->period : begin_ns - s->first_ns >= 2 * p.length_ns;
        if (v->knows[m] && proven && s->told[m] >= 8 && s->cost[m] < best) {
            best = s->cost[m];
            v->model = m;
        }
    }
}

double season_deviation(const struct season *s, const struct season_view *v)
{
    return sqrt(s->error[v->model]);
}

static void learn_place(struct place *p, double x, double clip, int64_t window_ns)
{
    struct phase *phase = &p->phases[p->bin];
    double a_visit = fmax(1, (double)(p->length_ns / p->bins) / (double)window_ns);
    if (phase->seen == 0)
        phase->mean = (float)x;
    if (phase->seen < UINT16_MAX)
        phase->seen++;
    double rate = fmax(visit_rate / a_visit, 1.0 / phase->seen), distance = x - (double)phase->mean;
    phase->mean += (float)(rate * fmax(-clip, fmin(clip, distance)));
}

void season_learn(struct season *s, const struct season_view *v, double x, double clip)
{
    for (int m = 0; m < SEASONS; m++) {
        if (!v->knows[m])
            continue;
        double distance = fmax(-clip, fmin(clip, x - v->expected[m]));
        s->error[m] += (distance * distance - s->error[m]) / (s->told[m] < error_memory ? s->told[m] + 1.0 : error_memory);
    }
    for (int m = SEASON_SHORT; m < SEASONS; m++) {
        struct place p = place_of(s, m, v);
        if (p.bins > 0 && p.length_ns >= 4 * v->window_ns)
            learn_place(&p, x, clip, v->window_ns);
    }
    double rows = s->rows + 1.0;
    s->level += fmax(-clip, fmin(clip, x - s->level)) / fmin(rows, level_memory);
}

void season_compare(struct season *s, const struct season_view *v, double x, double clip)
{
    for (int m = 0; m < SEASONS; m++) {
        if (!v->knows[m])
            continue;
        double distance = fmax(-clip, fmin(clip, x - v->expected[m]));
        if (s->told[m] < error_memory)
            s->told[m]++;
        s->cost[m] += (distance * distance - s->cost[m]) / s->told[m];
    }
    double expected = v->expected[v->model];
    push(s, v, expected + fmax(-clip, fmin(clip, x - expected)));
}

void season_skip(struct season *s, const struct season_view *v)
{
    push(s, v, v->expected[v->model]);
}

/* Whether it was so high, or so low, at that place or one beside it on a day. */
static bool was_seen(const struct season *s, uint32_t bin, int32_t day, double x, double margin, bool above)
{
    for (uint32_t near = bin + DAY_BINS_SEASON - 1; near <= bin + DAY_BINS_SEASON + 1; near++) {
        const struct visits *v = &s->visits[near % DAY_BINS_SEASON];
        int32_t ago = v->day - day;
        if (v->day == 0 || ago < 0 || ago > 2)
            continue;
        if (above ? x <= (double)v->high[ago] + margin : x >= (double)v->low[ago] - margin)
            return true;
    }
    return false;
}

/* The day before moves to its place, and days without a visit between. */
static void begin_day(struct visits *v, int32_t day)
{
    for (int64_t days = v->day == 0 ? 3 : (int64_t)day - v->day, i = 0; i < days && i < 3; i++) {
        v->high[2] = v->high[1];
        v->high[1] = v->high[0];
        v->low[2] = v->low[1];
        v->low[1] = v->low[0];
        v->high[0] = -INFINITY;
        v->low[0] = INFINITY;
    }
    v->day = day;
}

bool season_usual(struct season *s, const struct season_view *v, double x, double margin)
{
    struct place p = place_of(s, SEASON_DAY, v);
    struct visits *here = &s->visits[p.bin];
    int32_t day = (int32_t)(v->time_ns / day_ns) + 1;
    if (p.length_ns < 4 * v->window_ns)
        return false;
    if (here->day != day)
        begin_day(here, day);
    here->high[0] = fmaxf(here->high[0], (float)x);
    here->low[0] = fminf(here->low[0], (float)x);
    bool above = x > v->expected[v->model];
    return was_seen(s, p.bin, day - 1, x, margin, above) && was_seen(s, p.bin, day - 2, x, margin, above);
}

void season_gap(struct season *s)
{
    s->rows = s->since_looked = 0;
    take_period(s, 0, NULL);
}

void season_shift(struct season *s, double by)
{
    struct phase *all[] = { s->short_phases, s->hour, s->day, s->week };
    static const uint32_t bins[] = { SHORT_MAX, HOUR_BINS, DAY_BINS_SEASON, WEEK_BINS };
    s->level += by;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        for (uint32_t k = 0; k < bins[i]; k++)
            all[i][k].mean += (float)by;
}
