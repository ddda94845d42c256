#include "base/dirs.h"
#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory of our own that nobody else can look into. root_of_any: root may use another's, as nothing is read there that root trusts. */
static int check_own(const char *path, const char *remedy, bool root_of_any, struct error *err)
{
    struct stat st;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (lstat(path, &st) < 0)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return error_set(err, -ENOTDIR, "%s is not a directory", path);
    if (st.st_uid != geteuid() && !(root_of_any && geteuid() == 0))
        return error_set(err, -EPERM, "%s belongs to user %u: it must be your own (you are user %u)", path, (unsigned)st.st_uid, (unsigned)geteuid());
    if (st.st_mode & 077)
        return error_set(err, -EPERM, "%s has mode %04o: it must be closed to others (0700; systemd: %s=0700)", path, (unsigned)(st.st_mode & 07777), remedy);
    return 0;
}

/* systemd names the directories it made for a unit, by colons when there are several. */
static const char *given_by_systemd(const char *variable, int *ret_size)
{
    const char *value = getenv(variable);
    *ret_size = value ? (int)strcspn(value, ":") : 0;
    return value && *value == '/' ? value : NULL;
}

int dirs_runtime(char *buffer, size_t capacity, struct error *err)
{
    const char *xdg = getenv("XDG_RUNTIME_DIR"), *unit;
    int n;
    if (xdg && geteuid() == 0 && strncmp(xdg, "/run/user/", 10) == 0)
        xdg = NULL; /* of a login: root's services have none, and are to be found */
    if ((unit = given_by_systemd("RUNTIME_DIRECTORY", &n)))
        n = snprintf(buffer, capacity, "%.*s", n, unit);
    else if (xdg && *xdg == '/' && access(xdg, W_OK) == 0)
        n = snprintf(buffer, capacity, "%s/foretrace", xdg);
    else if (geteuid() == 0)
        n = snprintf(buffer, capacity, "/run/foretrace");
    else
        n = snprintf(buffer, capacity, "/tmp/foretrace-%u", (unsigned)geteuid());
    if (n < 0 || (size_t)n >= capacity)
        return error_set(err, -ENAMETOOLONG, "the runtime directory's path is too long");
    return check_own(buffer, "RuntimeDirectoryMode", true, err);
}

/* Directories above ours belong to others: they are made if need be, and not looked at. */
static int make_parents(char *path, struct error *err)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int r = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
        if (r < 0)
            error_set(err, r, "%s: %s", path, strerror(-r));
        *slash = '/';
        if (r < 0)
            return r;
    }
    return 0;
}

int dirs_state(const char *configured, char *buffer, size_t capacity, struct error *err)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME"), *unit;
    int n;
    if (configured && *configured)
        n = snprintf(buffer, capacity, "%s", configured);
    else if ((unit = given_by_systemd("STATE_DIRECTORY", &n)))
        n = snprintf(buffer, capacity, "%.*s", n, unit);
    else if (geteuid() == 0)
        n = snprintf(buffer, capacity, "/var/lib/foretrace");
    else if (xdg && *xdg == '/')
        n = snprintf(buffer, capacity, "%s/foretrace", xdg);
    else if (home && *home == '/')
        n = snprintf(buffer, capacity, "%s/.local/state/foretrace", home);
    else
        return error_set(err, -ENOENT, "there is no HOME to keep state in: set delivery.state");
    if (n < 0 || (size_t)n >= capacity)
        return error_set(err, -ENAMETOOLONG, "the state directory's path is too long");
    int r = make_parents(buffer, err);
    return r < 0 ? r : check_own(buffer, "StateDirectoryMode", false, err);
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
