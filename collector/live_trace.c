#include "collector/live_set_private.h"
#include <assert.h>
#include <errno.h>

void live_trace_free(struct live_trace *t)
{
    live_metadata_done(&t->metadata);
    bytes_done(&t->raw);
    ctf_trace_free(t->trace);
    free(t);
}

bool live_set_has_unknown_trace(const struct live_set *set)
{
    for (uint32_t i = 0; i < set->trace_count; i++) {
        const struct live_trace *t = set->traces[i];
        if (t->connected && !t->trace && !t->unreadable)
            return true;
    }
    return false;
}

bool live_trace_is_done(const struct live_trace *t, const struct live_set *set)
{
    return t->had_streams && t->stream_count == 0 && !t->metadata_asked && set->delivery.early_count == 0 && (!t->connected || set->looked >= t->over_look);
}

struct live_trace *live_set_trace(struct live_set *set, uint64_t session, uint64_t id)
{
    for (uint32_t i = 0; i < set->trace_count; i++) {
        struct live_trace *t = set->traces[i];
        if (t->connected && t->session == session && t->id == id)
            return t;
    }
    struct live_trace *t = xcalloc(1, sizeof(*t));
    *t = (struct live_trace){ .session = session, .id = id, .connected = true };
    GROW(set->traces, set->trace_count, set->trace_capacity);
    return set->traces[set->trace_count++] = t;
}

static struct live_trace *find_same_trace(const struct live_set *set, const struct ctf_trace *trace)
{
    const struct ctf_metadata *m = trace->metadata;
    for (uint32_t i = 0; i < set->trace_count && m->has_uuid; i++) {
        struct live_trace *t = set->traces[i];
        if (!t->connected && t->trace && t->trace->metadata->has_uuid && memcmp(t->trace->metadata->uuid, m->uuid, sizeof(m->uuid)) == 0)
            return t;
    }
    return NULL;
}

static void share_clocks(const struct live_set *set, struct ctf_trace *trace)
{
    for (uint32_t i = 0; i < set->trace_count; i++)
        if (set->traces[i]->trace && set->traces[i]->trace != trace && ctf_trace_share_clocks(trace, set->traces[i]->trace))
            return;
}

/* The trace that a connection brings again takes the place of what it was known as before; the text it had is passed over. */
static void go_on_with(struct live_set *set, struct live_trace *t, struct live_trace *before)
{
    t->trace = before->trace;
    t->given = before->given;
    before->trace = NULL;
    for (uint32_t i = 0; i < set->stream_count; i++) {
        if (set->streams[i]->trace == before) {
            set->streams[i]->trace = t;
            t->had_streams = true;
            t->stream_count++;
        }
    }
    for (uint32_t i = 0; i < set->trace_count; i++)
        if (set->traces[i] == before)
            memmove(&set->traces[i], &set->traces[i + 1], (--set->trace_count - i) * sizeof(set->traces[0]));
    live_trace_free(before);
    set->continued = true;
}

/* Streams that came before anything was known of their trace. */
static void bind_streams(struct live_set *set, struct live_trace *t)
{
    for (uint32_t i = set->stream_count; i-- > 0;) {
        struct live_stream *s = set->streams[i];
        if (s->trace == t && !s->bound && !live_stream_bind(s, s->news_ns))
            live_set_remove_stream(set, i);
    }
}

/* What a trace is, by the beginning of its metadata. */
static int begin_trace(struct live_set *set, struct live_trace *t, const char *text, size_t size, struct error *err)
{
    struct ctf_trace *trace = ctf_trace_new(set->setup.consumer, &set->ids);
    int r = ctf_trace_metadata(trace, text, size, err);
    if (r < 0) {
        ctf_trace_free(trace);
        return r;
    }
    struct live_trace *before = find_same_trace(set, trace);
    if (before) {
        ctf_trace_free(trace);
        go_on_with(set, t, before);
        return 0;
    }
    share_clocks(set, trace);
    t->trace = trace;
    t->given = size;
    set->per_process |= trace->per_process;
    return 0;
}

int live_set_metadata(struct live_set *set, struct live_trace *t, const void *data, size_t size, struct error *err)
{
    const char *text;
    bool begun = false;
    t->metadata_wanted = false;
    if (t->unreadable)
        return 0;
    if (size > LIVE_METADATA_MAX - t->raw.size)
        return error_set(err, -E2BIG, "metadata: more than %d bytes of one trace", LIVE_METADATA_MAX);
    bytes_append(&t->raw, data, size);
    if (set->observer)
        set->observer->metadata(set->observer->self, t, data, size);
    int r = live_metadata_add(&t->metadata, data, size, err);
    if (r < 0 || !live_metadata_take(&t->metadata, &text, &size))
        return r;
    uint64_t come = t->come + size;
    if (!t->trace) {
        r = begin_trace(set, t, text, size, err);
        begun = r == 0;
    }
    if (r == 0 && come > t->given) {
        size_t more = (size_t)(come - t->given);
        assert(more <= size);
        r = ctf_trace_metadata(t->trace, text + size - more, more, err);
        t->given = come;
    }
    t->come = come;
    if (r == 0)
        r = ctf_trace_announce_all(t->trace, err);
    if (begun)
        bind_streams(set, t);
    return r;
}

bool live_set_may_lack(const struct live_set *set)
{
    return set->per_process;
}

void live_set_drop_trace(struct live_set *set, struct live_trace *t)
{
    t->unreadable = true;
    for (uint32_t i = 0; i < set->stream_count; i++)
        if (set->streams[i]->trace == t)
            live_stream_hang_up(set->streams[i]);
}
