/* backlog.h - messages that wait: numbered one after the other, taken from the
 * front, and readable from any place, since what was sent may have to be sent
 * again. One run of memory that grows as needed and is then reused. */
#ifndef FT_BASE_BACKLOG_H
#define FT_BASE_BACKLOG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backlog {
    uint8_t *data;
    size_t head, tail, capacity; /* of data: what is kept is between head and tail */
    uint64_t popped;             /* bytes that have left since the beginning */
    uint64_t base;               /* number of the first message that is kept */
    uint64_t count;
};

/* A place between two messages. */
struct backlog_cursor {
    uint64_t number;   /* of the next message */
    uint64_t position; /* in bytes, since the beginning */
};

/* first: the number of the first message, usually 1. */
void backlog_init(struct backlog *b, uint64_t first);
void backlog_done(struct backlog *b);
void backlog_append(struct backlog *b, const void *data, size_t size);
/* The first message; NULL when there is none. */
const void *backlog_front(const struct backlog *b, size_t *ret_size);
void backlog_pop(struct backlog *b);
/* Bytes that are kept, with 4 for each message. */
size_t backlog_size(const struct backlog *b);
/* Number of the message that will be appended next. */
uint64_t backlog_next(const struct backlog *b);

/* Before message `number`, or the nearest there is. */
struct backlog_cursor backlog_seek(const struct backlog *b, uint64_t number);
/* The message behind the cursor, which moves past it; NULL at the end. A cursor
 * whose message has been popped goes on with the first that is kept. */
const void *backlog_read(const struct backlog *b, struct backlog_cursor *at, size_t *ret_size);

#endif
