/* cpu.c - who uses the cpus: time run by cpu, process and thread, context switches, migrations, priorities. What runs already at
 * the beginning counts from there, what still runs at a window's end up to it (lttng-analyses' cputop, with the beginning put right:
 * the first switch of a cpu tells what ran on it before). */
#include "base/bytes.h"
#include "stream/analysis.h"
#include "stream/kernel.h"
#include "stream/kernel_hooks.h"
#include <stdlib.h>

struct config {
    struct text name;
};

static const struct option options[] = {
    OPTION(struct config, name, 0, 0, "cpu", "what its series are called"),
    OPTION_END
};

enum { RUN_CPU, RUN_PROCNAME, RUN_TID, RUN_PRIO, RUN_FIELDS };
static const struct observable run = { "run", MEASURE_SHARE, UNIT_NANOSECONDS, { "cpu", "procname", "tid", "prio" } };
enum { SWITCH_CPU, SWITCH_PROCNAME, SWITCH_TID, SWITCH_FIELDS };
static const struct observable switched = { "switch", MEASURE_EVENTS, UNIT_NONE, { "cpu", "procname", "tid" } };
enum { MIGRATE_PROCNAME, MIGRATE_TID, MIGRATE_FROM, MIGRATE_TO, MIGRATE_FIELDS };
static const struct observable migrated = { "migration", MEASURE_EVENTS, UNIT_NONE, { "procname", "tid", "from", "to" } };
enum { PRIORITY_PROCNAME, PRIORITY_TID, PRIORITY_FIELDS };
static const struct observable priority = { "priority", MEASURE_STATE, UNIT_NONE, { "procname", "tid" } };

static const struct metric_info emits[] = {
    METRIC_OF("run", "usage", "part of all cpus' time in which they were not idle", METRIC_VALUE, UNIT_NONE, FACE_LIVE | FACE_REPORT | FACE_OVERVIEW | FACE_OF_ALL, NULL),
    METRIC_OF("run", "cpu_usage", "part of a cpu's time in which it was not idle", METRIC_VALUE, UNIT_NONE, FACE_LIVE | FACE_REPORT, "cpu"),
    METRIC_OF("run", "process_usage", "cpu time by name of the thread; 1, or 100 %, is one cpu", METRIC_VALUE, UNIT_NONE, FACE_LIVE | FACE_REPORT, "procname"),
    METRIC_SHOWING("run", "thread_usage", "cpu time by thread; 100 % is one cpu", METRIC_VALUE, UNIT_NONE, FACE_REPORT | FACE_OVERVIEW, "tid", "procname"),
    METRIC_OF("switch", "switches", "switches to another task, by cpu", METRIC_COUNTER, UNIT_NONE, FACE_LIVE | FACE_REPORT, "cpu"),
    METRIC_OF("switch", "process_switches", "times it was switched to, by name of the thread", METRIC_COUNTER, UNIT_NONE, FACE_DETAIL | FACE_REPORT, "procname"),
    METRIC_SHOWING("switch", "thread_switches", "times it was switched to, by thread", METRIC_COUNTER, UNIT_NONE, FACE_REPORT, "tid", "procname"),
    METRIC_OF("migration", "migrations", "threads moved to another cpu", METRIC_COUNTER, UNIT_NONE, FACE_LIVE | FACE_REPORT, "procname"),
    METRIC_SHOWING("migration", "thread_migrations", "moves to another cpu, by thread", METRIC_COUNTER, UNIT_NONE, FACE_REPORT, "tid", "procname"),
    METRIC_SHOWING("priority", "priority", "priorities in the order in which they were seen, by thread", METRIC_VALUE, UNIT_NONE, FACE_REPORT, "tid", "procname"),
    METRIC_END,
};

struct running {
    int64_t since_ns; /* INT64_MIN: from the beginning */
};

struct cpu_analysis {
    struct stream *stream;
    struct kernel *kernel;
    struct observer *run, *switched, *migrated, *priority;
    struct running *cpus; /* by number */
    uint32_t cpu_count;
    /* The priority that was observed last, by number of the task. */
    struct seen_prio {
        uint32_t generation;
        int32_t prio;
    } *prios;
    uint32_t prio_capacity;
};

/* ---- slices of cpu time ---- */

static struct running *running_of(struct cpu_analysis *a, const struct cpu *c)
{
    while (a->cpu_count <= c->number) {
        a->cpus = xrealloc(a->cpus, a->cpu_count + 1, sizeof(*a->cpus));
        a->cpus[a->cpu_count++].since_ns = INT64_MIN;
    }
    return &a->cpus[c->number];
}

/* t ran on c up to end_ns. */
static void end_slice(struct cpu_analysis *a, const struct cpu *c, const struct task *t, int64_t end_ns)
{
    struct running *r = running_of(a, c);
    int64_t begin_ns, window_end_ns;
    stream_span(a->stream, &begin_ns, &window_end_ns);
    if (r->since_ns > begin_ns)
        begin_ns = r->since_ns;
    if (c->known_from_ns > begin_ns)
        begin_ns = c->known_from_ns;
    r->since_ns = end_ns;
    if (!t || t->tid == 0 || end_ns <= begin_ns)
        return;
    struct value fields[RUN_FIELDS];
    fields[RUN_CPU] = value_int(c->number);
    fields[RUN_PROCNAME] = task_comm(t);
    fields[RUN_TID] = task_tid(t);
    fields[RUN_PRIO] = t->prio == PRIO_UNKNOWN ? (struct value){ .kind = VALUE_NONE } : value_int(t->prio);
    observer_parts(a->run, kernel_cpu_count(a->kernel), a->kernel->cpus_told);
    observe(a->run, &(struct observed){ begin_ns, end_ns, end_ns - begin_ns, fields });
}

/* What still runs when a window ends. */
static void window(void *self)
{
    struct cpu_analysis *a = self;
    int64_t begin_ns, end_ns;
    stream_span(a->stream, &begin_ns, &end_ns);
    for (uint32_t i = 0; i < kernel_cpu_limit(a->kernel); i++) {
        const struct cpu *c = kernel_cpu_seen(a->kernel, i);
        if (c)
            end_slice(a, c, c->current, end_ns);
    }
}

/* What ran when events began to be missing ran up to there. */
static void lost(void *self, int64_t begin_ns, int64_t end_ns)
{
    struct cpu_analysis *a = self;
    for (uint32_t i = 0; i < kernel_cpu_limit(a->kernel); i++) {
        const struct cpu *c = kernel_cpu_seen(a->kernel, i);
        if (!c)
            continue;
        end_slice(a, c, c->current, begin_ns);
        running_of(a, c)->since_ns = end_ns;
    }
}

/* ---- priorities ---- */

static void check_prio(struct cpu_analysis *a, const struct task *t, int64_t time_ns)
{
    if (!t || t->tid == 0 || t->prio == PRIO_UNKNOWN)
        return;
    while (a->prio_capacity <= t->number) {
        uint32_t more = a->prio_capacity ? a->prio_capacity * 2 : 256;
        a->prios = xrealloc(a->prios, more, sizeof(*a->prios));
        for (; a->prio_capacity < more; a->prio_capacity++)
            a->prios[a->prio_capacity] = (struct seen_prio){ 0, PRIO_UNKNOWN };
    }
    struct seen_prio *seen = &a->prios[t->number];
    if (seen->generation == t->generation && seen->prio == t->prio)
        return;
    *seen = (struct seen_prio){ t->generation, t->prio };
    struct value fields[PRIORITY_FIELDS];
    fields[PRIORITY_PROCNAME] = task_comm(t);
    fields[PRIORITY_TID] = task_tid(t);
    observe(a->priority, &(struct observed){ time_ns, time_ns, t->prio, fields });
}

/* ---- events ---- */

static void on_switch(void *self, void *data, const struct event *event)
{
    struct cpu_analysis *a = self;
    const struct kernel *k = a->kernel;
    (void)data;
    if (!k->cpu)
        return;
    end_slice(a, k->cpu, k->task, event->time_ns);
    check_prio(a, k->task, event->time_ns);
    if (!k->next || k->next->tid == 0)
        return;
    check_prio(a, k->next, event->time_ns);
    struct value fields[SWITCH_FIELDS];
    fields[SWITCH_CPU] = value_int(k->cpu->number);
    fields[SWITCH_PROCNAME] = task_comm(k->next);
    fields[SWITCH_TID] = task_tid(k->next);
    observe(a->switched, &(struct observed){ event->time_ns, event->time_ns, 1, fields });
}

enum { AT_TID, AT_COMM, AT_PRIO, AT_FROM, AT_TO };

/* The scheduler's events on a thread that need not run: its priority may be new. */
static struct task *on_thread(struct cpu_analysis *a, const struct kernel_place *p, const struct event *event)
{
    struct task *t = kernel_task(a->kernel, place_int(p, event, AT_TID, -1), true);
    if (t)
        t->prio = place_prio(p, event, AT_PRIO, t->prio);
    check_prio(a, t, event->time_ns);
    return t;
}

static void on_migrate(void *self, void *data, const struct event *event)
{
    struct cpu_analysis *a = self;
    const struct kernel_place *p = data;
    struct task *t = on_thread(a, p, event);
    struct value fields[MIGRATE_FIELDS];
    fields[MIGRATE_PROCNAME] = t && t->comm_size ? task_comm(t) : place_value(p, event, AT_COMM);
    fields[MIGRATE_TID] = place_value(p, event, AT_TID);
    fields[MIGRATE_FROM] = place_value(p, event, AT_FROM);
    fields[MIGRATE_TO] = place_value(p, event, AT_TO);
    observe(a->migrated, &(struct observed){ event->time_ns, event->time_ns, 1, fields });
}

static void on_prio(void *self, void *data, const struct event *event)
{
    on_thread(self, data, event);
}

static const struct kernel_hook hooks[] = {
    KERNEL_HOOK("sched_switch", on_switch, NULL),
    KERNEL_HOOK("sched_migrate_task", on_migrate, "payload.tid", "comm", "payload.prio", "orig_cpu", "dest_cpu"),
    KERNEL_HOOK_OPTIONAL("sched_pi_setprio", on_prio, "payload.tid", "comm", "newprio"),
    KERNEL_HOOK_OPTIONAL("sched_waking", on_prio, "payload.tid", "comm", "payload.prio"),
    KERNEL_HOOK_OPTIONAL("sched_wakeup", on_prio, "payload.tid", "comm", "payload.prio"),
    KERNEL_HOOK_OPTIONAL("sched_wakeup_new", on_prio, "payload.tid", "comm", "payload.prio"),
    KERNEL_HOOKS_END,
};

static void *open_cpu(const void *config, struct stream *stream)
{
    const struct config *c = config;
    struct cpu_analysis *a = xcalloc(1, sizeof(*a));
    a->stream = stream;
    a->kernel = stream_kernel(stream, KERNEL_TASKS);
    a->run = observer_new(stream, &(struct observer_spec){ .analysis = c->name.s, .what = &run, .emits = emits });
    a->switched = observer_new(stream, &(struct observer_spec){ .analysis = c->name.s, .what = &switched, .emits = emits });
    a->migrated = observer_new(stream, &(struct observer_spec){ .analysis = c->name.s, .what = &migrated, .emits = emits });
    a->priority = observer_new(stream, &(struct observer_spec){ .analysis = c->name.s, .what = &priority, .emits = emits });
    return a;
}

static void close_cpu(void *self)
{
    struct cpu_analysis *a = self;
    free(a->cpus);
    free(a->prios);
    free(a);
}

const struct analysis analysis_cpu = {
    .name = "cpu",
    .summary = "use of the cpus by process and thread, switches, migrations, priorities",
    .options = options,
    .config_size = sizeof(struct config),
    .emits = emits,
    .hooks = hooks,
    .kernel_parts = KERNEL_TASKS,
    .open = open_cpu,
    .close = close_cpu,
    .lost = lost,
    .window = window,
};
