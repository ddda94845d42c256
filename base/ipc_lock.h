/* ipc_lock.h - one server for an ipc:// endpoint: libzmq takes over a path that
 * somebody else is serving, and both believe to be heard. */
#ifndef FT_BASE_IPC_LOCK_H
#define FT_BASE_IPC_LOCK_H
#include "base/error.h"

/* *ret_fd: holds the lock until it is closed; -1 when the endpoint is no ipc. -EADDRINUSE: another
 * process serves there. */
int ipc_lock(const char *endpoint, int *ret_fd, struct error *err);

#endif
