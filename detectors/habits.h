/* habits.h - episodes that came at the same time of day before: what is as far off at that time on a third day is usual. */
#ifndef FT_DETECTORS_HABITS_H
#define FT_DETECTORS_HABITS_H
#include <stdbool.h>
#include <stdint.h>

enum { HABITS = 8, HABIT_DAYS = 2 };

struct habits {
    struct habit {
        int64_t began_ns;     /* the latest time; 0: a free place */
        uint32_t lasts_s;     /* the longest */
        uint32_t days;        /* on so many */
        float today[2];       /* farthest above and below the level, since it began */
        float most[2];        /* and on the days before, fading */
    } list[HABITS];
};

/* An episode is under way. */
void habits_note(struct habits *h, int64_t began_ns, int64_t now_ns, double distance);
/* Whether a sample that far off is usual at that time; it is noted then. noise: taken for nothing. */
bool habits_usual(struct habits *h, int64_t now_ns, double distance, double noise);

#endif
