#include "app/collect_private.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "collector/live_tap.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t live_tick_ns = 200000000, most_behind_ns = 60000000000;

static void on_phase(void *self, enum live_phase phase)
{
    struct tap *tap = self;
    char url[RELAY_URL_MAX];
    relay_url_format(&tap->url, url);
    if (phase == LIVE_ATTACHED)
        stage_event(tap->owner->io, "attached %s", url);
    if (phase == LIVE_LOST)
        stage_event(tap->owner->io, "lost %s", url);
    if (phase == LIVE_ENDED) {
        stage_event(tap->owner->io, "ended %s", url);
        tap->ended = true;
    }
}

static void on_live_notice(void *self, bool warning, const char *text)
{
    struct tap *tap = self;
    if (warning)
        stage_warning(tap->owner->io, "%s", text);
    else
        stage_notice(tap->owner->io, "%s", text);
}

/* What was handed on before, and what lttng-relayd holds of a time when nobody watched, is read for what it leaves behind: open
 * operations, the state of the system. */
static void hold(struct collecting *c, struct tap *tap)
{
    char label[NAME_TEXT_MAX];
    feed_session_label(tap->url.session, label);
    tap->window_ns = c->positions && !tap->own ? positions_window(c->positions, tap->url.hostname, label) : INT64_MIN;
    bool state_only = !tap->own && c->stage->config->reader.attach_history.index == HISTORY_STATE;
    if (tap->window_ns != INT64_MIN)
        feed_hold(tap->feed, tap->url.hostname, tap->url.session, tap->window_ns);
    else if (state_only)
        feed_hold(tap->feed, tap->url.hostname, tap->url.session, INT64_MAX);
    tap->begun = !c->positions || tap->own || c->stage->config->reader.attach_history.index == HISTORY_ALL;
}

/* Whoever is killed before anything is safe with the receiver goes on where this one began. */
static void remember_begin(struct tap *tap)
{
    char label[NAME_TEXT_MAX];
    int64_t begin_ns = feed_window(tap->feed, tap->url.hostname, tap->url.session);
    feed_session_label(tap->url.session, label);
    if (tap->begun || !tap->current || begin_ns == INT64_MIN)
        return;
    tap->begun = true;
    if (positions_window(tap->owner->positions, tap->url.hostname, label) == INT64_MIN)
        positions_set_window(tap->owner->positions, tap->url.hostname, label, begin_ns);
}

/* While what lttng-relayd held is read, windows come faster than they can be judged: they wait, and are not dropped. */
static void set_patience(struct collecting *c)
{
    c->links[0].patient = false;
    for (uint32_t i = 0; i < c->tap_count; i++)
        c->links[0].patient |= !c->taps[i]->own && !c->taps[i]->current && live_phase(c->taps[i]->live) == LIVE_ATTACHED;
}

/* From here on it is now. A clock that was put back since would make all that comes look old. */
static void on_current(void *self)
{
    struct tap *tap = self;
    int64_t now_ns = feed_watermark(tap->feed);
    tap->current = true;
    if (tap->window_ns == INT64_MIN || (now_ns != INT64_MIN && tap->window_ns - now_ns > most_behind_ns)) {
        tap->window_ns = INT64_MIN;
        feed_hold(tap->feed, tap->url.hostname, tap->url.session, INT64_MIN);
    }
    remember_begin(tap);
}

/* From where on it is read: all of what is to be judged, and so much before. */
static int64_t skip_before(const struct tap *tap)
{
    const struct reader_config *reader = &tap->owner->stage->config->reader;
    if (tap->own || (tap->window_ns == INT64_MIN && reader->attach_history.index != HISTORY_STATE))
        return INT64_MIN;
    return (tap->window_ns != INT64_MIN ? tap->window_ns : clock_wall_ns()) - reader->look_back.ns;
}

static struct tap *find_own(const struct collecting *c)
{
    for (uint32_t i = 0; i < c->tap_count; i++)
        if (c->taps[i]->own && c->taps[i]->live)
            return c->taps[i];
    return NULL;
}

static void open_tap(struct collecting *c, struct tap *tap, int64_t timer_ns)
{
    struct error err;
    char url_text[RELAY_URL_MAX], path[TAP_PATH_MAX];
    live_tap_path(c->stage->runtime_dir, &tap->url, path);
    tap->owner = c;
    tap->feed = feed_new(&c->setup);
    feed_expect(tap->feed, tap->url.hostname, tap->url.session);
    hold(c, tap);
    const struct reader_config *reader = &c->stage->config->reader;
    struct live_setup setup = { .url = tap->url,
                                .reader = (enum live_reader)reader->reader.index,
                                .buffer_bytes = reader->read_ahead.bytes,
                                .live_timer_ns = timer_ns,
                                .once = !tap->keep,
                                .own = tap->own,
                                .loop = c->loop,
                                .consumer = feed_consumer(tap->feed),
                                .notice = on_live_notice,
                                .phase = on_phase,
                                .current = on_current,
                                .tap_path = path,
                                .positions = tap->own ? NULL : c->positions,
                                .window_ns = tap->window_ns,
                                .skip_ns = skip_before(tap),
                                .from_now = !tap->own && reader->attach_history.index == HISTORY_NONE && tap->window_ns == INT64_MIN,
                                .self = tap };
    tap->live = live_open(&setup, &err);
    if (!tap->live) {
        stage_warning(c->io, "%s: %s", relay_url_format(&tap->url, url_text), err.text);
        tap->ended = true;
    }
    c->taps[c->tap_count++] = tap;
}

static void attach(struct collecting *c, const char *word)
{
    char how[8], url_text[RELAY_URL_MAX];
    int64_t timer_ns;
    struct error err;
    struct tap *tap = xcalloc(1, sizeof(*tap));
    if (c->tap_count == COLLECT_LIVES_MAX || sscanf(word, "attach %7s %" SCNd64 " %1023[^\n]", how, &timer_ns, url_text) != 3 ||
        relay_url_parse(url_text, &tap->url, &err) < 0) {
        stage_warning(c->io, "cannot watch one more session: %s", word);
        free(tap);
        return;
    }
    tap->own = strcmp(how, "own") == 0;
    tap->keep = strcmp(how, "keep") == 0;
    struct tap *before = tap->own ? find_own(c) : NULL;
    if (!before) {
        open_tap(c, tap, timer_ns);
        return;
    }
    before->url = tap->url;
    live_redirect(before->live, &before->url);
    free(tap);
}

static void release(struct collecting *c, struct tap *tap)
{
    struct live_totals totals = { 0 };
    if (tap->live)
        live_totals(tap->live, &totals);
    c->stage->outages += totals.outages;
    c->stage->restarts += totals.restarts;
    c->stage->delays += totals.delays;
    live_close(tap->live); /* which may have a last loss to tell */
    feed_finish(tap->feed);
    feed_add_totals(tap->feed, &c->stage->totals);
    feed_free(tap->feed);
    free(tap);
}

static int on_word(void *self)
{
    struct collecting *c = self;
    char word[STAGE_TEXT_MAX];
    int64_t grace_ns;
    while (stage_word(c->io, word)) {
        if (strcmp(word, STAGE_END_WORD) == 0)
            return LOOP_STOP;
        if (sscanf(word, "expect-end %" SCNd64, &grace_ns) == 1) {
            for (uint32_t i = 0; i < c->tap_count; i++)
                if (!c->taps[i]->ended)
                    live_expect_end(c->taps[i]->live, grace_ns);
        } else {
            attach(c, word);
        }
    }
    return 0;
}

static void tell_seen(struct collecting *c, const struct tap *tap)
{
    struct live_totals totals;
    if (c->seen_told)
        return;
    live_totals(tap->live, &totals);
    c->seen_told = totals.events;
    if (c->seen_told)
        stage_event(c->io, "seen");
}

/* Up to where no window of it comes any more. One that cannot be read now, or is read for its state only, holds nobody up. */
static int64_t watermark(const struct tap *tap)
{
    bool state_only = !tap->own && !tap->current && tap->window_ns == INT64_MIN && tap->owner->stage->config->reader.attach_history.index == HISTORY_STATE;
    if (live_phase(tap->live) != LIVE_ATTACHED || state_only)
        return INT64_MIN;
    int64_t time_ns = feed_watermark(tap->feed);
    return time_ns > tap->window_ns ? time_ns : tap->window_ns;
}

/* The least of those that are read. */
static int64_t lowest_watermark(const struct collecting *c)
{
    int64_t lowest_ns = INT64_MIN;
    for (uint32_t i = 0; i < c->tap_count; i++) {
        int64_t time_ns = watermark(c->taps[i]);
        if (time_ns != INT64_MIN && (lowest_ns == INT64_MIN || time_ns < lowest_ns))
            lowest_ns = time_ns;
    }
    return lowest_ns;
}

/* Windows that the link had to drop become a series of the session they are of. */
static void count_dropped(struct collecting *c)
{
    const char *host, *session;
    uint64_t windows;
    while (recall_take_dropped(c->recall, &host, &session, &windows)) {
        c->stage->delivered.dropped += windows;
        for (uint32_t i = 0; i < c->tap_count; i++)
            feed_count(c->taps[i]->feed, host, session, "dropped_windows", windows);
    }
}

static int on_tick(void *self)
{
    struct collecting *c = self;
    uint32_t kept = 0;
    bool over = false;
    for (uint32_t i = 0; i < c->tap_count; i++) {
        struct tap *tap = c->taps[i];
        if (!tap->ended)
            live_tick(tap->live);
        if (!tap->ended) {
            tell_seen(c, tap);
            remember_begin(tap);
            c->taps[kept++] = tap;
            continue;
        }
        over |= tap->own;
        release(c, tap);
    }
    c->tap_count = kept;
    set_patience(c);
    count_dropped(c);
    collect_tell_watermark(c, lowest_watermark(c));
    int r = on_word(c); /* some may have come while a link was waited for */
    over |= r == LOOP_STOP;
    r = collect_check_output(c, c->err);
    return r < 0 ? r : over ? LOOP_STOP : 0;
}

/* Windows were closed: whoever waits for others' need not wait for this one's. */
static int after_callbacks(void *self)
{
    struct collecting *c = self;
    if (c->output.windows_sent != c->windows_told)
        collect_tell_watermark(c, lowest_watermark(c));
    return 0;
}

int collect_live(struct collecting *c, struct error *err)
{
    c->loop = loop_new();
    loop_add_socket(c->loop, stage_socket(c->io), on_word, c);
    for (uint32_t i = 0; i < c->link_count; i++)
        loop_add_socket(c->loop, c->links[i].socket, collect_service_links, c);
    loop_set_tick(c->loop, live_tick_ns, on_tick, c);
    loop_set_after(c->loop, after_callbacks, c);
    stage_ready(c->io);
    int r = loop_run(c->loop);
    if (r < 0 && err->text[0] == '\0')
        error_set(err, r, "collect: %s", strerror(-r));
    for (uint32_t i = 0; i < c->tap_count; i++)
        release(c, c->taps[i]);
    loop_free(c->loop);
    return r;
}
