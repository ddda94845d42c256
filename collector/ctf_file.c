#include "collector/ctf_file.h"
#include "base/bytes.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int64_t ctf_packet_ns(const struct ctf_stream *s, uint64_t cycles)
{
    return ctf_kind_ns(s->trace, s->kind, cycles);
}

static int map_file(struct ctf_file *f, const char *path, struct error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int r = error_set(err, -errno, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return r;
    }
    f->size = (size_t)st.st_size;
    void *map = f->size > 0 ? mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    int r = map == MAP_FAILED ? error_set(err, -errno, "%s: %s", path, strerror(errno)) : 0;
    close(fd);
    if (r == 0 && map)
        madvise(map, f->size, MADV_SEQUENTIAL);
    f->map = r == 0 ? map : NULL;
    return r;
}

int ctf_file_open(struct ctf_file *f, struct ctf_trace *trace, const char *path, struct error *err)
{
    struct ctf_stream probe = { .trace = trace };
    *f = (struct ctf_file){ .begin_ns = INT64_MIN };
    int r = map_file(f, path, err);
    if (r < 0)
        return r;
    f->path = xstrdup(path);
    if (f->size == 0)
        return 0;
    r = ctf_stream_packet(&probe, f->map, f->size, err);
    if (r < 0) {
        error_wrap(err, r, "%s: at offset 0", path);
        ctf_file_close(f);
        return r;
    }
    f->first = probe.packet;
    if (probe.packet.has_begin)
        f->begin_ns = ctf_packet_ns(&probe, probe.packet.begin);
    return 0;
}

void ctf_file_close(struct ctf_file *f)
{
    if (f->map)
        munmap((void *)(uintptr_t)f->map, f->size);
    free(f->path);
    *f = (struct ctf_file){ 0 };
}

void ctf_file_stream_done(struct ctf_file_stream *s)
{
    for (uint32_t i = 0; i < s->file_count; i++)
        ctf_file_close(&s->files[i]);
    free(s->files);
}

/* ---- from packet to packet ---- */

int ctf_file_stream_place(const struct ctf_file_stream *s, int r, struct error *err)
{
    return error_wrap(err, r, "%s: at offset %zu", s->files[s->file].path, s->offset);
}

/* A packet that was read: snapshots taken soon after another have packets in common. */
static bool is_known(const struct ctf_file_stream *s)
{
    const struct ctf_packet *p = &s->stream.packet, *before = &s->before;
    return s->has_before && p->has_sequence && before->has_sequence && p->sequence <= before->sequence && p->has_begin && before->has_begin &&
           p->begin <= before->begin;
}

/* The next packet, if there is one: 1. */
static int enter_packet(struct ctf_file_stream *s, struct error *err)
{
    for (;;) {
        while (s->file < s->file_count && s->offset >= s->files[s->file].size) {
            s->file++;
            s->offset = 0;
        }
        if (s->file == s->file_count)
            return 0;
        const struct ctf_file *f = &s->files[s->file];
        int r = ctf_stream_packet(&s->stream, f->map + s->offset, f->size - s->offset, err);
        if (r < 0)
            return ctf_file_stream_place(s, r, err);
        if (!is_known(s))
            return 1;
        s->offset += s->stream.packet.packet_bits / 8;
    }
}

static void leave_packet(struct ctf_file_stream *s)
{
    s->has_before = true;
    s->before = s->stream.packet;
    s->before_end_ns = s->before.has_end ? ctf_packet_ns(&s->stream, s->before.end) : INT64_MIN;
    s->offset += s->stream.packet.packet_bits / 8;
}

static bool packets_lost(struct ctf_file_stream *s)
{
    const struct ctf_packet *p = &s->stream.packet;
    if (!s->has_before || !p->has_sequence || !s->before.has_sequence || p->sequence <= s->before.sequence + 1)
        return false;
    s->loss = (struct loss){ .kind = LOSS_PACKETS, .source = s->stream.trace->source, .count = p->sequence - s->before.sequence - 1 };
    s->loss.begin_ns = s->before_end_ns;
    s->loss.end_ns = p->has_begin ? ctf_packet_ns(&s->stream, p->begin) : s->before_end_ns;
    return true;
}

/* The tracer's count goes on from the packet before; before the first one it is not known from when. */
static bool events_lost(struct ctf_file_stream *s)
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

static int next_packet(struct ctf_file_stream *s, struct error *err)
{
    int r = enter_packet(s, err);
    if (r <= 0) {
        s->item = CTF_ITEM_NONE;
        return r;
    }
    s->item = CTF_ITEM_LOST_PACKETS;
    if (packets_lost(s)) {
        s->time_ns = s->loss.begin_ns;
        return 0;
    }
    return ctf_file_stream_advance(s, err);
}

int ctf_file_stream_advance(struct ctf_file_stream *s, struct error *err)
{
    const struct ctf_packet *p = &s->stream.packet;
    int r;
    switch (s->item) {
    case CTF_ITEM_PACKET_END:
        leave_packet(s);
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
        r = ctf_stream_next(&s->stream, err);
        if (r < 0)
            return ctf_file_stream_place(s, r, err);
        if (r == 1) {
            s->item = CTF_ITEM_EVENT;
            s->time_ns = s->stream.time_ns;
        } else {
            s->item = CTF_ITEM_PACKET_END;
            s->time_ns = p->has_end ? ctf_packet_ns(&s->stream, p->end) : INT64_MIN;
        }
        return 0;
    }
    return 0;
}
