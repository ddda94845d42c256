/* wakeup.c - how long a thread that was woken waits for a cpu: from the first wake-up to the switch to it, and who woke it
 * (lttng-analyses' sched commands, latency-tracker's wakeup). A thread that runs is not woken; of several wake-ups the first counts. */
#include "base/bytes.h"
#include "stream/analysis.h"
#include "stream/kernel.h"
#include "stream/kernel_hooks.h"
#include "stream/operations.h"
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
    OPERATIONS_OPTIONS("wakeup", "delay that was longer", "name of the thread, as redis-server=5ms", "0s", "thread still waiting after this; 0s: none", "65536", "threads waiting"),
    OPTION_END
};

enum { F_PROCNAME, F_PRIO, F_CPU, F_TID, F_PID, F_WAKER, F_WAKER_TID, F_WAKER_PID, FIELDS };
static const struct observable delay = { "delay", MEASURE_DURATION, UNIT_NANOSECONDS,
                                         { "procname", "prio", "cpu", "tid", "pid", "waker", "waker_tid", "waker_pid" } };

static const struct metric_info emits[] = {
    METRIC_OF("delay", "delay", "time from wake-up to switch-in, by name of the thread", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_LIVE | FACE_REPORT | FACE_OVERVIEW, "procname"),
    METRIC_OF("delay", "prio_delay", "the same by priority", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_REPORT, "prio"),
    METRIC_OF("delay", "cpu_delay", "the same by cpu", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_REPORT, "cpu"),
    METRIC_OF("delay", "all_delays", "the same of all threads", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, NULL),
    METRIC_SHOWING("delay", "thread_delay", "the same by thread", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "tid", "procname"),
    METRIC_OF("delay", "woken_by", "the same by who woke whom", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "waker", "procname"),
    METRIC_END,
};

/* Kept of a wake-up. */
struct woken {
    int32_t tid, waker_tid, waker_pid; /* -1: not known */
    uint32_t comm_size, waker_size;
    char comm[COMM_MAX], waker[COMM_MAX];
};

struct wakeup {
    const struct operations_config *config;
    struct kernel *kernel;
    struct observer *delay;
    struct operations waiting; /* by tid */
};

static void put_waker(const struct woken *w, struct value *fields)
{
    fields[F_WAKER] = value_of_bytes(w->waker, w->waker_size);
    fields[F_WAKER_TID] = value_int_or_none(w->waker_tid);
    fields[F_WAKER_PID] = value_int_or_none(w->waker_pid);
}

/* ---- the beginning ---- */

enum { AT_TID, AT_COMM, AT_TARGET };

static void on_wakeup(void *self, void *data, const struct event *event)
{
    struct wakeup *u = self;
    const struct kernel_place *p = data;
    const struct kernel *k = u->kernel;
    int64_t tid = place_int(p, event, AT_TID, -1);
    struct task *t = kernel_task(u->kernel, tid, true);
    if (!t || t->on_cpu >= 0)
        return;
    uint64_t key = (uint64_t)tid;
    struct woken *w = operations_begin(&u->waiting, &key, event->time_ns);
    if (!w)
        return;
    struct value comm = place_value(p, event, AT_COMM);
    *w = (struct woken){ .tid = t->tid, .waker_tid = -1, .waker_pid = -1 };
    if (comm.kind == VALUE_TEXT) {
        w->comm_size = comm.size < COMM_MAX ? comm.size : COMM_MAX;
        memcpy(w->comm, comm.text, w->comm_size);
    }
    if (!k->task)
        return;
    w->waker_tid = k->task->tid;
    w->waker_pid = k->task->pid;
    w->waker_size = k->task->comm_size;
    memcpy(w->waker, k->task->comm, w->waker_size);
}

/* ---- the end ---- */

static void on_ended(void *self, struct pending *p, int64_t end_ns, const void *context)
{
    struct wakeup *u = self;
    const struct kernel *k = u->kernel;
    const struct woken *w = pairing_data(&u->waiting.pairing, p);
    const struct task *t = context;
    struct value fields[FIELDS];
    fields[F_PROCNAME] = task_comm(t);
    fields[F_PRIO] = t->prio == PRIO_UNKNOWN ? (struct value){ .kind = VALUE_NONE } : value_int(t->prio);
    fields[F_CPU] = value_int(k->cpu->number);
    fields[F_TID] = task_tid(t);
    fields[F_PID] = task_pid(t);
    put_waker(w, fields);
    struct observed x = { p->begin_ns, end_ns, end_ns - p->begin_ns, fields };
    if (p->timed_out) {
        fields[F_PROCNAME] = value_of_bytes(w->comm, w->comm_size);
        observe_overdue(u->delay, EXCEEDANCE_ENDED, &x, u->config->timeout.ns);
        fields[F_PROCNAME] = task_comm(t);
    }
    observe(u->delay, &x);
}

static void on_switch(void *self, void *data, const struct event *event)
{
    struct wakeup *u = self;
    const struct task *next = u->kernel->next;
    (void)data;
    if (!u->kernel->cpu || !next || next->tid == 0)
        return;
    uint64_t key = (uint64_t)next->tid;
    operations_end(&u->waiting, &key, event->time_ns, on_ended, next);
}

/* ---- still waiting ---- */

static void overdue(struct wakeup *u, struct pending *p, int64_t time_ns, enum exceedance_kind kind)
{
    const struct woken *w = pairing_data(&u->waiting.pairing, p);
    struct value fields[FIELDS] = { { .kind = VALUE_NONE } };
    fields[F_PROCNAME] = value_of_bytes(w->comm, w->comm_size);
    fields[F_TID] = value_int(w->tid);
    put_waker(w, fields);
    observe_overdue(u->delay, kind, &(struct observed){ p->begin_ns, time_ns, time_ns - p->begin_ns, fields }, u->config->timeout.ns);
}

OPERATIONS_OVERDUE(overdue, NULL);

/* ---- the analysis ---- */

static const struct kernel_hook hooks[] = {
    KERNEL_HOOK("sched_waking", on_wakeup, "payload.tid", "comm", "target_cpu"),
    KERNEL_HOOK("sched_wakeup", on_wakeup, "payload.tid", "comm", "target_cpu"),
    KERNEL_HOOK("sched_wakeup_new", on_wakeup, "payload.tid", "comm", "target_cpu"),
    KERNEL_HOOK("sched_switch", on_switch, NULL),
    KERNEL_HOOKS_END,
};

static void *open_wakeup(const void *config, struct stream *stream)
{
    const struct operations_config *c = config;
    struct wakeup *u = xcalloc(1, sizeof(*u));
    u->config = c;
    u->kernel = stream_kernel(stream, KERNEL_TASKS);
    u->delay = operations_observer(stream, c, &delay, emits);
    operations_init(&u->waiting, stream, c->name.s,
                    &(struct pairing_config){ .key_count = 1,
                                              .timeout_ns = c->timeout.ns,
                                              .max_pending = c->max_pending,
                                              .duplicates = PAIRING_IGNORE,
                                              .data_size = sizeof(struct woken) },
                    &overdue_ops, u);
    u->waiting.quiet = true; /* who was only preempted was not woken; who is woken twice waits once */
    return u;
}

static void close_wakeup(void *self)
{
    struct wakeup *u = self;
    operations_done(&u->waiting);
    free(u);
}

static void lost(void *self, int64_t begin_ns, int64_t end_ns)
{
    struct wakeup *u = self;
    (void)begin_ns;
    operations_lost(&u->waiting, end_ns);
}

static void window(void *self)
{
    struct wakeup *u = self;
    operations_publish(&u->waiting);
}

const struct analysis analysis_wakeup = {
    .name = "wakeup",
    .summary = "delay from a thread's wake-up until it runs, and who woke it",
    .options = options,
    .config_size = sizeof(struct operations_config),
    .emits = emits,
    .check = operations_check,
    .hooks = hooks,
    .kernel_parts = KERNEL_TASKS,
    .open = open_wakeup,
    .close = close_wakeup,
    .lost = lost,
    .window = window,
};
