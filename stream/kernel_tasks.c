/* kernel_tasks.c - tasks: a bounded table by tid, kept by scheduler events and the statedump. */
#include "base/bytes.h"
#include "stream/kernel_private.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

void tasks_init(struct kernel_state *s, uint32_t max_tasks)
{
    assert(max_tasks > KERNEL_CPUS_MAX + 3);
    s->max_tasks = max_tasks;
    s->blocks = xcalloc(max_tasks / TASK_BLOCK + 1, sizeof(*s->blocks));
    hash_index_init(&s->by_tid, 1024);
}

void tasks_done(struct kernel_state *s)
{
    for (uint32_t i = 0; i <= s->max_tasks / TASK_BLOCK; i++)
        free(s->blocks[i]);
    free(s->blocks);
    free(s->free_tasks);
    hash_index_done(&s->by_tid);
}

void task_set_comm(struct task *t, const struct value *comm)
{
    if (comm->kind != VALUE_TEXT || comm->size == 0)
        return;
    uint32_t size = comm->size < COMM_MAX ? comm->size : COMM_MAX;
    if (size == t->comm_size && memcmp(t->comm, comm->text, size) == 0)
        return;
    memcpy(t->comm, comm->text, size);
    t->comm_size = size;
}

static void forget(struct kernel *k, struct task *t)
{
    struct kernel_state *s = k->state;
    if (t->on_cpu >= 0)
        cpu_run(s->cpus[t->on_cpu], NULL);
    files_release(k, t);
    hash_index_remove(&s->by_tid, hash_spread((uint32_t)t->tid), t->number);
    t->in_use = false;
    t->generation++;
    GROW(s->free_tasks, s->free_count, s->free_capacity);
    s->free_tasks[s->free_count++] = t->number;
}

/* The table is full: the first one round the clock that is dead, or was not seen since the hand came by. */
static void evict(struct kernel *k)
{
    struct kernel_state *s = k->state;
    for (uint64_t tries = 0; tries < 2 * (uint64_t)s->max_tasks; tries++) {
        struct task *t = state_task(s, s->hand);
        s->hand = (s->hand + 1) % s->max_tasks;
        if (t->recent && !t->dead) {
            t->recent = false;
            continue;
        }
        if (t == k->task || t == k->next || t == k->child || t->on_cpu >= 0)
            continue;
        k->counts.evicted_tasks += !t->dead;
        forget(k, t);
        return;
    }
}

static struct task *take_task(struct kernel *k)
{
    struct kernel_state *s = k->state;
    if (s->free_count == 0 && s->task_count == s->max_tasks)
        evict(k);
    if (s->free_count > 0)
        return state_task(s, s->free_tasks[--s->free_count]);
    uint32_t number = s->task_count++;
    if (!s->blocks[number / TASK_BLOCK])
        s->blocks[number / TASK_BLOCK] = xcalloc(TASK_BLOCK, sizeof(struct task));
    struct task *t = state_task(s, number);
    t->number = number;
    return t;
}

static struct task *add_task(struct kernel *k, int32_t tid)
{
    struct task *t = take_task(k);
    *t = (struct task){ .number = t->number, .generation = t->generation + 1, .in_use = true, .recent = true, .tid = tid };
    t->pid = t->ppid = t->vtid = t->vpid = t->on_cpu = t->ns_level = -1;
    t->prio = PRIO_UNKNOWN;
    t->born_ns = t->former_ns = INT64_MIN;
    hash_index_insert(&k->state->by_tid, hash_spread((uint32_t)tid), t->number);
    return t;
}

struct task *kernel_task(struct kernel *k, int64_t tid, bool make)
{
    struct kernel_state *s = k->state;
    uint32_t at;
    if (tid <= 0 || tid > INT32_MAX)
        return NULL;
    uint64_t hash = hash_spread((uint32_t)tid);
    for (uint32_t i = hash_index_first(&s->by_tid, hash, &at); i != HASH_NONE; i = hash_index_next(&s->by_tid, hash, &at)) {
        struct task *t = state_task(s, i);
        if (t->tid == (int32_t)tid)
            return t;
    }
    if (!make)
        return NULL;
    k->counts.unknown_tasks++;
    return add_task(k, (int32_t)tid);
}

int64_t kernel_born(struct kernel *k, int64_t tid, int64_t time_ns)
{
    const struct task *t = k->task && k->task->tid == tid ? k->task : k->next && k->next->tid == tid && k->next->in_use ? k->next : kernel_task(k, tid, false);
    if (!t)
        return INT64_MIN; /* of idle threads it is so, too */
    return t->born_ns <= time_ns ? t->born_ns : t->former_ns;
}

/* ---- the scheduler ---- */

enum { SWITCH_PREV_TID, SWITCH_PREV_COMM, SWITCH_PREV_PRIO, SWITCH_NEXT_TID, SWITCH_NEXT_COMM, SWITCH_NEXT_PRIO, SWITCH_STATE };

static void update(struct task *t, const struct kernel_place *p, const struct event *event, uint32_t comm, uint32_t prio)
{
    t->recent = true;
    if (p->at[comm] >= 0)
        task_set_comm(t, &event->values[p->at[comm]]);
    t->prio = place_prio(p, event, prio, t->prio);
}

static void leave_cpu(struct kernel *k, struct task *t, const struct kernel_place *p, const struct event *event)
{
    update(t, p, event, SWITCH_PREV_COMM, SWITCH_PREV_PRIO);
    t->state = task_state_of(&k->raw_states, place_int(p, event, SWITCH_STATE, -1));
    t->left_ns = event->time_ns;
}

static void take_cpu(struct task *t, const struct kernel_place *p, const struct event *event)
{
    update(t, p, event, SWITCH_NEXT_COMM, SWITCH_NEXT_PRIO);
    if (t->state == STATE_INTERRUPTIBLE)
        t->call_slept_ns += event->time_ns - t->left_ns;
    t->state = STATE_UNKNOWN;
}

static void on_switch(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    const struct kernel_place *p = data;
    struct cpu *c = k->cpu;
    k->next = NULL;
    k->state->switches = true;
    if (!c)
        return;
    int64_t prev = place_int(p, event, SWITCH_PREV_TID, -1), next = place_int(p, event, SWITCH_NEXT_TID, -1);
    place_prio(p, event, SWITCH_PREV_PRIO, 0); /* one of them tells what both are */
    place_prio(p, event, SWITCH_NEXT_PRIO, 0);
    if (!c->current) { /* without contexts, a cpu's first switch says what ran until now */
        k->task = prev == 0 ? &c->idle : kernel_task(k, prev, true);
    } else if (prev >= 0 && c->current->tid != prev) {
        k->counts.repaired++;
        c->known_from_ns = event->time_ns;
        k->task = prev == 0 ? &c->idle : kernel_task(k, prev, true);
    }
    if (k->task && prev > 0)
        leave_cpu(k, k->task, p, event);
    k->next = next == 0 ? &c->idle : kernel_task(k, next, true);
    cpu_run(c, k->next);
    if (k->next && next > 0)
        take_cpu(k->next, p, event);
}

enum { FORK_PARENT_TID, FORK_PARENT_PID, FORK_CHILD_TID, FORK_CHILD_PID, FORK_CHILD_COMM, FORK_CHILD_NS };

/* A tid that is known already is used again: its end was not traced. */
static void on_fork(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    const struct kernel_place *p = data;
    int64_t tid = place_int(p, event, FORK_CHILD_TID, -1);
    struct task *old = kernel_task(k, tid, false);
    int64_t former_ns = old ? old->born_ns : INT64_MIN;
    k->child = NULL;
    if (old)
        forget(k, old);
    if (tid <= 0 || tid > INT32_MAX)
        return;
    struct task *t = add_task(k, (int32_t)tid), *parent = kernel_task(k, place_int(p, event, FORK_PARENT_TID, -1), false);
    t->born_ns = event->time_ns;
    t->former_ns = former_ns;
    t->pid = (int32_t)place_int(p, event, FORK_CHILD_PID, -1);
    t->ppid = (int32_t)place_int(p, event, FORK_PARENT_PID, -1);
    t->pid_ns = (uint64_t)place_int(p, event, FORK_CHILD_NS, 0);
    if (p->at[FORK_CHILD_COMM] >= 0)
        task_set_comm(t, &event->values[p->at[FORK_CHILD_COMM]]);
    if (parent && parent->pid_ns == t->pid_ns && parent->vtid == parent->tid) {
        t->vtid = t->tid;
        t->vpid = t->pid;
    }
    t->newborn = true;
    k->child = t;
}

static void on_end(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    const struct kernel_place *p = data;
    struct task *t = kernel_task(k, place_int(p, event, 0, -1), false);
    if (t)
        t->dead = true;
}

enum { RENAME_TID, RENAME_NEW };

static void on_rename(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    const struct kernel_place *p = data;
    struct task *t = kernel_task(k, place_int(p, event, RENAME_TID, -1), false);
    struct value name = place_value(p, event, RENAME_NEW);
    if (t)
        task_set_comm(t, &name);
}

/* Another thread than the leader executes: it takes the leader's tid. */
enum { EXEC_TID, EXEC_OLD_TID };

static void on_exec(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    const struct kernel_place *p = data;
    int64_t tid = place_int(p, event, EXEC_TID, -1), old = place_int(p, event, EXEC_OLD_TID, tid);
    if (tid == old || !k->cpu)
        return;
    struct task *gone = kernel_task(k, old, false);
    if (gone)
        gone->dead = true;
    k->task = kernel_task(k, tid, true);
    cpu_run(k->cpu, k->task);
    if (!k->task)
        return;
    k->task->dead = false;
    if (gone && k->task != gone) {
        k->task->call = gone->call;
        k->task->call_begin_ns = gone->call_begin_ns;
        gone->call = NULL;
    }
}

/* ---- the statedump ---- */

/* A record for each level of namespaces a task is in, inwards or outwards; the deepest is its own. */
static void in_namespace(struct task *t, const struct kernel_place *p, const struct event *event, uint32_t first)
{
    enum { VTID, VPID, INUM, LEVEL };
    int32_t level = (int32_t)place_int(p, event, first + LEVEL, 0);
    if (p->at[first + VTID] < 0 || level < t->ns_level)
        return;
    t->ns_level = level;
    t->vtid = (int32_t)place_int(p, event, first + VTID, -1);
    t->vpid = (int32_t)place_int(p, event, first + VPID, -1);
    t->pid_ns = (uint64_t)place_int(p, event, first + INUM, 0);
}

/* Before LTTng 2.12 it says the namespace, too. */
enum { DUMP_TID, DUMP_PID, DUMP_PPID, DUMP_NAME, DUMP_PRIO, DUMP_NAMESPACE };

/* What events told already is newer. */
static void on_statedump(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    const struct kernel_place *p = data;
    int64_t tid = place_int(p, event, DUMP_TID, -1);
    struct task *t = kernel_task(k, tid, false);
    if (!t && tid > 0 && tid <= INT32_MAX)
        t = add_task(k, (int32_t)tid);
    if (!t)
        return;
    t->pid = (int32_t)place_int(p, event, DUMP_PID, t->pid);
    t->ppid = (int32_t)place_int(p, event, DUMP_PPID, t->ppid);
    if (t->comm_size == 0 && p->at[DUMP_NAME] >= 0)
        task_set_comm(t, &event->values[p->at[DUMP_NAME]]);
    if (t->prio == PRIO_UNKNOWN)
        t->prio = place_prio(p, event, DUMP_PRIO, PRIO_UNKNOWN);
    in_namespace(t, p, event, DUMP_NAMESPACE);
}

enum { NS_TID, NS_NAMESPACE };

static void on_namespace(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    const struct kernel_place *p = data;
    struct task *t = kernel_task(k, place_int(p, event, NS_TID, -1), false);
    if (t)
        in_namespace(t, p, event, NS_NAMESPACE);
}

/* Those of which there is no event are idle, or run one thing all the time: either way they are cpus. */
static void on_topology(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    if (kernel_cpu(k, place_int(data, event, 0, -1)))
        k->cpus_told = true;
}

const struct kernel_hook kernel_task_hooks[] = {
    KERNEL_HOOK("sched_switch", on_switch, "prev_tid", "prev_comm", "prev_prio", "next_tid", "next_comm", "next_prio", "prev_state"),
    KERNEL_HOOK("sched_process_fork", on_fork, "parent_tid", "parent_pid", "child_tid", "child_pid", "child_comm", "child_ns_inum"),
    KERNEL_HOOK("sched_process_exec", on_exec, "payload.tid|payload.pid", "old_tid|old_pid"),
    KERNEL_HOOK("sched_process_free", on_end, "payload.tid"),
    KERNEL_HOOK_OPTIONAL("task_rename", on_rename, "payload.tid|payload.pid", "newcomm"),
    KERNEL_HOOK("lttng_statedump_process_state", on_statedump, "payload.tid", "payload.pid", "ppid", "name", "prio", "payload.vtid", "payload.vpid", "ns_inum", "ns_level"),
    KERNEL_HOOK("lttng_statedump_process_pid_ns", on_namespace, "payload.tid", "payload.vtid", "payload.vpid", "ns_inum", "ns_level"),
    KERNEL_HOOK_WANTED("lttng_statedump_cpu_topology", on_topology, "payload.cpu_id"), /* x86, since LTTng 2.11 */
    KERNEL_HOOKS_END,
};
