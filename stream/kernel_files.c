/* kernel_files.c - descriptor tables of tasks: the statedump seeds them; forks copy (threads share), exec closes what is
 * close-on-exec. What system calls do to them is in kernel_file_calls.c. */
#include "base/bytes.h"
#include "stream/kernel_files.h"
#include "stream/kernel_private.h"
#include "stream/kernel_tables.h"
#include <stdlib.h>
#include <string.h>

struct file_tables *files_of(struct kernel *k)
{
    struct kernel_state *s = k->state;
    if (!s->files) {
        s->files = xcalloc(1, sizeof(*s->files));
        file_tables_init(s->files);
    }
    return s->files;
}

void files_free(struct file_tables *files)
{
    if (files)
        file_tables_done(files);
    free(files);
}

void files_lost(struct kernel *k)
{
    if (k->state->files)
        k->state->files->epoch++;
}

void files_count(struct kernel *k)
{
    const struct file_tables *all = k->state->files;
    if (!all)
        return;
    k->counts.refused_files = all->refused;
    k->counts.refused_paths = all->paths.refused;
}

void files_release(struct kernel *k, struct task *t)
{
    struct file_tables *all = k->state->files;
    if (!all)
        return;
    file_table_release(all, t->files);
    paths_drop(&all->paths, t->call_path);
    t->files = NULL;
    t->call_path = NULL;
    t->file_call = FILE_CALL_NONE;
}

struct file_table *files_table(struct kernel *k, struct task *t)
{
    if (t->files)
        return t->files;
    struct task *leader = t->pid > 0 && t->pid != t->tid ? kernel_task(k, t->pid, true) : NULL;
    if (!leader || leader == t) /* the table of tasks is full, and its place was taken */
        return t->files = file_table_new(files_of(k));
    if (!leader->files)
        leader->files = file_table_new(files_of(k));
    t->files = leader->files;
    t->files->uses++;
    return t->files;
}

/* ---- for analyses ---- */

struct open_file *files_find(struct kernel *k, struct task *t, int64_t fd)
{
    struct open_file *o = file_table_find(files_table(k, t), fd);
    if (!o && fd >= 0)
        k->counts.unknown_files++;
    else if (o && o->epoch != k->state->files->epoch)
        k->counts.uncertain_files++;
    return o;
}

static struct file file_of(int64_t fd, const struct path *path)
{
    struct file f = { .fd = fd, .kind = FILE_UNKNOWN, .path = { .kind = VALUE_NONE } };
    if (!path)
        return f;
    f.kind = (enum file_kind)path->kind;
    f.path = (struct value){ .kind = VALUE_TEXT, .size = path->size, .text = path->text };
    return f;
}

struct file kernel_file(struct kernel *k, struct task *t, int64_t fd)
{
    struct open_file *o = t && t->tid > 0 ? files_find(k, t, fd) : NULL;
    return file_of(fd, o ? o->path : NULL);
}

struct file kernel_call_file(const struct task *t)
{
    return file_of(t->call_fd, t->call_path);
}

/* ---- the statedump ---- */

enum { STATE_TID, STATE_TABLE };

static void on_process(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    const struct kernel_place *p = data;
    struct task *t = kernel_task(k, place_int(p, event, STATE_TID, -1), false);
    uint64_t address = (uint64_t)place_int(p, event, STATE_TABLE, 0);
    if (t && address != 0)
        t->files = file_table_join(files_of(k), t->files, address); /* with what events told before */
}

enum { DUMP_TABLE, DUMP_PID, DUMP_FD, DUMP_FLAGS, DUMP_NAME };

/* What a system call told since the latest loss is newer. Before LTTng 2.13 the record names the process and not the table. */
static void on_descriptor(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    const struct kernel_place *p = data;
    struct file_tables *all = files_of(k);
    uint64_t address = (uint64_t)place_int(p, event, DUMP_TABLE, 0);
    struct task *t = address ? NULL : kernel_task(k, place_int(p, event, DUMP_PID, -1), true);
    struct file_table *table = address ? file_table_at(all, address) : t ? files_table(k, t) : NULL;
    int64_t fd = place_int(p, event, DUMP_FD, -1);
    const struct open_file *old = file_table_find(table, fd);
    if (table && (!old || !old->path || old->epoch != all->epoch))
        file_table_open(all, table, fd, paths_take(&all->paths, place_value(p, event, DUMP_NAME)), place_int(p, event, DUMP_FLAGS, 0) & O_CLOEXEC_FLAG);
    if (address)
        file_table_release(all, table);
}

/* ---- processes ---- */

enum { FORK_PARENT, FORK_CHILD };

static void on_fork(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    struct task *parent = kernel_task(k, place_int(data, event, FORK_PARENT, -1), false), *child = k->child;
    if (!parent || !child)
        return;
    struct file_table *from = files_table(k, parent);
    bool cloned = parent->call && strcmp(parent->call->name, "clone") == 0;
    if (child->pid != child->tid || (cloned && (parent->call_flags & CLONE_FILES_FLAG))) {
        child->files = from;
        from->uses++;
        return;
    }
    child->files = file_table_new(files_of(k));
    file_table_copy(k->state->files, child->files, from);
}

void files_unshare(struct kernel *k, struct task *t)
{
    struct file_table *shared = files_table(k, t);
    if (shared->uses == 1)
        return;
    t->files = file_table_new(k->state->files);
    file_table_copy(k->state->files, t->files, shared);
    file_table_release(k->state->files, shared);
}

static void on_exec(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    struct task *t = k->task;
    (void)data;
    (void)event;
    if (!t || t->tid <= 0)
        return;
    files_unshare(k, t);
    file_table_close_on_exec(k->state->files, t->files);
}

static void on_task_end(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    struct task *t = kernel_task(k, place_int(data, event, 0, -1), false);
    if (t)
        files_release(k, t);
}

const struct kernel_hook kernel_file_hooks[] = {
    KERNEL_HOOK("lttng_statedump_process_state", on_process, "payload.tid", "file_table_address"),
    KERNEL_HOOK("lttng_statedump_file_descriptor", on_descriptor, "file_table_address", "payload.pid", "fd", "flags", "filename"),
    KERNEL_HOOK("sched_process_fork", on_fork, "parent_tid", "child_tid"),
    KERNEL_HOOK("sched_process_exec", on_exec, NULL),
    KERNEL_HOOK("sched_process_free", on_task_end, "payload.tid"),
    KERNEL_HOOKS_END,
};
