#include "app/collect.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/delivery.h"
#include "collector/live_tap.h"
#include "collector/positions.h"
#include "collector/replay.h"
#include "stream/recall.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const int64_t live_tick_ns = 100000000, progress_period_ns = 100000000, flush_ns = 30000000000, most_behind_ns = 60000000000;

struct tap {
    struct collecting *owner;
    struct relay_url url;
    struct live *live;
    struct feed *feed;
    int64_t window_ns;          /* handed on by an earlier process; INT64_MIN: nothing */
    bool own, keep, ended;
    bool current;               /* what lttng-relayd held at first has been read */
    bool begun;                 /* a position is known, or not needed */
};

struct collecting {
    struct collect_stage *stage;
    struct stage_io *io;
    struct error *err;
    struct link_sender links[OUTPUT_TAPS_MAX]; /* the detect stage, and a tap */
    struct outlet *outlets[OUTPUT_TAPS_MAX];
    uint32_t link_count;
    uint64_t windows_told;
    struct recall *recall;
    struct positions *positions;  /* NULL: nothing outlives the process */
    struct output output;
    struct stream_setup setup;
    struct loop *loop;
    struct tap *taps[COLLECT_LIVES_MAX];
    uint32_t tap_count;
    bool seen_told;
};

static void notice(void *self, const char *text)
{
    struct collecting *c = self;
    stage_notice(c->io, "%s", text);
}

static void on_link_notice(void *self, bool warning, const char *text)
{
    struct collecting *c = self;
    if (warning)
        stage_warning(c->io, "%s", text);
    else
        stage_notice(c->io, "%s", text);
}

/* While a neighbour does not take messages: is the stage to end? */
static bool give_up(void *self)
{
    struct collecting *c = self;
    return stage_must_end(c->io);
}

/* A window that the detect stage has for good. */
static void remember_window(struct collecting *c, struct wire_reader body)
{
    struct window_header w;
    if (wire_get_array(&body, 2) == 2 && window_header_get(&body, &w) && w.last)
        positions_set_window(c->positions, w.host, w.session, w.end_ns);
}

static void on_left(void *self, const struct wire_header *header, struct wire_reader body, bool dropped)
{
    struct collecting *c = self;
    recall_left(c->recall, header, body, dropped);
    if (c->positions && header->type == WIRE_SAMPLES && !dropped)
        remember_window(c, body);
}

static void on_recall(void *self, struct link_sender *link, uint64_t position, bool restarted)
{
    struct collecting *c = self;
    recall_tell(c->recall, link, position, restarted);
}

static const struct link_owner detect_owner = { .left = on_left, .recall = on_recall, .give_up = give_up, .notice = on_link_notice };
static const struct link_owner tap_owner = { .give_up = give_up };

static int open_link(struct collecting *c, const struct link_sender_setup *setup, struct error *err)
{
    int r = link_sender_open(&c->links[c->link_count], setup, err);
    if (r < 0)
        return r;
    c->outlets[c->link_count] = &c->links[c->link_count].outlet;
    c->link_count++;
    return 0;
}

static int open_links(struct collecting *c, struct error *err)
{
    const struct collect_stage *stage = c->stage;
    struct link_sender_setup setup = delivery_sender(&stage->delivery, stage_zmq(c->io), "detect");
    setup.live = stage->path_count == 0;
    setup.full = stage->drop && setup.live ? LINK_DROP : LINK_WAIT;
    setup.owner = &detect_owner;
    setup.self = c;
    int r = open_link(c, &setup, err);
    if (r == 0 && stage->tap) {
        setup.endpoint = stage->tap;
        setup.peer = "the file of samples";
        setup.security = NULL;
        setup.full = LINK_WAIT;
        setup.owner = &tap_owner;
        r = open_link(c, &setup, err);
    }
    output_init(&c->output, c->outlets, c->link_count);
    c->setup = (struct stream_setup){ .config = c->stage->config->stream,
                                      .analyses = c->stage->config->analyses,
                                      .analysis_count = c->stage->config->analysis_count,
                                      .output = &c->output,
                                      .notice = notice,
                                      .notice_self = c };
    return r;
}

static int on_link(void *self)
{
    struct collecting *c = self;
    for (uint32_t i = 0; i < c->link_count; i++)
        if (link_service(&c->links[i]) < 0 && c->output.failure == 0)
            c->output.failure = -EPERM;
    return 0;
}

/* How far event time is, so that a detect stage with other collectors need not wait
 * longer than it must: at once when a window was closed. */
static void tell_watermark(struct collecting *c, int64_t time_ns)
{
    bool closed = c->output.windows_sent != c->windows_told;
    c->windows_told = c->output.windows_sent;
    if (time_ns != INT64_MIN)
        link_sender_watermark(&c->links[0], time_ns, closed);
    else
        link_sender_no_watermark(&c->links[0]);
    on_link(c);
}

static int check_output(const struct collecting *c, struct error *err)
{
    for (uint32_t i = 0; i < c->link_count; i++) {
        if (c->links[i].failed) {
            *err = c->links[i].failure;
            return -EPERM;
        }
    }
    if (c->output.failure < 0)
        return error_set(err, c->output.failure, "collect: cannot hand on samples: %s", strerror(-c->output.failure));
    return 0;
}

/* ---- replay ---- */

static bool must_end(void *self)
{
    const struct collecting *c = self;
    return stage_must_end(c->io);
}

static int replay_all(struct collecting *c, struct error *err)
{
    struct feed *feed = feed_new(&c->setup);
    struct event_consumer consumer = feed_consumer(feed);
    struct replay *replay = NULL;
    int64_t told_ns = clock_monotonic_ns();
    stage_ready(c->io); /* before a look at the traces, which can be interrupted */
    const struct replay_setup setup = { .paths = c->stage->paths,
                                        .count = c->stage->path_count,
                                        .reader = (enum replay_reader)c->stage->config->reader.reader.index,
                                        .consumer = &consumer,
                                        .give_up = must_end,
                                        .notice = notice,
                                        .self = c };
    int r = replay_open(&setup, &replay, err);
    for (r = r < 0 ? r : 1; r == 1 && !stage_must_end(c->io);) {
        r = replay_step(replay, err);
        tell_watermark(c, feed_watermark(feed));
        if (r == 1)
            r = check_output(c, err) < 0 ? -EIO : 1;
        int64_t now_ns = clock_monotonic_ns();
        if (now_ns - told_ns < progress_period_ns)
            continue;
        told_ns = now_ns;
        stage_event(c->io, "progress %.4f", replay_progress(replay));
    }
    if (replay && replay_untimed(replay) > 0)
        stage_notice(c->io, "%" PRIu64 " events without a timestamp were counted, and no more: windows need time",
                     replay_untimed(replay));
    feed_finish(feed);
    feed_add_totals(feed, &c->stage->totals);
    replay_close(replay);
    feed_free(feed);
    return r < 0 && r != -ECANCELED ? r : 0;
}

/* ---- live ---- */

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
    live_tap_path(c->stage->runtime_dir, tap->url.hostname, tap->url.session, path);
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
    tell_watermark(c, lowest_watermark(c));
    int r = on_word(c); /* some may have come while a link was waited for */
    over |= r == LOOP_STOP;
    r = check_output(c, c->err);
    return r < 0 ? r : over ? LOOP_STOP : 0;
}

/* Windows were closed: whoever waits for others' need not wait for this one's. */
static int after_callbacks(void *self)
{
    struct collecting *c = self;
    if (c->output.windows_sent != c->windows_told)
        tell_watermark(c, lowest_watermark(c));
    return 0;
}

static int watch_live(struct collecting *c, struct error *err)
{
    c->loop = loop_new();
    loop_add_socket(c->loop, stage_socket(c->io), on_word, c);
    for (uint32_t i = 0; i < c->link_count; i++)
        loop_add_socket(c->loop, c->links[i].socket, on_link, c);
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

/* ---- */

/* The receivers get what is still kept, as far as they take it. */
static void close_links(struct collecting *c)
{
    for (uint32_t i = 0; i < c->link_count; i++) {
        uint64_t left = link_flush(&c->links[i], flush_ns);
        if (i == 0)
            c->stage->delivered.undelivered = left;
        link_sender_close(&c->links[i]);
    }
}

/* Without them it watches all the same, and a restart leaves a gap. */
static int open_positions(struct collecting *c, struct error *err)
{
    const struct delivery *d = &c->stage->delivery;
    char path[512];
    if (!d->state_dir || c->stage->path_count > 0)
        return 0;
    snprintf(path, sizeof(path), "%s/%s.positions", d->state_dir, d->name);
    int r = mkdir(d->state_dir, 0700) < 0 && errno != EEXIST ? error_set(err, -errno, "%s: %s", d->state_dir, strerror(errno))
                                                             : positions_open(path, &c->positions, err);
    if (r == -EBUSY)
        return r;
    if (err->text[0])
        stage_warning(c->io, "%s%s", err->text, r < 0 ? "; after a restart the time before it will be missing" : "");
    err->text[0] = '\0';
    return 0;
}

int collect_stage_run(struct stage_io *io, void *self, struct error *err)
{
    struct collect_stage *stage = self;
    struct collecting c = { .stage = stage, .io = io, .err = err, .recall = recall_new() };
    stage->totals = (struct stream_totals){ .first_event_ns = INT64_MIN, .last_event_ns = INT64_MIN };
    int r = open_positions(&c, err);
    if (r == 0)
        r = open_links(&c, err);
    if (r == 0)
        r = stage->path_count > 0 ? replay_all(&c, err) : watch_live(&c, err);
    if (c.link_count > 0)
        output_end(&c.output);
    output_done(&c.output);
    close_links(&c);
    recall_free(c.recall);
    positions_close(c.positions);
    return r;
}
