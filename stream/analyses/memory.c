/* memory.c - pages of memory: allocated and freed with their order, what failed, and the balance, of the system and by who ran
 * (lttng-analyses' memtop, which counts events where this counts pages: 2 to the power of the order). */
#include "base/bytes.h"
#include "stream/analysis.h"
#include "stream/kernel.h"
#include "stream/kernel_hooks.h"
#include <stdlib.h>
#include <string.h>

struct config {
    struct text name;
};

static const struct option options[] = {
    OPTION(struct config, name, 0, 0, "memory", "what its series are called"),
    OPTION_END
};

enum { F_PROCNAME, F_TID, F_ORDER, FIELDS };
static const struct observable allocated = { "allocated", MEASURE_AMOUNT, UNIT_NONE, { "procname", "tid", "order" } };
static const struct observable freed = { "freed", MEASURE_AMOUNT, UNIT_NONE, { "procname", "tid", "order" } };
static const struct observable change = { "change", MEASURE_AMOUNT, UNIT_NONE, { "procname", "tid" } };
static const struct observable failed = { "failed", MEASURE_EVENTS, UNIT_NONE, { "procname", "tid", "order" } };
static const struct observable held = { "held", MEASURE_STATE, UNIT_NONE, { NULL } };
static const struct observable held_by = { "held_by", MEASURE_STATE, UNIT_NONE, { "procname" } };

static const struct metric_info emits[] = {
    METRIC_OF("allocated", "process_allocated", "pages allocated, by name of the thread", METRIC_COUNTER, UNIT_NONE, FACE_DETAIL | FACE_REPORT | FACE_OVERVIEW, "procname"),
    METRIC_OF("allocated", "allocated", "pages allocated", METRIC_COUNTER, UNIT_NONE, FACE_LIVE | FACE_REPORT, NULL),
    METRIC_SHOWING("allocated", "thread_allocated", "pages allocated, by thread", METRIC_COUNTER, UNIT_NONE, FACE_REPORT, "tid", "procname"),
    METRIC_OF("allocated", "order_allocated", "pages allocated, by order", METRIC_COUNTER, UNIT_NONE, FACE_REPORT, "order"),
    METRIC_OF("freed", "process_freed", "pages freed, by name of the thread", METRIC_COUNTER, UNIT_NONE, FACE_DETAIL | FACE_REPORT, "procname"),
    METRIC_OF("freed", "freed", "pages freed", METRIC_COUNTER, UNIT_NONE, FACE_LIVE | FACE_REPORT, NULL),
    METRIC_SHOWING("freed", "thread_freed", "pages freed, by thread", METRIC_COUNTER, UNIT_NONE, FACE_REPORT, "tid", "procname"),
    METRIC_OF("freed", "order_freed", "pages freed, by order", METRIC_COUNTER, UNIT_NONE, FACE_REPORT, "order"),
    METRIC_OF("change", "process_balance", "pages allocated less pages freed, by name of the thread", METRIC_VALUE, UNIT_NONE, FACE_REPORT, "procname"),
    METRIC_SHOWING("change", "thread_balance", "the same by thread", METRIC_VALUE, UNIT_NONE, FACE_REPORT, "tid", "procname"),
    METRIC_OF("change", "system_balance", "the same of all", METRIC_VALUE, UNIT_NONE, FACE_REPORT, NULL),
    METRIC_OF("held", "balance", "pages allocated less pages freed since observation began", METRIC_VALUE, UNIT_NONE, FACE_LIVE, NULL),
    METRIC_OF("held_by", "balance_of", "the same by name of the thread", METRIC_VALUE, UNIT_NONE, FACE_DETAIL, "procname"),
    METRIC_OF("failed", "failed", "allocations that failed, by name of the thread", METRIC_COUNTER, UNIT_NONE, FACE_LIVE | FACE_REPORT, "procname"),
    METRIC_OF("failed", "order_failed", "the same by order", METRIC_COUNTER, UNIT_NONE, FACE_REPORT, "order"),
    METRIC_END,
};

enum { HOLDERS_MAX = 8192, ORDER_MAX = 30 };

/* Balance of all threads of a name, since observation began. */
struct holder {
    uint32_t comm_size;
    char comm[COMM_MAX];
    int64_t pages;
    bool changed;
};

/* What a task did since the window began, under the name it had. */
struct gathered {
    uint32_t generation, comm_size;
    char comm[COMM_MAX];
    int64_t pages;
    bool touched;
};

struct memory {
    const struct config *config;
    struct stream *stream;
    struct kernel *kernel;
    struct observer *allocated, *freed, *change, *failed, *held, *held_by;
    int64_t pages;
    bool live;
    struct gathered *tasks;          /* by number of the task */
    uint32_t task_capacity;
    uint32_t *touched, touched_count, touched_capacity;
    struct holder *holders;
    uint32_t holder_count, holder_capacity;
    struct hash_index by_comm;
    uint64_t refused;
};

/* ---- balances by name: gathered by task, added up at a window's end ---- */

static struct holder *holder_of(struct memory *m, const char *comm, uint32_t size)
{
    uint64_t hash = hash_bytes(comm, size);
    uint32_t at;
    for (uint32_t i = hash_index_first(&m->by_comm, hash, &at); i != HASH_NONE; i = hash_index_next(&m->by_comm, hash, &at))
        if (m->holders[i].comm_size == size && memcmp(m->holders[i].comm, comm, size) == 0)
            return &m->holders[i];
    if (m->holder_count == HOLDERS_MAX) {
        m->refused++;
        return NULL;
    }
    GROW(m->holders, m->holder_count, m->holder_capacity);
    struct holder *h = &m->holders[m->holder_count];
    *h = (struct holder){ .comm_size = size };
    memcpy(h->comm, comm, size);
    hash_index_insert(&m->by_comm, hash, m->holder_count++);
    return h;
}

static void settle(struct memory *m, struct gathered *g)
{
    struct holder *h = g->pages != 0 && g->comm_size > 0 ? holder_of(m, g->comm, g->comm_size) : NULL;
    if (h) {
        h->pages += g->pages;
        h->changed = true;
    }
    g->pages = 0;
}

static void gather(struct memory *m, const struct task *t, int64_t pages)
{
    while (m->task_capacity <= t->number) {
        uint32_t more = m->task_capacity ? m->task_capacity * 2 : 256;
        m->tasks = xrealloc(m->tasks, more, sizeof(*m->tasks));
        memset(m->tasks + m->task_capacity, 0, (more - m->task_capacity) * sizeof(*m->tasks));
        m->task_capacity = more;
    }
    struct gathered *g = &m->tasks[t->number];
    if (g->generation != t->generation || g->comm_size != t->comm_size || memcmp(g->comm, t->comm, COMM_MAX) != 0) {
        settle(m, g);
        g->generation = t->generation;
        g->comm_size = t->comm_size;
        memcpy(g->comm, t->comm, COMM_MAX);
    }
    if (!g->touched) {
        GROW(m->touched, m->touched_count, m->touched_capacity);
        m->touched[m->touched_count++] = t->number;
        g->touched = true;
    }
    g->pages += pages;
}

/* ---- events ---- */

enum { AT_ORDER, AT_PAGE };

static void on_pages(struct memory *m, const struct kernel_place *p, const struct event *event, struct observer *o, int64_t sign)
{
    const struct task *t = m->kernel->task;
    int64_t order = place_int(p, event, AT_ORDER, 0);
    struct value fields[FIELDS];
    fields[F_PROCNAME] = task_comm(t);
    fields[F_TID] = task_tid(t);
    fields[F_ORDER] = value_int(order);
    struct observed x = { event->time_ns, event->time_ns, 1, fields };
    if (sign > 0 && p->at[AT_PAGE] >= 0 && place_int(p, event, AT_PAGE, 1) == 0) {
        observe(m->failed, &x);
        return;
    }
    x.value = INT64_C(1) << (order < 0 ? 0 : order > ORDER_MAX ? ORDER_MAX : order);
    observe(o, &x);
    x.value *= sign;
    m->pages += x.value;
    if (!m->live)
        observe(m->change, &x);
    else if (t && t->tid > 0)
        gather(m, t, x.value);
}

static void on_alloc(void *self, void *data, const struct event *event)
{
    struct memory *m = self;
    on_pages(m, data, event, m->allocated, 1);
}

static void on_free(void *self, void *data, const struct event *event)
{
    struct memory *m = self;
    on_pages(m, data, event, m->freed, -1);
}

/* Pages that are freed in batches have an event each as well. */
static const struct kernel_hook hooks[] = {
    KERNEL_HOOK("mm_page_alloc", on_alloc, "order", "page"),
    KERNEL_HOOK("mm_page_free", on_free, "order"),
    KERNEL_HOOKS_END,
};

/* ---- the analysis ---- */

static void window(void *self)
{
    struct memory *m = self;
    int64_t begin_ns, end_ns;
    if (!m->live)
        return;
    stream_span(m->stream, &begin_ns, &end_ns);
    for (uint32_t i = 0; i < m->touched_count; i++) {
        settle(m, &m->tasks[m->touched[i]]);
        m->tasks[m->touched[i]].touched = false;
    }
    m->touched_count = 0;
    observe(m->held, &(struct observed){ end_ns, end_ns, m->pages, NULL });
    for (uint32_t i = 0; i < m->holder_count; i++) {
        struct holder *h = &m->holders[i];
        struct value name = { .kind = VALUE_TEXT, .size = h->comm_size, .text = h->comm };
        if (h->changed)
            observe(m->held_by, &(struct observed){ end_ns, end_ns, h->pages, &name });
        h->changed = false;
    }
    stream_count(m->stream, "refused_names", m->config->name.s, m->refused);
    m->refused = 0;
}

static struct observer *new_observer(const struct memory *m, const struct observable *what)
{
    return observer_new(m->stream, &(struct observer_spec){ .analysis = m->config->name.s, .what = what, .emits = emits });
}

static void *open_memory(const void *config, struct stream *stream)
{
    struct memory *m = xcalloc(1, sizeof(*m));
    m->config = config;
    m->stream = stream;
    m->kernel = stream_kernel(stream, KERNEL_TASKS);
    m->allocated = new_observer(m, &allocated);
    m->freed = new_observer(m, &freed);
    m->change = new_observer(m, &change);
    m->failed = new_observer(m, &failed);
    m->held = new_observer(m, &held);
    m->held_by = new_observer(m, &held_by);
    m->live = observer_wanted(m->held_by);
    hash_index_init(&m->by_comm, 64);
    return m;
}

static void close_memory(void *self)
{
    struct memory *m = self;
    free(m->tasks);
    free(m->touched);
    free(m->holders);
    hash_index_done(&m->by_comm);
    free(m);
}

const struct analysis analysis_memory = {
    .name = "memory",
    .summary = "pages allocated and freed, and the balance, of the system and by process",
    .options = options,
    .config_size = sizeof(struct config),
    .emits = emits,
    .hooks = hooks,
    .open = open_memory,
    .close = close_memory,
    .window = window,
};
