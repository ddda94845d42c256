#include "collector/live_pace.h"

static const int64_t shortest_step_ns = 1000000, longest_step_ns = 2000000, longest_wait_ns = 250000000;
enum { EARLY_MISSES = 4 }; /* in a row, before it looks as if tracing had stopped */

int64_t live_pace_step(int64_t timer_ns)
{
    int64_t step_ns = timer_ns / 10;
    return step_ns < shortest_step_ns ? shortest_step_ns : step_ns > longest_step_ns ? longest_step_ns : step_ns;
}

void live_pace_init(struct live_pace *p)
{
    *p = (struct live_pace){ .missed_ns = INT64_MIN, .tick_ns = INT64_MIN };
}

/* The longest time between two questions. */
static int64_t longest_of(int64_t timer_ns)
{
    return timer_ns / 4 < longest_wait_ns ? timer_ns / 4 : longest_wait_ns;
}

/* It came after it was missed last; where it was not missed it may have come a while ago: the next is looked for earlier. */
void live_pace_news(struct live_pace *p, int64_t timer_ns, int64_t now_ns, bool data)
{
    int64_t step_ns = live_pace_step(timer_ns);
    int64_t longest_ns = longest_of(timer_ns);
    int64_t earliest_ns = now_ns - 2 * (longest_ns > step_ns ? longest_ns : step_ns);
    int64_t came_ns = p->missed_ns > earliest_ns ? p->missed_ns : now_ns - step_ns;
    p->tick_ns = came_ns + (timer_ns > step_ns ? timer_ns : step_ns);
    p->missed_ns = INT64_MIN;
    p->misses = 0;
    if (data)
        p->wait_ns = step_ns; /* full buffers do not wait for the timer */
}

static int64_t after_miss(struct live_pace *p, int64_t timer_ns, int64_t now_ns)
{
    int64_t longest_ns = longest_of(timer_ns), step_ns = live_pace_step(timer_ns), wait_ns = step_ns;
    p->missed_ns = now_ns;
    p->misses++;
    for (uint32_t i = EARLY_MISSES; i < p->misses && wait_ns < longest_ns; i++)
        wait_ns *= 2;
    if (wait_ns > longest_ns)
        wait_ns = longest_ns;
    return now_ns + (wait_ns < step_ns ? step_ns : wait_ns);
}

int64_t live_pace_dry(struct live_pace *p, int64_t timer_ns, int64_t now_ns)
{
    int64_t wait_ns = p->wait_ns;
    if (p->tick_ns == INT64_MIN || now_ns >= p->tick_ns)
        return after_miss(p, timer_ns, now_ns);
    p->wait_ns = wait_ns > 0 && now_ns + wait_ns < p->tick_ns ? wait_ns * 2 : 0;
    return p->wait_ns > 0 ? now_ns + wait_ns : p->tick_ns;
}
