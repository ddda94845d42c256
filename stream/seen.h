/* seen.h - the names of the event classes a stream has seen, to say at its end which
 * of those an analysis waits for are not among them: a mistyped name is no error elsewhere. */
#ifndef FT_STREAM_SEEN_H
#define FT_STREAM_SEEN_H
#include "base/hash.h"
#include "stream/stream.h"

enum { SEEN_MAX = 16384, SEEN_TEXT_MAX = 1024 };

struct seen {
    char **names;
    uint32_t count, capacity;
    struct hash_index by_name;
    bool full; /* there were more: nothing can be said */
};

void seen_init(struct seen *seen);
void seen_done(struct seen *seen);
void seen_add(struct seen *seen, const char *name);
/* Those of another as well. */
void seen_merge(struct seen *seen, const struct seen *other);
const struct seen *stream_seen(const struct stream *s);
/* For a report: what of each analysis with events of its own is missing. */
void seen_report(const struct seen *seen, const struct analysis_instance *instances, uint32_t count, struct stream *stream);
/* By notices: of every name that somebody typed and that is not among them; of analyses with events of their own at most two, unless
 * there is a report to say it. */
void seen_tell(const struct seen *seen, const struct stream_setup *setup);

#endif
