#include "collector/live_private.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t tell_after_ns = 2000000000, shortest_backoff_ns = 100000000, longest_backoff_ns = 5000000000;

/* ---- telling ---- */

void live_say(struct live *live, bool warning, const char *fmt, ...)
{
    char text[900], url[RELAY_URL_MAX];
    struct text_out out = text_out_init(text, sizeof(text));
    text_printf(&out, "%s: ", relay_url_format(&live->setup.url, url));
    char body[700];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(body, sizeof(body), fmt, ap);
    va_end(ap);
    text_puts(&out, body);
    live->setup.notice(live->setup.self, warning, text);
}

void live_enter_phase(struct live *live, enum live_phase phase)
{
    if (live->phase == phase)
        return;
    live->phase = phase;
    live->setup.phase(live->setup.self, phase);
}

/* ---- outages ---- */

void live_close_outage(struct live *live)
{
    live_outage_end(&live->outage, live->time_ns, live->time_ns);
}

static void excuse_outage(struct live *live, bool lacking)
{
    switch (live_outage_excuse(&live->outage, lacking, live->time_ns)) {
    case OUTAGE_STANDS:
        break;
    case OUTAGE_EXCUSED:
        live_say(live, false, "reading again where it broke off");
        break;
    case OUTAGE_ADMITTED:
        live_say(live, true, "reading again where it broke off; if programs with buffers of their own ended meanwhile, what they left is missing");
        break;
    }
}

void live_tell_attached(struct live *live)
{
    if (!live->attach_told && live->attempts > 1)
        live_say(live, false, "attached");
    live->attach_told = true;
}

/* Event time goes on at time_ns. */
static void on_time(void *self, int64_t time_ns, bool events)
{
    struct live *live = self;
    int64_t now_ns = clock_monotonic_ns();
    live_tell_attached(live);
    live->totals.events |= events;
    if (events)
        live->event_ns = live->moved_ns = now_ns;
    if (time_ns <= live->time_ns)
        return;
    live->moved_ns = now_ns;
    if (live->outage.cause == OUTAGE_SILENCE && !live->apart) /* it is the connection that it was: what is missing each stream tells */
        excuse_outage(live, false);
    if (live->outage.cause == OUTAGE_FAILURE && !live->apart) {
        int64_t missed_ns = time_ns - live->outage.begin_ns;
        live_outage_end(&live->outage, time_ns, live->time_ns);
        live_say(live, false, "reading again; %.3f s were not observed", (double)missed_ns / 1e9);
    }
    live->time_ns = time_ns;
    if (!events && live->client) /* nothing of it has been delivered yet */
        live_watch_streams(live);
}

/* ---- the reader ---- */

static void on_heard(void *self)
{
    struct live *live = self;
    live->heard_ns = clock_monotonic_ns();
}

void live_stop_reader(struct live *live, bool for_good)
{
    if (live->client) {
        live->apart = live->time_ns != INT64_MIN;
        live_client_stop(live->client);
        if (for_good)
            live_client_drain(live->client);
    } else {
        live_child_stop(live->child);
    }
}

/* Waits with a jitter, so that many monitors of one relayd do not come back as one. */
static void back_off(struct live *live)
{
    uint64_t random = hash_mix((uint64_t)clock_monotonic_ns(), (uint64_t)getpid());
    live->backoff_ns = live->backoff_ns ? live->backoff_ns * 2 : shortest_backoff_ns;
    if (live->backoff_ns > longest_backoff_ns)
        live->backoff_ns = longest_backoff_ns;
    int64_t jitter_ns = (int64_t)(random % (uint64_t)(live->backoff_ns / 2));
    live->start_again_ns = clock_monotonic_ns() + live->backoff_ns - jitter_ns;
    live_enter_phase(live, LIVE_BACKOFF);
}

/* The same but for numbers: "for 2.0 s" and "for 2.1 s" need not both be said. */
static bool same_reason(const char *a, const char *b)
{
    static const char numbers[] = "0123456789.";
    while (*a && *b) {
        a += strspn(a, numbers);
        b += strspn(b, numbers);
        if (*a != *b)
            return false;
        a += *a != '\0';
        b += *b != '\0';
    }
    return *a == *b;
}

void live_fail(struct live *live, const char *reason)
{
    live_stop_reader(live, live->give_up_ns != 0);
    if (live->give_up_ns) {
        live_outage_break_off(&live->outage, reason, live->time_ns);
        live_close_outage(live);
        live_enter_phase(live, LIVE_ENDED);
        live_say(live, true, "%s; the end of the trace may be missing", reason);
        return;
    }
    if (!same_reason(live->failure, reason))
        live_say(live, true, "%s; trying again", reason);
    text_copy(live->failure, sizeof(live->failure), reason);
    live_outage_break_off(&live->outage, reason, live->time_ns);
    back_off(live);
}

/* Our own session ended, and not by us. */
static void lose(struct live *live, const char *reason)
{
    live_stop_reader(live, true);
    live_outage_break_off(&live->outage, reason, live->time_ns);
    live_say(live, true, "%s", reason);
    live_enter_phase(live, LIVE_LOST);
}

void live_end_session(struct live *live)
{
    live->gone = false;
    if (live->setup.own && !live->give_up_ns) {
        lose(live, "our session is gone: somebody destroyed it, or lttng-sessiond ended");
        return;
    }
    live_stop_reader(live, true);
    live_close_outage(live);
    live_enter_phase(live, LIVE_ENDED);
}

static void on_current(void *self)
{
    struct live *live = self;
    if (live->outage.cause == OUTAGE_LACKING)
        live_close_outage(live);
    if (live->setup.current)
        live->setup.current(live->setup.self);
}

/* What our own reader does not understand the library may. It begins with what comes now. */
static void refuse(struct live *live, const char *reason)
{
    char text[1200];
    if (live->setup.reader != LIVE_READER_AUTO) {
        live_fail(live, reason);
        return;
    }
    snprintf(text, sizeof(text), "%s: trying babeltrace2", reason);
    live_stop_reader(live, true);
    live->apart = false;
    live->retired = live->client; /* it is calling us: freed at the end */
    live->client = NULL;
    live->child = live_child_new(live->setup.loop, &live->owner);
    on_current(live);
    live_fail(live, text);
}

static void on_status(void *self, enum reader_status status, const char *text)
{
    struct live *live = self;
    switch (status) {
    case READER_WAITING:
    case READER_BUSY:
        if (status == READER_WAITING && live->setup.once && live->was_attached) { /* it went away while nobody looked */
            live->gone = true;
            break;
        }
        if (status == READER_WAITING && live->client && live->was_attached) /* what is left of it has its end there */
            live_client_drain(live->client);
        live_say(live, status == READER_BUSY, "%s; waiting", text);
        live_enter_phase(live, LIVE_WAITING);
        break;
    case READER_ATTACHED:
        live->attached_ns = live->moved_ns = clock_monotonic_ns();
        live->attach_told = false;
        live->was_attached = true;
        live_enter_phase(live, LIVE_ATTACHED);
        break;
    case READER_ENDED:
        if (live->setup.once)
            live_end_session(live);
        else
            live_fail(live, text);
        break;
    case READER_FAILED:
        live_fail(live, text);
        break;
    case READER_REFUSED:
        refuse(live, text);
        break;
    }
}

/* A connection of the client's stands. */
static void on_connected(void *self, bool continued, bool lacking)
{
    struct live *live = self;
    live->apart = false;
    if (continued)
        excuse_outage(live, lacking);
}

static void on_stalled(void *self)
{
    live_watch_streams(self);
}

static void on_notice(void *self, const char *text)
{
    struct live *live = self;
    live_say(live, true, "%s", text);
}

int live_start_reader(struct live *live, struct error *err)
{
    live->gone = false;
    live->attached_ns = 0;
    int r = live->client ? live_client_start(live->client, err) : live_child_start(live->child, &live->setup.url, live->setup.live_timer_ns, err);
    if (r < 0)
        return r;
    live->heard_ns = live->moved_ns = clock_monotonic_ns();
    live->totals.restarts += live->attempts++ > 0;
    live_enter_phase(live, LIVE_STARTING);
    return 0;
}

static void make_reader(struct live *live)
{
    const struct live_setup *setup = &live->setup;
    if (setup->reader == LIVE_READER_BABELTRACE2) {
        live->child = live_child_new(setup->loop, &live->owner);
        on_current(live);
        return;
    }
    const struct live_client_setup client = { .url = setup->url,
                                              .live_timer_ns = setup->live_timer_ns,
                                              .seek = setup->from_now ? VIEWER_SEEK_LAST : VIEWER_SEEK_BEGINNING,
                                              .buffer_bytes = setup->buffer_bytes,
                                              .loop = setup->loop,
                                              .owner = &live->owner,
                                              .tap_path = setup->tap_path,
                                              .positions = setup->positions,
                                              .window_ns = setup->window_ns,
                                              .skip_ns = setup->skip_ns,
                                              .raw = setup->raw,
                                              .raw_self = setup->raw_self,
                                              .notice = on_notice,
                                              .current = on_current,
                                              .stalled = on_stalled,
                                              .connected = on_connected };
    live->client = live_client_new(&client);
}

/* What came since an earlier process ended is missing unless lttng-relayd has it still, which is known once it has answered. */
static void go_on_after(struct live *live, int64_t window_ns)
{
    live->time_ns = window_ns;
    live_outage_go_on(&live->outage, "foretrace did not run", window_ns, clock_monotonic_ns() + tell_after_ns);
    live->apart = live->setup.reader != LIVE_READER_BABELTRACE2;
}

struct live *live_open(const struct live_setup *setup, struct error *err)
{
    struct live *live = xcalloc(1, sizeof(*live));
    live->setup = *setup;
    live->owner = (struct live_source_owner){ .consumer = setup->consumer, .self = live, .status = on_status, .time = on_time, .heard = on_heard };
    live->outage.consumer = &live->setup.consumer;
    live->time_ns = INT64_MIN;
    live->phase = LIVE_BACKOFF;
    if (setup->window_ns != INT64_MIN)
        go_on_after(live, setup->window_ns);
    make_reader(live);
    if (live_start_reader(live, err) < 0) {
        live_close(live);
        return NULL;
    }
    return live;
}

static void free_readers(struct live *live)
{
    live_client_free(live->client);
    live_client_free(live->retired);
    live_child_free(live->child);
}

void live_close(struct live *live)
{
    if (!live)
        return;
    if (live->client || live->child)
        live_stop_reader(live, false); /* what waits is not whole: it is read another time */
    live_close_outage(live);
    free_readers(live);
    free(live);
}

enum live_phase live_phase(const struct live *live)
{
    return live->phase;
}

void live_redirect(struct live *live, const struct relay_url *url)
{
    struct error err;
    live_stop_reader(live, true);
    live_outage_break_off(&live->outage, "the session was replaced by another", live->time_ns);
    live->setup.url = *url;
    if (live->client)
        live_client_redirect(live->client, url);
    live->backoff_ns = 0;
    live->was_attached = false;
    if (live_start_reader(live, &err) < 0)
        live_fail(live, err.text);
}

void live_expect_end(struct live *live, int64_t grace_ns)
{
    live->event_ns = clock_monotonic_ns();
    live->give_up_ns = live->event_ns + grace_ns;
    if (live->phase == LIVE_BACKOFF || live->phase == LIVE_LOST)
        live_fail(live, "the session could not be read again");
}

void live_totals(const struct live *live, struct live_totals *ret_totals)
{
    *ret_totals = live->totals;
    ret_totals->outages = live->outage.count;
    ret_totals->delays = live->outage.delays;
    ret_totals->last_event_time_ns = live->time_ns;
}
