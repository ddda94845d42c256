/* live_relay.h - an lttng-relayd in memory, for fuzz_live.c: how it answers a script says. It keeps LTTng's rules unless the
 * script has it lie. */
#ifndef FT_TESTS_LIVE_RELAY_H
#define FT_TESTS_LIVE_RELAY_H
#include "collector/viewer_wire.h"
#include "live_world.h"

struct request {
    enum viewer_command command;
    uint64_t id, offset;
    uint32_t size;
};

/* ---- answers ---- */

static inline void say32(struct relay_in_memory *r, uint32_t value)
{
    value = htobe32(value);
    bytes_append(&r->said, &value, sizeof(value));
}

static inline void say64(struct relay_in_memory *r, uint64_t value)
{
    value = htobe64(value);
    bytes_append(&r->said, &value, sizeof(value));
}

static inline void say_text(struct relay_in_memory *r, const char *text, size_t size)
{
    size_t length = strlen(text);
    memset(bytes_reserve(&r->said, size), 0, size);
    memcpy(r->said.data + r->said.size, text, length);
    r->said.size += size;
}

static inline void say_sessions(struct relay_in_memory *r)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < SESSIONS; i++)
        count += r->there[i];
    say32(r, count);
    for (unsigned i = 0; i < SESSIONS; i++) {
        if (!r->there[i])
            continue;
        say64(r, i + 1);
        say32(r, 10000);
        say32(r, 0);
        say32(r, 1);
        say_text(r, "h", VIEWER_HOST_SIZE);
        say_text(r, "s", VIEWER_NAME_SIZE);
    }
}

static inline void say_stream(struct relay_in_memory *r, uint64_t id, uint64_t trace, bool metadata, const char *channel)
{
    say64(r, id);
    say64(r, trace);
    say32(r, metadata);
    say_text(r, "/path", 4096);
    say_text(r, channel, VIEWER_NAME_SIZE);
}

/* Those nobody was told of; of metadata, when all is told anew. */
static inline uint32_t say_streams(struct relay_in_memory *r, unsigned session, bool all)
{
    char channel[32];
    uint32_t count = 0;
    for (unsigned i = 0; i < r->trace_count; i++) {
        bool fresh = all;
        for (unsigned k = 0; k < r->stream_count; k++)
            fresh |= r->streams[k].trace == i && !r->streams[k].announced && !r->streams[k].closed;
        if (r->traces[i].session != session || !fresh)
            continue;
        say_stream(r, FIRST_METADATA + i, i, true, "metadata");
        count++;
    }
    for (unsigned k = 0; k < r->stream_count; k++) {
        struct made_stream *s = &r->streams[k];
        if (r->traces[s->trace].session != session || s->closed || s->announced)
            continue;
        snprintf(channel, sizeof(channel), "channel_%u", k);
        say_stream(r, FIRST_STREAM + k, s->trace, false, channel);
        s->announced = true;
        s->heard_ns = r->now_ns;
        count++;
    }
    return count;
}

static inline void answer_streams(struct relay_in_memory *r, uint64_t id, bool attach)
{
    size_t at = r->said.size;
    bool known = id >= 1 && id <= SESSIONS && r->there[id - 1];
    uint32_t count = 0, status;
    say64(r, 0);
    if (known)
        count = say_streams(r, (unsigned)id - 1, attach);
    if (attach)
        status = known ? VIEWER_ATTACH_OK : VIEWER_ATTACH_UNKNOWN;
    else if (!known || (count == 0 && r->ended[id - 1]))
        status = VIEWER_NEW_STREAMS_HUP;
    else
        status = count == 0 && pick(&r->script, 2) ? VIEWER_NEW_STREAMS_NO_NEW : VIEWER_NEW_STREAMS_OK;
    const uint32_t head[] = { htobe32(status), htobe32(count) };
    memcpy(r->said.data + at, head, sizeof(head));
}

static inline uint32_t flags_of(const struct relay_in_memory *r, const struct made_stream *s, bool packet)
{
    const struct made_trace *t = &r->traces[s->trace];
    uint32_t flags = t->sent < t->metadata.size ? VIEWER_FLAG_NEW_METADATA : 0;
    for (unsigned k = 0; k < r->stream_count && (packet || r->by_the_book); k++)
        if (r->traces[r->streams[k].trace].session == t->session && !r->streams[k].announced && !r->streams[k].closed)
            flags |= VIEWER_FLAG_NEW_STREAM;
    return flags;
}

static inline void answer_index(struct relay_in_memory *r, uint64_t id)
{
    struct made_stream *s = &r->streams[(id - FIRST_STREAM) % STREAMS];
    uint64_t numbers[7] = { 0 };
    uint32_t status = VIEWER_INDEX_RETRY;
    if (s->cursor < s->count) {
        const struct made_packet *p = &s->packets[s->cursor++];
        const uint64_t index[7] = { p->offset, p->data.size * 8, p->data.size * 8, p->begin, p->end, 0, 0 };
        memcpy(numbers, index, sizeof(index));
        status = VIEWER_INDEX_OK;
    } else if (s->closed) {
        status = VIEWER_INDEX_HUP;
    } else if (pick(&r->script, 4) != 3) {
        status = VIEWER_INDEX_INACTIVE;
        numbers[4] = s->floor = r->now_ns;
    }
    if (status != VIEWER_INDEX_RETRY)
        s->heard_ns = r->now_ns;
    for (size_t i = 0; i < 7; i++)
        say64(r, numbers[i]);
    say32(r, status);
    say32(r, flags_of(r, s, status == VIEWER_INDEX_OK));
}

static inline void answer_packet(struct relay_in_memory *r, uint64_t id, uint64_t offset, uint32_t size)
{
    const struct made_stream *s = &r->streams[(id - FIRST_STREAM) % STREAMS];
    uint32_t flags = flags_of(r, s, true), k = 0;
    while (k < s->count && (s->packets[k].offset > offset || s->packets[k].offset + s->packets[k].data.size <= offset))
        k++;
    bool had = k < s->count && offset - s->packets[k].offset + size <= s->packets[k].data.size, waits = r->by_the_book && (flags & VIEWER_FLAG_NEW_METADATA);
    if (!had && !r->lied)
        abort(); /* nobody asks for what was not announced */
    say32(r, had && !waits ? VIEWER_PACKET_OK : VIEWER_PACKET_ERROR);
    say32(r, had && !waits ? size : 0);
    say32(r, r->by_the_book || (flags & VIEWER_FLAG_NEW_METADATA) ? flags : 0);
    if (had && !waits)
        bytes_append(&r->said, s->packets[k].data.data + (offset - s->packets[k].offset), size);
}

static inline void answer_metadata(struct relay_in_memory *r, uint64_t id)
{
    struct made_trace *t = &r->traces[(id - FIRST_METADATA) % TRACES];
    size_t left = t->metadata.size - t->sent, piece = pick(&r->script, 256);
    piece = piece == 0 || piece > left ? left : piece;
    say64(r, piece);
    say32(r, piece > 0 ? VIEWER_METADATA_OK : VIEWER_METADATA_NO_NEW);
    if (piece > 0)
        bytes_append(&r->said, t->metadata.data + t->sent, piece);
    t->sent += piece;
}

static inline void answer(struct relay_in_memory *r, const struct request *q)
{
    switch (q->command) {
    case VIEWER_CONNECT:
        say64(r, 1);
        say32(r, 2);
        say32(r, 13);
        say32(r, 1);
        break;
    case VIEWER_LIST_SESSIONS:
        say_sessions(r);
        break;
    case VIEWER_ATTACH_SESSION:
    case VIEWER_GET_NEW_STREAMS:
        answer_streams(r, q->id, q->command == VIEWER_ATTACH_SESSION);
        break;
    case VIEWER_GET_NEXT_INDEX:
        answer_index(r, q->id);
        break;
    case VIEWER_GET_PACKET:
        answer_packet(r, q->id, q->offset, q->size);
        break;
    case VIEWER_GET_METADATA:
        answer_metadata(r, q->id);
        break;
    case VIEWER_CREATE_SESSION:
    case VIEWER_DETACH_SESSION:
        say32(r, 1);
    }
}

/* ---- lies ---- */

static inline void scribble(struct relay_in_memory *r, size_t at, size_t size)
{
    static const uint64_t numbers[] = { 0, 1, 2, 3, 4, 5, 6, 7, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX, 1 << 20 };
    uint64_t value = htobe64(numbers[pick(&r->script, sizeof(numbers) / sizeof(numbers[0]))]);
    if (at + size <= r->said.size)
        memcpy(r->said.data + at, (const uint8_t *)&value + 8 - size, size);
}

static inline void say_crowd(struct relay_in_memory *r, size_t from)
{
    enum { CROWD = 1500 };
    bool one_trace = pick(&r->script, 2);
    r->said.size = from;
    say32(r, VIEWER_ATTACH_OK);
    say32(r, CROWD);
    for (unsigned i = 0; i < CROWD; i++)
        say_stream(r, one_trace ? FIRST_STREAM + i : FIRST_METADATA + i, one_trace ? 0 : i, !one_trace, "crowd");
}

/* Of the answer from there on. */
static inline void lie(struct relay_in_memory *r, const struct request *q, size_t from)
{
    size_t size = r->said.size - from;
    unsigned kind = pick(&r->script, 16);
    if (kind == 0)
        return;
    r->lied = true;
    switch (kind) {
    case 1: /* a number in its head */
    case 2:
        scribble(r, from + 4 * (pick(&r->script, 16) % (viewer_answer_size(q->command) / 4)), 4);
        break;
    case 3:
        scribble(r, from + pick_number(&r->script, 2) % size, 8);
        break;
    case 4:
    case 5: /* any byte of it */
        r->said.data[from + pick_number(&r->script, 2) % size] ^= (uint8_t)(1u << pick(&r->script, 8));
        break;
    case 6: /* one at its end: of a packet, of metadata */
        r->said.data[r->said.size - 1 - pick(&r->script, 256) % size] = (uint8_t)pick(&r->script, 256);
        break;
    case 7: /* more than was asked for */
        for (unsigned n = pick(&r->script, 32); n > 0; n--)
            bytes_append(&r->said, &(uint8_t){ (uint8_t)pick(&r->script, 256) }, 1);
        break;
    case 8:
        r->said.size -= pick(&r->script, 256) % size;
        break;
    case 9:
        bytes_reserve(&r->said, size);
        bytes_append(&r->said, r->said.data + from, size);
        break;
    case 10: /* a number in a packet's header or context */
        if (q->command == VIEWER_GET_PACKET && size > 12 + PACKET_HEAD)
            scribble(r, from + 12 + 8 * pick(&r->script, PACKET_HEAD / 8), 8);
        break;
    case 11:
        if ((q->command == VIEWER_ATTACH_SESSION || q->command == VIEWER_GET_NEW_STREAMS) && pick(&r->script, 256) == 0xC5)
            say_crowd(r, from);
        break;
    case 12:
        r->streams[pick(&r->script, STREAMS)].announced = false;
        break;
    case 13: /* metadata from its beginning once more, or not all of it */
        r->traces[pick(&r->script, TRACES)].sent = 0;
        break;
    default:
        break;
    }
}

/* Packets once more, or not all of them. */
static inline void reorder(struct relay_in_memory *r)
{
    struct made_stream *s = &r->streams[pick(&r->script, STREAMS)];
    if (s->count > 0)
        s->cursor = pick(&r->script, s->count);
    r->reordered = true;
}

/* ---- the wire ---- */

static inline uint64_t asked_number(const struct relay_in_memory *r, size_t at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | r->asked.data[r->asked_at + at + i];
    return value;
}

/* Answers the next question; false: there is none. */
static inline bool relay_serve(struct relay_in_memory *r)
{
    size_t left = r->asked.size - r->asked_at, from = r->said.size;
    if (left < 16 || left < 16 + asked_number(r, 0, 8))
        return false;
    uint64_t size = asked_number(r, 0, 8);
    struct request q = { .command = (enum viewer_command)asked_number(r, 8, 4) };
    if (size >= 8)
        q.id = asked_number(r, 16, 8);
    if (q.command == VIEWER_GET_PACKET) {
        q.offset = asked_number(r, 24, 8);
        q.size = (uint32_t)asked_number(r, 32, 4);
    }
    if (viewer_answer_size(q.command) == 0)
        abort(); /* nobody asks such a thing */
    r->asked_at += 16 + size;
    answer(r, &q);
    if (r->lies && r->script.at < r->script.end)
        lie(r, &q, from);
    r->served += r->said.size - from;
    return true;
}

#endif
