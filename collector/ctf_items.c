#include "collector/ctf_items.h"
#include <errno.h>

int64_t ctf_packet_ns(const struct ctf_stream *s, uint64_t cycles)
{
    return ctf_kind_ns(s->trace, s->kind, cycles);
}

static void remember(struct ctf_items *s)
{
    s->has_before = true;
    s->before_unknown = false;
    s->before = s->stream.packet;
    s->before_end_ns = s->before.has_end ? ctf_packet_ns(&s->stream, s->before.end) : INT64_MIN;
}

static bool packets_lost(struct ctf_items *s)
{
    const struct ctf_packet *p = &s->stream.packet;
    if (!s->has_before || !p->has_sequence || !s->before.has_sequence || p->sequence <= s->before.sequence + 1)
        return false;
    s->loss = (struct loss){ .kind = LOSS_PACKETS, .source = s->stream.trace->source, .count = p->sequence - s->before.sequence - 1 };
    s->loss.at_least = s->before_unknown;
    s->loss.begin_ns = s->before_end_ns;
    s->loss.end_ns = p->has_begin ? ctf_packet_ns(&s->stream, p->begin) : s->before_end_ns;
    return true;
}

/* The tracer's count goes on from the packet before; before the first one it is not known from when. */
static bool events_lost(struct ctf_items *s)
{
    const struct ctf_packet *p = &s->stream.packet;
    if (!p->has_discarded || p->discarded <= s->discarded)
        return false;
    s->loss = (struct loss){ .kind = LOSS_EVENTS, .source = s->stream.trace->source, .count = p->discarded - s->discarded };
    s->discarded = p->discarded;
    s->loss.begin_ns = s->has_before ? s->before_end_ns : p->has_begin ? ctf_packet_ns(&s->stream, p->begin) : INT64_MIN;
    s->loss.end_ns = p->has_end ? ctf_packet_ns(&s->stream, p->end) : s->loss.begin_ns;
    if (!s->has_before) {
        s->loss.at_least = true;
        s->loss.count = 1;
    }
    return true;
}

static int next_packet(struct ctf_items *s, struct error *err)
{
    int r = s->owner->enter(s, err);
    if (r <= 0) {
        s->item = CTF_ITEM_NONE;
        return r;
    }
    s->item = CTF_ITEM_LOST_PACKETS;
    if (packets_lost(s)) {
        s->time_ns = s->loss.begin_ns;
        return 0;
    }
    return ctf_items_advance(s, err);
}

static int next_event(struct ctf_items *s, struct error *err)
{
    const struct ctf_packet *p = &s->stream.packet;
    int r = ctf_stream_next(&s->stream, err);
    if (r < 0) {
        s->item = CTF_ITEM_PACKET_BEGIN; /* what was before has been delivered: the next is to be found still */
        return s->owner->place(s, r, err);
    }
    s->item = r == 1 ? CTF_ITEM_EVENT : CTF_ITEM_PACKET_END;
    s->time_ns = r == 1 ? s->stream.time_ns : p->has_end ? ctf_packet_ns(&s->stream, p->end) : INT64_MIN;
    return 0;
}

int ctf_items_advance(struct ctf_items *s, struct error *err)
{
    const struct ctf_packet *p = &s->stream.packet;
    int r;
    switch (s->item) {
    case CTF_ITEM_PACKET_END:
        r = s->owner->leave(s, err);
        if (r < 0)
            return r;
        remember(s);
        return next_packet(s, err);
    case CTF_ITEM_NONE:
        return next_packet(s, err);
    case CTF_ITEM_LOST_PACKETS:
        s->item = CTF_ITEM_LOST_EVENTS;
        if (events_lost(s)) {
            s->time_ns = s->loss.begin_ns;
            return 0;
        }
        /* fall through */
    case CTF_ITEM_LOST_EVENTS:
        s->item = CTF_ITEM_PACKET_BEGIN;
        s->time_ns = p->has_begin ? ctf_packet_ns(&s->stream, p->begin) : INT64_MIN;
        return 0;
    case CTF_ITEM_PACKET_BEGIN:
    case CTF_ITEM_EVENT:
        return next_event(s, err);
    }
    return 0;
}

void ctf_items_abandon(struct ctf_items *s)
{
    if (s->item != CTF_ITEM_NONE)
        remember(s);
    else
        s->before.sequence++; /* it had a number as well */
    s->item = CTF_ITEM_NONE;
}
