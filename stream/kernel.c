#include "stream/kernel.h"
#include "base/bytes.h"
#include "base/text.h"
#include "stream/kernel_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fields of the contexts, which stand at any event. */
enum { AT_CPU, AT_TID, AT_PID, AT_COMM, AT_PRIO };
static const char *const context_fields[] = { "ctx.cpu_id", "ctx.tid", "ctx.pid", "ctx.procname", "ctx.prio" };

struct kernel *kernel_new(struct stream *s, uint32_t max_tasks)
{
    struct kernel *k = xcalloc(1, sizeof(*k));
    k->stream = s;
    k->state = xcalloc(1, sizeof(*k->state));
    k->state->lost_until_ns = INT64_MIN;
    tasks_init(k->state, max_tasks);
    hash_index_init(&k->state->by_device, 64);
    return k;
}

void kernel_free(struct kernel *k)
{
    if (!k)
        return;
    for (uint32_t i = 0; i < k->state->cpu_count; i++)
        free(k->state->cpus[i]);
    free(k->state->cpus);
    files_free(k->state->files);
    hash_index_done(&k->state->by_device);
    tasks_done(k->state);
    free(k->state);
    free(k);
}

void kernel_needs(struct needs *n, uint32_t parts)
{
    static const char *const contexts[] = { "ctx.pid", "ctx.tid", "ctx.procname" };
    for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++)
        needs_field(n, contexts[i]);
    if (parts & (KERNEL_TASKS | KERNEL_FILES | KERNEL_SYSCALLS))
        kernel_hooks_need(kernel_task_hooks, n);
    if (parts & KERNEL_FILES) {
        kernel_hooks_need(kernel_file_hooks, n);
        kernel_hooks_need(kernel_file_call_hooks, n);
    }
    if (parts & KERNEL_DEVICES)
        kernel_hooks_need(kernel_device_hooks, n);
}

/* ---- cpus ---- */

static struct cpu *add_cpu(struct kernel_state *s, uint32_t number)
{
    if (number >= s->cpu_count) {
        s->cpus = xrealloc(s->cpus, number + 1, sizeof(struct cpu *));
        while (s->cpu_count <= number)
            s->cpus[s->cpu_count++] = NULL;
    }
    struct cpu *c = s->cpus[number] = xcalloc(1, sizeof(*c));
    s->cpus_seen++;
    c->number = number;
    c->known_from_ns = s->lost_until_ns;
    c->idle = (struct task){ .in_use = true, .tid = 0, .pid = 0, .ppid = 0, .vtid = 0, .vpid = 0, .on_cpu = -1, .prio = PRIO_UNKNOWN, .born_ns = INT64_MIN, .former_ns = INT64_MIN };
    char name[COMM_MAX + 8];
    c->idle.comm_size = (uint32_t)snprintf(name, sizeof(name), "swapper/%u", number);
    memcpy(c->idle.comm, name, c->idle.comm_size);
    return c;
}

struct cpu *kernel_cpu(struct kernel *k, int64_t number)
{
    struct kernel_state *s = k->state;
    if (number < 0 || number >= KERNEL_CPUS_MAX)
        return NULL;
    if (number < s->cpu_count && s->cpus[number])
        return s->cpus[number];
    return add_cpu(s, (uint32_t)number);
}

uint32_t kernel_cpu_limit(const struct kernel *k)
{
    return k->state->cpu_count;
}

struct cpu *kernel_cpu_seen(const struct kernel *k, uint32_t number)
{
    return k->state->cpus[number];
}

uint32_t kernel_cpu_count(const struct kernel *k)
{
    return k->state->cpus_seen;
}

/* ---- any event: what ran when it happened ---- */

/* The context says what runs: nothing was known, or switches are missing. */
static void repair(struct kernel *k, struct cpu *c, int64_t tid, int64_t time_ns)
{
    struct task *t = tid == 0 ? &c->idle : kernel_task(k, tid, true);
    if (c->current) {
        k->counts.repaired += k->state->switches;
        c->known_from_ns = time_ns;
    }
    cpu_run(c, t);
}

static void on_any(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    const struct kernel_place *p = data;
    struct cpu *c = kernel_cpu(k, place_int(p, event, AT_CPU, -1));
    k->cpu = c;
    k->task = NULL;
    if (!c)
        return;
    int64_t tid = place_int(p, event, AT_TID, -1);
    if (tid >= 0 && (!c->current || c->current->tid != tid))
        repair(k, c, tid, event->time_ns);
    struct task *t = k->task = c->current;
    if (!t) {
        k->counts.unknown_currents++;
        return;
    }
    t->recent = true;
    if (tid <= 0)
        return;
    if (p->at[AT_COMM] >= 0)
        task_set_comm(t, &event->values[p->at[AT_COMM]]);
    if (p->at[AT_PID] >= 0)
        t->pid = (int32_t)place_int(p, event, AT_PID, t->pid);
    if (p->at[AT_PRIO] >= 0)
        t->prio = (int32_t)place_int(p, event, AT_PRIO, t->prio);
}

void kernel_bind(struct kernel *k, struct binder *b)
{
    struct kernel_place *place = binder_alloc(b, sizeof(*place));
    place->kernel = k;
    for (uint32_t i = 0; i < sizeof(context_fields) / sizeof(context_fields[0]); i++)
        place->at[i] = binder_field(b, context_fields[i]);
    binder_hook(b, on_any, k, place);
    if (k->parts & KERNEL_TASKS)
        kernel_hooks_bind(kernel_task_hooks, k, k, b);
    if (k->parts & (KERNEL_SYSCALLS | KERNEL_FILES))
        kernel_hooks_bind(kernel_syscall_hooks, k, k, b);
    if (k->parts & KERNEL_FILES) {
        kernel_hooks_bind(kernel_file_hooks, k, k, b);
        kernel_hooks_bind(kernel_file_call_hooks, k, k, b);
    }
    if (k->parts & KERNEL_DEVICES)
        kernel_hooks_bind(kernel_device_hooks, k, k, b);
}

void kernel_lost(struct kernel *k, int64_t begin_ns, int64_t end_ns)
{
    struct kernel_state *s = k->state;
    (void)begin_ns;
    if (end_ns > s->lost_until_ns)
        s->lost_until_ns = end_ns;
    for (uint32_t i = 0; i < s->cpu_count; i++) {
        if (!s->cpus[i])
            continue;
        cpu_run(s->cpus[i], NULL);
        s->cpus[i]->known_from_ns = s->lost_until_ns;
    }
    files_lost(k);
}

void kernel_window(struct kernel *k)
{
    struct kernel_counts *now = &k->counts, *old = &k->state->published;
    files_count(k);
    stream_count(k->stream, "unknown_currents", "kernel", now->unknown_currents - old->unknown_currents);
    stream_count(k->stream, "repaired_currents", "kernel", now->repaired - old->repaired);
    stream_count(k->stream, "unknown_tasks", "kernel", now->unknown_tasks - old->unknown_tasks);
    stream_count(k->stream, "unknown_files", "kernel", now->unknown_files - old->unknown_files);
    stream_count(k->stream, "evicted_tasks", "kernel", now->evicted_tasks - old->evicted_tasks);
    stream_count(k->stream, "refused_devices", "kernel", now->refused_devices - old->refused_devices);
    stream_count(k->stream, "uncertain_files", "kernel", now->uncertain_files - old->uncertain_files);
    stream_count(k->stream, "refused_files", "kernel", now->refused_files - old->refused_files);
    stream_count(k->stream, "refused_paths", "kernel", now->refused_paths - old->refused_paths);
    stream_count(k->stream, "unended_calls", "kernel", now->unended_calls - old->unended_calls);
    *old = *now;
}

/* ---- names of system calls ---- */

const struct syscall_name *kernel_syscall(struct kernel *k, const char *name)
{
    struct kernel_state *s = k->state;
    uint32_t i = s->asked_last;
    if (s->syscall_count == 0 || strcmp(s->syscalls[i].name, name) != 0)
        for (i = 0; i < s->syscall_count && strcmp(s->syscalls[i].name, name) != 0; i++)
            ;
    if (i == SYSCALLS_MAX)
        return NULL;
    struct syscall_name *call = &s->syscalls[s->asked_last = i];
    if (i == s->syscall_count) {
        call->id = s->syscall_count++;
        text_copy(call->name, sizeof(call->name), name);
    }
    return call;
}

/* exit does not return, and what returns from a signal's handler has no event of its own ("unknown" to LTTng on x86). */
static bool ends_unseen(const char *name)
{
    return strncmp(name, "exit", 4) == 0 || strcmp(name, "unknown") == 0 || strcmp(name, "rt_sigreturn") == 0 || strcmp(name, "sigreturn") == 0;
}

static void on_call_entry(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    const struct kernel_place *p = data;
    struct task *t = k->task;
    if (!t)
        return;
    if (t->call && t->call_begin_ns >= k->state->lost_until_ns && !ends_unseen(t->call->name))
        k->counts.unended_calls++;
    t->call = p->call;
    t->call_begin_ns = event->time_ns;
    t->call_slept_ns = 0;
    t->newborn = false;
}

static void on_call_exit(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    const struct kernel_place *p = data;
    struct task *t = k->task;
    (void)event;
    k->call = p->call;
    k->call_begin_ns = INT64_MIN;
    k->call_suspect = false;
    if (!t || !t->call)
        return;
    if (!p->call || p->call == t->call) {
        k->call = t->call;
        k->call_suspect = t->call_begin_ns < k->state->lost_until_ns;
        if (!k->call_suspect)
            k->call_begin_ns = t->call_begin_ns;
    }
    t->call = NULL;
}

bool kernel_call_slept(const struct task *t, int64_t now_ns)
{
    int64_t slept_ns = t->call_slept_ns;
    if (t->state == STATE_INTERRUPTIBLE && t->left_ns >= t->call_begin_ns)
        slept_ns += now_ns - t->left_ns;
    return slept_ns > (now_ns - t->call_begin_ns) / 2;
}

const struct kernel_hook kernel_syscall_hooks[] = {
    KERNEL_HOOK("syscall_entry", on_call_entry, NULL),
    KERNEL_HOOK("syscall_exit", on_call_exit, NULL),
    KERNEL_HOOKS_END,
};

/* ---- values ---- */

struct value value_of_text(const char *text)
{
    if (!text)
        return (struct value){ .kind = VALUE_NONE };
    return (struct value){ .kind = VALUE_TEXT, .size = (uint32_t)strlen(text), .text = text };
}

struct value task_comm(const struct task *t)
{
    return t ? value_of_bytes(t->comm, t->comm_size) : (struct value){ .kind = VALUE_NONE };
}

struct value task_tid(const struct task *t)
{
    return t ? value_int(t->tid) : (struct value){ .kind = VALUE_NONE };
}

struct value task_pid(const struct task *t)
{
    return value_int_or_none(t ? t->pid : -1);
}
