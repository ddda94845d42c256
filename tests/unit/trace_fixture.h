/* trace_fixture.h - a small trace as LTTng-UST writes them, in a directory of the test's own. */
#ifndef FT_TESTS_TRACE_FIXTURE_H
#define FT_TESTS_TRACE_FIXTURE_H
#include "testing.h"
#include <endian.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRACE_HEADER = 32 + 52, TRACE_EVENTS_MAX = 200000 };

static const char trace_metadata[] =
    "/* CTF 1.8 */ trace { major = 1; minor = 8; byte_order = le; packet.header := struct {"
    " integer { size = 32; align = 8; } magic; integer { size = 8; align = 8; } uuid[16]; integer { size = 32; align = 8; } stream_id;"
    " integer { size = 64; align = 8; } stream_instance_id; }; };"
    "clock { name = c; freq = 1000000000; }; typealias integer { size = 32; align = 8; map = clock.c.value; } := t32;"
    "typealias integer { size = 64; align = 8; map = clock.c.value; } := t64; typealias integer { size = 64; align = 8; } := u64;"
    "struct context { t64 timestamp_begin; t64 timestamp_end; u64 content_size; u64 packet_size; u64 packet_seq_num; u64 events_discarded;"
    " integer { size = 32; align = 8; } cpu_id; };"
    "struct header { enum : integer { size = 16; align = 8; } { compact = 0 ... 65534, extended = 65535 } id; variant <id> {"
    " struct { t32 timestamp; } compact; struct { integer { size = 32; align = 8; } id; t64 timestamp; } extended; } v; } align(8);"
    "stream { id = 0; packet.context := struct context; event.header := struct header; };"
    "event { name = run; id = 0; stream_id = 0; fields := struct { u64 number; }; };"
    "event { name = steps; id = 1; stream_id = 0; fields := struct { string s; integer { size = 8; align = 8; } n; u64 q[n]; u64 number; }; };";

struct trace_fixture {
    char dir[64];
    FILE *file;
    uint8_t packet[64 * 1024];
    size_t used;
    uint64_t stream, sequence, begin, end;
};

static inline void trace_put(struct trace_fixture *t, uint64_t value, size_t size)
{
    value = htole64(value);
    memcpy(t->packet + t->used, &value, size);
    t->used += size;
}

static inline FILE *trace_file(const struct trace_fixture *t, const char *name, uint64_t number)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s%.0d", t->dir, name, (int)number);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    return file;
}

static inline void trace_begin(struct trace_fixture *t)
{
    *t = (struct trace_fixture){ .dir = "/tmp/foretrace-test-XXXXXX" };
    assert_non_null(mkdtemp(t->dir));
    FILE *file = trace_file(t, "metadata", 0);
    assert_int_equal(fwrite(trace_metadata, sizeof(trace_metadata) - 1, 1, file), 1);
    fclose(file);
}

static inline void trace_begin_stream(struct trace_fixture *t, uint64_t number)
{
    t->stream = number;
    t->sequence = 0;
    t->used = TRACE_HEADER;
    t->file = trace_file(t, "stream_", number + 1);
}

static inline void trace_end_packet(struct trace_fixture *t)
{
    uint64_t content = t->used;
    t->used = 0;
    trace_put(t, 0xC1FC1FC1, 4);
    memset(t->packet + 4, 0, 20);
    t->used = 24;
    const uint64_t fields[] = { t->stream, t->begin, t->end, content * 8, sizeof(t->packet) * 8, t->sequence++, 0 };
    for (size_t i = 0; i < COUNT(fields); i++)
        trace_put(t, fields[i], 8);
    trace_put(t, t->stream, 4);
    memset(t->packet + content, 0, sizeof(t->packet) - content);
    assert_int_equal(fwrite(t->packet, sizeof(t->packet), 1, t->file), 1);
    t->used = TRACE_HEADER;
}

/* Every third event has fields that are no simple run. */
static inline void trace_event(struct trace_fixture *t, uint64_t time_ns, uint64_t number)
{
    if (t->used + 128 > sizeof(t->packet))
        trace_end_packet(t);
    if (t->used == TRACE_HEADER)
        t->begin = time_ns;
    t->end = time_ns;
    trace_put(t, number % 3 == 0, 2);
    trace_put(t, time_ns, 4);
    if (number % 3 == 0) {
        trace_put(t, 0x0061626364, 5);
        trace_put(t, number % 4, 1);
        for (uint64_t i = 0; i < number % 4; i++)
            trace_put(t, i, 8);
    }
    trace_put(t, number, 8);
}

static inline void trace_end_stream(struct trace_fixture *t)
{
    trace_end_packet(t);
    assert_int_equal(fclose(t->file), 0);
}

static inline void trace_remove(const struct trace_fixture *t)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", t->dir);
    assert_int_equal(system(command), 0);
}

#endif
