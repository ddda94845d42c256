/* repeat_packets.c - writes what a recorded LTTng trace has N times in a row, as one longer trace: a bench needs more events
 * than a recording may have that is kept. Packets get later times and numbers, and so do the events that have all of the time.
 *
 *     repeat_packets TRACE_DIR OUT_DIR N                                                                                */
#define _DEFAULT_SOURCE
#include "base/bytes.h"
#include "collector/ctf_file.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Of LTTng's packets: header of 32 bytes, then 8 bytes each. */
enum { BEGIN_AT = 32, END_AT = 40, SEQUENCE_AT = 64, DISCARDED_AT = 72 };

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "repeat_packets: %s: %s\n", what, why);
    exit(1);
}

static void add(uint8_t *packet, size_t at, uint64_t more)
{
    uint64_t value;
    memcpy(&value, packet + at, sizeof(value));
    value = htole64(le64toh(value) + more);
    memcpy(packet + at, &value, sizeof(value));
}

static void shift_packet(struct ctf_stream *s, const uint8_t *from, uint8_t *to, uint64_t time, uint64_t packets, uint64_t discarded)
{
    struct value values[EVENT_VALUES_MAX];
    struct error err = { .text = "" };
    int r;
    while ((r = ctf_stream_next(s, &err)) == 1 && (r = ctf_stream_take(s, values, &err)) == 0) {
        size_t at = (size_t)(s->event_at + 7) / 8;
        if (s->kind->header == CTF_HEADER_COMPACT && (from[at] & 31) == 31)
            add(to, at + 5, time);
        else if (s->kind->header == CTF_HEADER_LARGE && from[at] == 255 && from[at + 1] == 255)
            add(to, at + 6, time);
    }
    if (r < 0)
        die("a packet", err.text);
    add(to, BEGIN_AT, time);
    add(to, END_AT, time);
    add(to, SEQUENCE_AT, packets);
    add(to, DISCARDED_AT, discarded);
}

/* All packets of a file once more, so much later. */
static void write_copy(FILE *out, struct ctf_trace *trace, const struct ctf_file *f, uint64_t time, uint64_t copy)
{
    struct ctf_stream s = { .trace = trace };
    struct error err;
    uint8_t *packet = xcalloc(1, f->map->size);
    static uint64_t packets, discarded; /* of the copy before */
    if (copy == 0)
        packets = discarded = 0;
    uint64_t count = 0, last = 0;
    for (size_t at = 0; at < f->map->size; count++) {
        if (ctf_stream_packet(&s, f->map->data + at, f->map->size - at, &err) < 0)
            die(f->map->path, err.text);
        size_t size = s.packet.packet_bits / 8;
        memcpy(packet, f->map->data + at, size);
        last = s.packet.discarded;
        shift_packet(&s, f->map->data + at, packet, time, copy * packets, copy * discarded);
        if (fwrite(packet, size, 1, out) != 1)
            die("writing", "it failed");
        at += size;
    }
    packets = count;
    discarded = last;
    free(packet);
}

static void repeat(struct ctf_trace *trace, const char *from, const char *to, uint64_t step, uint64_t copies)
{
    struct ctf_file f;
    struct error err;
    if (ctf_file_open(&f, trace, from, &err) < 0)
        die(from, err.text);
    FILE *out = fopen(to, "wb");
    if (!out)
        die(to, "cannot be written");
    for (uint64_t i = 0; i < copies && f.map->size > 0; i++)
        write_copy(out, trace, &f, i * step, i);
    if (fclose(out) != 0)
        die(to, "cannot be written");
    ctf_file_close(&f);
}

static struct bytes read_file(const char *path)
{
    struct bytes b = { 0 };
    FILE *in = fopen(path, "rb");
    size_t n;
    if (!in)
        die(path, "cannot be read");
    while ((n = fread(bytes_reserve(&b, 1 << 16), 1, 1 << 16, in)) > 0)
        b.size += n;
    fclose(in);
    return b;
}

static void select_nothing(void *self, const struct event_class *class, struct event_selection *ret_selection)
{
    (void)self;
    (void)class;
    ret_selection->skip = true;
}

int main(int argc, char **argv)
{
    const struct event_consumer consumer = { .select = select_nothing };
    const uint64_t step = UINT64_C(200) << 32; /* ns, about 860 s: what most events have of the time, 27 or 32 bits, stays as it is */
    char from[4096], to[4096];
    struct error err;
    static struct ctf_class_ids ids;
    if (argc != 4) {
        fprintf(stderr, "usage: repeat_packets TRACE_DIR OUT_DIR N\n");
        return 2;
    }
    struct ctf_trace *trace = ctf_trace_new(&consumer, &ids);
    snprintf(from, sizeof(from), "%s/metadata", argv[1]);
    struct bytes metadata = read_file(from);
    if (ctf_trace_metadata(trace, metadata.data, metadata.size, &err) < 0)
        die(from, err.text);
    DIR *dir = opendir(argv[1]);
    if (mkdir(argv[2], 0777) < 0 || !dir)
        die(argv[2], "cannot be made");
    for (struct dirent *e; (e = readdir(dir));) {
        struct stat st;
        snprintf(from, sizeof(from), "%s/%s", argv[1], e->d_name);
        snprintf(to, sizeof(to), "%s/%s", argv[2], e->d_name);
        if (stat(from, &st) == 0 && S_ISREG(st.st_mode) && strcmp(e->d_name, "metadata") != 0)
            repeat(trace, from, to, step, strtoull(argv[3], NULL, 10));
    }
    closedir(dir);
    snprintf(to, sizeof(to), "%s/metadata", argv[2]);
    FILE *out = fopen(to, "wb");
    if (!out || fwrite(metadata.data, metadata.size, 1, out) != 1 || fclose(out) != 0)
        die(to, "cannot be written");
    bytes_done(&metadata);
    ctf_trace_free(trace);
    return 0;
}
