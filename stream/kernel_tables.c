#include "stream/kernel_tables.h"
#include "base/bytes.h"
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 16 };

void file_tables_init(struct file_tables *all)
{
    *all = (struct file_tables){ .count = 0 };
    paths_init(&all->paths);
    hash_index_init(&all->by_address, 64);
}

void file_tables_done(struct file_tables *all)
{
    for (uint32_t i = 0; i < all->count; i++) {
        free(all->all[i]->files);
        free(all->all[i]);
    }
    free(all->all);
    free(all->free);
    hash_index_done(&all->by_address);
    paths_done(&all->paths);
}

/* ---- tables ---- */

/* One that was given back keeps its room, so that forks and exits allocate nothing in the long run. */
struct file_table *file_table_new(struct file_tables *all)
{
    struct file_table *t;
    if (all->free_count > 0) {
        t = all->all[all->free[--all->free_count]];
    } else {
        GROW(all->all, all->count, all->capacity);
        t = all->all[all->count] = xcalloc(1, sizeof(*t));
        t->number = all->count++;
    }
    t->uses = 1;
    t->address = 0;
    return t;
}

static struct file_table *find_address(const struct file_tables *all, uint64_t address)
{
    uint32_t at;
    uint64_t hash = hash_spread(address);
    for (uint32_t i = hash_index_first(&all->by_address, hash, &at); i != HASH_NONE; i = hash_index_next(&all->by_address, hash, &at))
        if (all->all[i]->address == address)
            return all->all[i];
    return NULL;
}

static struct file_table *set_address(struct file_tables *all, struct file_table *t, uint64_t address)
{
    t->address = address;
    hash_index_insert(&all->by_address, hash_spread(address), t->number);
    return t;
}

struct file_table *file_table_at(struct file_tables *all, uint64_t address)
{
    struct file_table *t = find_address(all, address);
    if (!t)
        return set_address(all, file_table_new(all), address);
    t->uses++;
    return t;
}

struct file_table *file_table_join(struct file_tables *all, struct file_table *t, uint64_t address)
{
    struct file_table *there = find_address(all, address);
    if (t && t->address == address)
        return t;
    if (!there && t && t->address == 0)
        return set_address(all, t, address);
    there = file_table_at(all, address);
    if (t)
        file_table_copy(all, there, t);
    file_table_release(all, t);
    return there;
}

static void close_one(struct file_tables *all, struct open_file *o)
{
    if (o->open)
        paths_drop(&all->paths, o->path);
    *o = (struct open_file){ .path = NULL };
}

void file_table_release(struct file_tables *all, struct file_table *t)
{
    if (!t || --t->uses > 0)
        return;
    file_table_close(all, t, 0, INT64_MAX);
    if (t->address != 0)
        hash_index_remove(&all->by_address, hash_spread(t->address), t->number);
    GROW(all->free, all->free_count, all->free_capacity);
    all->free[all->free_count++] = t->number;
}

void file_table_copy(struct file_tables *all, struct file_table *t, const struct file_table *from)
{
    for (uint32_t fd = 0; fd < from->capacity; fd++) {
        const struct open_file *o = &from->files[fd];
        if (!o->open || file_table_find(t, fd))
            continue;
        file_table_open(all, t, fd, path_use(o->path), o->cloexec);
        struct open_file *copy = file_table_find(t, fd);
        if (copy)
            copy->epoch = o->epoch;
    }
}

/* ---- their files ---- */

/* Room that free tables hold is given back first. */
static void reclaim(struct file_tables *all)
{
    for (uint32_t i = 0; i < all->free_count; i++) {
        struct file_table *t = all->all[all->free[i]];
        all->slots -= t->capacity;
        free(t->files);
        t->files = NULL;
        t->capacity = 0;
    }
}

static bool make_room(struct file_tables *all, struct file_table *t, int64_t fd)
{
    uint32_t wanted = t->capacity ? t->capacity : CAPACITY_FIRST;
    if (fd < t->capacity)
        return true;
    while (wanted <= fd)
        wanted *= 2;
    uint32_t more = wanted - t->capacity;
    if (all->slots + more > SLOTS_MAX)
        reclaim(all);
    if (all->slots + more > SLOTS_MAX)
        return false;
    t->files = xrealloc(t->files, wanted, sizeof(*t->files));
    memset(t->files + t->capacity, 0, more * sizeof(*t->files));
    t->capacity = wanted;
    all->slots += more;
    return true;
}

void file_table_open(struct file_tables *all, struct file_table *t, int64_t fd, struct path *path, bool cloexec)
{
    if (fd < 0 || fd > DESCRIPTOR_MAX || !make_room(all, t, fd)) {
        all->refused += fd >= 0;
        paths_drop(&all->paths, path);
        return;
    }
    close_one(all, &t->files[fd]);
    t->files[fd] = (struct open_file){ .path = path, .epoch = all->epoch, .open = true, .cloexec = cloexec };
}

void file_table_close(struct file_tables *all, struct file_table *t, int64_t first, int64_t last)
{
    for (int64_t fd = first < 0 ? 0 : first; fd < t->capacity && fd <= last; fd++)
        close_one(all, &t->files[fd]);
}

void file_table_close_on_exec(struct file_tables *all, struct file_table *t)
{
    for (uint32_t fd = 0; fd < t->capacity; fd++)
        if (t->files[fd].cloexec)
            close_one(all, &t->files[fd]);
}
