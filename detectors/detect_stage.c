#include "detectors/detect_stage.h"
#include "base/loop.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const int64_t tick_ns = 200000000, flush_ns = 5000000000;

struct running {
    struct detect_stage *stage;
    struct stage_io *io;
    struct link_receiver *in;
    struct link_sender out;
    struct host *host;
    struct journal *journal;
    uint64_t settled;         /* what is made again while recovering is safe with alert up to here */
    bool recovering, over;
    struct error *err;
};

static void complain(void *self, const char *text)
{
    struct running *d = self;
    if (!d->recovering)
        stage_warning(d->io, "%s", text);
}

static void notice(void *self, bool warning, const char *text)
{
    struct running *d = self;
    if (warning)
        stage_warning(d->io, "%s", text);
    else
        stage_notice(d->io, "%s", text);
}

/* ---- what comes in ---- */

static int apply(void *self, uint32_t sender, const struct wire_header *header, struct wire_reader body)
{
    struct running *d = self;
    return header->type == WIRE_END ? 0 : host_message(d->host, sender, header, body);
}

static int presence(void *self, uint32_t sender, enum link_presence what, int64_t time_ns)
{
    struct running *d = self;
    const char *name = link_receiver_name(d->in, sender), *stage = d->stage->delivery.anew ? VERDICT_RUN_STAGE : "collect";
    int r;
    switch (what) {
    case LINK_BROKE_OFF:
        r = host_presence(d->host, stage, name, true, time_ns);
        return r < 0 ? r : host_presence(d->host, stage, name, false, time_ns);
    case LINK_BEGAN:
        host_recall(d->host, sender, true);
        return 0;
    case LINK_RECALL:
        host_recall(d->host, sender, false);
        return 0;
    case LINK_RECALLED:
        host_recalled(d->host, sender);
        return 0;
    case LINK_SILENT:
    case LINK_BACK:
        return host_presence(d->host, stage, name, what == LINK_SILENT, time_ns);
    case LINK_ENDED:
        d->over = d->stage->delivery.once && link_receiver_active(d->in) == 0;
        return 0;
    }
    return 0;
}

static bool ready(void *self)
{
    const struct running *d = self;
    return !link_sender_full(&d->out);
}

static uint64_t made(void *self)
{
    const struct running *d = self;
    return link_sender_newest(&d->out);
}

static uint64_t settled(void *self)
{
    const struct running *d = self;
    return link_sender_durable(&d->out);
}

static const struct link_consumer consumer = { .apply = apply,
                                               .presence = presence,
                                               .window_end = host_window_end,
                                               .ready = ready,
                                               .made = made,
                                               .settled = settled,
                                               .notice = notice };

/* ---- what outlives the process ---- */

static void save(void *self, struct bytes *b)
{
    struct running *d = self;
    link_receiver_save(d->in, b);
    link_sender_save(&d->out, b);
    host_save(d->host, b);
}

static void make_new(struct running *d)
{
    struct link_receiver_setup setup = delivery_receiver(&d->stage->delivery, stage_zmq(d->io));
    setup.consumer = &consumer;
    setup.self = d;
    link_receiver_free(d->in);
    host_free(d->host);
    d->in = link_receiver_new(&setup);
    d->host = host_new(&d->stage->config, d->stage->rules, &d->out.outlet, complain, d);
}

static bool load(void *self, const void *data, size_t size)
{
    struct running *d = self;
    struct wire_reader r = wire_reader_init(data, size);
    if (link_receiver_load(d->in, &r) && link_sender_load(&d->out, &r) && host_load(d->host, &r))
        return true;
    make_new(d);
    link_sender_reset(&d->out, d->stage->delivery.epoch);
    return false;
}

static void marked(void *self, uint64_t mark)
{
    struct running *d = self;
    d->settled = mark;
    link_sender_settle(&d->out, mark);
}

/* A journal's records may make several times as much as they are: what alert has is let go at once. */
static bool replay(void *self, const void *record, size_t size)
{
    struct running *d = self;
    bool applied = link_receiver_replay(d->in, record, size);
    link_sender_settle(&d->out, d->settled);
    return applied;
}

static const struct journal_owner journal_owner = { .save = save, .load = load, .marked = marked, .replay = replay, .notice = notice };

/* What alert has is known to the next life, too. */
static void set_mark(struct running *d)
{
    if (d->journal)
        journal_set_mark(d->journal, link_sender_durable(&d->out));
}

/* States that do not fit the configuration any more are counted: those series learn again. */
static void tell_recovered(struct running *d)
{
    struct host_totals totals;
    host_totals(d->host, &totals);
    if (totals.restarted > 0)
        stage_warning(d->io, "%s: %" PRIu64 " states of detectors begin anew: they are configured otherwise now", d->stage->delivery.state_dir, totals.restarted);
    if (d->stage->delivery.anew && journal_recovered(d->journal))
        stage_notice(d->io, "going on with what was learned of %" PRIu64 " metrics (%s)", (uint64_t)totals.series, d->stage->delivery.state_dir);
}

static int recover(struct running *d, struct error *err)
{
    const struct delivery *delivery = &d->stage->delivery;
    struct journal_setup setup = { .dir = delivery->state_dir,
                                   .size_bytes = delivery->journal_bytes,
                                   .config = delivery->config_hash,
                                   .boot = delivery->boot_hash,
                                   .owner = &journal_owner,
                                   .self = d };
    if (!delivery->state_dir)
        return 0;
    d->recovering = true;
    int r = journal_open(&setup, &d->journal, err);
    d->recovering = false;
    if (r < 0)
        return r;
    d->over = delivery->once && !delivery->anew && link_receiver_known(d->in) > 0 && link_receiver_active(d->in) == 0;
    if (d->over)
        stage_notice(d->io, "%s: all collectors that it knows of have ended already: nothing is waited for (--once)", delivery->state_dir);
    tell_recovered(d);
    /* Other rules may have made other verdicts of the same samples, and what was sent last before the machine went
     * down may be known to nobody here: what comes now needs numbers of its own. */
    if (journal_config_changed(d->journal) || journal_rebooted(d->journal))
        link_sender_renumber(&d->out, delivery->epoch);
    set_mark(d);
    r = journal_snapshot(d->journal); /* which also keeps the epoch of a first start */
    if (r < 0)
        return error_set(err, r, "%s: %s", delivery->state_dir, strerror(-r));
    link_receiver_set_journal(d->in, d->journal);
    return 0;
}

/* ---- the loop ---- */

static int fail(struct running *d, int r)
{
    if (d->out.failed)
        *d->err = d->out.failure;
    else
        error_set(d->err, r, "detect: cannot go on: %s", strerror(-r));
    return r;
}

static int check(struct running *d, int r)
{
    set_mark(d);
    if (r < 0)
        return fail(d, r);
    if (d->over && (r = host_end(d->host)) < 0)
        return fail(d, r);
    return d->over ? LOOP_STOP : 0;
}

static int on_message(void *self)
{
    struct running *d = self;
    return check(d, link_receive(d->in));
}

/* The alert stage said something: more may be settled, or fit. */
static int on_answer(void *self)
{
    struct running *d = self;
    int r = link_service(&d->out);
    return check(d, r < 0 ? r : link_receiver_resume(d->in));
}

static int on_tick(void *self)
{
    struct running *d = self;
    int r = link_service(&d->out);
    return check(d, r < 0 ? r : link_receiver_tick(d->in));
}

static int on_word(void *self)
{
    struct running *d = self;
    return stage_must_end(d->io) ? LOOP_STOP : 0;
}

static bool give_up(void *self)
{
    struct running *d = self;
    return stage_must_end(d->io);
}

static const struct link_owner owner = { .give_up = give_up, .notice = notice };

static int run_loop(struct running *d)
{
    struct loop *loop = loop_new();
    loop_add_socket(loop, link_receiver_socket(d->in), on_message, d);
    loop_add_socket(loop, d->out.socket, on_answer, d);
    loop_add_socket(loop, stage_socket(d->io), on_word, d);
    loop_set_tick(loop, tick_ns, on_tick, d);
    stage_ready(d->io);
    int r = loop_run(loop);
    loop_free(loop);
    return r;
}

/* After a failure the last message may have been applied in part: the journal has all of it, a snapshot
 * would have that part. */
static void finish(struct running *d, bool failed)
{
    struct detect_stage *stage = d->stage;
    if (!failed && (d->over || !stage->delivery.once))
        stage->delivered.undelivered = link_flush(&d->out, flush_ns);
    if (!failed && link_receiver_resume(d->in) < 0)
        failed = true;
    set_mark(d);
    if (!failed && d->journal && journal_snapshot(d->journal) < 0)
        stage_warning(d->io, "%s: the state could not be written", stage->delivery.state_dir);
    delivery_take_totals(&stage->delivered, d->in);
    stage->delivered.snapshots = d->journal ? journal_snapshots(d->journal) : 0;
    host_totals(d->host, &stage->totals);
}

int detect_stage_run(struct stage_io *io, void *self, struct error *err)
{
    struct detect_stage *stage = self;
    struct running d = { .stage = stage, .io = io, .err = err };
    struct link_sender_setup setup = delivery_sender(&stage->delivery, stage_zmq(io), "alert");
    setup.live = true;
    setup.full = LINK_GROW;
    setup.owner = &owner;
    setup.self = &d;
    int r = link_sender_open(&d.out, &setup, err);
    make_new(&d);
    if (r == 0)
        r = recover(&d, err);
    if (r == 0)
        r = link_receiver_bind(d.in, err);
    if (r == 0) {
        r = run_loop(&d);
        finish(&d, r < 0);
    }
    journal_close(d.journal);
    host_free(d.host);
    link_receiver_free(d.in);
    link_sender_close(&d.out);
    return r;
}
