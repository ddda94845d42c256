/* offcpu.c - how long threads are off the cpu, in which state, and who woke them: from the switch to another thread to the switch back
 * (latency-tracker's offcpu, bcc's offcputime and offwaketime). A thread's wait for its first run is not among it: wakeup has that.
 *
 * When a thread that is off the cpu at the beginning left it is not known, nor does the statedump tell in which state: its return is
 * counted. What sleeps, is stopped or parked waits by design. */
#include "base/bytes.h"
#include "stream/analysis.h"
#include "stream/kernel.h"
#include "stream/kernel_hooks.h"
#include "stream/operations.h"
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
    OPERATIONS_OPTIONS("offcpu", "time off the cpu that was longer, runnable or uninterruptible", "name of the thread, as control=20ms; of what sleeps, too", "10s",
                       "thread that is still runnable or uninterruptible after this; 0s: none", "131072", "threads off the cpu"),
    OPTION_END
};

enum { F_PROCNAME, F_STATE, F_TID, F_PID, F_WAKER, F_WAKER_TID, F_CONTEXT, F_RUNNABLE, F_WAKER_PID, F_CPU, FIELDS };
static const struct observable off = { "off", MEASURE_DURATION, UNIT_NANOSECONDS,
                                       { "procname", "state", "tid", "pid", "waker", "waker_tid", "context", "runnable_ns", "waker_pid", "cpu" } };

static const struct metric_info emits[] = {
    METRIC_OF("off", "time", "time off the cpu by name of the thread and state (live: of those that do not wait by design)", METRIC_LATENCY, UNIT_NANOSECONDS,
              FACE_LIVE | FACE_REPORT | FACE_BUSY, "procname", "state"),
    METRIC_OF("off", "waiting", "the same of those that do: interruptible, idle, stopped, traced, parked", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_WAITING,
              "procname", "state"),
    METRIC_OF("off", "state_time", "time off the cpu of all threads by state", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "state"),
    { .name = "thread_time", .help = "time off the cpu by thread and state", .kind = METRIC_LATENCY, .unit = UNIT_NANOSECONDS, .of = "off", .faces = FACE_REPORT,
      .by = { "tid", "state" }, .show = { "procname" } },
    METRIC_OF("off", "woken_by", "the same by who woke whom, and in which interrupt's context", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "waker", "context", "procname"),
    METRIC_END,
};

/* Who wakes: what runs on the cpu, and what it was interrupted by. */
struct waker {
    int32_t tid, pid; /* -1: not known */
    uint8_t contexts; /* 1 << enum context */
    uint8_t comm_size;
    char comm[COMM_MAX];
};
enum context { IN_SOFTIRQ, IN_TIMER, IN_INTERRUPT, CONTEXTS };

/* Kept of a thread that is off the cpu; small, for most threads are. */
struct gone {
    int64_t woken_ns; /* INT64_MIN: not yet, or not seen */
    int32_t tid, pid;
    struct waker waker;
    uint8_t state;    /* enum task_state */
    uint8_t comm_size;
    char comm[COMM_MAX];
};

struct cpu_state {
    uint8_t contexts;    /* that it is in, as far as was seen */
    bool woken;          /* what runs was woken before it left the cpu; by: */
    struct waker waker;
};

struct offcpu {
    const struct operations_config *config;
    struct stream *stream;
    struct kernel *kernel;
    struct observer *off;
    struct operations gone;  /* by tid */
    struct cpu_state *cpus;  /* by number */
    uint32_t cpu_count;
    uint32_t *ran, ran_count; /* by number of the task: the generation that is known to have run */
    uint64_t first_runs;
    struct pairing_counts published;
};

/* ---- fields ---- */

/* The innermost of them. */
static struct value context_value(uint8_t contexts)
{
    static const char *const names[CONTEXTS] = { "softirq", "timer", "interrupt" };
    for (int i = CONTEXTS; i-- > 0;)
        if (contexts & 1 << i)
            return value_of_text(names[i]);
    return (struct value){ .kind = VALUE_NONE };
}

static void put_fields(const struct gone *g, int64_t end_ns, struct value *fields)
{
    bool woken = g->woken_ns != INT64_MIN;
    fields[F_PROCNAME] = value_of_bytes(g->comm, g->comm_size);
    fields[F_STATE] = value_of_text(task_state_name((enum task_state)g->state));
    fields[F_TID] = value_int(g->tid);
    fields[F_PID] = value_int_or_none(g->pid);
    fields[F_CPU] = (struct value){ .kind = VALUE_NONE };
    fields[F_WAKER] = value_of_bytes(g->waker.comm, g->waker.comm_size);
    fields[F_WAKER_TID] = value_int_or_none(g->waker.tid);
    fields[F_WAKER_PID] = value_int_or_none(g->waker.pid);
    fields[F_CONTEXT] = context_value(g->waker.contexts);
    fields[F_RUNNABLE] = woken ? value_int(end_ns - g->woken_ns) : (struct value){ .kind = VALUE_NONE };
}

/* ---- cpus ---- */

static struct cpu_state *cpu_of(struct offcpu *o, const struct cpu *c)
{
    while (o->cpu_count <= c->number) {
        o->cpus = xrealloc(o->cpus, o->cpu_count + 1, sizeof(*o->cpus));
        o->cpus[o->cpu_count++] = (struct cpu_state){ 0 };
    }
    return &o->cpus[c->number];
}

static void enter(struct offcpu *o, enum context context)
{
    if (o->kernel->cpu)
        cpu_of(o, o->kernel->cpu)->contexts |= (uint8_t)(1 << context);
}

static void leave(struct offcpu *o, enum context context)
{
    if (o->kernel->cpu)
        cpu_of(o, o->kernel->cpu)->contexts &= (uint8_t)~(1 << context);
}

#define CONTEXT_HOOKS(name, context)                                            \
    static void on_##name##_entry(void *self, void *data, const struct event *event) \
    {                                                                           \
        (void)data, (void)event;                                                \
        enter(self, context);                                                   \
    }                                                                           \
    static void on_##name##_exit(void *self, void *data, const struct event *event)  \
    {                                                                           \
        (void)data, (void)event;                                                \
        leave(self, context);                                                   \
    }

CONTEXT_HOOKS(interrupt, IN_INTERRUPT)
CONTEXT_HOOKS(softirq, IN_SOFTIRQ)
CONTEXT_HOOKS(timer, IN_TIMER)

/* ---- who wakes ---- */

static struct waker waker_now(struct offcpu *o)
{
    const struct kernel *k = o->kernel;
    struct waker w = { .tid = -1, .pid = -1, .contexts = k->cpu ? cpu_of(o, k->cpu)->contexts : 0 };
    if (!k->task)
        return w;
    w.tid = k->task->tid;
    w.pid = k->task->pid;
    w.comm_size = (uint8_t)k->task->comm_size;
    memcpy(w.comm, k->task->comm, w.comm_size);
    return w;
}

/* The first one counts. A thread that is about to sleep may be woken before it has left its cpu: its waking is seen then before the
 * switch, its wake-up after it. */
static void wake(struct offcpu *o, int64_t tid, int64_t time_ns, bool waking)
{
    uint64_t key = (uint64_t)tid;
    struct pending *p = tid > 0 ? operations_pending(&o->gone, &key) : NULL;
    if (p) {
        struct gone *g = pairing_data(&o->gone.pairing, p);
        if (g->woken_ns != INT64_MIN || g->state == STATE_RUNNABLE)
            return;
        g->woken_ns = time_ns;
        g->waker = waker_now(o);
        return;
    }
    const struct task *t = kernel_task(o->kernel, tid, false);
    const struct cpu *c = t && t->on_cpu >= 0 ? kernel_cpu_seen(o->kernel, (uint32_t)t->on_cpu) : NULL;
    if (!c)
        return;
    struct waker w = waker_now(o);
    struct cpu_state *s = cpu_of(o, c);
    s->woken = waking;
    s->waker = w;
}

enum { AT_TID };

static void on_waking(void *self, void *data, const struct event *event)
{
    wake(self, place_int(data, event, AT_TID, -1), event->time_ns, true);
}

static void on_wakeup(void *self, void *data, const struct event *event)
{
    wake(self, place_int(data, event, AT_TID, -1), event->time_ns, false);
}

/* ---- off the cpu, and back ---- */

static void switch_out(struct offcpu *o, const struct cpu_state *s, const struct task *t, int64_t time_ns)
{
    bool woken = s->woken && t->state != STATE_RUNNABLE;
    uint64_t key = (uint64_t)t->tid;
    struct gone *g = t->state == STATE_DEAD ? NULL : operations_begin(&o->gone, &key, time_ns);
    if (!g)
        return;
    g->state = (uint8_t)t->state;
    g->tid = t->tid;
    g->pid = t->pid;
    g->woken_ns = woken ? time_ns : INT64_MIN;
    g->waker = woken ? s->waker : (struct waker){ .tid = -1, .pid = -1 };
    g->comm_size = (uint8_t)t->comm_size;
    memcpy(g->comm, t->comm, t->comm_size);
}

static void on_back(void *self, struct pending *p, int64_t end_ns, const void *context)
{
    struct offcpu *o = self;
    const struct gone *g = pairing_data(&o->gone.pairing, p);
    struct value fields[FIELDS];
    (void)context;
    put_fields(g, end_ns, fields);
    fields[F_CPU] = value_int(o->kernel->cpu->number);
    struct observed x = { p->begin_ns, end_ns, end_ns - p->begin_ns, fields };
    if (task_state_waits((enum task_state)g->state)) {
        observe_waiting(o->off, &x);
        return;
    }
    if (p->timed_out)
        observe_overdue(o->off, EXCEEDANCE_ENDED, &x, o->config->timeout.ns);
    observe(o->off, &x);
}

/* Whether it runs for the first time: forked, and not seen before. */
static bool first_run(struct offcpu *o, const struct task *t)
{
    while (o->ran_count <= t->number) {
        uint32_t more = o->ran_count ? o->ran_count * 2 : 256;
        o->ran = xrealloc(o->ran, more, sizeof(*o->ran));
        memset(o->ran + o->ran_count, 0, (more - o->ran_count) * sizeof(*o->ran));
        o->ran_count = more;
    }
    bool ran = o->ran[t->number] == t->generation;
    o->ran[t->number] = t->generation;
    return t->newborn && !ran;
}

static void on_switch(void *self, void *data, const struct event *event)
{
    struct offcpu *o = self;
    const struct kernel *k = o->kernel;
    (void)data;
    if (!k->cpu)
        return;
    struct cpu_state *s = cpu_of(o, k->cpu);
    if (k->task && k->task->tid > 0)
        switch_out(o, s, k->task, event->time_ns);
    *s = (struct cpu_state){ 0 };
    if (!k->next || k->next->tid == 0)
        return;
    uint64_t key = (uint64_t)k->next->tid, unmatched = o->gone.pairing.counts.unmatched;
    operations_end(&o->gone, &key, event->time_ns, on_back, NULL);
    if (o->gone.pairing.counts.unmatched != unmatched)
        o->first_runs += first_run(o, k->next);
}

/* ---- still off ---- */

static void overdue(struct offcpu *o, struct pending *p, int64_t time_ns, enum exceedance_kind kind)
{
    const struct gone *g = pairing_data(&o->gone.pairing, p);
    struct value fields[FIELDS];
    if (task_state_waits((enum task_state)g->state))
        return;
    put_fields(g, time_ns, fields);
    observe_overdue(o->off, kind, &(struct observed){ p->begin_ns, time_ns, time_ns - p->begin_ns, fields }, o->config->timeout.ns);
}

OPERATIONS_OVERDUE(overdue, NULL);

static void on_dropped(void *self, struct pending *p, int64_t time_ns, const void *context)
{
    (void)context;
    if (p->timed_out)
        overdue(self, p, time_ns, EXCEEDANCE_COLLECTED);
}

/* A thread is no more, or another one has its tid: its return was not seen. */
static void on_gone(void *self, void *data, const struct event *event)
{
    struct offcpu *o = self;
    int64_t tid = place_int(data, event, AT_TID, -1);
    uint64_t key = (uint64_t)tid;
    if (tid > 0 && operations_pending(&o->gone, &key))
        operations_end(&o->gone, &key, event->time_ns, on_dropped, NULL);
}

/* ---- the analysis ---- */

static const struct kernel_hook hooks[] = {
    KERNEL_HOOK("sched_switch", on_switch, NULL),
    KERNEL_HOOK("sched_waking", on_waking, "payload.tid"),
    KERNEL_HOOK("sched_wakeup", on_wakeup, "payload.tid"),
    KERNEL_HOOK("sched_process_fork", on_gone, "child_tid"),
    KERNEL_HOOK("sched_process_free", on_gone, "payload.tid"),
    KERNEL_HOOK_OPTIONAL("irq_handler_entry", on_interrupt_entry, NULL),
    KERNEL_HOOK_OPTIONAL("irq_handler_exit", on_interrupt_exit, NULL),
    KERNEL_HOOK_OPTIONAL("softirq_entry", on_softirq_entry, NULL),
    KERNEL_HOOK_OPTIONAL("softirq_exit", on_softirq_exit, NULL),
    KERNEL_HOOK_OPTIONAL("hrtimer_expire_entry", on_timer_entry, NULL),
    KERNEL_HOOK_OPTIONAL("hrtimer_expire_exit", on_timer_exit, NULL),
    KERNEL_HOOKS_END,
};

static void *open_offcpu(const void *config, struct stream *stream)
{
    const struct operations_config *c = config;
    struct offcpu *o = xcalloc(1, sizeof(*o));
    o->config = c;
    o->stream = stream;
    o->kernel = stream_kernel(stream, KERNEL_TASKS);
    o->off = operations_observer(stream, c, &off, emits);
    operations_init(&o->gone, stream, c->name.s,
                    &(struct pairing_config){ .key_count = 1,
                                              .timeout_ns = c->timeout.ns,
                                              .max_pending = c->max_pending,
                                              .duplicates = PAIRING_REPLACE, /* it has left again: its return was not seen */
                                              .data_size = sizeof(struct gone) },
                    &overdue_ops, o);
    return o;
}

static void close_offcpu(void *self)
{
    struct offcpu *o = self;
    operations_done(&o->gone);
    free(o->cpus);
    free(o->ran);
    free(o);
}

static void lost(void *self, int64_t begin_ns, int64_t end_ns)
{
    struct offcpu *o = self;
    (void)begin_ns;
    operations_lost(&o->gone, end_ns);
    for (uint32_t i = 0; i < o->cpu_count; i++)
        o->cpus[i] = (struct cpu_state){ 0 };
}

/* A thread's first run is no return. */
static void window(void *self)
{
    struct offcpu *o = self;
    struct pairing_counts counts = o->gone.pairing.counts;
    counts.unmatched -= o->first_runs;
    pairing_publish(o->stream, o->config->name.s, &counts, &o->published);
}

const struct analysis analysis_offcpu = {
    .name = "offcpu",
    .summary = "how long threads are off the cpu, in which state, and who woke them",
    .options = options,
    .config_size = sizeof(struct operations_config),
    .emits = emits,
    .check = operations_check,
    .hooks = hooks,
    .kernel_parts = KERNEL_TASKS,
    .open = open_offcpu,
    .close = close_offcpu,
    .lost = lost,
    .window = window,
};
