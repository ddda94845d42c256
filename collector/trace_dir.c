#include "collector/trace_dir.h"
#include "base/bytes.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_kind(const char *path, mode_t kind)
{
    struct stat st;
    return lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

static int join(char out[PATH_MAX], const char *dir, const char *name, struct error *err)
{
    int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);
    if (n < 0 || n >= PATH_MAX)
        return error_set(err, -ENAMETOOLONG, "%s/%s: path too long", dir, name);
    return 0;
}

static int search(struct trace_dirs *dirs, const char *path, unsigned depth, struct error *err);

static int search_below(struct trace_dirs *dirs, const char *path, unsigned depth, struct error *err)
{
    DIR *d = opendir(path);
    if (!d)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    int r = 0;
    for (struct dirent *e = readdir(d); e && r == 0; e = readdir(d)) {
        char below[PATH_MAX];
        if (e->d_name[0] == '.')
            continue;
        r = join(below, path, e->d_name, err);
        if (r == 0 && is_kind(below, S_IFDIR))
            r = search(dirs, below, depth + 1, err);
    }
    closedir(d);
    return r;
}

static int search(struct trace_dirs *dirs, const char *path, unsigned depth, struct error *err)
{
    char metadata[PATH_MAX];
    int r = join(metadata, path, "metadata", err);
    if (r < 0)
        return r;
    if (depth > TRACE_DEPTH_MAX || dirs->count == TRACE_DIRS_MAX)
        return error_set(err, -E2BIG, "%s: more than %d traces, or nested more than %d deep", path, TRACE_DIRS_MAX,
                         TRACE_DEPTH_MAX);
    if (is_kind(metadata, S_IFREG)) {
        GROW(dirs->paths, dirs->count, dirs->capacity);
        dirs->paths[dirs->count++] = xstrdup(path);
        return 0; /* nothing below a trace is a trace of its own */
    }
    return search_below(dirs, path, depth, err);
}

int trace_dirs_find(struct trace_dirs *dirs, const char *path, struct error *err)
{
    size_t before = dirs->count;
    struct stat st;
    if (stat(path, &st) < 0)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return error_set(err, -ENOTDIR, "%s: not a directory; a CTF trace is one", path);
    int r = search(dirs, path, 0, err);
    if (r < 0)
        return r;
    if (dirs->count == before)
        return error_set(err, -ENODATA, "%s: no CTF trace here: no 'metadata' file in it or below", path);
    qsort(dirs->paths + before, dirs->count - before, sizeof(*dirs->paths), by_name);
    return 0;
}

void trace_dirs_done(struct trace_dirs *dirs)
{
    for (size_t i = 0; i < dirs->count; i++)
        free(dirs->paths[i]);
    free(dirs->paths);
    *dirs = (struct trace_dirs){ 0 };
}
