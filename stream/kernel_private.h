/* kernel_private.h - what the files of the kernel state share. */
#ifndef FT_STREAM_KERNEL_PRIVATE_H
#define FT_STREAM_KERNEL_PRIVATE_H
#include "stream/kernel.h"
#include "stream/kernel_hooks.h"

enum {
    TASK_BLOCK = 256,    /* tasks are allocated in blocks, which stay */
    DEVICES_MAX = 8192
};

struct device {
    uint64_t number;
    uint8_t kind; /* enum device_kind */
    char name[KERNEL_NAME_MAX];
};
enum device_kind { DEVICE_DISK, DEVICE_INTERFACE, DEVICE_INTERRUPT };

struct kernel_state {
    struct cpu **cpus; /* by number; NULL: not seen */
    uint32_t cpu_count, cpus_seen; /* places; those of which there was an event */

    struct task **blocks;            /* of max_tasks */
    uint32_t max_tasks;              /* more than there are cpus: what runs is not forgotten */
    uint32_t task_count, hand;       /* hand: where the search for one to evict goes on */
    uint32_t *free_tasks, free_count, free_capacity;
    struct hash_index by_tid;

    struct syscall_name syscalls[SYSCALLS_MAX];
    uint32_t syscall_count, asked_last; /* asked_last: the one looked up last, as every hook of a class does */

    struct device devices[DEVICES_MAX];
    uint32_t device_count;
    struct hash_index by_device;     /* kind and number */
    bool switches;                   /* there are switches, so they should agree with contexts */

    struct file_tables *files;       /* kernel_files.c; NULL: nobody asked */
    int64_t lost_until_ns;           /* of the latest loss; INT64_MIN: none */
    struct kernel_counts published;
};

/* Events that keep the state, by part. */
extern const struct kernel_hook kernel_task_hooks[], kernel_syscall_hooks[], kernel_file_hooks[], kernel_file_call_hooks[], kernel_device_hooks[];

static inline struct task *state_task(const struct kernel_state *s, uint32_t number)
{
    return &s->blocks[number / TASK_BLOCK][number % TASK_BLOCK];
}

/* Something else runs on a cpu; NULL: not known what. */
static inline void cpu_run(struct cpu *c, struct task *t)
{
    if (c->current)
        c->current->on_cpu = -1;
    c->current = t;
    if (t)
        t->on_cpu = (int32_t)c->number;
}

/* kernel_tasks.c */
void task_set_comm(struct task *t, const struct value *comm);
void tasks_init(struct kernel_state *s, uint32_t max_tasks);
void tasks_done(struct kernel_state *s);

/* kernel_files.c */
struct file_tables;
struct open_file;
enum { FILE_CALL_NONE = 0 };      /* struct task: file_call */
#define CLONE_FILES_FLAG 0x400
#define O_CLOEXEC_FLAG 02000000    /* and SOCK_CLOEXEC, EPOLL_CLOEXEC ...: all the same */
struct file_tables *files_of(struct kernel *k);
/* A task's table, made if needed: a thread shares its process'. */
struct file_table *files_table(struct kernel *k, struct task *t);
/* What is open there; NULL: not known, and counted. */
struct open_file *files_find(struct kernel *k, struct task *t, int64_t fd);
/* It has a table of its own from now on. */
void files_unshare(struct kernel *k, struct task *t);
void files_free(struct file_tables *files);
void files_release(struct kernel *k, struct task *t);
/* Brings the counts of what was refused up to date. */
void files_count(struct kernel *k);
/* Events were lost: descriptors may be others. */
void files_lost(struct kernel *k);

/* kernel_devices.c */
void device_add(struct kernel *k, enum device_kind kind, uint64_t number, const char *name, size_t size);

#endif
