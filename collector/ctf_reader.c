#include "collector/ctf_reader.h"
#include "base/bytes.h"
#include "collector/ctf_delivery.h"
#include "collector/ctf_file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_ITEMS = 65536, PATH_SIZE = 4096 };

struct ctf_reader {
    struct ctf_reader_setup setup;
    struct ctf_trace **traces;
    uint32_t trace_count, trace_capacity;
    struct ctf_file_stream **streams;     /* all; of items at one instant the first one's comes first */
    uint32_t stream_count, stream_capacity;
    struct ctf_merge merge;
    struct ctf_class_ids ids;
    struct ctf_delivery delivery;
};

/* ---- opening ---- */

static int read_metadata(struct ctf_trace *trace, const char *dir, struct error *err)
{
    char path[PATH_SIZE];
    struct bytes b = { 0 };
    snprintf(path, sizeof(path), "%s/metadata", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    ssize_t n;
    while ((n = read(fd, bytes_reserve(&b, 1 << 16), 1 << 16)) > 0)
        b.size += (size_t)n;
    int r = n < 0 ? error_set(err, -errno, "%s: %s", path, strerror(errno)) : 0;
    close(fd);
    if (r == 0 && (r = ctf_trace_metadata(trace, b.data, b.size, err)) < 0)
        error_wrap(err, r, "%s", dir);
    bytes_done(&b);
    return r;
}

/* Files of one stream: those with its class and instance; files that do not say an instance are streams of their own. */
static struct ctf_file_stream *find_stream(struct ctf_reader *r, struct ctf_trace *trace, const struct ctf_packet *first)
{
    for (uint32_t i = 0; i < r->stream_count && first->has_instance; i++) {
        struct ctf_file_stream *s = r->streams[i];
        const struct ctf_packet *p = &s->files[0].first;
        if (s->items.stream.trace == trace && p->has_instance && p->instance == first->instance && p->stream_class == first->stream_class)
            return s;
    }
    GROW(r->streams, r->stream_count, r->stream_capacity);
    return r->streams[r->stream_count++] = ctf_file_stream_new(trace);
}

static int add_file(struct ctf_reader *r, struct ctf_trace *trace, const char *path, struct error *err)
{
    struct ctf_file file;
    int result = ctf_file_open(&file, trace, path, err);
    if (result < 0)
        return result;
    if (file.map->size == 0) {
        ctf_file_close(&file);
        return 0;
    }
    struct ctf_file_stream *s = find_stream(r, trace, &file.first);
    GROW(s->files, s->file_count, s->file_capacity);
    s->files[s->file_count++] = file;
    return 0;
}

static int is_stream_file(const struct dirent *e)
{
    return e->d_name[0] != '.' && strcmp(e->d_name, "metadata") != 0;
}

static int add_files(struct ctf_reader *r, struct ctf_trace *trace, const char *dir, struct error *err)
{
    struct dirent **entries;
    char path[PATH_SIZE];
    struct stat st;
    int result = 0, n = scandir(dir, &entries, is_stream_file, alphasort);
    if (n < 0)
        return error_set(err, -errno, "%s: %s", dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        if (result == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            result = add_file(r, trace, path, err);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static int by_begin(const void *a, const void *b)
{
    const struct ctf_file *x = a, *y = b;
    if (x->begin_ns != y->begin_ns)
        return x->begin_ns < y->begin_ns ? -1 : 1;
    return strcmp(x->map->path, y->map->path);
}

/* Of items at one instant the order is as with babeltrace2: by the traces' uuids, stream classes and instances. */
static int by_identity(const void *a, const void *b)
{
    const struct ctf_file_stream *x = *(struct ctf_file_stream *const *)a, *y = *(struct ctf_file_stream *const *)b;
    int order = memcmp(x->items.stream.trace->metadata->uuid, y->items.stream.trace->metadata->uuid, sizeof(x->items.stream.trace->metadata->uuid));
    const struct ctf_packet *p = &x->files[0].first, *q = &y->files[0].first;
    if (order == 0)
        order = (p->stream_class > q->stream_class) - (p->stream_class < q->stream_class);
    if (order == 0)
        order = (p->instance > q->instance) - (p->instance < q->instance);
    return order ? order : strcmp(x->files[0].map->path, y->files[0].map->path);
}

/* Directories of one trace, as a rotated session leaves them, have one uuid; the largest metadata knows all of it. */
static uint32_t choose_trace(const struct ctf_reader *r, uint32_t own)
{
    const struct ctf_metadata *m = r->traces[own]->metadata;
    uint32_t best = own;
    for (uint32_t i = 0; i < r->trace_count && m->has_uuid; i++) {
        const struct ctf_metadata *other = r->traces[i]->metadata;
        bool same = other->has_uuid && memcmp(other->uuid, m->uuid, sizeof(m->uuid)) == 0;
        if (same && (other->event_count > r->traces[best]->metadata->event_count ||
                     (other->event_count == r->traces[best]->metadata->event_count && i < best)))
            best = i;
    }
    return best;
}

static bool mixed(const struct ctf_trace *a, const struct ctf_trace *b)
{
    bool parts = a->metadata->has_uuid && b->metadata->has_uuid && memcmp(a->metadata->uuid, b->metadata->uuid, sizeof(a->metadata->uuid)) == 0;
    return !parts && strcmp(a->domain, "kernel") == 0 && strcmp(b->domain, "kernel") == 0 && strcmp(a->source.host, b->source.host) == 0 &&
           strcmp(a->source.session, b->source.session) == 0;
}

bool ctf_reader_mixes(const struct ctf_reader *r, struct trace_source *ret_source)
{
    for (uint32_t i = 1; i < r->trace_count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (mixed(r->traces[i], r->traces[j])) {
                *ret_source = r->traces[i]->source;
                return true;
            }
    return false;
}

static int open_traces(struct ctf_reader *r, struct error *err)
{
    const struct ctf_reader_setup *setup = &r->setup;
    int result = 0;
    for (size_t i = 0; i < setup->count && result == 0; i++) {
        GROW(r->traces, r->trace_count, r->trace_capacity);
        r->traces[r->trace_count++] = ctf_trace_new(setup->consumer, &r->ids);
        result = read_metadata(r->traces[i], setup->paths[i], err);
    }
    for (uint32_t i = 1; i < r->trace_count && result == 0; i++)
        for (uint32_t j = 0; j < i && !ctf_trace_share_clocks(r->traces[i], r->traces[j]); j++)
            ;
    for (uint32_t i = 0; i < r->trace_count && result == 0; i++) {
        struct ctf_trace *trace = r->traces[choose_trace(r, i)];
        if (trace == r->traces[i])
            result = ctf_trace_announce_all(trace, err);
        if (result == 0)
            result = add_files(r, trace, setup->paths[i], err);
        if (result < 0 && !strstr(err->text, setup->paths[i]))
            error_wrap(err, result, "%s", setup->paths[i]);
    }
    return result;
}

static struct ctf_turn turn_of(const struct ctf_file_stream *s, uint64_t number)
{
    return s->items.item == CTF_ITEM_NONE ? ctf_turn_none(number) : (struct ctf_turn){ s->items.time_ns, number };
}

static int begin(struct ctf_reader *r, struct error *err)
{
    if (r->stream_count > CTF_MERGE_STREAMS_MAX)
        return error_set(err, -E2BIG, "%u streams: up to %d are possible", r->stream_count, CTF_MERGE_STREAMS_MAX);
    struct ctf_turn *turns = xcalloc(r->stream_count, sizeof(*turns));
    int result = 0;
    if (r->stream_count > 0)
        qsort(r->streams, r->stream_count, sizeof(r->streams[0]), by_identity);
    for (uint32_t i = 0; i < r->stream_count && result == 0; i++) {
        struct ctf_file_stream *s = r->streams[i];
        qsort(s->files, s->file_count, sizeof(s->files[0]), by_begin);
        result = ctf_items_advance(&s->items, err);
        turns[i] = turn_of(s, i);
    }
    if (result == 0)
        ctf_merge_init(&r->merge, turns, r->stream_count);
    free(turns);
    return result;
}

int ctf_reader_open(const struct ctf_reader_setup *setup, struct ctf_reader **ret_reader, struct error *err)
{
    struct ctf_reader *r = xcalloc(1, sizeof(*r));
    int result;
    r->setup = *setup;
    ctf_delivery_init(&r->delivery, setup->consumer);
    r->delivery.raw = setup->raw;
    r->delivery.raw_self = setup->self;
    result = open_traces(r, err);
    if (result == 0)
        result = begin(r, err);
    if (result < 0) {
        ctf_reader_free(r);
        return result;
    }
    *ret_reader = r;
    return 0;
}

void ctf_reader_free(struct ctf_reader *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->stream_count; i++)
        ctf_file_stream_free(r->streams[i]);
    for (uint32_t i = 0; i < r->trace_count; i++)
        ctf_trace_free(r->traces[i]);
    free(r->streams);
    free(r->traces);
    ctf_merge_done(&r->merge);
    ctf_delivery_done(&r->delivery);
    ctf_class_ids_done(&r->ids);
    free(r);
}

int ctf_reader_step(struct ctf_reader *r, struct error *err)
{
    uint32_t budget = STEP_ITEMS;
    uint64_t before = UINT64_MAX;
    struct ctf_turn first;
    while (!ctf_turn_is_none(first = ctf_merge_first(&r->merge))) {
        struct ctf_file_stream *s = r->streams[first.stream];
        if (budget == 0)
            return 1;
        int result = ctf_delivery_run(&r->delivery, &s->items, ctf_delivery_bound(&r->merge, first, first.stream == before), &budget, err);
        if (result < 0)
            return result;
        ctf_merge_play(&r->merge, turn_of(s, first.stream));
        before = first.stream;
    }
    ctf_delivery_end(&r->delivery);
    return 0;
}

double ctf_reader_progress(const struct ctf_reader *r)
{
    double read = 0, all = 0;
    for (uint32_t i = 0; i < r->stream_count; i++) {
        const struct ctf_file_stream *s = r->streams[i];
        for (uint32_t f = 0; f < s->file_count; f++) {
            all += (double)s->files[f].map->size;
            read += f < s->file ? (double)s->files[f].map->size : f == s->file ? (double)s->offset : 0;
        }
    }
    return all > 0 ? read / all : -1;
}

uint64_t ctf_reader_untimed(const struct ctf_reader *r)
{
    return r->delivery.untimed;
}
