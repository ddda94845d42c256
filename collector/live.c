#include "collector/live.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include "collector/live_child.h"
#include "collector/live_client.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t second_ns = 1000000000, tell_after_ns = 2000000000, shortest_backoff_ns = 100000000, longest_backoff_ns = 5000000000;
enum { PATIENCE_TIMERS = 20 };

/* Why there is an outage. */
enum outage { OUTAGE_NONE, OUTAGE_FAILURE, OUTAGE_SILENCE, OUTAGE_STALL, OUTAGE_LACKING };

struct live {
    struct live_setup setup;
    enum live_phase phase;
    struct live_source_owner owner;
    struct live_client *client;  /* the reader; or: */
    struct live_child *child;
    struct live_client *retired;
    char failure[512];           /* the reason it gave */
    /* Wall time, monotonic: */
    int64_t heard_ns;            /* anything */
    int64_t moved_ns;            /* event time advanced */
    int64_t event_ns;            /* an event came */
    int64_t start_again_ns, give_up_ns, backoff_ns;
    int64_t tick_ns;             /* the last time that anybody looked */
    int64_t attached_ns;         /* 0: not attached, or already settled */
    bool attach_told, was_attached;
    bool gone;                   /* the reader says the session is no more */
    bool apart;                  /* the client has no connection that goes on with what the last one had */
    uint64_t attempts;
    /* Event time: */
    int64_t time_ns;             /* how far it has come; INT64_MIN: nowhere */
    enum outage outage;
    int64_t outage_begin_ns;
    char outage_reason[160];
    int64_t tell_at_ns;          /* monotonic: an outage that may still turn out to be none is told then; 0: it has been */
    struct live_totals totals;
};

/* ---- telling ---- */

static void say(struct live *live, bool warning, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void say(struct live *live, bool warning, const char *fmt, ...)
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

static void set_phase(struct live *live, enum live_phase phase)
{
    if (live->phase == phase)
        return;
    live->phase = phase;
    live->setup.phase(live->setup.self, phase);
}

/* How long nothing may be heard: many live timers, but no hair trigger. */
static int64_t patience_ns(const struct live *live)
{
    int64_t patience = PATIENCE_TIMERS * (live->client ? live_client_timer_ns(live->client) : live->setup.live_timer_ns);
    return patience < 2 * second_ns ? 2 * second_ns : patience;
}

/* ---- outages ---- */

/* missed: something was; else all of it has come late. */
static void report_outage(struct live *live, bool ongoing, bool missed, int64_t end_ns)
{
    struct loss loss = { .kind = LOSS_OUTAGE,
                         .source = { .host = "", .session = "" },
                         .count = missed,
                         .at_least = missed,
                         .ongoing = ongoing,
                         .partly = live->outage >= OUTAGE_STALL,
                         .begin_ns = live->outage_begin_ns,
                         .end_ns = end_ns };
    text_copy(loss.reason, sizeof(loss.reason), live->outage_reason);
    live->setup.consumer.loss(live->setup.consumer.self, &loss);
}

/* What came since an earlier process ended is missed, as far as anybody knows now. */
static void tell_outage(struct live *live)
{
    if (live->tell_at_ns == 0)
        return;
    live->tell_at_ns = 0;
    report_outage(live, true, true, live->time_ns);
}

/* What was missed ends at end_ns. */
static void end_outage(struct live *live, int64_t end_ns)
{
    tell_outage(live);
    if (live->outage != OUTAGE_NONE)
        report_outage(live, false, true, end_ns);
    live->outage = OUTAGE_NONE;
}

/* Nothing more will be read: what was missed ends here, as far as anybody knows. */
static void close_outage(struct live *live)
{
    end_outage(live, live->time_ns);
}

/* Begins an outage, unless one is open or nothing was ever read. */
static void open_outage(struct live *live, enum outage cause, const char *reason)
{
    if (live->outage == OUTAGE_LACKING)
        close_outage(live);
    if (live->outage != OUTAGE_NONE || live->time_ns == INT64_MIN)
        return;
    live->outage = cause;
    live->outage_begin_ns = live->time_ns;
    live->totals.outages++;
    text_copy(live->outage_reason, sizeof(live->outage_reason), reason);
    report_outage(live, true, true, live->time_ns);
}

/* It has it but for programs that had buffers of their own, and ended meanwhile: what is read of that time is not all. */
static void admit_lack(struct live *live)
{
    live->tell_at_ns = 0;
    live->outage = OUTAGE_LACKING;
    report_outage(live, true, true, live->outage_begin_ns);
    say(live, true, "reading again where it broke off; what programs left that ended meanwhile is not there: their buffers were their own");
}

/* lttng-relayd still has what could not be read. */
static void excuse_outage(struct live *live, bool lacking)
{
    if (live->outage != OUTAGE_FAILURE && live->outage != OUTAGE_SILENCE)
        return;
    if (lacking) {
        admit_lack(live);
        return;
    }
    live->totals.outages--;
    live->totals.delays++;
    if (live->tell_at_ns == 0)
        report_outage(live, false, false, live->time_ns);
    live->tell_at_ns = 0;
    live->outage = OUTAGE_NONE;
    say(live, false, "reading again where it broke off");
}

/* The reader has broken off. Silence before it may hide what is missing now; streams that stalled did so until here. */
static void break_off(struct live *live, const char *reason)
{
    if (live->outage == OUTAGE_SILENCE)
        live->outage = OUTAGE_FAILURE;
    if (live->outage == OUTAGE_STALL)
        end_outage(live, live->time_ns);
    open_outage(live, OUTAGE_FAILURE, reason);
}

static void tell_attached(struct live *live)
{
    if (!live->attach_told && live->attempts > 1)
        say(live, false, "attached");
    live->attach_told = true;
}

/* Event time goes on at time_ns. */
static void on_time(void *self, int64_t time_ns, bool events)
{
    struct live *live = self;
    int64_t now_ns = clock_monotonic_ns();
    tell_attached(live);
    live->totals.events |= events;
    if (events)
        live->event_ns = live->moved_ns = now_ns;
    if (time_ns <= live->time_ns)
        return;
    live->moved_ns = now_ns;
    if (live->outage == OUTAGE_SILENCE && !live->apart) /* it is the connection that it was: what is missing each stream tells */
        excuse_outage(live, false);
    if (live->outage == OUTAGE_FAILURE && !live->apart) {
        int64_t missed_ns = time_ns - live->outage_begin_ns;
        end_outage(live, time_ns);
        say(live, false, "reading again; %.3f s were not observed", (double)missed_ns / 1e9);
    }
    live->time_ns = time_ns;
}

/* ---- the reader ---- */

static void on_heard(void *self)
{
    struct live *live = self;
    live->heard_ns = clock_monotonic_ns();
}

/* It does not read any more. What the client has and has not delivered waits for its next connection, unless there is none. */
static void stop_reader(struct live *live, bool for_good)
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
    set_phase(live, LIVE_BACKOFF);
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

static void fail(struct live *live, const char *reason)
{
    stop_reader(live, live->give_up_ns != 0);
    if (live->give_up_ns) {
        break_off(live, reason);
        close_outage(live);
        set_phase(live, LIVE_ENDED);
        say(live, true, "%s; the end of the trace may be missing", reason);
        return;
    }
    if (!same_reason(live->failure, reason))
        say(live, true, "%s; trying again", reason);
    text_copy(live->failure, sizeof(live->failure), reason);
    break_off(live, reason);
    back_off(live);
}

/* Our own session ended, and not by us. */
static void lose(struct live *live, const char *reason)
{
    stop_reader(live, true);
    break_off(live, reason);
    say(live, true, "%s", reason);
    set_phase(live, LIVE_LOST);
}

/* The session is no more: the end of it all, or, when it was ours and not meant to end, a loss. */
static void session_gone(struct live *live)
{
    live->gone = false;
    if (live->setup.own && !live->give_up_ns) {
        lose(live, "our session is gone: somebody destroyed it, or lttng-sessiond ended");
        return;
    }
    stop_reader(live, true);
    close_outage(live);
    set_phase(live, LIVE_ENDED);
}

static void on_current(void *self)
{
    struct live *live = self;
    if (live->outage == OUTAGE_LACKING)
        close_outage(live);
    if (live->setup.current)
        live->setup.current(live->setup.self);
}

/* What our own reader does not understand the library may. It begins with what comes now. */
static void refuse(struct live *live, const char *reason)
{
    char text[1200];
    if (live->setup.reader != LIVE_READER_AUTO) {
        fail(live, reason);
        return;
    }
    snprintf(text, sizeof(text), "%s: trying babeltrace2", reason);
    stop_reader(live, true);
    live->apart = false;
    live->retired = live->client; /* it is calling us: freed at the end */
    live->client = NULL;
    live->child = live_child_new(live->setup.loop, &live->owner);
    on_current(live);
    fail(live, text);
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
        say(live, status == READER_BUSY, "%s; waiting", text);
        set_phase(live, LIVE_WAITING);
        break;
    case READER_ATTACHED:
        live->attached_ns = live->moved_ns = clock_monotonic_ns();
        live->attach_told = false;
        live->was_attached = true;
        set_phase(live, LIVE_ATTACHED);
        break;
    case READER_ENDED:
        if (live->setup.once)
            session_gone(live);
        else
            fail(live, text);
        break;
    case READER_FAILED:
        fail(live, text);
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

static void on_notice(void *self, const char *text)
{
    struct live *live = self;
    say(live, true, "%s", text);
}

static int start(struct live *live, struct error *err)
{
    live->gone = false;
    live->attached_ns = 0;
    int r = live->client ? live_client_start(live->client, err) : live_child_start(live->child, &live->setup.url, live->setup.live_timer_ns, err);
    if (r < 0)
        return r;
    live->heard_ns = live->moved_ns = clock_monotonic_ns();
    live->totals.restarts += live->attempts++ > 0;
    set_phase(live, LIVE_STARTING);
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
                                              .connected = on_connected };
    live->client = live_client_new(&client);
}

/* What came since an earlier process ended is missing unless lttng-relayd has it still, which is known once it has answered. */
static void go_on_after(struct live *live, int64_t window_ns)
{
    live->time_ns = live->outage_begin_ns = window_ns;
    live->outage = OUTAGE_FAILURE;
    live->totals.outages++;
    live->apart = live->setup.reader != LIVE_READER_BABELTRACE2;
    live->tell_at_ns = clock_monotonic_ns() + tell_after_ns;
    text_copy(live->outage_reason, sizeof(live->outage_reason), "foretrace did not run");
}

struct live *live_open(const struct live_setup *setup, struct error *err)
{
    struct live *live = xcalloc(1, sizeof(*live));
    live->setup = *setup;
    live->owner = (struct live_source_owner){ .consumer = setup->consumer, .self = live, .status = on_status, .time = on_time, .heard = on_heard };
    live->time_ns = INT64_MIN;
    live->phase = LIVE_BACKOFF;
    if (setup->window_ns != INT64_MIN)
        go_on_after(live, setup->window_ns);
    make_reader(live);
    if (start(live, err) < 0) {
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
        stop_reader(live, false); /* what waits is not whole: it is read another time */
    close_outage(live);
    free_readers(live);
    free(live);
}

/* ---- the watchdog ---- */

/* What waits was not read because we were busy: that is no silence. */
static bool unread(const struct live *live)
{
    return live->child && live_child_unread(live->child);
}

/* All has been read, though the session does not say so. */
static bool over_in_silence(const struct live *live, int64_t now_ns)
{
    return live->give_up_ns && live->phase == LIVE_ATTACHED && now_ns - live->event_ns > 2 * second_ns && !unread(live);
}

/* An attachment that lasts ends the series of failures: the next one is told anew
 * and answered at once. One that breaks down right away is the same failure still. */
static void settle(struct live *live, int64_t now_ns)
{
    if (live->phase != LIVE_ATTACHED || !live->attached_ns || now_ns - live->attached_ns < second_ns)
        return;
    tell_attached(live);
    live->attached_ns = live->backoff_ns = 0;
    live->failure[0] = '\0';
}

static void watch(struct live *live, int64_t now_ns)
{
    char reason[160];
    settle(live, now_ns);
    int64_t patience = patience_ns(live);
    if (over_in_silence(live, now_ns)) {
        stop_reader(live, true);
        close_outage(live);
        set_phase(live, LIVE_ENDED);
        return;
    }
    if (live->give_up_ns && now_ns > live->give_up_ns) {
        fail(live, "the session did not end in time");
        return;
    }
    if (live->child && now_ns - live->heard_ns > patience && !unread(live)) {
        snprintf(reason, sizeof(reason), "lttng-relayd does not answer for %.1f s", (double)(now_ns - live->heard_ns) / 1e9);
        fail(live, reason);
        return;
    }
    if (live->phase == LIVE_ATTACHED && live->time_ns != INT64_MIN && live->outage == OUTAGE_NONE && !live->give_up_ns &&
        now_ns - live->moved_ns > patience && !unread(live)) {
        snprintf(reason, sizeof(reason), "neither event nor beacon for %.1f s: tracing is stopped, or a stream stalls",
                 (double)(now_ns - live->moved_ns) / 1e9);
        say(live, true, "%s", reason);
        open_outage(live, OUTAGE_SILENCE, reason);
    }
}

/* A stream that is not waited for any more is missing from here on; when it goes on, it is not. */
static void watch_streams(struct live *live)
{
    const char *name = "";
    char reason[160];
    uint32_t stalled = live_client_stalled(live->client, &name);
    if (stalled > 0 && live->outage == OUTAGE_NONE && !live->give_up_ns) {
        snprintf(reason, sizeof(reason), "neither event nor beacon of stream %.60s for %.1f s, while others go on: they do not wait for it", name,
                 (double)patience_ns(live) / 1e9);
        say(live, true, "%s", reason);
        open_outage(live, OUTAGE_STALL, reason);
    }
    if (stalled == 0 && live->outage == OUTAGE_STALL) {
        end_outage(live, live->time_ns);
        say(live, false, "all streams go on");
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
    if (live->tell_at_ns && now_ns > live->tell_at_ns)
        tell_outage(live);
    if (live->phase != LIVE_BACKOFF && live->gone) {
        session_gone(live);
        return;
    }
    if (live->phase == LIVE_BACKOFF) {
        if (now_ns >= live->start_again_ns && start(live, &err) < 0)
            fail(live, err.text);
        return;
    }
    if (live->client)
        live_client_tick(live->client, now_ns, patience_ns(live));
    if (live->client && live->phase == LIVE_ATTACHED)
        watch_streams(live);
    if (live->phase != LIVE_BACKOFF && live->phase != LIVE_ENDED && live->phase != LIVE_LOST)
        watch(live, now_ns);
}

enum live_phase live_phase(const struct live *live)
{
    return live->phase;
}

void live_redirect(struct live *live, const struct relay_url *url)
{
    struct error err;
    stop_reader(live, true);
    break_off(live, "the session was replaced by another");
    live->setup.url = *url;
    if (live->client)
        live_client_redirect(live->client, url);
    live->backoff_ns = 0;
    live->was_attached = false;
    if (start(live, &err) < 0)
        fail(live, err.text);
}

void live_expect_end(struct live *live, int64_t grace_ns)
{
    live->event_ns = clock_monotonic_ns();
    live->give_up_ns = live->event_ns + grace_ns;
    if (live->phase == LIVE_BACKOFF || live->phase == LIVE_LOST)
        fail(live, "the session could not be read again");
}

void live_totals(const struct live *live, struct live_totals *ret_totals)
{
    *ret_totals = live->totals;
    ret_totals->last_event_time_ns = live->time_ns;
}
