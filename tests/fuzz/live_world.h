/* live_world.h - what the relay of live_relay.h has: traces, streams and packets, as a script says, whose clock is theirs. */
#ifndef FT_TESTS_LIVE_WORLD_H
#define FT_TESTS_LIVE_WORLD_H
#include "base/bytes.h"
#include <endian.h>
#include <stdbool.h>
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
    " integer { size = 64; align = 8; } stream_instance_id; }; };\nenv { hostname = \"h\"; domain = \"s%u\"; };"
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
    int n = snprintf(text, sizeof(text), made_metadata, r->trace_count++, session);
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

#endif
