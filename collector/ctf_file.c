#include "collector/ctf_file.h"
#include "base/bytes.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- from packet to packet ---- */

static int place(const struct ctf_items *items, int r, struct error *err)
{
    const struct ctf_file_stream *s = (const struct ctf_file_stream *)items;
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
    struct ctf_stream probe = { .trace = s->items.stream.trace };
    struct error err;
    for (; file < s->file; file++, offset = 0) {
        const struct ctf_map *f = s->files[file].map;
        while (offset < f->size && limit-- > 0 && ctf_stream_packet(&probe, f->data + offset, f->size - offset, &err) == 0) {
            offset += probe.packet.packet_bits / 8;
            if (!is_same(&probe.packet, &s->items.stream.packet))
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
    const struct ctf_packet *p = &s->items.stream.packet, *before = &s->items.before;
    if (s->file == 0 || !s->items.has_before || !p->has_sequence || !before->has_sequence || p->sequence > before->sequence || !p->has_begin ||
        !before->has_begin || p->begin > before->begin)
        return false;
    if (find_same(s, s->known_file, s->known_offset, 1))
        return true;
    return s->searched++ <= s->file && find_same(s, 0, 0, UINT64_MAX);
}

static int enter(struct ctf_items *items, struct error *err)
{
    struct ctf_file_stream *s = (struct ctf_file_stream *)items;
    for (;;) {
        while (s->file < s->file_count && s->offset >= s->files[s->file].map->size) {
            s->file++;
            s->offset = 0;
            s->searched = 0;
        }
        if (s->file == s->file_count)
            return 0;
        const struct ctf_map *f = s->files[s->file].map;
        int r = ctf_stream_packet(&items->stream, f->data + s->offset, f->size - s->offset, err);
        if (r == 0 && !ctf_map_holds(f, s->offset + items->stream.packet.packet_bits / 8))
            r = error_set(err, -ENODATA, "the file has become shorter since it was opened");
        if (r < 0)
            return place(items, r, err);
        if (!is_known(s))
            return 1;
        s->offset += items->stream.packet.packet_bits / 8;
    }
}

static int leave(struct ctf_items *items, struct error *err)
{
    struct ctf_file_stream *s = (struct ctf_file_stream *)items;
    if (s->files[s->file].map->cut)
        return place(items, error_set(err, -ENODATA, "what was read of the packet is not certain"), err);
    s->offset += items->stream.packet.packet_bits / 8;
    return 0;
}

struct ctf_file_stream *ctf_file_stream_new(struct ctf_trace *trace)
{
    static const struct ctf_items_owner owner = { .enter = enter, .leave = leave, .place = place };
    struct ctf_file_stream *s = xcalloc(1, sizeof(*s));
    s->items.stream.trace = trace;
    s->items.owner = &owner;
    return s;
}

void ctf_file_stream_free(struct ctf_file_stream *s)
{
    for (uint32_t i = 0; i < s->file_count; i++)
        ctf_file_close(&s->files[i]);
    free(s->files);
    free(s);
}
