/* trace_dir.h - finds CTF traces below a path: a directory with a `metadata`
 * file is one. */
#ifndef FT_COLLECTOR_TRACE_DIR_H
#define FT_COLLECTOR_TRACE_DIR_H
#include "base/error.h"
#include <stddef.h>

enum { TRACE_DIRS_MAX = 4096, TRACE_DEPTH_MAX = 16 };

struct trace_dirs {
    char **paths; /* sorted */
    size_t count, capacity;
};

/* Appends every trace at or below path. -ENOENT and the like when the path
 * cannot be read, -ENODATA when there is no trace, -E2BIG beyond the limits. */
int trace_dirs_find(struct trace_dirs *dirs, const char *path, struct error *err);
void trace_dirs_done(struct trace_dirs *dirs);

#endif
