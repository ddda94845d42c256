/* kernel_paths.h - names of files, each kept once with a count of who uses it. Bounded: what has no room is refused and counted. */
#ifndef FT_STREAM_KERNEL_PATHS_H
#define FT_STREAM_KERNEL_PATHS_H
#include "base/hash.h"
#include "collector/event.h"

enum { PATHS_MAX = 131072, PATH_BLOCK = 1024, FILE_PATH_MAX = 232 };

/* What a file's name says it is. */
enum file_kind {
    FILE_UNKNOWN,
    FILE_DISK,    /* in a file system; a fifo that was opened by its name is not told apart */
    FILE_SOCKET,
    FILE_PIPE,
    FILE_OTHER,   /* devices, /proc, /sys, anonymous inodes */
    FILE_KINDS
};

struct path {
    uint32_t number, uses, size;
    uint32_t kind;               /* enum file_kind */
    uint64_t hash;
    char text[FILE_PATH_MAX];    /* not NUL-terminated; what is longer is cut and ends in a hash */
};

struct paths {
    struct path *blocks[PATHS_MAX / PATH_BLOCK];
    uint32_t count, *free, free_count, free_capacity;
    struct hash_index index;
    uint64_t refused;
};

void paths_init(struct paths *p);
void paths_done(struct paths *p);
/* The path, with one use more; NULL: text is none, or there is no room. */
struct path *paths_take(struct paths *p, struct value text);
/* One use less; path may be NULL. */
void paths_drop(struct paths *p, struct path *path);
static inline struct path *path_use(struct path *path)
{
    if (path)
        path->uses++;
    return path;
}

enum file_kind path_kind(const char *text, size_t size);
/* "file", "socket" ... */
const char *file_kind_name(enum file_kind kind);

#endif
