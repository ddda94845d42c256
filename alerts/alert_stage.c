#include "alerts/alert_stage.h"
#include "base/link.h"
#include "base/loop.h"

static const int64_t tick_ns = 1000000000;

struct served {
    const struct sink *sink;
    void *self;
};

struct running {
    struct alert_stage *stage;
    struct stage_io *io;
    struct link_receiver in;
    struct life *life;
    struct history *history;
    void *sinks[SINKS_MAX];
    struct served served[SINKS_MAX];
    uint64_t sequence;
    struct verdict verdict; /* scratch */
};

static void deliver(void *self, struct alert *a)
{
    struct running *s = self;
    a->sequence = ++s->sequence;
    history_add(s->history, a);
    for (uint32_t i = 0; i < s->stage->sink_count; i++)
        s->stage->sinks[i].sink->deliver(s->sinks[i], a);
}

static bool apply(struct running *s, const struct wire_header *header, struct wire_reader *body)
{
    struct window_done window;
    switch (header->type) {
    case WIRE_VERDICT:
        if (!verdict_get(body, &s->verdict) || !wire_finished(body))
            return false;
        life_verdict(s->life, &s->verdict);
        return true;
    case WIRE_WINDOW:
        if (!window_done_get(body, &window) || !wire_finished(body))
            return false;
        life_window(s->life, &window);
        return true;
    default:
        return header->type == WIRE_END;
    }
}

static int on_message(void *self)
{
    struct running *s = self;
    struct wire_header header;
    struct wire_reader body;
    for (int i = 0; i < 256; i++) {
        int r = link_receive(&s->in, &header, &body);
        if (r == 0)
            return 0;
        if (r < 0)
            continue;
        if (!apply(s, &header, &body))
            link_refuse(&s->in);
        else if (header.type == WIRE_END)
            return LOOP_STOP;
    }
    return 0;
}

static int on_word(void *self)
{
    struct running *s = self;
    return stage_must_end(s->io) ? LOOP_STOP : 0;
}

static int on_tick(void *self)
{
    struct running *s = self;
    for (uint32_t i = 0; i < s->stage->sink_count; i++)
        if (s->stage->sinks[i].sink->tick)
            s->stage->sinks[i].sink->tick(s->sinks[i], s->sequence);
    return 0;
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

static void notice(void *self, const char *text)
{
    struct running *s = self;
    stage_notice(s->io, "%s", text);
}

static int open_sinks(struct running *s, struct error *err)
{
    struct sink_setup setup = { .zmq = stage_zmq(s->io),
                                .epoch = s->stage->epoch,
                                .runtime_dir = s->stage->runtime_dir,
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

int alert_stage_run(struct stage_io *io, void *self, struct error *err)
{
    struct alert_stage *stage = self;
    struct running s = { .stage = stage, .io = io, .history = history_new(HISTORY_ALERTS, HISTORY_BYTES) };
    struct loop *loop = loop_new();
    int r = link_receiver_open(&s.in, stage_zmq(io), stage->in, err);
    if (r == 0)
        r = open_sinks(&s, err);
    if (r == 0) {
        s.life = life_new(&stage->config, deliver, &s);
        loop_add_socket(loop, s.in.socket, on_message, &s);
        loop_add_socket(loop, stage_socket(io), on_word, &s);
        watch_sinks(&s, loop);
        loop_set_tick(loop, tick_ns, on_tick, &s);
        stage_ready(io);
        r = loop_run(loop);
        on_tick(&s); /* a last heartbeat tells what a subscriber should have */
        life_totals(s.life, &stage->totals);
        stage->refused = s.in.refused;
        stage->missing = s.in.missing;
    }
    life_free(s.life);
    close_sinks(&s);
    history_free(s.history);
    link_receiver_close(&s.in);
    loop_free(loop);
    return r;
}
