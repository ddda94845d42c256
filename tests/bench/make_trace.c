/* make_trace.c - writes a CTF trace as LTTng-UST would, of as many streams as one likes: pairs of op_begin and op_end, an
 * event each 100 ns, each in a stream chosen at random, so that a reader changes streams at nearly every event.
 *
 *     make_trace DIR STREAMS EVENTS                                                                                     */
#define _DEFAULT_SOURCE
#include <endian.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PACKET_SIZE = 256 * 1024, PACKET_HEADER = 4 + 16 + 4 + 8, PACKET_CONTEXT = 6 * 8 + 4, EVENT_MAX = 6 + 16, GAP_NS = 100, OPEN = 64 };

static const char metadata[] =
    "/* CTF 1.8 */\n"
    "typealias integer { size = 8; align = 8; signed = false; } := uint8_t;\n"
    "typealias integer { size = 16; align = 8; signed = false; } := uint16_t;\n"
    "typealias integer { size = 32; align = 8; signed = false; } := uint32_t;\n"
    "typealias integer { size = 64; align = 8; signed = false; } := uint64_t;\n"
    "trace { major = 1; minor = 8; uuid = \"11111111-1111-1111-1111-111111111111\"; byte_order = le;\n"
    "  packet.header := struct { uint32_t magic; uint8_t uuid[16]; uint32_t stream_id; uint64_t stream_instance_id; }; };\n"
    "env { domain = \"ust\"; hostname = \"bench\"; trace_name = \"bench\"; };\n"
    "clock { name = monotonic; uuid = \"22222222-2222-2222-2222-222222222222\"; freq = 1000000000; offset = 0; };\n"
    "typealias integer { size = 32; align = 8; signed = false; map = clock.monotonic.value; } := uint32_clock_t;\n"
    "typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; } := uint64_clock_t;\n"
    "struct packet_context { uint64_clock_t timestamp_begin; uint64_clock_t timestamp_end; uint64_t content_size;\n"
    "  uint64_t packet_size; uint64_t packet_seq_num; uint64_t events_discarded; uint32_t cpu_id; };\n"
    "struct event_header_large { enum : uint16_t { compact = 0 ... 65534, extended = 65535 } id;\n"
    "  variant <id> { struct { uint32_clock_t timestamp; } compact; struct { uint32_t id; uint64_clock_t timestamp; } extended; } v;\n"
    "} align(8);\n"
    "stream { id = 0; event.header := struct event_header_large; packet.context := struct packet_context; };\n"
    "event { name = \"emitter:op_begin\"; id = 0; stream_id = 0; fields := struct { uint64_t _id; }; };\n"
    "event { name = \"emitter:op_end\"; id = 1; stream_id = 0; fields := struct { uint64_t _id; uint64_t _sent_ns; }; };\n";

struct stream {
    FILE *file;
    uint32_t number;
    size_t used;              /* 0: no packet is open */
    uint64_t begin, end, sequence;
    unsigned char packet[PACKET_SIZE];
};

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

static size_t put(struct stream *s, size_t at, const void *data, size_t size)
{
    memcpy(s->packet + at, data, size);
    return at + size;
}

static size_t put_u64(struct stream *s, size_t at, uint64_t value)
{
    value = htole64(value);
    return put(s, at, &value, sizeof(value));
}

static size_t put_u32(struct stream *s, size_t at, uint32_t value)
{
    value = htole32(value);
    return put(s, at, &value, sizeof(value));
}

static void end_packet(struct stream *s)
{
    unsigned char uuid[16];
    size_t at = put_u32(s, 0, 0xC1FC1FC1);
    if (s->used == 0)
        return;
    memset(uuid, 0x11, sizeof(uuid));
    at = put(s, at, uuid, sizeof(uuid));
    at = put_u32(s, at, 0);
    at = put_u64(s, at, s->number);
    at = put_u64(s, at, s->begin);
    at = put_u64(s, at, s->end);
    at = put_u64(s, at, s->used * 8);
    at = put_u64(s, at, (uint64_t)PACKET_SIZE * 8);
    at = put_u64(s, at, s->sequence++);
    at = put_u64(s, at, 0);
    put_u32(s, at, s->number);
    memset(s->packet + s->used, 0, PACKET_SIZE - s->used);
    if (fwrite(s->packet, PACKET_SIZE, 1, s->file) != 1)
        die("writing");
    s->used = 0;
}

static void add_event(struct stream *s, uint64_t time, bool ends, uint64_t id)
{
    uint16_t class = htole16(ends);
    if (s->used + EVENT_MAX > PACKET_SIZE)
        end_packet(s);
    if (s->used == 0) {
        s->used = PACKET_HEADER + PACKET_CONTEXT;
        s->begin = time;
    }
    s->end = time;
    s->used = put(s, s->used, &class, sizeof(class));
    s->used = put_u32(s, s->used, (uint32_t)time);
    s->used = put_u64(s, s->used, id);
    if (ends)
        s->used = put_u64(s, s->used, time);
}

static FILE *open_in(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    if (!file)
        die(path);
    return file;
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: make_trace DIR STREAMS EVENTS\n");
        return 2;
    }
    uint32_t count = (uint32_t)strtoul(argv[2], NULL, 10);
    uint64_t events = strtoull(argv[3], NULL, 10), seed = 88172645463325252, open_ids[OPEN] = { 0 };
    struct stream *streams = calloc(count, sizeof(*streams));
    if (!streams || mkdir(argv[1], 0777) < 0)
        die(argv[1]);
    FILE *file = open_in(argv[1], "metadata");
    fwrite(metadata, sizeof(metadata) - 1, 1, file);
    fclose(file);
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "ch_%" PRIu32, i);
        streams[i].number = i;
        streams[i].file = open_in(argv[1], name);
    }
    /* So many operations are open at a time; which of them ends is as random as the stream. */
    for (uint64_t i = 0; i < events; i++) {
        uint64_t r = random_next(&seed), *id = &open_ids[r / count % OPEN];
        add_event(&streams[r % count], 1000000000 + i * GAP_NS, *id != 0, *id ? *id : i + 1);
        *id = *id ? 0 : i + 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        end_packet(&streams[i]);
        if (fclose(streams[i].file) != 0)
            die("writing");
    }
    free(streams);
    return 0;
}
