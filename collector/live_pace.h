/* live_pace.h - when to ask lttng-relayd again for what it did not have yet. A session's data come with its live timer: the
 * phase of that is found, so that hardly any question is asked in vain and hardly any datum waits. */
#ifndef FT_COLLECTOR_LIVE_PACE_H
#define FT_COLLECTOR_LIVE_PACE_H
#include <stdint.h>

struct live_pace {
    int64_t timer_ns;      /* the session's live timer */
    int64_t step_ns;       /* how late it may be noticed that something has come */
    int64_t missed_ns;     /* when it was last asked in vain, since something came; INT64_MIN: not */
    int64_t tick_ns;       /* when the next is expected */
    int64_t wait_ns;       /* how long it was waited last, for data that come between two ticks; 0: none are expected */
    uint32_t misses;       /* in a row, since the tick */
};

void live_pace_init(struct live_pace *p, int64_t timer_ns);
/* All of a round of questions were answered, the last at now_ns: of `asked` streams `news` had something new, `data` of them
 * events. Returns when to ask again. */
int64_t live_pace_next(struct live_pace *p, int64_t now_ns, uint32_t asked, uint32_t news, uint32_t data);

#endif
