/* trace_probe.h - looks at recorded traces in a helper, where libbabeltrace2 may
 * abort without harm. */
#ifndef FT_COLLECTOR_TRACE_PROBE_H
#define FT_COLLECTOR_TRACE_PROBE_H
#include "base/bytes.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_member {
    char *path, *group; /* directories of one group are one trace */
};

struct trace_set {
    struct trace_member *members; /* sorted by group, then path */
    size_t count, capacity;
    int64_t begin_ns, end_ns;     /* of all; begin > end: unknown */
};

/* Fails when a trace is refused, or makes the library abort: err says which and why. */
/* give_up as for helper_ask(). */
int trace_probe(char *const *paths, size_t count, bool (*give_up)(void *self), void *self, struct trace_set *ret_set,
                struct error *err);
void trace_set_done(struct trace_set *set);

#endif
