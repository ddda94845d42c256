/* stage.h - a stage is a thread with a control socket: it says when it is
 * ready, sends notices while it runs, and says how it ended; it is told to end
 * by message. Nothing else is shared between stages but data sockets. */
#ifndef FT_BASE_STAGE_H
#define FT_BASE_STAGE_H
#include "base/error.h"
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { STAGE_TEXT_MAX = 1024 };

struct stage_io; /* the thread's end */

/* Runs in the new thread. Calls stage_ready() once it can take messages, then
 * runs until told to end or its input is over. Returns 0, or -errno with err filled. */
typedef int (*stage_fn)(struct stage_io *io, void *self, struct error *err);

struct stage {
    const char *name;
    stage_fn fn;
    void *self;
    void *zmq;        /* the process's ZeroMQ context */
    void *control;    /* our end of the pair */
    pthread_t thread;
    bool running;
    int result;       /* after STAGE_ENDED */
    struct error error;
    char early[STAGE_TEXT_MAX]; /* notices from before it was ready, for stage_take() */
};

enum stage_message { STAGE_NONE, STAGE_READY, STAGE_NOTICE, STAGE_WARNING, STAGE_EVENT, STAGE_ENDED };
/* Starts the thread and waits until it is ready; its failure before that is returned. */
int stage_start(struct stage *stage, void *zmq, const char *name, stage_fn fn, void *self, struct error *err);
/* Takes the next message without waiting: STAGE_NONE when there is none. The text
 * of a notice or a warning (for people) or an event (for the program) goes to
 * `text`; after STAGE_ENDED the thread has been joined and result and error are set. */
enum stage_message stage_take(struct stage *stage, char text[STAGE_TEXT_MAX]);
/* Sends a word to the thread. */
void stage_tell(struct stage *stage, const char *word);
/* Asks it to end; it answers with STAGE_ENDED. */
void stage_terminate(struct stage *stage);
/* Asks it to end and waits until it has, dropping notices. Fine when it never started. */
void stage_stop(struct stage *stage);

/* For the thread. */
void stage_ready(struct stage_io *io);
void stage_notice(struct stage_io *io, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void stage_warning(struct stage_io *io, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void stage_event(struct stage_io *io, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *stage_socket(struct stage_io *io); /* readable when there is a word from outside */
void *stage_zmq(struct stage_io *io);
/* Takes the next word from outside; false when there is none. Does not wait. */
bool stage_word(struct stage_io *io, char text[STAGE_TEXT_MAX]);
/* True when a word was to end. It and the others are kept for stage_word(): ask that on a tick, too. */
bool stage_must_end(struct stage_io *io);
#define STAGE_END_WORD "$TERM"

#endif
