/* live_pace.h - when to ask lttng-relayd again for more of a stream. What comes of it comes with the session's live timer, and
 * with full buffers: the phase of the timer is found, so that hardly any question is asked in vain and hardly anything waits. */
#ifndef FT_COLLECTOR_LIVE_PACE_H
#define FT_COLLECTOR_LIVE_PACE_H
#include <stdbool.h>
#include <stdint.h>

/* Of one stream. All times are monotonic. */
struct live_pace {
    int64_t missed_ns;     /* when it was last asked in vain, since something came; INT64_MIN: not */
    int64_t tick_ns;       /* when the next is expected; INT64_MIN: nothing ever came */
    int64_t wait_ns;       /* how long to wait for data between two ticks; 0: none are expected */
    uint32_t misses;       /* in a row, since the tick */
};

/* How late it may be noticed that something has come. */
int64_t live_pace_step(int64_t timer_ns);
void live_pace_init(struct live_pace *p);
/* Something has come: events, or no more than that there were none. */
void live_pace_news(struct live_pace *p, int64_t timer_ns, int64_t now_ns, bool data);
/* There is nothing more: when to ask again. */
int64_t live_pace_dry(struct live_pace *p, int64_t timer_ns, int64_t now_ns);

#endif
