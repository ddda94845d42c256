/* kernel_tables.h - descriptor tables: which file each descriptor of a process is. An array by descriptor, as the kernel has it;
 * threads share one, a fork copies it. Bounded over all tables together: what has no room is refused and counted. */
#ifndef FT_STREAM_KERNEL_TABLES_H
#define FT_STREAM_KERNEL_TABLES_H
#include "stream/kernel_paths.h"

/* Descriptors there may be room for, in all tables together (16 bytes each), and the highest that is kept. */
enum { SLOTS_MAX = 1048576, DESCRIPTOR_MAX = 262143 };

struct open_file {
    struct path *path; /* NULL: not known */
    uint32_t epoch;    /* of the tables' when it was opened or told of */
    bool open, cloexec;
};

struct file_table {
    uint32_t number, uses, capacity;
    uint64_t address;         /* as the statedump names it; 0: it did not */
    struct open_file *files;  /* by descriptor */
};

struct file_tables {
    struct paths paths;
    struct file_table **all;  /* by number */
    uint32_t count, capacity, *free, free_count, free_capacity;
    struct hash_index by_address;
    uint32_t slots;           /* in all tables */
    uint32_t epoch;           /* how many losses there were */
    uint64_t refused;         /* descriptors without room */
};

void file_tables_init(struct file_tables *all);
void file_tables_done(struct file_tables *all);

/* An empty one, with one use. */
struct file_table *file_table_new(struct file_tables *all);
/* The one with that address (not 0), with one use more. */
struct file_table *file_table_at(struct file_tables *all, uint64_t address);
/* The one with that address becomes what t was: it has also what t has. Takes a use of t (NULL: none), returns one. */
struct file_table *file_table_join(struct file_tables *all, struct file_table *t, uint64_t address);
/* One use less; t may be NULL. */
void file_table_release(struct file_tables *all, struct file_table *t);
/* All of from that is not in t. */
void file_table_copy(struct file_tables *all, struct file_table *t, const struct file_table *from);

/* NULL: it is not open, as far as is known; t may be NULL. */
static inline struct open_file *file_table_find(const struct file_table *t, int64_t fd)
{
    struct open_file *o = t && fd >= 0 && fd < t->capacity ? &t->files[fd] : NULL;
    return o && o->open ? o : NULL;
}
/* Takes the use of path (NULL: not known). What was open there is closed. */
void file_table_open(struct file_tables *all, struct file_table *t, int64_t fd, struct path *path, bool cloexec);
void file_table_close(struct file_tables *all, struct file_table *t, int64_t first, int64_t last);
void file_table_close_on_exec(struct file_tables *all, struct file_table *t);

#endif
