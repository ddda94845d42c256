/* dirs.h - where foretrace keeps what it needs while it runs. */
#ifndef FT_BASE_DIRS_H
#define FT_BASE_DIRS_H
#include "base/error.h"
#include <stddef.h>

/* The runtime directory, made 0700 if it is missing: $XDG_RUNTIME_DIR/foretrace,
 * else /run/foretrace (root), else /tmp/foretrace-UID. -EPERM when it is there
 * but belongs to somebody else or is open to others. */
int dirs_runtime(char *buffer, size_t capacity, struct error *err);

/* Removes a directory and all below it; does not follow links or leave the file system. */
void dirs_remove(const char *path);

#endif
