#include "base/ipc_lock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int ipc_lock(const char *endpoint, int *ret_fd, struct error *err)
{
    static const char scheme[] = "ipc://";
    char path[512];
    *ret_fd = -1;
    if (strncmp(endpoint, scheme, sizeof(scheme) - 1) != 0)
        return 0;
    if (snprintf(path, sizeof(path), "%s.lock", endpoint + sizeof(scheme) - 1) >= (int)sizeof(path))
        return error_set(err, -ENAMETOOLONG, "%s: too long", endpoint);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        return error_set(err, -EADDRINUSE, "%s: another foretrace listens there", endpoint);
    }
    *ret_fd = fd;
    return 0;
}
