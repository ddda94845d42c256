#include "detectors/detect_stage.h"
#include "base/loop.h"
#include <errno.h>
#include <string.h>

struct running {
    struct detect_stage *stage;
    struct stage_io *io;
    struct link_receiver in;
    struct link_sender out;
    struct host *host;
    struct error *err;
};

static void complain(void *self, const char *text)
{
    struct running *d = self;
    stage_warning(d->io, "%s", text);
}

/* Takes what is there, a bounded number, so that a word from outside is heard. */
static int on_message(void *self)
{
    struct running *d = self;
    struct wire_header header;
    struct wire_reader body;
    for (int i = 0; i < 256; i++) {
        int r = link_receive(&d->in, &header, &body);
        if (r == 0)
            return 0;
        if (r < 0)
            continue;
        r = host_message(d->host, &header, body);
        if (r == -EBADMSG)
            link_refuse(&d->in);
        else if (r < 0)
            return error_set(d->err, r, "detect: cannot hand on verdicts: %s", strerror(-r));
        else if (header.type == WIRE_END)
            return LOOP_STOP;
    }
    return 0;
}

static int on_word(void *self)
{
    struct running *d = self;
    return stage_must_end(d->io) ? LOOP_STOP : 0;
}

static bool give_up(void *self)
{
    return stage_must_end(self);
}

int detect_stage_run(struct stage_io *io, void *self, struct error *err)
{
    struct detect_stage *stage = self;
    struct running d = { .stage = stage, .io = io, .err = err };
    struct loop *loop = loop_new();
    int r = link_receiver_open(&d.in, stage_zmq(io), stage->in, err);
    if (r == 0)
        r = link_sender_open(&d.out, stage_zmq(io), stage->out, stage->epoch, err);
    if (r == 0) {
        d.out.give_up = give_up;
        d.out.give_up_self = io;
        d.host = host_new(&stage->config, stage->rules, &d.out, complain, &d);
        loop_add_socket(loop, d.in.socket, on_message, &d);
        loop_add_socket(loop, stage_socket(io), on_word, &d);
        stage_ready(io);
        r = loop_run(loop);
        host_totals(d.host, &stage->totals);
        stage->refused = d.in.refused;
        stage->missing = d.in.missing;
    }
    host_free(d.host);
    link_sender_close(&d.out);
    link_receiver_close(&d.in);
    loop_free(loop);
    return r;
}
