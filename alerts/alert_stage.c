#include "alerts/alert_stage.h"
#include "alerts/seen_ids.h"
#include "base/loop.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const int64_t tick_ns = 200000000, beat_ns = 1000000000;

struct served {
    const struct sink *sink;
    void *self;
};

struct running {
    struct alert_stage *stage;
    struct stage_io *io;
    struct link_receiver *in;
    struct journal *journal;
    struct life *life;
    struct seen_ids seen;
    struct history *history;
    bool compare;             /* a detect stage began anew: verdicts may come that are known */
    bool recovering, over;
    void *sinks[SINKS_MAX];
    struct served served[SINKS_MAX];
    uint64_t epoch, sequence; /* of what the sinks are given */
    int64_t ticks;
    struct alert *pending;    /* made while recovering, and not delivered before */
    uint32_t pending_count, pending_capacity;
    struct verdict verdict;   /* scratch */
    struct error *err;
};

static void notice(void *self, bool warning, const char *text)
{
    struct running *s = self;
    if (warning)
        stage_warning(s->io, "%s", text);
    else
        stage_notice(s->io, "%s", text);
}

/* ---- transitions ---- */

static void hand_out(struct running *s, const struct alert *a)
{
    for (uint32_t i = 0; i < s->stage->sink_count; i++) {
        const struct sink *sink = s->stage->sinks[i].sink;
        if (s->sinks[i] && (!s->recovering || !sink->has || !sink->has(s->sinks[i], a)))
            sink->deliver(s->sinks[i], a);
    }
    if (s->journal)
        journal_set_mark(s->journal, a->sequence);
}

/* What is made of records of the journal was delivered already, but perhaps the last of it. */
static void deliver(void *self, struct alert *a)
{
    struct running *s = self;
    a->sequence = ++s->sequence;
    history_add(s->history, a);
    if (!s->recovering) {
        hand_out(s, a);
        return;
    }
    GROW(s->pending, s->pending_count, s->pending_capacity);
    s->pending[s->pending_count++] = *a;
}

/* ---- what comes in ---- */

static bool is_new(struct running *s, uint64_t id)
{
    return seen_ids_add(&s->seen, id) || !s->compare;
}

static int apply(void *self, uint32_t sender, const struct wire_header *header, struct wire_reader body)
{
    struct running *s = self;
    struct window_done window;
    (void)sender;
    switch (header->type) {
    case WIRE_VERDICT:
        if (!verdict_get(&body, &s->verdict) || !wire_finished(&body))
            return -EBADMSG;
        if (is_new(s, s->verdict.id))
            life_verdict(s->life, &s->verdict);
        return 0;
    case WIRE_WINDOW:
        if (!window_done_get(&body, &window) || !wire_finished(&body))
            return -EBADMSG;
        if (!s->compare || is_new(s, window_done_id(&window)))
            life_window(s->life, &window);
        return 0;
    default:
        return header->type == WIRE_END ? 0 : -EBADMSG;
    }
}

static int presence(void *self, uint32_t sender, enum link_presence what, int64_t time_ns)
{
    struct running *s = self;
    if (what == LINK_BEGAN)
        s->compare = s->sequence > 0 || s->seen.count > 0;
    if (what == LINK_ENDED)
        s->over = s->stage->delivery.once && link_receiver_active(s->in) == 0;
    for (int silent = 1; silent >= 0; silent--) { /* one that broke off is gone, and back */
        if (what == LINK_BROKE_OFF && s->stage->delivery.anew)
            break; /* detect, of the same process, tells it of both */
        if (what != LINK_BROKE_OFF && what != (silent ? LINK_SILENT : LINK_BACK))
            continue;
        verdict_of_stage(&s->verdict, "detect", link_receiver_name(s->in, sender), silent, time_ns);
        life_verdict(s->life, &s->verdict);
    }
    return 0;
}

static int64_t window_end(const struct wire_header *header, struct wire_reader body)
{
    struct window_done window;
    return header->type == WIRE_WINDOW && window_done_get(&body, &window) ? window.end_ns : INT64_MIN;
}

static const struct link_consumer consumer = { .apply = apply, .presence = presence, .window_end = window_end, .notice = notice };

/* ---- what outlives the process ---- */

static void make_new(struct running *s)
{
    struct link_receiver_setup setup = delivery_receiver(&s->stage->delivery, stage_zmq(s->io));
    setup.consumer = &consumer;
    setup.self = s;
    link_receiver_free(s->in);
    life_free(s->life);
    seen_ids_done(&s->seen);
    history_free(s->history);
    s->history = history_new(HISTORY_ALERTS, HISTORY_BYTES);
    s->in = link_receiver_new(&setup);
    s->life = life_new(&s->stage->config, deliver, s);
    seen_ids_init(&s->seen);
    s->epoch = s->stage->delivery.epoch;
    s->sequence = 0;
}

static void save(void *self, struct bytes *b)
{
    struct running *s = self;
    wire_put_uint(b, s->epoch);
    wire_put_uint(b, s->sequence);
    wire_put_bool(b, s->compare);
    link_receiver_save(s->in, b);
    life_save(s->life, b);
    seen_ids_save(&s->seen, b);
    history_save(s->history, b);
}

static bool load(void *self, const void *data, size_t size)
{
    struct running *s = self;
    struct wire_reader r = wire_reader_init(data, size);
    s->epoch = wire_get_uint(&r);
    s->sequence = wire_get_uint(&r);
    s->compare = wire_get_bool(&r);
    if (wire_ok(&r) && link_receiver_load(s->in, &r) && life_load(s->life, &r) && seen_ids_load(&s->seen, &r) &&
        history_load(s->history, r.at, (size_t)(r.end - r.at)))
        return true;
    make_new(s);
    return false;
}

static bool replay(void *self, const void *record, size_t size)
{
    struct running *s = self;
    return link_receiver_replay(s->in, record, size);
}

static const struct journal_owner journal_owner = { .save = save, .load = load, .replay = replay, .notice = notice };

static int recover(struct running *s, struct error *err)
{
    const struct delivery *delivery = &s->stage->delivery;
    struct journal_setup setup = { .dir = delivery->state_dir,
                                   .size_bytes = delivery->journal_bytes,
                                   .config = delivery->config_hash,
                                   .boot = delivery->boot_hash,
                                   .owner = &journal_owner,
                                   .self = s };
    if (!delivery->state_dir)
        return 0;
    s->recovering = true;
    int r = journal_open(&setup, &s->journal, err);
    s->recovering = false;
    if (r < 0)
        return r;
    s->over = delivery->once && !delivery->anew && link_receiver_known(s->in) > 0 && link_receiver_active(s->in) == 0;
    if (s->over)
        stage_notice(s->io, "%s: all detect stages that it knows of have ended already: nothing is waited for (--once)", delivery->state_dir);
    if (journal_config_changed(s->journal) || journal_rebooted(s->journal)) {
        /* Numbers may not mean what they meant: subscribers must not take the next alerts for ones they have. */
        s->epoch = delivery->epoch;
        if (s->sequence < journal_mark(s->journal))
            s->sequence = journal_mark(s->journal);
    }
    return 0;
}

/* Of what was made while recovering, the sinks get what they had not. */
static void deliver_pending(struct running *s)
{
    uint64_t mark = s->journal ? journal_mark(s->journal) : 0;
    s->recovering = true;
    for (uint32_t i = 0; i < s->pending_count; i++)
        if (s->pending[i].sequence > mark)
            hand_out(s, &s->pending[i]);
    s->recovering = false;
}

/* From here on all that comes is kept. The snapshot also keeps the epoch of a first start. */
static int begin_journal(struct running *s, struct error *err)
{
    int r = s->journal ? journal_snapshot(s->journal) : 0;
    if (r < 0)
        return error_set(err, r, "%s: %s", s->stage->delivery.state_dir, strerror(-r));
    link_receiver_set_journal(s->in, s->journal);
    return 0;
}

/* ---- the loop ---- */

static int check(struct running *s, int r)
{
    if (r < 0)
        return error_set(s->err, r, "alert: cannot go on: %s", strerror(-r));
    return s->over ? LOOP_STOP : 0;
}

static int on_message(void *self)
{
    struct running *s = self;
    return check(s, link_receive(s->in));
}

static int on_word(void *self)
{
    struct running *s = self;
    return stage_must_end(s->io) ? LOOP_STOP : 0;
}

static void beat(struct running *s)
{
    for (uint32_t i = 0; i < s->stage->sink_count; i++)
        if (s->stage->sinks[i].sink->tick)
            s->stage->sinks[i].sink->tick(s->sinks[i], s->sequence);
}

static int on_service(void *self)
{
    struct served *served = self;
    served->sink->service(served->self);
    return 0;
}

/* Sinks that are asked something are served by this loop. */
static void watch_sinks(struct running *s, struct loop *loop)
{
    for (uint32_t i = 0; i < s->stage->sink_count; i++) {
        s->served[i] = (struct served){ s->stage->sinks[i].sink, s->sinks[i] };
        void *socket = s->served[i].sink->socket ? s->served[i].sink->socket(s->sinks[i]) : NULL;
        if (socket)
            loop_add_socket(loop, socket, on_service, &s->served[i]);
    }
}

static int on_tick(void *self)
{
    struct running *s = self;
    if (++s->ticks % (beat_ns / tick_ns) == 0)
        beat(s);
    return check(s, link_receiver_tick(s->in));
}

static int open_sinks(struct running *s, struct error *err)
{
    struct sink_setup setup = { .zmq = stage_zmq(s->io),
                                .epoch = s->epoch,
                                .runtime_dir = s->stage->runtime_dir,
                                .security = s->stage->delivery.security,
                                .history = s->history,
                                .notice = notice,
                                .notice_self = s };
    for (uint32_t i = 0; i < s->stage->sink_count; i++) {
        const struct bound_sink *b = &s->stage->sinks[i];
        int r = b->sink->open(b->config, &setup, &s->sinks[i], err);
        if (r < 0)
            return error_wrap(err, r, "sink '%s'", b->sink->name);
    }
    return 0;
}

static void close_sinks(struct running *s)
{
    for (uint32_t i = 0; i < s->stage->sink_count; i++) {
        const struct sink *sink = s->stage->sinks[i].sink;
        if (!s->sinks[i])
            continue;
        if (sink->failures)
            s->stage->failures += sink->failures(s->sinks[i]);
        sink->close(s->sinks[i]);
    }
}

static int run_loop(struct running *s)
{
    struct loop *loop = loop_new();
    loop_add_socket(loop, link_receiver_socket(s->in), on_message, s);
    loop_add_socket(loop, stage_socket(s->io), on_word, s);
    watch_sinks(s, loop);
    loop_set_tick(loop, tick_ns, on_tick, s);
    stage_ready(s->io);
    int r = loop_run(loop);
    loop_free(loop);
    return r;
}

/* After a failure the last message may have been applied in part: the journal has all of it. */
static void finish(struct running *s, bool failed)
{
    if (!failed && link_receiver_resume(s->in) < 0) /* the last acknowledgement */
        failed = true;
    beat(s);                                        /* a last heartbeat tells what a subscriber should have */
    if (!failed && s->journal && journal_snapshot(s->journal) < 0)
        stage_warning(s->io, "%s: the state could not be written", s->stage->delivery.state_dir);
    life_totals(s->life, &s->stage->totals);
    delivery_take_totals(&s->stage->delivered, s->in);
    s->stage->delivered.snapshots = s->journal ? journal_snapshots(s->journal) : 0;
}

int alert_stage_run(struct stage_io *io, void *self, struct error *err)
{
    struct alert_stage *stage = self;
    struct running s = { .stage = stage, .io = io, .err = err };
    make_new(&s);
    int r = recover(&s, err);
    if (r == 0)
        r = open_sinks(&s, err);
    if (r == 0) {
        deliver_pending(&s);
        r = begin_journal(&s, err);
    }
    if (r == 0)
        r = link_receiver_bind(s.in, err);
    if (r == 0) {
        r = run_loop(&s);
        finish(&s, r < 0);
    }
    free(s.pending);
    close_sinks(&s);
    journal_close(s.journal);
    life_free(s.life);
    seen_ids_done(&s.seen);
    history_free(s.history);
    link_receiver_free(s.in);
    return r;
}
