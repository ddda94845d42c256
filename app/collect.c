#include "app/collect_private.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/delivery.h"
#include "collector/replay.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const int64_t progress_period_ns = 100000000, flush_soon_ns = 1000000000, flush_ns = 30000000000;

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

static void on_left(void *self, const struct wire_header *header, struct wire_reader body, enum link_left why)
{
    struct collecting *c = self;
    recall_left(c->recall, header, body, why);
    if (c->positions && header->type == WIRE_SAMPLES && why == LINK_LEFT_SAFE)
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

static bool is_live(const struct collect_stage *stage)
{
    return stage->path_count == 0 && !stage->samples;
}

static int open_links(struct collecting *c, struct error *err)
{
    const struct collect_stage *stage = c->stage;
    struct link_sender_setup setup = delivery_sender(&stage->delivery, stage_zmq(c->io), "detect");
    setup.live = is_live(stage);
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
                                      .wants_sketch = rules_want_sketch,
                                      .wants_sketch_self = &c->stage->config->rules,
                                      .notice = notice,
                                      .notice_self = c };
    return r;
}

int collect_service_links(void *self)
{
    struct collecting *c = self;
    for (uint32_t i = 0; i < c->link_count; i++)
        if (link_service(&c->links[i]) < 0 && c->output.failure == 0)
            c->output.failure = -EPERM;
    return 0;
}

void collect_tell_watermark(struct collecting *c, int64_t time_ns)
{
    bool closed = c->output.windows_sent != c->windows_told;
    c->windows_told = c->output.windows_sent;
    if (time_ns != INT64_MIN)
        link_sender_watermark(&c->links[0], time_ns, closed);
    else
        link_sender_no_watermark(&c->links[0]);
    collect_service_links(c);
}

int collect_check_output(const struct collecting *c, struct error *err)
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
        collect_tell_watermark(c, feed_watermark(feed));
        if (r == 1)
            r = collect_check_output(c, err) < 0 ? -EIO : 1;
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

/* ---- */

/* The receivers get what is still kept, as far as they take it. */
static void close_links(struct collecting *c)
{
    for (uint32_t i = 0; i < c->link_count; i++) {
        uint64_t left = link_flush(&c->links[i], flush_soon_ns);
        if (left > 0 && !c->links[i].failed && !stage_must_end(c->io)) {
            stage_notice(c->io, "waiting up to %" PRId64 " s for %s to take the last %" PRIu64 " message%s; another interrupt ends that", flush_ns / 1000000000,
                         c->links[i].setup.peer, left, left == 1 ? "" : "s");
            left = link_flush(&c->links[i], flush_ns - flush_soon_ns);
        }
        if (i == 0)
            c->stage->delivered.undelivered = left;
        link_sender_close(&c->links[i]);
    }
    const char *host, *session;
    uint64_t windows;
    recall_give_up(c->recall);
    while (recall_take_dropped(c->recall, &host, &session, &windows))
        c->stage->delivered.dropped += windows;
}

/* Without them it watches all the same, and a restart leaves a gap. */
static int open_positions(struct collecting *c, struct error *err)
{
    const struct delivery *d = &c->stage->delivery;
    char path[512];
    if (!d->state_dir || !is_live(c->stage))
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
        r = stage->samples ? collect_samples(&c, err) : is_live(stage) ? collect_live(&c, err) : replay_all(&c, err);
    if (c.link_count > 0)
        output_end(&c.output);
    output_done(&c.output);
    close_links(&c);
    recall_free(c.recall);
    positions_close(c.positions);
    return r;
}
