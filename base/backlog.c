#include "base/backlog.h"
#include "base/bytes.h"
#include <stdlib.h>
#include <string.h>

void backlog_init(struct backlog *b, uint64_t first)
{
    *b = (struct backlog){ .base = first };
}

void backlog_done(struct backlog *b)
{
    free(b->data);
    *b = (struct backlog){ 0 };
}

/* What is kept moves to the front once as much has left as is still there, so that
 * every byte is moved at most once for each that leaves. */
static void make_room(struct backlog *b, size_t more)
{
    size_t kept = b->tail - b->head;
    if (b->capacity - b->tail >= more)
        return;
    if (b->head >= kept && b->head > 0) {
        memmove(b->data, b->data + b->head, kept);
        b->head = 0;
        b->tail = kept;
    }
    if (b->capacity - b->tail >= more)
        return;
    size_t wanted = b->capacity ? b->capacity : 1024;
    while (wanted - b->tail < more)
        wanted *= 2;
    b->data = xrealloc(b->data, wanted, 1);
    b->capacity = wanted;
}

void backlog_append(struct backlog *b, const void *data, size_t size)
{
    uint32_t size32 = (uint32_t)size;
    make_room(b, sizeof(size32) + size);
    memcpy(b->data + b->tail, &size32, sizeof(size32));
    memcpy(b->data + b->tail + sizeof(size32), data, size);
    b->tail += sizeof(size32) + size;
    b->count++;
}

static const void *message_at(const struct backlog *b, size_t at, size_t *ret_size)
{
    uint32_t size32;
    memcpy(&size32, b->data + at, sizeof(size32));
    *ret_size = size32;
    return b->data + at + sizeof(size32);
}

const void *backlog_front(const struct backlog *b, size_t *ret_size)
{
    return b->count > 0 ? message_at(b, b->head, ret_size) : NULL;
}

void backlog_pop(struct backlog *b)
{
    size_t size;
    message_at(b, b->head, &size);
    b->head += sizeof(uint32_t) + size;
    b->popped += sizeof(uint32_t) + size;
    b->base++;
    if (--b->count == 0)
        b->head = b->tail = 0;
}

size_t backlog_size(const struct backlog *b)
{
    return b->tail - b->head;
}

uint64_t backlog_next(const struct backlog *b)
{
    return b->base + b->count;
}

struct backlog_cursor backlog_seek(const struct backlog *b, uint64_t number)
{
    struct backlog_cursor at = { .number = b->base, .position = b->popped };
    size_t size;
    while (at.number < number && backlog_read(b, &at, &size))
        ;
    return at;
}

const void *backlog_read(const struct backlog *b, struct backlog_cursor *at, size_t *ret_size)
{
    if (at->number < b->base)
        *at = (struct backlog_cursor){ .number = b->base, .position = b->popped };
    if (at->number >= backlog_next(b))
        return NULL;
    const void *message = message_at(b, b->head + (size_t)(at->position - b->popped), ret_size);
    at->number++;
    at->position += sizeof(uint32_t) + *ret_size;
    return message;
}
