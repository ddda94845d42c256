/* vote_views.h - seven ways to look at one series, each as a z score against the view's own history. */
#ifndef FT_DETECTORS_VOTE_VIEWS_H
#define FT_DETECTORS_VOTE_VIEWS_H
#include "detectors/robust_z.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    VIEW_SHAPE,       /* the last 61 rows: how far from the two nearest of 64 earlier windows */
    VIEW_MIX_SHORT,   /* values of the last 18 rows, as a histogram: their divergence from the long run's */
    VIEW_MIX_LONG,    /* of the last 48 */
    VIEW_TIME_OF_DAY, /* distance from what is usual at this half hour of the day */
    VIEW_MOVEMENT,    /* how much it moves from row to row */
    VIEW_SPREAD,      /* how far it strays from its recent mean */
    VIEW_LEVEL,       /* the value itself */
    VIEWS
};

enum { SHAPE_POINTS = 16, SHAPE_WINDOWS = 64, SHAPE_STRIDE_MAX = 4, MIX_BINS = 12, DAY_BINS = 48 };

/* The last points of the series, and windows of them from earlier. */
struct shape_memory {
    struct fading_mean smooth;
    float ring[SHAPE_POINTS * SHAPE_STRIDE_MAX];
    float windows[SHAPE_WINDOWS][SHAPE_POINTS];
    uint32_t points, at;        /* since the start or the last gap; place in the ring */
    uint32_t rows, until_store; /* since the last point; points until a window is kept */
    uint32_t kept, next;
    double distance;            /* of the last point */
};

struct mix_memory {
    double mean, variance;
    float recent[2][MIX_BINS], usual[MIX_BINS];
};

struct vote_views {
    uint64_t row;
    double last;
    struct robust_z z[VIEWS];
    struct fading_mean slow, near, time_of_day, movement, spread;
    struct shape_memory shape;
    struct mix_memory mix;
    float profile[DAY_BINS];
    uint16_t profile_seen[DAY_BINS];
};

/* Rows in the sense of this file are of five minutes; others are worth this many of them, by the square root of their
 * distance: it was between constants of rows and constants of time that detectors were best at 5, 10, 15 and 30 minutes. */
double vote_views_scale(int64_t window_ns);

void vote_views_init(struct vote_views *v);
/* Shows a value; fills the z of each view. origin was taken off the value, so that floats do for it; time_ns is since
 * the epoch; floor is the least spread to believe in; after_gap: the row before is not the one before in time. */
struct view_input {
    double value, origin, scale, floor;
    int64_t time_ns, window_ns;
    bool after_gap;
};
void vote_views_add(struct vote_views *v, const struct view_input *in, double ret_z[VIEWS]);

#endif
