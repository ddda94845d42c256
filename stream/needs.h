/* needs.h - what must be traced: the union over the enabled analyses of event
 * patterns, exclusions and contexts. It is what session control enables. */
#ifndef FT_STREAM_NEEDS_H
#define FT_STREAM_NEEDS_H
#include "base/option.h"
#include <stdbool.h>

enum { NEEDS_MAX = 256 };

/* An event is a name or a wildcard; "a|b": whichever there is; "a|b|": or none. */
struct needs {
    uint32_t event_count, exclusion_count, context_count;
    struct text events[NEEDS_MAX];     /* names or wildcards; "*" is every user-space event */
    struct text exclusions[NEEDS_MAX]; /* from "*" */
    struct text contexts[NEEDS_MAX];   /* vpid, vtid, procname, ... */
    bool overflow;                     /* more than NEEDS_MAX of something */
};

void needs_event(struct needs *n, const char *pattern);
void needs_exclusion(struct needs *n, const char *pattern);
/* A field an analysis reads: when it is the name of an LTTng context, that context is needed. */
void needs_field(struct needs *n, const char *name);
bool needs_is_context(const char *name);

#endif
