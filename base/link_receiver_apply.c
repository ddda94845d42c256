#include "base/link_receiver_private.h"
#include "base/clock.h"
#include "base/text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_HEAD = 11 };

/* ---- records ---- */

int link_receiver_record(struct link_receiver *link, enum record_kind kind, uint32_t sender, uint8_t what, int64_t time_ns,
                        const void *data, size_t size)
{
    uint8_t head[RECORD_HEAD] = { (uint8_t)kind, (uint8_t)sender, what };
    if (!link->journal)
        return 0;
    memcpy(head + 3, &time_ns, sizeof(time_ns));
    bytes_reset(&link->record);
    bytes_append(&link->record, head, sizeof(head));
    bytes_append(&link->record, data, size);
    return journal_append(link->journal, link->record.data, link->record.size);
}

static int tell_presence(struct link_receiver *link, uint32_t sender, enum link_presence what, int64_t time_ns)
{
    const struct link_consumer *c = link->setup.consumer;
    return c->presence ? c->presence(link->setup.self, sender, what, time_ns) : 0;
}

int link_receiver_record_presence(struct link_receiver *link, uint32_t sender, enum link_presence what)
{
    int64_t time_ns = clock_wall_ns();
    int r = link_receiver_record(link, RECORD_PRESENCE, sender, (uint8_t)what, time_ns, NULL, 0);
    return r < 0 ? r : tell_presence(link, sender, what, time_ns);
}

void link_receiver_name_peer(struct link_receiver *link, uint32_t sender, const char *name)
{
    struct peer *p;
    if (sender == link->count) {
        p = link->peers[link->count++] = xcalloc(1, sizeof(*p));
    } else {
        p = link->peers[sender];
        backlog_done(&p->lane);
        *p = (struct peer){ .lives = p->lives + 1 }; /* marks of the former one are not for this */
    }
    text_copy(p->name, sizeof(p->name), name);
}

/* ---- applying ---- */

static int apply_resync(struct link_receiver *link, uint32_t sender, const struct wire_header *header, struct wire_reader body)
{
    struct peer *p = link->peers[sender];
    struct link_resync resync;
    if (!link_resync_get(&body, &resync))
        return -EBADMSG;
    if (!resync.opening) {
        p->applied = p->durable = resync.base - 1;
        p->applied_synced = true;
        return tell_presence(link, sender, LINK_RECALLED, 0);
    }
    bool anew = header->epoch != p->applied_epoch || resync.anew;
    p->applied_epoch = header->epoch;
    p->applied_synced = false;
    p->ended = false;
    p->lives += anew;
    if (anew)
        p->applied = p->durable = 0;
    return tell_presence(link, sender, anew ? LINK_BEGAN : LINK_RECALL, 0);
}

/* A message whose turn it is; it is in the journal already. */
static int apply(struct link_receiver *link, uint32_t sender, const void *data, size_t size)
{
    const struct link_consumer *c = link->setup.consumer;
    struct peer *p = link->peers[sender];
    struct wire_header header;
    struct wire_reader body;
    int r = -EBADMSG;
    if (!wire_open(&body, data, size, &header))
        r = -EBADMSG;
    else if (header.type == WIRE_RESYNC)
        r = apply_resync(link, sender, &header, body);
    else
        r = c->apply(link->setup.self, sender, &header, body);
    p->missed = false;
    if (header.sequence > 0)
        p->applied = header.sequence;
    if (r >= 0 && header.type == WIRE_END) {
        p->ended = true;
        p->awaited &= p->epoch != p->applied_epoch; /* another life of it may have come meanwhile */
        r = tell_presence(link, sender, LINK_ENDED, 0);
    }
    if (r == -EBADMSG) {
        link->totals.refused++;
        r = 0;
    }
    return r < 0 ? r : 0;
}

bool link_receiver_replay(struct link_receiver *link, const void *record, size_t size)
{
    const uint8_t *at = record;
    int64_t time_ns;
    char name[LINK_NAME_MAX];
    if (size < RECORD_HEAD)
        return false;
    uint32_t sender = at[1];
    memcpy(&time_ns, at + 3, sizeof(time_ns));
    at += RECORD_HEAD;
    size -= RECORD_HEAD;
    switch (((const uint8_t *)record)[0]) {
    case RECORD_SENDER:
        if (sender > link->count || size >= LINK_NAME_MAX)
            return false;
        memcpy(name, at, size);
        name[size] = '\0';
        if (!link_name_valid(name))
            return false;
        link_receiver_name_peer(link, sender, name);
        link->peers[sender]->awaited = true;
        return true;
    case RECORD_MESSAGE:
        if (sender >= link->count || apply(link, sender, at, size) < 0)
            return false;
        break;
    case RECORD_PRESENCE:
        if (sender >= link->count || tell_presence(link, sender, (enum link_presence)((const uint8_t *)record)[2], time_ns) < 0)
            return false;
        link->peers[sender]->silent = ((const uint8_t *)record)[2] == LINK_SILENT;
        link->peers[sender]->missed |= link->peers[sender]->silent;
        break;
    default:
        return false;
    }
    struct peer *p = link->peers[sender];
    p->epoch = p->applied_epoch;
    p->received = p->applied;
    p->synced = p->applied_synced;
    p->awaited = !p->ended;
    return true;
}

/* One that was killed and is back at once: what happened meanwhile it did not see. */
static bool begins_after_break(const struct peer *p, const void *data, size_t size)
{
    struct wire_header header;
    struct wire_reader body;
    return wire_open(&body, data, size, &header) && header.type == WIRE_RESYNC && header.epoch != p->applied_epoch &&
           p->applied_epoch != 0 && !p->ended && !p->missed;
}

/* Before anything of the message is seen outside, it is written down. */
static int take_front(struct link_receiver *link, uint32_t sender)
{
    struct peer *p = link->peers[sender];
    size_t size;
    const void *front = backlog_front(&p->lane, &size);
    int r = begins_after_break(p, front, size) ? link_receiver_record_presence(link, sender, LINK_BROKE_OFF) : 0;
    if (r == 0)
        r = link_receiver_record(link, RECORD_MESSAGE, sender, 0, 0, front, size);
    if (r == 0)
        r = apply(link, sender, front, size);
    if (r == 0) {
        backlog_pop(&p->lane);
        p->ack_due = true;
    }
    return r;
}

/* ---- whose turn it is ---- */

static bool counts(const struct peer *p)
{
    return !p->ended && !p->silent && !p->left_out;
}

static int64_t front_end(const struct link_receiver *link, const struct peer *p)
{
    struct wire_header header;
    struct wire_reader body;
    size_t size;
    const void *front = backlog_front(&p->lane, &size);
    if (!front || !link->setup.consumer->window_end || !wire_open(&body, front, size, &header))
        return INT64_MIN;
    return link->setup.consumer->window_end(&header, body);
}

/* A window that ends at end_ns may be applied: no other sender has an earlier one, or can still have. */
static bool is_next(const struct link_receiver *link, uint32_t sender, int64_t end_ns)
{
    for (uint32_t i = 0; i < link->count; i++) {
        const struct peer *other = link->peers[i];
        if (i == sender || (!counts(other) && other->lane.count == 0))
            continue;
        if (other->lane.count == 0) {
            if (other->has_watermark ? other->watermark_ns < end_ns : other->awaited)
                return false;
            continue;
        }
        int64_t theirs_ns = front_end(link, other);
        if (theirs_ns < end_ns || (theirs_ns == end_ns && strcmp(other->name, link->peers[sender]->name) < 0))
            return false;
    }
    return true;
}

int link_receiver_drain(struct link_receiver *link)
{
    const struct link_consumer *c = link->setup.consumer;
    if (link->count < link->setup.expected)
        return 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t i = 0; i < link->count; i++) {
            struct peer *p = link->peers[i];
            while (p->lane.count > 0) {
                int64_t end_ns = front_end(link, p);
                if ((c->ready && !c->ready(link->setup.self)) || (end_ns != INT64_MIN && link->count > 1 && !is_next(link, i, end_ns)))
                    break;
                int r = take_front(link, i);
                if (r < 0)
                    return r;
                moved = true;
            }
        }
    }
    return 0;
}
