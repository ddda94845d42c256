#include "collector/live_pace.h"

static const int64_t shortest_step_ns = 1000000, longest_step_ns = 2000000, longest_wait_ns = 250000000;

void live_pace_init(struct live_pace *p, int64_t timer_ns)
{
    int64_t step_ns = timer_ns / 20;
    step_ns = step_ns < shortest_step_ns ? shortest_step_ns : step_ns > longest_step_ns ? longest_step_ns : step_ns;
    *p = (struct live_pace){ .timer_ns = timer_ns > step_ns ? timer_ns : step_ns, .step_ns = step_ns, .missed_ns = INT64_MIN, .tick_ns = INT64_MIN };
}

/* It came after it was missed last; where it was not missed it may have come a while ago: the next is looked for earlier. */
static void expect_tick(struct live_pace *p, int64_t now_ns)
{
    int64_t came_ns = p->missed_ns != INT64_MIN && p->missed_ns > now_ns - 2 * p->step_ns ? p->missed_ns : now_ns - p->step_ns;
    p->tick_ns = came_ns + p->timer_ns;
    p->missed_ns = INT64_MIN;
    p->misses = 0;
}

static int64_t after_miss(struct live_pace *p, int64_t now_ns)
{
    int64_t longest_ns = p->timer_ns / 4, wait_ns = p->step_ns;
    p->missed_ns = now_ns;
    p->misses++;
    for (uint32_t i = 4; i < p->misses && wait_ns < longest_ns; i++) /* tracing may have stopped */
        wait_ns *= 2;
    if (wait_ns > longest_ns)
        wait_ns = longest_ns;
    if (wait_ns > longest_wait_ns)
        wait_ns = longest_wait_ns;
    return now_ns + (wait_ns < p->step_ns ? p->step_ns : wait_ns);
}

int64_t live_pace_next(struct live_pace *p, int64_t now_ns, uint32_t asked, uint32_t news, uint32_t data)
{
    if (data > 0)
        p->wait_ns = p->step_ns / 2; /* full buffers do not wait for the timer */
    if (news > 0) {
        expect_tick(p, now_ns);
        if (news < asked) /* the others' are on their way */
            return now_ns + p->step_ns;
    }
    if (now_ns >= p->tick_ns)
        return after_miss(p, now_ns);
    if (p->wait_ns > 0 && now_ns + p->wait_ns < p->tick_ns) {
        p->wait_ns *= 2;
        return now_ns + p->wait_ns / 2;
    }
    p->wait_ns = 0;
    return p->tick_ns;
}
