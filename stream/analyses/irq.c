/* irq.c - interrupts: how long handlers, softirqs and tasklets run, and how long a raised softirq waits (lttng-analyses' irq
 * commands). What runs on a cpu is one at a time of each kind, so nothing is looked up: a place for each. A softirq is raised by level: the
 * first raise since its last entry counts. */
#include "base/bytes.h"
#include "stream/analysis.h"
#include "stream/kernel.h"
#include "stream/kernel_hooks.h"
#include <stdlib.h>
#include <string.h>

struct config {
    struct text name;
    struct duration threshold, softirq_threshold, raise_threshold;
    struct text_list thresholds, softirq_thresholds, raise_thresholds;
};

static const struct option options[] = {
    OPTION(struct config, name, 0, 0, "irq", "what its series are called"),
    OPTION(struct config, threshold, 0, 86400, "0s", "report any handler that ran longer; 0s: none"),
    OPTION(struct config, thresholds, 0, TEXT_LIST_MAX, "", "other thresholds by name of the interrupt, as eth0=100us"),
    OPTION(struct config, softirq_threshold, 0, 86400, "0s", "report any softirq that ran longer; 0s: none"),
    OPTION(struct config, softirq_thresholds, 0, TEXT_LIST_MAX, "", "other thresholds by vector, as NET_RX=5ms"),
    OPTION(struct config, raise_threshold, 0, 86400, "0s", "report any softirq that waited longer; 0s: none"),
    OPTION(struct config, raise_thresholds, 0, TEXT_LIST_MAX, "", "other thresholds by vector, as TIMER=10ms"),
    OPTION_END
};

enum { H_NAME, H_IRQ, H_CPU, H_PROCNAME, H_TID, H_FIELDS };
static const struct observable handler = { "handler", MEASURE_DURATION, UNIT_NANOSECONDS, { "name", "irq", "cpu", "interrupted", "interrupted_tid" } };
enum { S_VECTOR, S_CPU, S_PROCNAME, S_TID, S_RAISED, S_FIELDS };
static const struct observable softirq = { "softirq", MEASURE_DURATION, UNIT_NANOSECONDS, { "vector", "cpu", "interrupted", "interrupted_tid", "raised_ns" } };
static const struct observable raised = { "raise", MEASURE_DURATION, UNIT_NANOSECONDS, { "vector", "cpu", "interrupted", "interrupted_tid" } };
static const struct observable tasklet = { "tasklet", MEASURE_DURATION, UNIT_NANOSECONDS, { "function", "cpu", "interrupted", "interrupted_tid" } };

static const struct metric_info emits[] = {
    METRIC_OF("handler", "handler", "time in an interrupt's handler, by name and number", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_LIVE | FACE_REPORT | FACE_OVERVIEW, "name", "irq"),
    METRIC_OF("handler", "cpu_handlers", "the same by cpu", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_REPORT, "cpu"),
    METRIC_OF("softirq", "softirq", "time in a softirq, by vector", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_LIVE | FACE_REPORT | FACE_OVERVIEW, "vector"),
    METRIC_OF("softirq", "cpu_softirqs", "the same by cpu", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_REPORT, "cpu"),
    METRIC_OF("raise", "raise_latency", "time from a softirq's raise to its entry, by vector", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_LIVE | FACE_REPORT, "vector"),
    METRIC_OF("raise", "cpu_raise_latency", "the same by cpu", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "cpu"),
    METRIC_OF("tasklet", "tasklet", "time in a tasklet, by function", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_REPORT, "function"),
    METRIC_OF("tasklet", "cpu_tasklets", "the same by cpu", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_REPORT, "cpu"),
    METRIC_END,
};

enum { VECTORS = 16, TASKLETS = 2 }; /* of vectors there are 10; tasklets are of high or normal priority */
#define NEVER INT64_MIN

/* What is begun and not ended on a cpu. */
struct irq_cpu {
    int64_t begun_ns;              /* the handler; NEVER: none */
    int64_t irq;
    uint32_t name_size;
    char name[KERNEL_NAME_MAX];
    struct {
        int64_t raised_ns;         /* not entered yet */
        int64_t begun_ns, entered_for_ns;
    } vectors[VECTORS];
    struct {
        int64_t begun_ns;
        uint64_t function;
    } tasklets[TASKLETS];
};

struct irq {
    const struct config *config;
    struct stream *stream;
    struct kernel *kernel;
    struct observer *handler, *softirq, *raised, *tasklet;
    struct irq_cpu **cpus;         /* by number; NULL: not seen */
    uint32_t cpu_count;
    int64_t lost_until_ns;
    uint64_t unmatched, suspect;
};

static struct irq_cpu *add_cpu(struct irq *a, uint32_t number)
{
    if (number >= a->cpu_count) {
        a->cpus = xrealloc(a->cpus, number + 1, sizeof(struct irq_cpu *));
        while (a->cpu_count <= number)
            a->cpus[a->cpu_count++] = NULL;
    }
    struct irq_cpu *c = a->cpus[number] = xcalloc(1, sizeof(*c));
    c->begun_ns = NEVER;
    for (uint32_t v = 0; v < VECTORS; v++)
        c->vectors[v].raised_ns = c->vectors[v].begun_ns = NEVER;
    for (uint32_t t = 0; t < TASKLETS; t++)
        c->tasklets[t].begun_ns = NEVER;
    return c;
}

/* NULL: the event does not say. */
static inline struct irq_cpu *cpu_of(struct irq *a)
{
    const struct cpu *c = a->kernel->cpu;
    if (!c)
        return NULL;
    return c->number < a->cpu_count && a->cpus[c->number] ? a->cpus[c->number] : add_cpu(a, c->number);
}

/* Whether what began then, and ends now, is certain. */
static bool is_whole(struct irq *a, int64_t begun_ns)
{
    if (begun_ns == NEVER) {
        a->unmatched++;
        return false;
    }
    bool whole = begun_ns >= a->lost_until_ns;
    a->suspect += !whole;
    return whole;
}

static struct value interrupted(const struct irq *a)
{
    return task_comm(a->kernel->task);
}

/* ---- handlers ---- */

enum { AT_IRQ, AT_NAME };

static void on_handler_entry(void *self, void *data, const struct event *event)
{
    struct irq *a = self;
    const struct kernel_place *p = data;
    struct irq_cpu *c = cpu_of(a);
    if (!c)
        return;
    struct value name = place_value(p, event, AT_NAME);
    c->begun_ns = event->time_ns;
    c->irq = place_int(p, event, AT_IRQ, -1);
    if (name.kind != VALUE_TEXT)
        name = value_of_text(kernel_interrupt(a->kernel, c->irq));
    c->name_size = name.kind == VALUE_TEXT ? name.size < KERNEL_NAME_MAX ? name.size : KERNEL_NAME_MAX : 0;
    memcpy(c->name, name.kind == VALUE_TEXT ? name.text : "", c->name_size);
}

static void on_handler_exit(void *self, void *data, const struct event *event)
{
    struct irq *a = self;
    struct irq_cpu *c = cpu_of(a);
    if (!c)
        return;
    int64_t begun_ns = c->irq == place_int(data, event, AT_IRQ, -1) ? c->begun_ns : NEVER;
    c->begun_ns = NEVER;
    if (!is_whole(a, begun_ns))
        return;
    struct value fields[H_FIELDS];
    fields[H_NAME] = c->name_size ? (struct value){ .kind = VALUE_TEXT, .size = c->name_size, .text = c->name } : (struct value){ .kind = VALUE_NONE };
    fields[H_IRQ] = value_int(c->irq);
    fields[H_CPU] = value_int(a->kernel->cpu->number);
    fields[H_PROCNAME] = interrupted(a);
    fields[H_TID] = task_tid(a->kernel->task);
    observe(a->handler, &(struct observed){ begun_ns, event->time_ns, event->time_ns - begun_ns, fields });
}

/* ---- softirqs ---- */

/* include/linux/interrupt.h */
static struct value vector_name(int64_t vector)
{
    static const char *const names[] = { "HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU" };
    if (vector < (int64_t)(sizeof(names) / sizeof(names[0])))
        return value_of_text(names[vector]);
    return value_int(vector);
}

/* The place of an event's vector; -1: there is none. */
static inline int64_t vector_of(const struct kernel_place *p, const struct event *event)
{
    int64_t vector = place_int(p, event, 0, -1);
    return vector >= 0 && vector < VECTORS ? vector : -1;
}

static void put_softirq(const struct irq *a, int64_t vector, struct value *fields)
{
    fields[S_VECTOR] = vector_name(vector);
    fields[S_CPU] = value_int(a->kernel->cpu->number);
    fields[S_PROCNAME] = interrupted(a);
    fields[S_TID] = task_tid(a->kernel->task);
}

static void on_raise(void *self, void *data, const struct event *event)
{
    struct irq *a = self;
    struct irq_cpu *c = cpu_of(a);
    int64_t v = vector_of(data, event);
    if (c && v >= 0 && (c->vectors[v].raised_ns == NEVER || c->vectors[v].raised_ns < a->lost_until_ns))
        c->vectors[v].raised_ns = event->time_ns;
}

static void on_softirq_entry(void *self, void *data, const struct event *event)
{
    struct irq *a = self;
    struct irq_cpu *c = cpu_of(a);
    int64_t v = vector_of(data, event);
    if (!c || v < 0)
        return;
    int64_t raised_ns = c->vectors[v].raised_ns;
    c->vectors[v].begun_ns = event->time_ns;
    c->vectors[v].entered_for_ns = raised_ns >= a->lost_until_ns ? raised_ns : NEVER;
    c->vectors[v].raised_ns = NEVER;
    if (raised_ns == NEVER || !is_whole(a, raised_ns))
        return;
    struct value fields[S_FIELDS];
    put_softirq(a, v, fields);
    observe(a->raised, &(struct observed){ raised_ns, event->time_ns, event->time_ns - raised_ns, fields });
}

static void on_softirq_exit(void *self, void *data, const struct event *event)
{
    struct irq *a = self;
    struct irq_cpu *c = cpu_of(a);
    int64_t v = vector_of(data, event);
    if (!c || v < 0)
        return;
    int64_t begun_ns = c->vectors[v].begun_ns, raised_ns = c->vectors[v].entered_for_ns;
    c->vectors[v].begun_ns = NEVER;
    if (!is_whole(a, begun_ns))
        return;
    struct value fields[S_FIELDS];
    put_softirq(a, v, fields);
    fields[S_RAISED] = raised_ns != NEVER ? value_int(raised_ns) : (struct value){ .kind = VALUE_NONE };
    observe(a->softirq, &(struct observed){ begun_ns, event->time_ns, event->time_ns - begun_ns, fields });
}

/* ---- tasklets ---- */

static void enter_tasklet(struct irq *a, const struct kernel_place *p, const struct event *event, uint32_t kind)
{
    struct irq_cpu *c = cpu_of(a);
    if (!c)
        return;
    c->tasklets[kind].begun_ns = event->time_ns;
    c->tasklets[kind].function = (uint64_t)place_int(p, event, 0, 0);
}

static void leave_tasklet(struct irq *a, const struct event *event, uint32_t kind)
{
    struct irq_cpu *c = cpu_of(a);
    if (!c)
        return;
    int64_t begun_ns = c->tasklets[kind].begun_ns;
    c->tasklets[kind].begun_ns = NEVER;
    if (!is_whole(a, begun_ns))
        return;
    struct value fields[S_FIELDS];
    put_softirq(a, 0, fields);
    fields[S_VECTOR] = (struct value){ .kind = VALUE_UNSIGNED, .u = c->tasklets[kind].function };
    observe(a->tasklet, &(struct observed){ begun_ns, event->time_ns, event->time_ns - begun_ns, fields });
}

static void on_tasklet_entry(void *self, void *data, const struct event *event)
{
    enter_tasklet(self, data, event, 0);
}

static void on_tasklet_exit(void *self, void *data, const struct event *event)
{
    (void)data;
    leave_tasklet(self, event, 0);
}

static void on_tasklet_hi_entry(void *self, void *data, const struct event *event)
{
    enter_tasklet(self, data, event, 1);
}

static void on_tasklet_hi_exit(void *self, void *data, const struct event *event)
{
    (void)data;
    leave_tasklet(self, event, 1);
}

/* ---- the analysis ---- */

static const struct kernel_hook hooks[] = {
    KERNEL_HOOK("irq_handler_entry", on_handler_entry, "irq", "name"),
    KERNEL_HOOK("irq_handler_exit", on_handler_exit, "irq"),
    KERNEL_HOOK("softirq_raise", on_raise, "vec"),
    KERNEL_HOOK("softirq_entry", on_softirq_entry, "vec"),
    KERNEL_HOOK("softirq_exit", on_softirq_exit, "vec"),
    KERNEL_HOOK_WANTED("tasklet_entry", on_tasklet_entry, "func"),
    KERNEL_HOOK_WANTED("tasklet_exit", on_tasklet_exit, NULL),
    KERNEL_HOOK_WANTED("tasklet_hi_entry", on_tasklet_hi_entry, "func"),
    KERNEL_HOOK_WANTED("tasklet_hi_exit", on_tasklet_hi_exit, NULL),
    KERNEL_HOOKS_END,
};

static int check(const void *config, struct error *err)
{
    const struct config *c = config;
    int r = thresholds_check(&c->thresholds, err);
    if (r == 0)
        r = thresholds_check(&c->softirq_thresholds, err);
    return r < 0 ? r : thresholds_check(&c->raise_thresholds, err);
}

static struct observer *new_observer(const struct irq *a, const struct observable *what, const struct duration *threshold, const struct text_list *thresholds)
{
    return observer_new(a->stream, &(struct observer_spec){ .analysis = a->config->name.s, .what = what, .emits = emits, .threshold_ns = threshold ? threshold->ns : 0, .thresholds = thresholds });
}

static void *open_irq(const void *config, struct stream *stream)
{
    const struct config *c = config;
    struct irq *a = xcalloc(1, sizeof(*a));
    a->config = c;
    a->stream = stream;
    a->kernel = stream_kernel(stream, KERNEL_TASKS | KERNEL_DEVICES);
    a->handler = new_observer(a, &handler, &c->threshold, &c->thresholds);
    a->softirq = new_observer(a, &softirq, &c->softirq_threshold, &c->softirq_thresholds);
    a->raised = new_observer(a, &raised, &c->raise_threshold, &c->raise_thresholds);
    a->tasklet = new_observer(a, &tasklet, NULL, NULL);
    a->lost_until_ns = NEVER;
    return a;
}

static void close_irq(void *self)
{
    struct irq *a = self;
    for (uint32_t i = 0; i < a->cpu_count; i++)
        free(a->cpus[i]);
    free(a->cpus);
    free(a);
}

/* What began before the loss ended is suspect, and found so at its end. */
static void lost(void *self, int64_t begin_ns, int64_t end_ns)
{
    struct irq *a = self;
    (void)begin_ns;
    if (end_ns > a->lost_until_ns)
        a->lost_until_ns = end_ns;
}

static void window(void *self)
{
    struct irq *a = self;
    stream_count(a->stream, "unmatched_ends", a->config->name.s, a->unmatched);
    stream_count(a->stream, "suspect_pairs", a->config->name.s, a->suspect);
    a->unmatched = a->suspect = 0;
}

const struct analysis analysis_irq = {
    .name = "irq",
    .summary = "time in interrupt handlers, softirqs and tasklets, and until a raised softirq runs",
    .options = options,
    .config_size = sizeof(struct config),
    .emits = emits,
    .check = check,
    .hooks = hooks,
    .open = open_irq,
    .close = close_irq,
    .lost = lost,
    .window = window,
};
