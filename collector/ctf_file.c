#include "collector/ctf_file.h"
#include "base/bytes.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int64_t ctf_packet_ns(const struct ctf_stream *s, uint64_t cycles)
{
    return ctf_kind_ns(s->trace, s->kind, cycles);
}

int ctf_file_open(struct ctf_file *f, struct ctf_trace *trace, const char *path, struct error *err)
{
    struct ctf_stream probe = { .trace = trace };
    *f = (struct ctf_file){ .map = xcalloc(1, sizeof(*f->map)), .begin_ns = INT64_MIN };
    int r = ctf_map_open(f->map, path, err);
    if (r == 0 && f->map->size > 0 && (r = ctf_stream_packet(&probe, f->map->data, f->map->size, err)) < 0)
        error_wrap(err, r, "%s: at offset 0", path);
    if (r < 0) {
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
    ctf_map_close(f->map);
    free(f->map);
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
    const struct ctf_map *f = s->files[s->file].map;
    if (f->cut)
        r = error_wrap(err, -ENODATA, "the file has become shorter while it was read");
    return error_wrap(err, r, "%s: at offset %zu", f->path, s->offset);
}

static bool is_same(const struct ctf_packet *p, const struct ctf_packet *q)
{
    return p->sequence == q->sequence && p->begin == q->begin && p->end == q->end && p->content_bits == q->content_bits &&
           p->packet_bits == q->packet_bits && p->discarded == q->discarded;
}

/* From that place on in the files before this one, `limit` packets at most. */
static bool find_same(struct ctf_file_stream *s, uint32_t file, size_t offset, uint64_t limit)
{
    struct ctf_stream probe = { .trace = s->stream.trace };
    struct error err;
    for (; file < s->file; file++, offset = 0) {
        const struct ctf_map *f = s->files[file].map;
        while (offset < f->size && limit-- > 0 && ctf_stream_packet(&probe, f->data + offset, f->size - offset, &err) == 0) {
            offset += probe.packet.packet_bits / 8;
            if (!is_same(&probe.packet, &s->stream.packet))
                continue;
            s->known_file = file;
            s->known_offset = offset;
            return true;
        }
    }
    return false;
}

/* A packet that an earlier file has as well: snapshots taken soon after another have packets in common, in the same order. So it is
 * the one behind the last that was found, or all is searched, as often as there are files where another one may go on. */
static bool is_known(struct ctf_file_stream *s)
{
    const struct ctf_packet *p = &s->stream.packet, *before = &s->before;
    if (s->file == 0 || !s->has_before || !p->has_sequence || !before->has_sequence || p->sequence > before->sequence || !p->has_begin ||
        !before->has_begin || p->begin > before->begin)
        return false;
    if (find_same(s, s->known_file, s->known_offset, 1))
        return true;
    return s->searched++ <= s->file && find_same(s, 0, 0, UINT64_MAX);
}

/* The next packet, if there is one: 1. */
static int enter_packet(struct ctf_file_stream *s, struct error *err)
{
    for (;;) {
        while (s->file < s->file_count && s->offset >= s->files[s->file].map->size) {
            s->file++;
            s->offset = 0;
            s->searched = 0;
        }
        if (s->file == s->file_count)
            return 0;
        const struct ctf_map *f = s->files[s->file].map;
        int r = ctf_stream_packet(&s->stream, f->data + s->offset, f->size - s->offset, err);
        if (r == 0 && !ctf_map_holds(f, s->offset + s->stream.packet.packet_bits / 8))
            r = error_set(err, -ENODATA, "the file has become shorter since it was opened");
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
        if (s->files[s->file].map->cut)
            return ctf_file_stream_place(s, error_set(err, -ENODATA, "what was read of the packet is not certain"), err);
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
