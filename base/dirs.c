#include "base/dirs.h"
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int dirs_runtime(char *buffer, size_t capacity, struct error *err)
{
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    struct stat st;
    int n;
    if (xdg && *xdg == '/' && access(xdg, W_OK) == 0)
        n = snprintf(buffer, capacity, "%s/foretrace", xdg);
    else if (geteuid() == 0)
        n = snprintf(buffer, capacity, "/run/foretrace");
    else
        n = snprintf(buffer, capacity, "/tmp/foretrace-%u", (unsigned)geteuid());
    if (n < 0 || (size_t)n >= capacity)
        return error_set(err, -ENAMETOOLONG, "the runtime directory's path is too long");
    if (mkdir(buffer, 0700) < 0 && errno != EEXIST)
        return error_set(err, -errno, "%s: %s", buffer, strerror(errno));
    if (lstat(buffer, &st) < 0)
        return error_set(err, -errno, "%s: %s", buffer, strerror(errno));
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
        return error_set(err, -EPERM,
                         "%s has mode %04o: it must be a directory of your own, closed to others (0700; systemd: "
                         "RuntimeDirectoryMode=0700)",
                         buffer, (unsigned)(st.st_mode & 07777));
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    remove(path); /* best effort: what stays is in a directory of ours */
    return 0;
}

void dirs_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
