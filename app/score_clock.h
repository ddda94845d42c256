/* score_clock.h - from the times of rows to windows. The length of a window is the median distance of the latest rows,
 * known from the second row on; a row whose time is not after the one before is taken to be the next one. */
#ifndef FT_APP_SCORE_CLOCK_H
#define FT_APP_SCORE_CLOCK_H
#include <stdbool.h>
#include <stdint.h>

enum { SCORE_DISTANCES = 31 };

struct score_clock {
    bool started, wall;      /* wall: the first row had a time that nanoseconds can tell */
    int64_t end_ns;          /* of the last row */
    int64_t distances[SCORE_DISTANCES]; /* the latest, a ring */
    uint32_t count;
};

/* time: seconds since the epoch, good to the microsecond; NAN when rows have none (then they are a second apart).
 * False: it is not after the last row's. */
bool score_clock_row(struct score_clock *clock, double time, int64_t *ret_begin_ns, int64_t *ret_end_ns);

#endif
