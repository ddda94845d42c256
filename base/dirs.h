/* dirs.h - where foretrace keeps what it needs while it runs, and what outlives it. */
#ifndef FT_BASE_DIRS_H
#define FT_BASE_DIRS_H
#include "base/error.h"
#include <stddef.h>

/* The runtime directory, made 0700 if it is missing: $RUNTIME_DIRECTORY (of a systemd unit), else $XDG_RUNTIME_DIR/foretrace
 * (not /run/user/UID of a login of root), else /run/foretrace (root), else /tmp/foretrace-UID. -EPERM when it is there but belongs to
 * somebody else (root may use it) or is open to others. */
int dirs_runtime(char *buffer, size_t capacity, struct error *err);

/* The state directory, made 0700 if it is missing: `configured`, or when that is NULL or empty
 * $STATE_DIRECTORY (of a systemd unit), else
 * /var/lib/foretrace (root), else $XDG_STATE_HOME/foretrace, else ~/.local/state/foretrace. -EPERM as above. */
int dirs_state(const char *configured, char *buffer, size_t capacity, struct error *err);

/* Removes a directory and all below it; does not follow links or leave the file system. */
void dirs_remove(const char *path);

#endif
