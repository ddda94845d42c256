#include "stream/net_connections.h"
#include "base/bytes.h"
#include "stream/kernel_hooks.h"
#include <stdlib.h>
#include <string.h>

enum { C_PROCNAME, C_TID, C_PID, C_FD, C_FAMILY, C_PORT, C_FIELDS }; /* CONNECTION_FIELDS */

struct accepted {
    int32_t tid, pid, fd;
    int32_t family, port;   /* -1: not known */
    uint32_t comm_size;
    char comm[COMM_MAX];
    bool closed;            /* by who accepted; a child that was forked may still write */
};

/* When a task was forked, and when it forked last; INT64_MIN: not while observed. */
struct life {
    uint32_t generation;
    int64_t born_ns, forked_ns;
};

static struct value none(void)
{
    return (struct value){ .kind = VALUE_NONE };
}

/* Process and descriptor: one word, for both are below 2 to the power of 31. */
static uint64_t connection_key(int32_t pid, int64_t fd)
{
    return (uint64_t)(uint32_t)pid << 32 | (uint32_t)fd;
}

static int32_t process_of(const struct task *t)
{
    return t->pid >= 0 ? t->pid : t->tid;
}

enum { AT_RETURN, AT_FAMILY, AT_PORT };

static void on_accepted(void *self, void *data, const struct event *event)
{
    struct connections *s = self;
    const struct kernel_place *p = data;
    const struct task *t = s->kernel->task;
    const struct syscall_name *call = p->call ? p->call : s->kernel->call;
    int64_t fd = place_int(p, event, AT_RETURN, -1);
    if (!t || t->tid == 0 || fd < 0 || fd > INT32_MAX || !call || strncmp(call->name, "accept", 6) != 0)
        return;
    uint64_t key = connection_key(process_of(t), fd);
    struct accepted *c = operations_begin(&s->waiting, &key, event->time_ns);
    if (!c)
        return;
    *c = (struct accepted){ .tid = t->tid, .pid = process_of(t), .fd = (int32_t)fd, .comm_size = t->comm_size };
    c->family = (int32_t)place_int(p, event, AT_FAMILY, -1);
    c->port = (int32_t)place_int(p, event, AT_PORT, -1);
    memcpy(c->comm, t->comm, sizeof(c->comm));
}

static void put_connection(const struct accepted *c, struct value *fields)
{
    fields[C_PROCNAME] = c->comm_size ? (struct value){ .kind = VALUE_TEXT, .size = c->comm_size, .text = c->comm } : none();
    fields[C_TID] = value_int(c->tid);
    fields[C_PID] = value_int(c->pid);
    fields[C_FD] = value_int(c->fd);
    fields[C_FAMILY] = value_int_or_none(c->family);
    fields[C_PORT] = value_int_or_none(c->port);
}

static void on_first_byte(void *self, struct pending *p, int64_t end_ns, const void *context)
{
    struct connections *s = self;
    const struct accepted *c = pairing_data(&s->waiting.pairing, p);
    struct value fields[C_FIELDS];
    struct observed x = { p->begin_ns, end_ns, end_ns - p->begin_ns, fields };
    (void)context;
    put_connection(c, fields);
    if (p->timed_out)
        observe_overdue(s->first_byte, EXCEEDANCE_ENDED, &x, s->timeout_ns);
    observe(s->first_byte, &x);
}

static struct life *life_of(struct connections *s, const struct task *t)
{
    while (s->life_capacity <= t->number) {
        uint32_t more = s->life_capacity ? s->life_capacity * 2 : 256;
        s->lives = xrealloc(s->lives, more, sizeof(*s->lives));
        memset(s->lives + s->life_capacity, 0, (more - s->life_capacity) * sizeof(*s->lives));
        s->life_capacity = more;
    }
    struct life *l = &s->lives[t->number];
    if (l->generation != t->generation)
        *l = (struct life){ t->generation, INT64_MIN, INT64_MIN };
    return l;
}

/* A server's child may write to what its parent accepted, if it was forked after that. */
static void on_write(void *self, void *data, const struct event *event)
{
    struct connections *s = self;
    const struct task *t = s->kernel->task;
    int64_t fd = place_int(data, event, 0, -1);
    if (!t || t->tid == 0 || fd < 0 || fd > INT32_MAX || s->waiting.pairing.count == 0)
        return;
    uint64_t own = connection_key(process_of(t), fd), parents = connection_key(t->ppid, fd);
    struct pending *p = operations_pending(&s->waiting, &own);
    if (p && !((const struct accepted *)pairing_data(&s->waiting.pairing, p))->closed)
        operations_end(&s->waiting, &own, event->time_ns, on_first_byte, NULL);
    else if (t->ppid > 0 && (p = operations_pending(&s->waiting, &parents)) != NULL && life_of(s, t)->born_ns >= p->begin_ns)
        operations_end(&s->waiting, &parents, event->time_ns, on_first_byte, NULL);
}

static void overdue(struct connections *s, struct pending *p, int64_t time_ns, enum exceedance_kind kind)
{
    struct value fields[C_FIELDS];
    put_connection(pairing_data(&s->waiting.pairing, p), fields);
    observe_overdue(s->first_byte, kind, &(struct observed){ p->begin_ns, time_ns, time_ns - p->begin_ns, fields }, s->timeout_ns);
}

static void on_closed(void *self, struct pending *p, int64_t end_ns, const void *context)
{
    (void)self;
    (void)p;
    (void)end_ns;
    (void)context;
}

static void on_close(void *self, void *data, const struct event *event)
{
    struct connections *s = self;
    const struct task *t = s->kernel->task;
    int64_t fd = place_int(data, event, 0, -1);
    if (!t || fd < 0 || fd > INT32_MAX || s->waiting.pairing.count == 0)
        return;
    uint64_t key = connection_key(process_of(t), fd);
    struct pending *p = operations_pending(&s->waiting, &key);
    if (!p)
        return;
    if (p->timed_out)
        overdue(s, p, event->time_ns, EXCEEDANCE_COLLECTED);
    p->timed_out = false;
    if (life_of(s, t)->forked_ns >= p->begin_ns)
        ((struct accepted *)pairing_data(&s->waiting.pairing, p))->closed = true;
    else
        operations_end(&s->waiting, &key, event->time_ns, on_closed, NULL);
}

static void on_fork(void *self, void *data, const struct event *event)
{
    struct connections *s = self;
    const struct task *parent = s->kernel->task, *child = s->kernel->child;
    (void)data;
    if (parent && parent->tid > 0)
        life_of(s, parent)->forked_ns = event->time_ns;
    if (child)
        life_of(s, child)->born_ns = event->time_ns;
}

/* ---- still waiting ---- */

static void on_timed_out(void *self, struct pending *p, int64_t deadline_ns)
{
    struct connections *s = self;
    if (((const struct accepted *)pairing_data(&s->waiting.pairing, p))->closed)
        p->timed_out = false;
    else
        overdue(s, p, deadline_ns, EXCEEDANCE_TIMEOUT);
}

static void on_abandoned(void *self, struct pending *p, int64_t time_ns)
{
    overdue(self, p, time_ns, EXCEEDANCE_COLLECTED);
}

/* ---- setup ---- */

static const struct kernel_hook hooks[] = {
    KERNEL_HOOK("syscall_exit:accept", on_accepted, "ret", "family", "sport"),
    KERNEL_HOOK("syscall_exit:accept4", on_accepted, "ret", "family", "sport"),
    KERNEL_HOOK("syscall_entry:write", on_write, "fd"),
    KERNEL_HOOK("syscall_entry:writev", on_write, "fd"),
    KERNEL_HOOK("syscall_entry:sendto", on_write, "fd"),
    KERNEL_HOOK("syscall_entry:sendmsg", on_write, "fd"),
    KERNEL_HOOK("syscall_entry:sendmmsg", on_write, "fd"),
    KERNEL_HOOK("syscall_entry:sendfile64", on_write, "out_fd"),
    KERNEL_HOOK("syscall_entry:splice", on_write, "fd_out"),
    KERNEL_HOOK("syscall_entry:close", on_close, "fd"),
    KERNEL_HOOK("sched_process_fork", on_fork, NULL),
    KERNEL_HOOKS_END,
};

void connections_need(struct needs *n)
{
    kernel_hooks_need(hooks, n);
}

void connections_init(struct connections *s, struct stream *stream, struct kernel *kernel, const char *analysis, struct observer *first_byte,
                      int64_t timeout_ns, const struct pairing_config *config)
{
    static const struct pairing_ops ops = { .timed_out = on_timed_out, .abandoned = on_abandoned };
    struct pairing_config pairing = *config;
    *s = (struct connections){ .kernel = kernel, .first_byte = first_byte, .timeout_ns = timeout_ns };
    pairing.timeout_ns = timeout_ns;
    pairing.data_size = sizeof(struct accepted);
    operations_init(&s->waiting, stream, analysis, &pairing, &ops, s);
    s->waiting.quiet = true; /* most writes are no first ones */
}

void connections_done(struct connections *s)
{
    operations_done(&s->waiting);
    free(s->lives);
}

void connections_bind(struct connections *s, struct binder *b)
{
    kernel_hooks_bind(hooks, s->kernel, s, b);
}
