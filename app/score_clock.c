#include "app/score_clock.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t second_ns = 1000000000;

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t usual_distance(const struct score_clock *c)
{
    int64_t sorted[SCORE_DISTANCES];
    uint32_t n = c->count < SCORE_DISTANCES ? c->count : SCORE_DISTANCES;
    if (n == 0)
        return second_ns;
    memcpy(sorted, c->distances, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), compare);
    return sorted[n / 2];
}

bool score_clock_row(struct score_clock *c, double time, int64_t *ret_begin_ns, int64_t *ret_end_ns)
{
    static const double most = 4e9; /* seconds: distances must fit into 63 bits of nanoseconds, too */
    if (!c->started)
        c->wall = fabs(time) < most; /* NAN is not */
    bool usable = c->wall && fabs(time) < most;
    int64_t usual = usual_distance(c), end = usable ? llround(time * 1e6) * 1000 : c->end_ns;
    bool after = !c->started || !usable || end > c->end_ns;
    if (c->started && usable && after) {
        c->distances[c->count++ % SCORE_DISTANCES] = end - c->end_ns;
        usual = usual_distance(c);
    } else if (c->started || !usable) {
        end = c->end_ns + (c->end_ns < INT64_MAX / 2 ? usual : 1); /* there is no telling how many there will be */
    }
    int64_t begin = end - usual;
    if (c->started && begin < c->end_ns)
        begin = c->end_ns;
    c->started = true;
    c->end_ns = *ret_end_ns = end;
    *ret_begin_ns = begin;
    return after;
}
