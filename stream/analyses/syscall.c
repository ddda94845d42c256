/* syscall.c - system calls: how many, how long they take, with what error they return (lttng-analyses' syscallstats), and those that
 * are still pending after a time (latency-tracker's syscalls tracker). A thread's call ends with the thread's next exit; the kernel
 * state knows what call that is. What waits by design (kernel_calls.c) is kept apart live, and has no timeout but its own. */
#include "base/bytes.h"
#include "stream/analysis.h"
#include "stream/kernel.h"
#include "stream/kernel_calls.h"
#include "stream/kernel_hooks.h"
#include "stream/operations.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct config {
    struct operations_config of;
    struct text_list timeouts;
};

static const struct option options[] = {
    OPERATIONS_OPTIONS("syscall", "call that took longer, unless it waits by design", "system call, as fsync=50ms", "10s",
                       "call still pending after this, unless it waits by design (futex, poll, reads of sockets and pipes ...); 0s: none", "65536", "calls with a timeout pending"),
    OPTION(struct config, timeouts, 0, TEXT_LIST_MAX, "", "other timeouts by system call, whether it waits by design or not, as futex=1m"),
    OPTION_END
};

enum { F_CALL, F_PROCNAME, F_TID, F_ERRNO, F_PATH, F_FD, F_PID, FIELDS };
static const struct observable call = { "call", MEASURE_DURATION, UNIT_NANOSECONDS, { "syscall", "procname", "tid", "errno", "path", "fd", "pid" } };
static const struct observable failed = { "error", MEASURE_EVENTS, UNIT_NONE, { "syscall", "procname", "tid", "errno", "path", "fd", "pid" } };

static const struct metric_info emits[] = {
    METRIC_OF("call", "latency", "duration of system calls (live: of those that do not wait by design)", METRIC_LATENCY, UNIT_NANOSECONDS,
              FACE_LIVE | FACE_REPORT | FACE_OVERVIEW | FACE_BUSY, "syscall"),
    METRIC_OF("call", "process_latency", "the same by name of the thread", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_BUSY, "procname"),
    METRIC_OF("call", "process_calls", "duration of system calls by name of the thread", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "procname", "syscall"),
    METRIC_OF("call", "waiting", "duration of those that wait by design", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_WAITING, "syscall"),
    { .name = "thread_latency", .help = "duration of system calls by thread", .kind = METRIC_LATENCY, .unit = UNIT_NANOSECONDS, .of = "call",
      .faces = FACE_REPORT, .by = { "tid", "syscall" }, .show = { "procname" } },
    METRIC_OF("error", "errors", "system calls that returned an error", METRIC_COUNTER, UNIT_NONE, FACE_LIVE | FACE_REPORT, "syscall", "errno"),
    METRIC_OF("error", "process_errors", "the same by name of the thread", METRIC_COUNTER, UNIT_NONE, FACE_DETAIL | FACE_REPORT, "procname", "errno"),
    { .name = "thread_errors", .help = "errors by thread", .kind = METRIC_COUNTER, .of = "error", .faces = FACE_REPORT, .by = { "tid", "syscall", "errno" },
      .show = { "procname" } },
    METRIC_END,
};

enum { LIMITS_MAX = TEXT_LIST_MAX + 1 };

/* What is known of a system call, by its number. */
struct known_call {
    bool known;
    uint8_t limit;             /* index of its timeout; LIMITS_MAX: none */
    bool limit_is_own;         /* it holds although the call may wait by design */
    struct call_kind kind;
};

/* Calls with the same timeout: an engine takes one. */
struct limit {
    struct operations pending; /* by tid */
    int64_t timeout_ns;
    struct syscalls *owner;
};

/* Kept of a pending call. */
struct begun {
    struct task_ref task;
    const struct syscall_name *name;
    int32_t tid;
    bool told; /* that it is overdue */
};

struct syscalls {
    const struct config *config;
    struct stream *stream;
    struct kernel *kernel;
    struct observer *call, *failed;
    struct limit limits[LIMITS_MAX];
    uint32_t limit_count;
    struct known_call *calls;  /* SYSCALLS_MAX */
    uint64_t unmatched, suspect;
};

/* ---- what is known of calls ---- */

static uint8_t limit_of(const struct syscalls *s, int64_t timeout_ns)
{
    for (uint32_t i = 0; i < s->limit_count; i++)
        if (s->limits[i].timeout_ns == timeout_ns)
            return (uint8_t)i;
    return LIMITS_MAX;
}

static const struct known_call *known(struct syscalls *s, const struct syscall_name *name)
{
    struct known_call *c = &s->calls[name->id];
    if (c->known)
        return c;
    int64_t own_ns = thresholds_find(&s->config->timeouts, name->name);
    c->known = true;
    c->kind = call_kind(name->name);
    c->limit_is_own = own_ns >= 0;
    c->limit = limit_of(s, own_ns >= 0 ? own_ns : c->kind.waits == WAITS ? 0 : s->config->of.timeout.ns);
    return c;
}

/* ---- fields ---- */

static void put_fields(struct value *fields, const struct syscall_name *name, const struct call_kind *kind, const struct task *t)
{
    fields[F_CALL] = value_of_text(name->name);
    fields[F_PROCNAME] = task_comm(t);
    fields[F_TID] = task_tid(t);
    fields[F_PID] = task_pid(t);
    fields[F_ERRNO] = fields[F_PATH] = fields[F_FD] = (struct value){ .kind = VALUE_NONE };
    if (!t || kind->family == IO_NONE)
        return;
    struct file f = kernel_call_file(t);
    fields[F_PATH] = f.path;
    if (f.fd >= 0)
        fields[F_FD] = value_int(f.fd);
}

/* ---- calls with a timeout ---- */

static void on_entry(void *self, void *data, const struct event *event)
{
    struct syscalls *s = self;
    const struct kernel_place *p = data;
    struct task *t = s->kernel->task;
    if (!t || t->tid <= 0 || !p->call)
        return;
    const struct known_call *c = known(s, p->call);
    if (c->limit == LIMITS_MAX || (!c->limit_is_own && call_waits(c->kind.waits, t, event->time_ns)))
        return;
    uint64_t key = (uint64_t)t->tid;
    struct begun *b = operations_begin(&s->limits[c->limit].pending, &key, event->time_ns);
    if (b)
        *b = (struct begun){ task_ref(t), p->call, t->tid, false };
}

static void overdue(struct limit *l, struct pending *p, int64_t time_ns, enum exceedance_kind kind)
{
    const struct begun *b = pairing_data(&l->pending.pairing, p);
    struct value fields[FIELDS];
    struct task *t = task_get(b->task);
    put_fields(fields, b->name, &known(l->owner, b->name)->kind, t);
    fields[F_TID] = value_int(b->tid);
    observe_overdue(l->owner->call, kind, &(struct observed){ .begin_ns = p->begin_ns, .end_ns = time_ns, .value = time_ns - p->begin_ns, .fields = fields }, l->timeout_ns);
}

static void on_timed_out(void *self, struct pending *p, int64_t deadline_ns)
{
    struct limit *l = self;
    struct begun *b = pairing_data(&l->pending.pairing, p);
    const struct known_call *c = known(l->owner, b->name);
    const struct task *t = task_get(b->task);
    b->told = c->limit_is_own || !t || !call_waits(c->kind.waits, t, deadline_ns);
    if (b->told)
        overdue(l, p, deadline_ns, EXCEEDANCE_TIMEOUT);
}

/* It is no longer overdue, where that was told. */
static void settle(struct limit *l, struct pending *p, int64_t time_ns, enum exceedance_kind kind)
{
    const struct begun *b = pairing_data(&l->pending.pairing, p);
    if (b->told)
        overdue(l, p, time_ns, kind);
}

static void on_abandoned(void *self, struct pending *p, int64_t time_ns)
{
    settle(self, p, time_ns, EXCEEDANCE_COLLECTED);
}

static void on_ended(void *self, struct pending *p, int64_t end_ns, const void *context)
{
    (void)context;
    settle(self, p, end_ns, EXCEEDANCE_ENDED);
}

/* A thread that was killed in a call, or executes under another tid, does not return from it. */
static void on_gone(void *self, void *data, const struct event *event)
{
    struct syscalls *s = self;
    int64_t tid = place_int(data, event, 0, -1);
    uint64_t key = (uint64_t)tid;
    for (uint32_t i = 0; tid > 0 && i < s->limit_count; i++)
        operations_end(&s->limits[i].pending, &key, event->time_ns, on_ended, NULL);
}

/* ---- exits ---- */

/* The exit of a call that was not seen to begin. A new task returns from its parent's. */
static void count_unknown(struct syscalls *s, struct task *t)
{
    if (t && t->newborn)
        t->newborn = false;
    else if (s->kernel->call_suspect)
        s->suspect++;
    else
        s->unmatched++;
}

static void on_exit_of_call(void *self, void *data, const struct event *event)
{
    struct syscalls *s = self;
    struct kernel *k = s->kernel;
    struct task *t = k->task;
    if (!t || t->tid <= 0 || !k->call) {
        s->unmatched++;
        return;
    }
    const struct known_call *c = known(s, k->call);
    uint64_t key = (uint64_t)t->tid;
    if (c->limit != LIMITS_MAX)
        operations_end(&s->limits[c->limit].pending, &key, event->time_ns, on_ended, NULL);
    if (k->call_begin_ns == INT64_MIN) {
        count_unknown(s, t);
        return;
    }
    struct value fields[FIELDS];
    int64_t ret = place_int(data, event, 0, 0);
    put_fields(fields, k->call, &c->kind, t);
    fields[F_ERRNO] = call_errno(ret);
    struct observed x = { .begin_ns = k->call_begin_ns, .end_ns = event->time_ns, .value = event->time_ns - k->call_begin_ns, .fields = fields };
    if (call_waits(c->kind.waits, t, event->time_ns))
        observe_waiting(s->call, &x);
    else
        observe(s->call, &x);
    if (fields[F_ERRNO].kind == VALUE_NONE)
        return;
    x.begin_ns = x.end_ns;
    x.value = 1;
    observe(s->failed, &x);
}

/* ---- the analysis ---- */

static const struct kernel_hook hooks[] = {
    KERNEL_HOOK("syscall_entry", on_entry, NULL),
    KERNEL_HOOK("syscall_exit", on_exit_of_call, "ret"),
    KERNEL_HOOK("sched_process_exit", on_gone, "payload.tid"),
    KERNEL_HOOK("sched_process_exec", on_gone, "old_tid|old_pid"),
    KERNEL_HOOKS_END,
};

static int check(const void *config, struct error *err)
{
    const struct config *c = config;
    int r = operations_check(&c->of, err);
    if (r == 0 && thresholds_check(&c->timeouts, err) < 0)
        r = error_set(err, -EINVAL, "timeouts: a list of CALL=TIME was expected, as futex=1m");
    return r;
}

static void add_limit(struct syscalls *s, int64_t timeout_ns)
{
    static const struct pairing_ops ops = { .timed_out = on_timed_out, .abandoned = on_abandoned };
    if (timeout_ns <= 0 || limit_of(s, timeout_ns) != LIMITS_MAX)
        return;
    struct limit *l = &s->limits[s->limit_count++];
    l->timeout_ns = timeout_ns;
    l->owner = s;
    operations_init(&l->pending, s->stream, s->config->of.name.s,
                    &(struct pairing_config){ .key_count = 1,
                                              .timeout_ns = timeout_ns,
                                              .max_pending = s->config->of.max_pending,
                                              .duplicates = PAIRING_REPLACE,
                                              .data_size = sizeof(struct begun) },
                    &ops, l);
    l->pending.quiet = true; /* the exit of a read may be of one that was not begun here */
}

static void *open_syscall(const void *config, struct stream *stream)
{
    const struct config *c = config;
    struct syscalls *s = xcalloc(1, sizeof(*s));
    s->config = c;
    s->stream = stream;
    s->kernel = stream_kernel(stream, KERNEL_SYSCALLS | KERNEL_FILES);
    s->calls = xcalloc(SYSCALLS_MAX, sizeof(*s->calls));
    s->call = operations_observer(stream, &c->of, &call, emits);
    s->failed = observer_new(stream, &(struct observer_spec){ .analysis = c->of.name.s, .what = &failed, .emits = emits });
    add_limit(s, c->of.timeout.ns);
    for (uint32_t i = 0; i < c->timeouts.count; i++) {
        const char *name = c->timeouts.item[i].s;
        char label[TEXT_MAX];
        snprintf(label, sizeof(label), "%.*s", (int)(strrchr(name, '=') - name), name);
        add_limit(s, thresholds_find(&c->timeouts, label));
    }
    return s;
}

static void close_syscall(void *self)
{
    struct syscalls *s = self;
    for (uint32_t i = 0; i < s->limit_count; i++)
        operations_done(&s->limits[i].pending);
    free(s->calls);
    free(s);
}

static void lost(void *self, int64_t begin_ns, int64_t end_ns)
{
    struct syscalls *s = self;
    (void)begin_ns;
    for (uint32_t i = 0; i < s->limit_count; i++)
        operations_lost(&s->limits[i].pending, end_ns);
}

static void window(void *self)
{
    struct syscalls *s = self;
    for (uint32_t i = 0; i < s->limit_count; i++) {
        struct operations *pending = &s->limits[i].pending;
        pending->published.suspect = pending->pairing.counts.suspect; /* counted below, as calls without a timeout are */
        operations_publish(pending);
    }
    stream_count(s->stream, "unmatched_ends", s->config->of.name.s, s->unmatched);
    stream_count(s->stream, "suspect_pairs", s->config->of.name.s, s->suspect);
    s->unmatched = s->suspect = 0;
}

const struct analysis analysis_syscall = {
    .name = "syscall",
    .summary = "system calls: how long they take, their errors, and those that do not return",
    .options = options,
    .config_size = sizeof(struct config),
    .emits = emits,
    .check = check,
    .hooks = hooks,
    .kernel_parts = KERNEL_SYSCALLS | KERNEL_FILES,
    .open = open_syscall,
    .close = close_syscall,
    .lost = lost,
    .window = window,
};
