/* batch.h - how a reader child hands what it reads to its parent: frames over a
 * pipe, events in batches. Both ends are the same program, so numbers are in the
 * machine's own form; sizes are checked all the same, a child may die in
 * mid-frame or run wild. */
#ifndef FT_COLLECTOR_BATCH_H
#define FT_COLLECTOR_BATCH_H
#include "base/bytes.h"
#include "collector/event.h"

enum frame_type {
    FRAME_CLASS = 1,  /* child: an event class; the parent answers FRAME_SELECT */
    FRAME_SELECT = 2, /* parent: which of its fields to extract */
    FRAME_EVENTS = 3,
    FRAME_SKIPPED = 4,
    FRAME_WATERMARK = 5,
    FRAME_LOSS = 6,
    FRAME_STATUS = 7, /* a status and a sentence */
    FRAME_TICK = 8    /* alive */
};

enum { BATCH_FLUSH_SIZE = 64 << 10, FRAME_MAX = 4 << 20 };

/* What a reader child says of itself. */
enum reader_status {
    READER_WAITING = 1, /* the session is not there (yet) */
    READER_BUSY,        /* it has another viewer */
    READER_ATTACHED,
    READER_ENDED,       /* the session ended and everything was read */
    READER_FAILED,      /* it cannot go on */
    READER_REFUSED      /* it does not understand what there is; no child says so */
};

/* ---- the child ---- */

struct batch_writer {
    int fd, reply_fd;
    struct bytes out;
    size_t events_at;          /* start of the open FRAME_EVENTS, or SIZE_MAX */
    uint64_t skipped;          /* not yet written */
    uint16_t *values;          /* by class: how many its events have */
    uint32_t class_count, class_capacity;
    bool broken;               /* the parent is gone */
};

void batch_writer_init(struct batch_writer *w, int fd, int reply_fd);
void batch_writer_done(struct batch_writer *w);
/* An event consumer that writes; selections are asked of the parent. */
struct event_consumer batch_writer_consumer(struct batch_writer *w);
void batch_status(struct batch_writer *w, enum reader_status status, const char *text);
void batch_tick(struct batch_writer *w);
/* Writes out what is there; waits while the pipe is full: that is the back-pressure. */
void batch_flush(struct batch_writer *w);

/* ---- the parent ---- */

struct batch_reader {
    int fd, reply_fd;
    struct bytes in;
    uint16_t *values;
    uint32_t class_count, class_capacity;
    struct value scratch[EVENT_VALUES_MAX];
};

struct batch_events {
    struct event_consumer consumer;
    void *self;
    void (*status)(void *self, enum reader_status status, const char *text);
    /* Before each watermark, loss and batch of events: the time it begins at. */
    void (*time)(void *self, int64_t time_ns, bool events);
};

void batch_reader_init(struct batch_reader *r, int fd, int reply_fd);
void batch_reader_done(struct batch_reader *r);
/* Reads once from the pipe (waiting if need be) and handles every whole frame.
 * 1: go on; 0: the child closed it; -EBADMSG: nonsense; or what read() failed with. */
int batch_read(struct batch_reader *r, const struct batch_events *events);

#endif
