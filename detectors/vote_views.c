#include "detectors/vote_views.h"
#include <math.h>
#include <string.h>

/* In rows of five minutes; vote_views_scale() says how many rows that is. */
static const double memory_rows = 5000, memory_least = 800, slow_rows = 3000, slow_least = 500;
static const double smooth_shape = 4, store_every = 14;
static const double mix_rows[2] = { 18, 48 }, mix_rate = 0.02, mix_least = 0.002, mix_reach = 20;
static const double smooth_day = 12, day_rate = 0.3, smooth_movement = 12, near_rows = 40, smooth_spread = 20;
static const int64_t day_ns = 86400000000000;

double vote_views_scale(int64_t window_ns)
{
    double scale = sqrt(300e9 / (double)window_ns);
    return fmax(0.05, fmin(100, scale));
}

void vote_views_init(struct vote_views *v)
{
    for (int k = 0; k < MIX_BINS; k++)
        v->mix.recent[0][k] = v->mix.recent[1][k] = v->mix.usual[k] = 1.0F / MIX_BINS;
}

/* ---- shape ---- */

static double nearest_two(const struct shape_memory *m, const float point[SHAPE_POINTS])
{
    float best = INFINITY, second = INFINITY;
    for (uint32_t w = 0; w < m->kept; w++) {
        float sum = 0;
        for (int k = 0; k < SHAPE_POINTS; k++) {
            float d = point[k] - m->windows[w][k];
            sum += d * d;
        }
        if (sum < best) {
            second = best;
            best = sum;
        } else if (sum < second) {
            second = sum;
        }
    }
    if (m->kept == 0)
        return 0;
    return m->kept == 1 ? sqrt((double)best) : (sqrt((double)best) + sqrt((double)second)) / 2;
}

/* One point of the smoothed series: the window that ends with it against those that are kept. */
static void add_point(struct shape_memory *m, double smooth, uint32_t stride, uint32_t every)
{
    uint32_t size = SHAPE_POINTS * stride;
    float point[SHAPE_POINTS];
    m->at = (m->at + 1) % size;
    m->ring[m->at] = (float)smooth;
    m->points++;
    bool store = m->until_store <= 1;
    m->until_store = store ? every : m->until_store - 1;
    m->distance = 0;
    if (m->points <= (SHAPE_POINTS - 1) * stride)
        return;
    for (uint32_t k = 0; k < SHAPE_POINTS; k++)
        point[k] = m->ring[(m->at + size - k * stride) % size];
    m->distance = nearest_two(m, point);
    if (!store)
        return;
    memcpy(m->windows[m->next], point, sizeof(point));
    m->next = (m->next + 1) % SHAPE_WINDOWS;
    m->kept += m->kept < SHAPE_WINDOWS;
}

/* Long scales take a point every few rows; short ones have points that are nearer to each other. */
static double see_shape(struct shape_memory *m, const struct view_input *in)
{
    uint32_t step = in->scale > 1 ? (uint32_t)lround(in->scale) : 1;
    long stride = lround(SHAPE_STRIDE_MAX * in->scale / step), every = lround(store_every * in->scale / step);
    double smooth = fading_mean_add(&m->smooth, in->value, smooth_shape * in->scale);
    if (in->after_gap)
        m->points = 0;
    if (m->rows == 0)
        add_point(m, smooth, stride < 1 ? 1 : stride > SHAPE_STRIDE_MAX ? SHAPE_STRIDE_MAX : (uint32_t)stride,
                  every < 1 ? 1 : (uint32_t)every);
    m->rows = m->rows + 1 >= step ? 0 : m->rows + 1;
    return m->distance;
}

/* ---- mix of values ---- */

static void fade(float histogram[MIX_BINS], int bin, double rate)
{
    for (int k = 0; k < MIX_BINS; k++) {
        float share = histogram[k] + (float)rate * ((k == bin ? 1.0F : 0.0F) - histogram[k]);
        histogram[k] = share > 1e-12F ? share : 0; /* denormal numbers are slow */
    }
}

/* Kullback-Leibler divergences of the recent histograms from the usual one. */
static void see_mix(struct mix_memory *m, const struct view_input *in, uint64_t row, double slow, double ret_divergence[2])
{
    if (row == 0)
        m->mean = in->value;
    double rows = (double)row + 1, share = 1 / fmin(rows, slow);
    double deviation = sqrt(m->variance) + 1e-3 * fabs(m->mean + in->origin) + in->floor, distance = in->value - m->mean;
    double place = row < 5 ? 0 : asinh(2 * distance / deviation) / asinh(2 * mix_reach);
    int bin = (int)fmax(0, fmin(MIX_BINS - 1, floor((place + 1) / 2 * MIX_BINS)));
    double logs[MIX_BINS];
    for (int k = 0; k < MIX_BINS; k++)
        logs[k] = log((double)m->usual[k] + mix_least);
    for (int i = 0; i < 2; i++) {
        fade(m->recent[i], bin, 1 / fmax(1, fmin(rows, mix_rows[i] * in->scale)));
        ret_divergence[i] = 0;
        for (int k = 0; k < MIX_BINS; k++) {
            double p = (double)m->recent[i][k] + mix_least;
            ret_divergence[i] += p * (log(p) - logs[k]);
        }
    }
    fade(m->usual, bin, fmin(share, fmax(mix_rate / in->scale, 1 / slow)));
    if (row > 50)
        distance = fmax(-8 * deviation, fmin(8 * deviation, distance));
    m->mean += share * distance;
    m->variance = (1 - share) * (m->variance + share * distance * distance);
}

/* ---- time of day ---- */

static double see_time_of_day(struct vote_views *v, const struct view_input *in, double slow)
{
    int64_t of_day = in->time_ns % day_ns;
    uint32_t bin = (uint32_t)((of_day < 0 ? of_day + day_ns : of_day) / (day_ns / DAY_BINS));
    double rows_a_bin = (double)day_ns / DAY_BINS / (double)in->window_ns;
    if (v->profile_seen[bin] == 0) {
        v->profile[bin] = (float)in->value;
        v->profile_seen[bin] = 1;
        return v->row < 5 ? 0 : in->value - slow;
    }
    if (v->profile_seen[bin] < UINT16_MAX)
        v->profile_seen[bin]++;
    double rest = in->value - (double)v->profile[bin], rate = day_rate * fmin(1, 6 / rows_a_bin);
    v->profile[bin] += (float)(fmax(rate, 1.0 / v->profile_seen[bin]) * rest);
    return rest;
}

/* ---- all ---- */

void vote_views_add(struct vote_views *v, const struct view_input *in, double ret_z[VIEWS])
{
    double seen[VIEWS], divergence[2], s = in->scale, x = in->value;
    double slow_memory = fmax(slow_least, slow_rows * s), memory = fmax(memory_least, memory_rows * s);
    double slow = v->row ? v->slow.mean : x, near = v->row ? v->near.mean : x;
    double moved = v->row && !in->after_gap ? fabs(x - v->last) : 0;
    fading_mean_add(&v->slow, x, slow_memory);
    fading_mean_add(&v->near, x, near_rows * s);
    see_mix(&v->mix, in, v->row, slow_memory, divergence);
    seen[VIEW_SHAPE] = see_shape(&v->shape, in);
    seen[VIEW_MIX_SHORT] = divergence[0];
    seen[VIEW_MIX_LONG] = divergence[1];
    seen[VIEW_TIME_OF_DAY] = fading_mean_add(&v->time_of_day, see_time_of_day(v, in, slow), smooth_day * s);
    seen[VIEW_MOVEMENT] = fading_mean_add(&v->movement, moved, smooth_movement * s);
    seen[VIEW_SPREAD] = fading_mean_add(&v->spread, fabs(x - near), smooth_spread * s);
    seen[VIEW_LEVEL] = x - slow;
    v->last = x;
    v->row++;
    for (int k = 0; k < VIEWS; k++) /* a shape is like no other until there is one: that is no distance to learn from */
        ret_z[k] = k == VIEW_SHAPE && v->shape.kept == 0 ? 0 : robust_z(&v->z[k], seen[k], memory, k == VIEW_MIX_SHORT || k == VIEW_MIX_LONG ? 1e-12 : in->floor);
}
