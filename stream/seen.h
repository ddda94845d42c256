/* seen.h - the names of the event classes a stream has seen, to say at its end which
 * of those an analysis waits for are not among them: a mistyped name is no error elsewhere. */
#ifndef FT_STREAM_SEEN_H
#define FT_STREAM_SEEN_H
#include "base/hash.h"
#include "stream/stream.h"

enum { SEEN_MAX = 16384 };

struct seen {
    char **names;
    uint32_t count, capacity;
    struct hash_index by_name;
    bool full; /* there were more: nothing can be said */
};

void seen_init(struct seen *seen);
void seen_done(struct seen *seen);
void seen_add(struct seen *seen, const char *name);
/* Tells, in the stream's name, of every pattern without a match. */
void seen_report(const struct seen *seen, const struct analysis_instance *instances, uint32_t count, struct stream *stream);

#endif
