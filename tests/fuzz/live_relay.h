/* live_relay.h - an lttng-relayd in memory, for fuzz_live.c: what it has and when, and how it answers, a script says. It keeps
 * LTTng's rules unless the script has it lie. Its clock is the events' and the client's. */
#ifndef FT_TESTS_LIVE_RELAY_H
#define FT_TESTS_LIVE_RELAY_H
#include "base/bytes.h"
#include "collector/viewer_wire.h"
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the script: what it does not say any more is 0 ---- */

struct script {
    const uint8_t *at, *end;
};

static inline unsigned pick(struct script *s, unsigned count)
{
    return s->at < s->end ? *s->at++ % count : 0;
}

static inline uint64_t pick_number(struct script *s, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | pick(s, 256);
    return value;
}

/* ---- what the relay has ---- */

enum { SESSIONS = 2, TRACES = 6, STREAMS = 16, PACKETS = 12, CLASSES = 5, PACKET_HEAD = 84 };

struct made_packet {
    struct bytes data;
    uint64_t begin, end, offset;
};

struct made_stream {
    unsigned trace;
    uint64_t floor;            /* nothing earlier will come */
    uint64_t size, numbers;    /* bytes; events */
    struct made_packet packets[PACKETS];
    unsigned count;
    bool closed;
    bool lost;                 /* closed before a connection had read it: it is not there any more */
    /* Of the connection: */
    bool announced;
    unsigned cursor;
    uint64_t heard_ns;         /* when something was said of it */
};

struct made_trace {
    unsigned session, classes, whole_classes; /* whole: all of the declaration is there */
    struct bytes metadata;
    bool packed;
    size_t sent;               /* of the connection */
};

struct request {
    enum viewer_command command;
    uint64_t id, offset;
    uint32_t size;
};

struct relay_in_memory {
    struct script script;
    bool lies;                 /* may lie */
    bool by_the_book;          /* flags with every index and packet, no packet while metadata is missing */
    bool lied, reordered;      /* did: data are not what they should be; or their order */
    uint64_t now_ns, served;   /* served: bytes */
    bool there[SESSIONS], ended[SESSIONS];
    struct made_trace traces[TRACES];
    struct made_stream streams[STREAMS];
    unsigned trace_count, stream_count;
    /* The connection: */
    struct bytes asked;        /* by the client, not answered */
    size_t asked_at;
    struct bytes said;
    size_t said_at, may_read;  /* taken by the client; so much of it has arrived */
    bool hung_up;
};

/* Numbers at the relay: of sessions from 1, of streams from 100, of their traces' metadata from 200. */
enum { FIRST_STREAM = 100, FIRST_METADATA = 200 };

static const char made_metadata[] =
    "/* CTF 1.8 */ trace { major = 1; minor = 8; uuid = \"2a6422d0-6cee-11e0-8c08-cb07d7b3a5%02u\"; byte_order = le; packet.header := struct {"
    " integer { size = 32; align = 8; } magic; integer { size = 8; align = 8; } uuid[16]; integer { size = 32; align = 8; } stream_id;"
    " integer { size = 64; align = 8; } stream_instance_id; }; };\nenv { hostname = \"h\"; domain = \"ust\"; };"
    "clock { name = c; freq = 1000000000; }; typealias integer { size = 32; align = 8; map = clock.c.value; } := t32;"
    "typealias integer { size = 64; align = 8; map = clock.c.value; } := t64; typealias integer { size = 64; align = 8; } := u64;"
    "struct context { t64 timestamp_begin; t64 timestamp_end; u64 content_size; u64 packet_size; u64 packet_seq_num; u64 events_discarded;"
    " integer { size = 32; align = 8; } cpu_id; };"
    "struct header { enum : integer { size = 16; align = 8; } { compact = 0 ... 65534, extended = 65535 } id; variant <id> {"
    " struct { t32 timestamp; } compact; struct { integer { size = 32; align = 8; } id; t64 timestamp; } extended; } v; } align(8);"
    "stream { id = 0; packet.context := struct context; event.header := struct header; };";

static inline void relay_metadata(struct made_trace *t, const char *text, size_t size)
{
    uint8_t head[37] = { 0x57, 0x1D, 0xD1, 0x75, 7, [35] = 1, [36] = 8 };
    uint32_t bits = htole32((uint32_t)(sizeof(head) + size) * 8);
    memcpy(head + 24, &bits, 4);
    memcpy(head + 28, &bits, 4);
    if (t->packed)
        bytes_append(&t->metadata, head, sizeof(head));
    bytes_append(&t->metadata, text, size);
}

/* One more class of events: its number is in its name and in its id. */
static inline void relay_add_class(struct made_trace *t)
{
    char text[160];
    if (t->classes == CLASSES)
        return;
    int n = snprintf(text, sizeof(text), "event { name = \"e;%u}\"; id = %u; stream_id = 0; fields := struct { %su64 number; }; };\n", t->classes, t->classes,
                     t->classes % 2 ? "string s; " : "");
    relay_metadata(t, text, (size_t)n);
    t->classes++;
}

static inline void relay_add_trace(struct relay_in_memory *r, unsigned session)
{
    char text[sizeof(made_metadata) + 16];
    if (r->trace_count == TRACES || r->ended[session])
        return;
    struct made_trace *t = &r->traces[r->trace_count];
    *t = (struct made_trace){ .session = session, .packed = pick(&r->script, 4) != 3 };
    int n = snprintf(text, sizeof(text), made_metadata, r->trace_count++);
    relay_metadata(t, text, (size_t)n);
    relay_add_class(t);
}

/* A trace whose streams have all ended is that of a program that has: there will be no more. */
static inline bool is_over(const struct relay_in_memory *r, unsigned trace)
{
    bool some = false;
    for (unsigned i = 0; i < r->stream_count; i++) {
        if (r->streams[i].trace == trace && !r->streams[i].closed)
            return false;
        some |= r->streams[i].trace == trace;
    }
    return some || r->ended[r->traces[trace].session];
}

static inline void relay_add_stream(struct relay_in_memory *r, unsigned trace)
{
    if (r->stream_count < STREAMS && r->trace_count > 0 && !is_over(r, trace % r->trace_count))
        r->streams[r->stream_count++] = (struct made_stream){ .trace = trace % r->trace_count, .floor = r->now_ns };
}

static inline void put_le(struct bytes *b, uint64_t value, size_t size)
{
    value = htole64(value);
    bytes_append(b, &value, size);
}

static inline void put_event(struct relay_in_memory *r, struct made_stream *s, struct bytes *b, uint64_t time_ns, uint64_t last_ns)
{
    unsigned class = pick(&r->script, r->traces[s->trace].classes);
    if (time_ns - last_ns < 1000000000) {
        put_le(b, class, 2);
        put_le(b, time_ns, 4);
    } else {
        put_le(b, 65535, 2);
        put_le(b, class, 4);
        put_le(b, time_ns, 8);
    }
    if (class % 2)
        bytes_append(b, "text", 5);
    put_le(b, (uint64_t)(s - r->streams) << 32 | s->numbers++, 8);
}

/* A packet with what has happened in a stream until now. */
static inline void relay_add_packet(struct relay_in_memory *r, unsigned stream)
{
    if (r->stream_count == 0)
        return;
    struct made_stream *s = &r->streams[stream % r->stream_count];
    if (s->closed || s->count == PACKETS)
        return;
    struct made_packet *p = &s->packets[s->count];
    r->now_ns += 1000; /* no two of one time */
    unsigned events = pick(&r->script, 5);
    uint64_t step = (r->now_ns - s->floor) / (events + 1), last = s->floor;
    *p = (struct made_packet){ .begin = s->floor, .end = r->now_ns, .offset = s->size };
    memset(bytes_reserve(&p->data, PACKET_HEAD), 0, PACKET_HEAD);
    p->data.size = PACKET_HEAD;
    for (unsigned i = 1; i <= events; i++, last += step)
        put_event(r, s, &p->data, s->floor + i * step, last);
    uint64_t content = p->data.size, padding = pick(&r->script, 64);
    memset(bytes_reserve(&p->data, padding), 0, padding);
    p->data.size += padding;
    struct bytes head = { 0 };
    put_le(&head, 0xC1FC1FC1, 4);
    bytes_append(&head, (const uint8_t[20]){ 0 }, 20); /* uuid, stream class */
    const uint64_t fields[] = { (uint64_t)(s - r->streams), p->begin, p->end, content * 8, p->data.size * 8, s->count, 0, 0 };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        put_le(&head, fields[i], i == 7 ? 4 : 8);
    memcpy(p->data.data, head.data, PACKET_HEAD);
    bytes_done(&head);
    s->size += p->data.size;
    s->floor = r->now_ns;
    s->count++;
}

static inline void relay_done(struct relay_in_memory *r)
{
    for (unsigned i = 0; i < STREAMS; i++)
        for (unsigned k = 0; k < PACKETS; k++)
            bytes_done(&r->streams[i].packets[k].data);
    for (unsigned i = 0; i < TRACES; i++)
        bytes_done(&r->traces[i].metadata);
    bytes_done(&r->asked);
    bytes_done(&r->said);
}

/* Another connection: all is told anew, but for streams that have ended. */
static inline void relay_connect(struct relay_in_memory *r)
{
    r->asked_at = r->said_at = r->may_read = 0;
    bytes_reset(&r->asked);
    bytes_reset(&r->said);
    r->hung_up = false;
    for (unsigned i = 0; i < r->stream_count; i++) {
        r->streams[i].announced = false;
        r->streams[i].cursor = 0;
        r->streams[i].lost |= r->streams[i].closed;
    }
    for (unsigned i = 0; i < r->trace_count; i++)
        r->traces[i].sent = 0;
    for (unsigned i = 0; i < SESSIONS; i++)
        r->there[i] &= !r->ended[i];
}

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
