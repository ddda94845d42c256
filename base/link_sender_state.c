/* link_sender_state.c - what a sender keeps, as bytes that outlive the process. */
#include "base/link_sender.h"

void link_sender_save(const struct link_sender *link, struct bytes *b)
{
    struct backlog_cursor at = backlog_seek(&link->kept, 0);
    const void *message;
    size_t size;
    wire_put_array(b, 3);
    wire_put_uint(b, link->setup.epoch);
    wire_put_uint(b, link->kept.base);
    wire_put_uint(b, link->kept.count);
    while ((message = backlog_read(&link->kept, &at, &size))) {
        wire_put_uint(b, size);
        bytes_append(b, message, size);
    }
}

/* A message that does not bear its number would never be taken, and hold up all behind it. */
static bool is_message(const void *data, size_t size, uint64_t epoch, uint64_t sequence)
{
    struct wire_header header;
    struct wire_reader body;
    return wire_open(&body, data, size, &header) && header.epoch == epoch && header.sequence == sequence && header.type < WIRE_HELLO &&
           header.type != WIRE_HEARTBEAT;
}

bool link_sender_load(struct link_sender *link, struct wire_reader *r)
{
    uint64_t epoch = 0, base = 0, count = 0;
    if (wire_get_array(r, 3) == 3) {
        epoch = wire_get_uint(r);
        base = wire_get_uint(r);
        count = wire_get_uint(r);
    }
    if (!wire_ok(r) || epoch == 0 || base == 0 || base > INT64_MAX)
        return false;
    backlog_done(&link->kept);
    backlog_init(&link->kept, base);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t size = wire_get_uint(r);
        if (!wire_ok(r) || size > WIRE_MESSAGE_MAX || size > (uint64_t)(r->end - r->at) || !is_message(r->at, (size_t)size, epoch, base + i))
            return false;
        backlog_append(&link->kept, r->at, (size_t)size);
        r->at += size;
    }
    link->setup.epoch = epoch;
    link->applied = base - 1;
    link->next = link->applied_at = backlog_seek(&link->kept, base);
    return true;
}

void link_sender_reset(struct link_sender *link, uint64_t epoch)
{
    backlog_done(&link->kept);
    backlog_init(&link->kept, 1);
    link->setup.epoch = epoch;
    link->applied = 0;
    link->next = link->applied_at = backlog_seek(&link->kept, 1);
}

void link_sender_renumber(struct link_sender *link, uint64_t epoch)
{
    struct backlog old = link->kept;
    struct backlog_cursor at = backlog_seek(&old, 0);
    const void *message;
    size_t size;
    backlog_init(&link->kept, 1);
    while ((message = backlog_read(&old, &at, &size))) {
        struct wire_header header;
        struct wire_reader body;
        if (!wire_open(&body, message, size, &header))
            continue;
        bytes_reset(&link->frame);
        wire_put_header(&link->frame, (enum wire_type)header.type, epoch, backlog_next(&link->kept));
        bytes_append(&link->frame, body.at, (size_t)(body.end - body.at));
        backlog_append(&link->kept, link->frame.data, link->frame.size);
    }
    backlog_done(&old);
    link->setup.epoch = epoch;
    link->applied = 0;
    link->next = link->applied_at = backlog_seek(&link->kept, 1);
}
