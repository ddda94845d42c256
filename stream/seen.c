#include "stream/seen.h"
#include "base/bytes.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

void seen_init(struct seen *seen)
{
    *seen = (struct seen){ 0 };
    hash_index_init(&seen->by_name, 64);
}

static bool matched(const struct seen *seen, const char *pattern)
{
    for (uint32_t i = 0; i < seen->count; i++)
        if (text_matches(pattern, seen->names[i]))
            return true;
    return false;
}

void seen_add(struct seen *seen, const char *name)
{
    uint64_t hash = hash_bytes(name, strlen(name));
    uint32_t at;
    for (uint32_t s = hash_index_first(&seen->by_name, hash, &at); s != HASH_NONE;
         s = hash_index_next(&seen->by_name, hash, &at))
        if (strcmp(seen->names[s], name) == 0)
            return;
    if (seen->count == SEEN_MAX) {
        seen->full = true;
        return;
    }
    GROW(seen->names, seen->count, seen->capacity);
    hash_index_insert(&seen->by_name, hash, seen->count);
    seen->names[seen->count++] = xstrdup(name);
}

void seen_done(struct seen *seen)
{
    for (uint32_t i = 0; i < seen->count; i++)
        free(seen->names[i]);
    free(seen->names);
    hash_index_done(&seen->by_name);
    *seen = (struct seen){ 0 };
}

void seen_report(const struct seen *seen, const struct analysis_instance *instances, uint32_t count, struct stream *stream)
{
    if (seen->full || seen->count == 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        struct needs *needs = xcalloc(1, sizeof(*needs));
        instances[i].analysis->needs(instances[i].config, needs);
        for (uint32_t e = 0; e < needs->event_count; e++) {
            const char *pattern = needs->events[e].s;
            if (matched(seen, pattern))
                continue;
            const char *near = text_nearest(pattern, (const char *const *)seen->names, seen->count);
            stream_notice(stream, "%s: there is no event '%s' in the trace%s%s%s", instances[i].analysis->name, pattern,
                          near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
        }
        free(needs);
    }
}
