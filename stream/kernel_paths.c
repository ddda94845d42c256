#include "stream/kernel_paths.h"
#include "base/bytes.h"
#include "stream/meter.h"
#include <stdlib.h>
#include <string.h>

void paths_init(struct paths *p)
{
    *p = (struct paths){ .count = 0 };
    hash_index_init(&p->index, 1024);
}

void paths_done(struct paths *p)
{
    for (uint32_t i = 0; i < PATHS_MAX / PATH_BLOCK; i++)
        free(p->blocks[i]);
    free(p->free);
    hash_index_done(&p->index);
}

enum file_kind path_kind(const char *text, size_t size)
{
    static const struct {
        const char *prefix;
        enum file_kind kind;
    } kinds[] = { { "socket:", FILE_SOCKET }, { "pipe:", FILE_PIPE },  { "anon_inode:", FILE_OTHER }, { "/dev/shm/", FILE_DISK },
                  { "/dev/", FILE_OTHER },    { "/proc/", FILE_OTHER }, { "/sys/", FILE_OTHER },       { "/memfd:", FILE_OTHER } };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t n = strlen(kinds[i].prefix);
        if (size >= n && memcmp(text, kinds[i].prefix, n) == 0)
            return kinds[i].kind;
    }
    return size > 0 ? FILE_DISK : FILE_UNKNOWN;
}

const char *file_kind_name(enum file_kind kind)
{
    static const char *const names[FILE_KINDS] = { "unknown", "file", "socket", "pipe", "other" };
    return names[kind];
}

static struct path *path_at(const struct paths *p, uint32_t number)
{
    return &p->blocks[number / PATH_BLOCK][number % PATH_BLOCK];
}

static struct path *new_path(struct paths *p)
{
    if (p->free_count > 0)
        return path_at(p, p->free[--p->free_count]);
    if (p->count == PATHS_MAX) {
        p->refused++;
        return NULL;
    }
    uint32_t number = p->count++;
    if (!p->blocks[number / PATH_BLOCK])
        p->blocks[number / PATH_BLOCK] = xcalloc(PATH_BLOCK, sizeof(struct path));
    struct path *path = path_at(p, number);
    path->number = number;
    return path;
}

struct path *paths_take(struct paths *p, struct value text)
{
    char cut[FILE_PATH_MAX];
    uint32_t at;
    if (text.kind != VALUE_TEXT || text.size == 0)
        return NULL;
    value_shorten(&text, cut, sizeof(cut));
    uint64_t hash = hash_bytes(text.text, text.size);
    for (uint32_t i = hash_index_first(&p->index, hash, &at); i != HASH_NONE; i = hash_index_next(&p->index, hash, &at)) {
        struct path *path = path_at(p, i);
        if (path->size == text.size && memcmp(path->text, text.text, text.size) == 0)
            return path_use(path);
    }
    struct path *path = new_path(p);
    if (!path)
        return NULL;
    path->uses = 1;
    path->hash = hash;
    path->size = text.size;
    path->kind = path_kind(text.text, text.size);
    memcpy(path->text, text.text, text.size);
    hash_index_insert(&p->index, hash, path->number);
    return path;
}

void paths_drop(struct paths *p, struct path *path)
{
    if (!path || --path->uses > 0)
        return;
    hash_index_remove(&p->index, path->hash, path->number);
    GROW(p->free, p->free_count, p->free_capacity);
    p->free[p->free_count++] = path->number;
}
