#include "base/stage.h"
#include "base/bytes.h"
#include "base/loop.h"
#include "base/text.h"
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

struct stage_io {
    void *zmq, *control;
    struct bytes held; /* words that came while somebody only asked for the end */
    bool must_end;
};

static void control_name(const struct stage *stage, char name[64])
{
    snprintf(name, 64, "inproc://control-%s-%p", stage->name, (const void *)stage);
}

/* One frame: the kind, then the text. */
static void say(void *socket, enum stage_message kind, const char *text, size_t size)
{
    char frame[STAGE_TEXT_MAX + 1];
    loop_note_use();
    size = size < STAGE_TEXT_MAX ? size : STAGE_TEXT_MAX - 1;
    frame[0] = (char)kind;
    memcpy(frame + 1, text, size);
    while (zmq_send(socket, frame, size + 1, 0) < 0 && errno == EINTR)
        ;
}

static void *run(void *arg)
{
    struct stage *stage = arg;
    struct stage_io io = { .zmq = stage->zmq, .control = zmq_socket(stage->zmq, ZMQ_PAIR) };
    char name[64];
    int linger = 1000, unlimited = 0;
    control_name(stage, name);
    zmq_setsockopt(io.control, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(io.control, ZMQ_SNDHWM, &unlimited, sizeof(unlimited));
    int r = zmq_connect(io.control, name);
    assert(r == 0);
    stage->result = stage->fn(&io, stage->self, &stage->error);
    say(io.control, STAGE_ENDED, "", 0);
    zmq_close(io.control);
    bytes_done(&io.held);
    return NULL;
}

static enum stage_message receive(struct stage *stage, char text[STAGE_TEXT_MAX])
{
    char frame[STAGE_TEXT_MAX + 1];
    int n = stage->running ? zmq_recv(stage->control, frame, sizeof(frame), ZMQ_DONTWAIT) : -1;
    if (n <= 0)
        return STAGE_NONE;
    size_t size = (size_t)n < sizeof(frame) ? (size_t)n : sizeof(frame) - 1;
    memcpy(text, frame + 1, size - 1);
    text[size - 1] = '\0';
    if (frame[0] == STAGE_ENDED) {
        pthread_join(stage->thread, NULL);
        zmq_close(stage->control);
        stage->control = NULL;
        stage->running = false;
    }
    return (enum stage_message)frame[0];
}

int stage_start(struct stage *stage, void *zmq, const char *name, stage_fn fn, void *self, struct error *err)
{
    *stage = (struct stage){ .name = name, .fn = fn, .self = self, .zmq = zmq };
    char address[64], text[STAGE_TEXT_MAX];
    int linger = 0, unlimited = 0;
    control_name(stage, address);
    stage->control = zmq_socket(zmq, ZMQ_PAIR);
    if (!stage->control)
        return error_set(err, -errno, "%s: %s", name, zmq_strerror(errno));
    zmq_setsockopt(stage->control, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(stage->control, ZMQ_RCVHWM, &unlimited, sizeof(unlimited));
    int r = zmq_bind(stage->control, address) < 0 ? -errno : -pthread_create(&stage->thread, NULL, run, stage);
    if (r < 0) {
        zmq_close(stage->control);
        stage->control = NULL;
        return error_set(err, r, "cannot start stage %s: %s", name, strerror(-r));
    }
    stage->running = true;
    for (;;) {
        zmq_pollitem_t item = { .socket = stage->control, .events = ZMQ_POLLIN };
        zmq_poll(&item, 1, -1);
        enum stage_message m = receive(stage, text);
        if (m == STAGE_READY)
            return 0;
        if (m == STAGE_NOTICE || m == STAGE_WARNING) {
            size_t used = strlen(stage->early);
            struct text_out early = text_out_init(stage->early + used, sizeof(stage->early) - used);
            text_printf(&early, "%s%s", used ? "\n" : "", text);
        }
        if (m == STAGE_ENDED) {
            *err = stage->error;
            return stage->result < 0 ? stage->result
                                     : error_set(err, -ECANCELED, "stage %s ended before it was ready", name);
        }
    }
}

enum stage_message stage_take(struct stage *stage, char text[STAGE_TEXT_MAX])
{
    if (!stage->early[0])
        return receive(stage, text);
    memcpy(text, stage->early, sizeof(stage->early));
    stage->early[0] = '\0';
    return STAGE_NOTICE;
}

void stage_tell(struct stage *stage, const char *word)
{
    if (stage->running)
        zmq_send(stage->control, word, strlen(word), ZMQ_DONTWAIT);
}

void stage_terminate(struct stage *stage)
{
    stage_tell(stage, STAGE_END_WORD);
}

void stage_stop(struct stage *stage)
{
    char text[STAGE_TEXT_MAX];
    stage_terminate(stage);
    while (stage->running) {
        zmq_pollitem_t item = { .socket = stage->control, .events = ZMQ_POLLIN };
        zmq_poll(&item, 1, -1);
        stage_take(stage, text);
    }
}

void stage_ready(struct stage_io *io)
{
    say(io->control, STAGE_READY, "", 0);
}

#define DEFINE_SAY(name, kind)                                                                               \
    void name(struct stage_io *io, const char *fmt, ...)                                                     \
    {                                                                                                        \
        char text[STAGE_TEXT_MAX];                                                                           \
        va_list ap;                                                                                          \
        va_start(ap, fmt);                                                                                   \
        vsnprintf(text, sizeof(text), fmt, ap);                                                              \
        va_end(ap);                                                                                          \
        say(io->control, kind, text, strlen(text));                                                          \
    }
DEFINE_SAY(stage_notice, STAGE_NOTICE)
DEFINE_SAY(stage_warning, STAGE_WARNING)
DEFINE_SAY(stage_event, STAGE_EVENT)

void *stage_socket(struct stage_io *io)
{
    return io->control;
}

void *stage_zmq(struct stage_io *io)
{
    return io->zmq;
}

static bool held_word(struct stage_io *io, char text[STAGE_TEXT_MAX])
{
    if (io->held.size == 0)
        return false;
    size_t size = strlen((const char *)io->held.data) + 1;
    memcpy(text, io->held.data, size);
    io->held.size -= size;
    memmove(io->held.data, io->held.data + size, io->held.size);
    return true;
}

static bool new_word(struct stage_io *io, char text[STAGE_TEXT_MAX])
{
    loop_note_use();
    int n = zmq_recv(io->control, text, STAGE_TEXT_MAX - 1, ZMQ_DONTWAIT);
    if (n < 0)
        return false;
    text[n < STAGE_TEXT_MAX ? n : STAGE_TEXT_MAX - 1] = '\0';
    return true;
}

bool stage_word(struct stage_io *io, char text[STAGE_TEXT_MAX])
{
    return held_word(io, text) || new_word(io, text);
}

bool stage_must_end(struct stage_io *io)
{
    char text[STAGE_TEXT_MAX];
    while (new_word(io, text)) {
        io->must_end |= strcmp(text, STAGE_END_WORD) == 0;
        bytes_append(&io->held, text, strlen(text) + 1);
    }
    return io->must_end;
}
