/* season.h - what repeats in a series: a short period that is found by autocorrelation, and profiles of it, of the hour, of
 * the day and of the week. Which of them is believed follows from what each would have said of the samples so far. */
#ifndef FT_DETECTORS_SEASON_H
#define FT_DETECTORS_SEASON_H
#include <stdbool.h>
#include <stdint.h>

enum { SEASON_FLAT, SEASON_SHORT, SEASON_HOUR, SEASON_DAY, SEASON_WEEK, SEASONS };
enum { SHORT_MAX = 96, HOUR_BINS = 60, DAY_BINS_SEASON = 96, WEEK_BINS = 168, SEASON_RING = 256 };

/* One place of a profile. */
struct phase {
    float mean;
    uint16_t seen;            /* samples, up to a bound */
};

/* The greatest and least of a place of the day: on the latest day it was visited, and on the two before that. */
struct visits {
    float high[3], low[3];    /* infinite the wrong way where there was nothing */
    int32_t day;              /* the latest, since the epoch, from 1; 0: none */
};

struct season {
    struct phase short_phases[SHORT_MAX], hour[HOUR_BINS], day[DAY_BINS_SEASON], week[WEEK_BINS];
    struct visits visits[DAY_BINS_SEASON];
    double error[SEASONS];    /* mean squared distance of what each said from what was learned, fading */
    double cost[SEASONS];     /* the same of all there was, for the choice among them */
    uint32_t told[SEASONS];   /* samples in these */
    float ring[SEASON_RING];  /* the latest samples, for the autocorrelation */
    uint32_t rows, since_looked, period; /* period: of the short season, in samples; 0: none found */
    int64_t anchor_ns;        /* when a short period began */
    double level;             /* of the flat one, fading */
    int64_t first_ns;
};

struct season_view {
    int64_t time_ns, window_ns;
    int model;                /* which is believed */
    double expected[SEASONS];
    bool knows[SEASONS];      /* two periods were seen, or the place was seen in each so far */
};

/* What each model expects at that time; the best one by what they said before. */
void season_look(struct season *s, int64_t begin_ns, int64_t end_ns, struct season_view *ret_view);
/* Deviation of the samples from what the believed model says. */
double season_deviation(const struct season *s, const struct season_view *v);
/* Learns a sample of that time. The clip is the distance as which anything further out is learned. */
void season_learn(struct season *s, const struct season_view *v, double x, double clip);
/* Compares the models by a sample, normal or not, and looks for a period in what there was; after the sample was learned. */
void season_compare(struct season *s, const struct season_view *v, double x, double clip);
/* Notes a sample for its place in the day, be it normal or not. True when this has been seen at this time of each of
 * the two days before (the neighbouring places included), within a margin. */
bool season_usual(struct season *s, const struct season_view *v, double x, double margin);
/* In place of a sample that cannot be trusted: what was expected goes into the autocorrelation. */
void season_skip(struct season *s, const struct season_view *v);
/* After a gap the autocorrelation begins anew. */
void season_gap(struct season *s);
/* The level moved by so much, and all profiles with it. */
void season_shift(struct season *s, double by);

#endif
