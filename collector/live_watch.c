#include "collector/live_private.h"
#include "base/clock.h"
#include <stdio.h>

static const int64_t second_ns = 1000000000;
enum { PATIENCE_TIMERS = 20 };

static int64_t timer_ns(const struct live *live)
{
    return live->client ? live_client_timer_ns(live->client) : live->setup.live_timer_ns;
}

/* How long nothing may be heard: many live timers, but no hair trigger. */
static int64_t patience_ns(const struct live *live)
{
    int64_t patience = PATIENCE_TIMERS * timer_ns(live);
    return patience < 2 * second_ns ? 2 * second_ns : patience;
}

/* What waits was not read because we were busy: that is no silence. */
static bool unread(const struct live *live)
{
    return live->child && live_child_unread(live->child);
}

/* All has been read, though the session does not say so. */
static bool over_in_silence(const struct live *live, int64_t now_ns)
{
    return live->give_up_ns && live->phase == LIVE_ATTACHED && now_ns - live->event_ns > 2 * (second_ns + timer_ns(live)) && !unread(live);
}

/* A stream that neither ends then nor has beacons as the others have keeps something back. */
static void tell_unended(struct live *live, int64_t now_ns)
{
    const char *name = "";
    char reason[160];
    if (!live->client || live->outage.cause != OUTAGE_NONE || live_client_silent(live->client, now_ns, second_ns + timer_ns(live), &name) == 0)
        return;
    snprintf(reason, sizeof(reason), "the end of stream %.60s does not come: a program was killed while it wrote, or lttng-consumerd hangs", name);
    live_say(live, true, "%s", reason);
    live_outage_open(&live->outage, OUTAGE_STALL, reason, live->time_ns);
}

/* An attachment that lasts ends the series of failures: the next one is told anew
 * and answered at once. One that breaks down right away is the same failure still. */
static void settle(struct live *live, int64_t now_ns)
{
    if (live->phase != LIVE_ATTACHED || !live->attached_ns || now_ns - live->attached_ns < second_ns)
        return;
    live_tell_attached(live);
    live->attached_ns = live->backoff_ns = 0;
    live->failure[0] = '\0';
}

static void watch(struct live *live, int64_t now_ns)
{
    char reason[160];
    settle(live, now_ns);
    int64_t patience = patience_ns(live);
    if (over_in_silence(live, now_ns)) {
        tell_unended(live, now_ns);
        live_stop_reader(live, true);
        live_close_outage(live);
        live_enter_phase(live, LIVE_ENDED);
        return;
    }
    if (live->give_up_ns && now_ns > live->give_up_ns) {
        live_fail(live, "the session did not end in time");
        return;
    }
    if (live->child && now_ns - live->heard_ns > patience && !unread(live)) {
        snprintf(reason, sizeof(reason), "lttng-relayd does not answer for %.1f s", (double)(now_ns - live->heard_ns) / 1e9);
        live_fail(live, reason);
        return;
    }
    if (live->phase == LIVE_ATTACHED && live->time_ns != INT64_MIN && live->outage.cause == OUTAGE_NONE && !live->give_up_ns &&
        now_ns - live->moved_ns > patience && !unread(live)) {
        snprintf(reason, sizeof(reason), "neither event nor beacon for %.1f s: tracing is stopped, or a stream stalls",
                 (double)(now_ns - live->moved_ns) / 1e9);
        live_say(live, true, "%s", reason);
        live_outage_open(&live->outage, OUTAGE_SILENCE, reason, live->time_ns);
    }
}

/* A stream that is not waited for any more is missing from here on; when it goes on, it is not. */
void live_watch_streams(struct live *live)
{
    const char *name = "";
    char reason[160];
    if (live->phase != LIVE_ATTACHED)
        return;
    uint32_t stalled = live_client_stalled(live->client, &name);
    if (stalled > 0 && (live->outage.cause == OUTAGE_NONE || live->outage.cause == OUTAGE_SILENCE)) {
        snprintf(reason, sizeof(reason), "neither event nor beacon of stream %.60s for %.1f s, while others go on: they do not wait for it", name,
                 (double)patience_ns(live) / 1e9);
        live_say(live, true, "%s", reason);
        live_outage_open(&live->outage, OUTAGE_STALL, reason, live->time_ns);
    }
    if (stalled == 0 && live->outage.cause == OUTAGE_STALL) {
        live_close_outage(live);
        live_say(live, false, "all streams go on");
    }
}

/* While we did not run nobody was silent. */
static void wake_up(struct live *live, int64_t now_ns)
{
    int64_t away_ns = live->tick_ns ? now_ns - live->tick_ns : 0;
    live->tick_ns = now_ns;
    if (away_ns < second_ns)
        return;
    live->heard_ns += away_ns;
    live->moved_ns += away_ns;
    live->event_ns += away_ns;
}

void live_tick(struct live *live)
{
    int64_t now_ns = clock_monotonic_ns();
    wake_up(live, now_ns);
    struct error err;
    if (live->phase == LIVE_ENDED || live->phase == LIVE_LOST)
        return;
    live_outage_tick(&live->outage, now_ns, live->time_ns);
    if (live->phase != LIVE_BACKOFF && live->gone) {
        live_end_session(live);
        return;
    }
    if (live->phase == LIVE_BACKOFF) {
        if (now_ns >= live->start_again_ns && live_start_reader(live, &err) < 0)
            live_fail(live, err.text);
        return;
    }
    if (live->client)
        live_client_tick(live->client, now_ns, patience_ns(live));
    if (live->client)
        live_watch_streams(live);
    if (live->phase != LIVE_BACKOFF && live->phase != LIVE_ENDED && live->phase != LIVE_LOST)
        watch(live, now_ns);
}
