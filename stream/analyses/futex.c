/* futex.c - how long threads wait for locks and conditions in the futex calls, for which address, and who woke them; waits that find
 * others waiting at the same address (contention); threads woken. What is taken without a call is not seen: a free lock costs none.
 *
 * An address is known by the process that uses it, so one shared between processes is several. Waits of futex_waitv have no address. */
#include "base/bytes.h"
#include "stream/analysis.h"
#include "stream/futex_addresses.h"
#include "stream/kernel.h"
#include "stream/kernel_hooks.h"
#include "stream/operations.h"
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
    OPERATIONS_OPTIONS("futex", "wait that was longer", "name of the thread, as shopd=5ms", "0s", "thread still waiting after this; 0s: none (idle threads wait, too)", "65536", "threads waiting"),
    OPTION_END
};

enum { F_PROCNAME, F_ADDRESS, F_PID, F_TID, F_OUTCOME, F_OPERATION, F_WAKER, F_WAKER_TID, WAIT_FIELDS };
static const struct observable waited = { "wait", MEASURE_DURATION, UNIT_NANOSECONDS,
                                          { "procname", "address", "pid", "tid", "outcome", "operation", "waker", "waker_tid" } };
static const struct observable contended = { "contended", MEASURE_EVENTS, UNIT_NONE, { "procname", "address", "pid", "tid" } };
static const struct observable missed = { "missed", MEASURE_EVENTS, UNIT_NONE, { "procname", "address", "pid", "tid" } };
static const struct observable woken = { "woken", MEASURE_AMOUNT, UNIT_NONE, { "procname", "address", "pid", "tid" } };

static const struct metric_info emits[] = {
    METRIC_OF("wait", "wait", "time in a wait, by name of the thread", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_LIVE | FACE_REPORT | FACE_OVERVIEW, "procname"),
    METRIC_OF("wait", "outcome_wait", "the same by how it ended: woken, timeout, interrupted, error", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_REPORT, "outcome"),
    METRIC_OF("wait", "all_waits", "the same of all threads", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, NULL),
    METRIC_SHOWING("wait", "thread_wait", "the same by thread", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "tid", "procname"),
    { .name = "address_wait", .help = "the same by process and address", .kind = METRIC_LATENCY, .unit = UNIT_NANOSECONDS, .of = "wait", .faces = FACE_REPORT,
      .by = { "pid", "address" }, .show = { "procname" } },
    METRIC_OF("wait", "woken_by", "the same by who woke whom", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "waker", "procname"),
    METRIC_OF("contended", "contended", "waits that found another thread waiting at the address", METRIC_COUNTER, UNIT_NONE, FACE_LIVE | FACE_REPORT, "procname"),
    { .name = "address_contended", .help = "the same by process and address", .kind = METRIC_COUNTER, .unit = UNIT_NONE, .of = "contended", .faces = FACE_REPORT,
      .by = { "pid", "address" }, .show = { "procname" } },
    METRIC_OF("missed", "missed", "calls that did not wait: the value had changed", METRIC_COUNTER, UNIT_NONE, FACE_LIVE | FACE_REPORT, "procname"),
    METRIC_OF("woken", "woken", "threads woken, by name of the waker", METRIC_COUNTER, UNIT_NONE, FACE_LIVE | FACE_REPORT, "procname"),
    METRIC_END,
};

enum futex_call { CALL_WAIT, CALL_WAKE };

/* Kept of a call. */
struct futex_entry {
    struct task_ref task;
    uint64_t place;
    struct futex_address *address; /* a wait's; NULL: none */
    uint32_t generation;     /* of the addresses */
    int32_t tid, operation;
    enum futex_call call;
    uint32_t comm_size;
    char comm[COMM_MAX];
};

struct futex {
    const struct operations_config *config;
    struct stream *stream;
    struct kernel *kernel;
    struct observer *waited, *contended, *missed, *woken;
    struct operations calls;       /* by tid */
    struct futex_addresses addresses; /* as many as calls can be pending */
};

/* ---- operations of linux/futex.h ---- */

enum { OP_WAIT, OP_WAKE, OP_FD, OP_REQUEUE, OP_CMP_REQUEUE, OP_WAKE_OP, OP_LOCK_PI, OP_UNLOCK_PI, OP_TRYLOCK_PI, OP_WAIT_BITSET, OP_WAKE_BITSET,
       OP_WAIT_REQUEUE_PI, OP_CMP_REQUEUE_PI, OP_LOCK_PI2, OP_WAITV, OPS, OP_FLAGS = 128 | 256 };

static const char *const operation_names[OPS] = { "wait", "wake", "fd", "requeue", "cmp_requeue", "wake_op", "lock_pi", "unlock_pi", "trylock_pi", "wait_bitset",
                                                  "wake_bitset", "wait_requeue_pi", "cmp_requeue_pi", "lock_pi2", "waitv" };

static bool is_wait(int32_t op)
{
    return op == OP_WAIT || op == OP_WAIT_BITSET || op == OP_LOCK_PI || op == OP_LOCK_PI2 || op == OP_WAIT_REQUEUE_PI || op == OP_WAITV;
}

/* Whose result is how many threads it woke. */
static bool tells_woken(int32_t op)
{
    return op == OP_WAKE || op == OP_WAKE_BITSET || op == OP_WAKE_OP;
}

enum { EINTR_CODE = 4, EAGAIN_CODE = 11, ETIMEDOUT_CODE = 110, ERESTARTSYS_CODE = 512, ERESTARTBLOCK_CODE = 516 };

static const char *outcome(int64_t ret)
{
    if (ret >= 0)
        return "woken";
    if (ret == -ETIMEDOUT_CODE)
        return "timeout";
    return ret == -EINTR_CODE || (ret <= -ERESTARTSYS_CODE && ret >= -ERESTARTBLOCK_CODE) ? "interrupted" : "error";
}

/* ---- addresses ---- */

static struct futex_address *address_of(const struct futex *f, const struct futex_entry *e)
{
    return e->generation == f->addresses.generation ? e->address : NULL;
}

static void leave_address(struct futex *f, struct futex_entry *e)
{
    struct futex_address *a = address_of(f, e);
    e->address = NULL;
    if (a)
        futex_address_leave(&f->addresses, a);
}

/* ---- fields ---- */

static struct value hex(uint64_t number, char buffer[24])
{
    char *at = buffer + 24;
    do
        *--at = "0123456789abcdef"[number & 15];
    while ((number >>= 4) > 0);
    *--at = 'x';
    *--at = '0';
    return (struct value){ .kind = VALUE_TEXT, .size = (uint32_t)(buffer + 24 - at), .text = at };
}

/* Who, where: the fields that all observables begin with. */
static void put_place(const struct futex_entry *e, struct value *fields, char buffer[24])
{
    const struct task *t = task_get(e->task);
    fields[F_PROCNAME] = t && t->comm_size ? task_comm(t) : value_of_bytes(e->comm, e->comm_size);
    fields[F_ADDRESS] = e->place ? hex(e->place, buffer) : (struct value){ .kind = VALUE_NONE };
    fields[F_PID] = task_pid(t);
    fields[F_TID] = value_int(e->tid);
}

static void put_wait(const struct futex_entry *e, struct value *fields, char buffer[24])
{
    put_place(e, fields, buffer);
    fields[F_OPERATION] = value_of_text(operation_names[e->operation]);
}

/* ---- the beginning ---- */

enum { AT_ADDRESS, AT_OPERATION };

static void begin(struct futex *f, int32_t op, uint64_t place, int64_t time_ns)
{
    struct task *t = f->kernel->task;
    uint64_t key = t && t->tid > 0 ? (uint64_t)t->tid : 0, process = t && t->pid >= 0 ? (uint64_t)t->pid : key;
    if (key == 0)
        return;
    struct futex_address *a = futex_address_find(&f->addresses, process, place);
    if (!is_wait(op) && a) {
        a->wake_ns = time_ns;
        a->waker_tid = t->tid;
        a->waker_size = t->comm_size;
        memcpy(a->waker, t->comm, t->comm_size);
    }
    if (!is_wait(op) && !tells_woken(op))
        return;
    struct futex_entry *e = operations_begin(&f->calls, &key, time_ns);
    if (!e)
        return;
    *e = (struct futex_entry){ .task = task_ref(t), .place = place, .generation = f->addresses.generation, .tid = t->tid, .operation = op, .call = is_wait(op) ? CALL_WAIT : CALL_WAKE };
    e->comm_size = t->comm_size;
    memcpy(e->comm, t->comm, t->comm_size);
    if (e->call != CALL_WAIT || place == 0)
        return;
    e->address = futex_address_wait(&f->addresses, process, place);
    if (e->address->waiting == 1)
        return;
    struct value fields[WAIT_FIELDS];
    char buffer[24];
    put_place(e, fields, buffer);
    observe(f->contended, &(struct observed){ time_ns, time_ns, 1, fields });
}

static void on_futex(void *self, void *data, const struct event *event)
{
    const struct kernel_place *p = data;
    int64_t op = place_int(p, event, AT_OPERATION, -1);
    op = op < 0 ? -1 : op & ~(int64_t)OP_FLAGS;
    if (op >= 0 && op < OPS)
        begin(self, (int32_t)op, (uint64_t)place_int(p, event, AT_ADDRESS, 0), event->time_ns);
}

/* The calls of Linux 5.16 and 6.7 that do one thing each. */
static void on_wait(void *self, void *data, const struct event *event)
{
    begin(self, OP_WAIT, (uint64_t)place_int(data, event, AT_ADDRESS, 0), event->time_ns);
}

static void on_wake(void *self, void *data, const struct event *event)
{
    begin(self, OP_WAKE, (uint64_t)place_int(data, event, AT_ADDRESS, 0), event->time_ns);
}

static void on_waitv(void *self, void *data, const struct event *event)
{
    (void)data;
    begin(self, OP_WAITV, 0, event->time_ns);
}

/* ---- the end ---- */

static void end_wait(struct futex *f, const struct pending *p, const struct futex_entry *e, int64_t end_ns, int64_t ret)
{
    struct value fields[WAIT_FIELDS];
    char buffer[24];
    put_wait(e, fields, buffer);
    struct observed x = { p->begin_ns, end_ns, end_ns - p->begin_ns, fields };
    if (ret == -EAGAIN_CODE) {
        observe(f->missed, &(struct observed){ end_ns, end_ns, 1, fields });
    } else {
        const struct futex_address *a = address_of(f, e);
        bool by = a && ret >= 0 && a->wake_ns >= p->begin_ns && a->waker_tid != e->tid;
        fields[F_OUTCOME] = value_of_text(outcome(ret));
        fields[F_WAKER] = by ? value_of_bytes(a->waker, a->waker_size) : (struct value){ .kind = VALUE_NONE };
        fields[F_WAKER_TID] = by ? value_int(a->waker_tid) : (struct value){ .kind = VALUE_NONE };
        observe(f->waited, &x);
    }
    if (p->timed_out) {
        fields[F_PROCNAME] = value_of_bytes(e->comm, e->comm_size); /* as when it timed out */
        fields[F_OUTCOME] = value_of_text(outcome(ret));
        fields[F_WAKER] = fields[F_WAKER_TID] = (struct value){ .kind = VALUE_NONE };
        observe_overdue(f->waited, EXCEEDANCE_ENDED, &x, f->config->timeout.ns);
    }
}

static void on_ended(void *self, struct pending *p, int64_t end_ns, const void *context)
{
    struct futex *f = self;
    struct futex_entry *e = pairing_data(&f->calls.pairing, p);
    int64_t ret = *(const int64_t *)context;
    if (e->call == CALL_WAIT) {
        end_wait(f, p, e, end_ns, ret);
        leave_address(f, e);
        return;
    }
    if (ret <= 0)
        return;
    struct value fields[WAIT_FIELDS];
    char buffer[24];
    put_place(e, fields, buffer);
    observe(f->woken, &(struct observed){ end_ns, end_ns, ret, fields });
}

enum { AT_RET };

static void on_exit_call(void *self, void *data, const struct event *event)
{
    struct futex *f = self;
    const struct task *t = f->kernel->task;
    int64_t ret = place_int(data, event, AT_RET, 0);
    if (!t || t->tid <= 0)
        return;
    uint64_t key = (uint64_t)t->tid;
    operations_end(&f->calls, &key, event->time_ns, on_ended, &ret);
}

/* ---- still waiting ---- */

static void overdue(struct futex *f, struct pending *p, int64_t time_ns, enum exceedance_kind kind)
{
    const struct futex_entry *e = pairing_data(&f->calls.pairing, p);
    struct value fields[WAIT_FIELDS] = { { .kind = VALUE_NONE } };
    char buffer[24];
    if (e->call != CALL_WAIT)
        return;
    put_wait(e, fields, buffer);
    fields[F_PROCNAME] = value_of_bytes(e->comm, e->comm_size);
    observe_overdue(f->waited, kind, &(struct observed){ p->begin_ns, time_ns, time_ns - p->begin_ns, fields }, f->config->timeout.ns);
}

static void on_dropped(void *self, struct pending *p)
{
    struct futex *f = self;
    leave_address(f, pairing_data(&f->calls.pairing, p));
}

OPERATIONS_OVERDUE(overdue, on_dropped);

/* ---- the analysis ---- */

static const struct kernel_hook hooks[] = {
    KERNEL_HOOK("syscall_entry:futex", on_futex, "uaddr", "op"),
    KERNEL_HOOK("syscall_exit:futex", on_exit_call, "ret"),
    KERNEL_HOOK_OPTIONAL("syscall_entry:futex_time64", on_futex, "uaddr", "op"),
    KERNEL_HOOK_OPTIONAL("syscall_exit:futex_time64", on_exit_call, "ret"),
    KERNEL_HOOK_OPTIONAL("syscall_entry:futex_wait", on_wait, "uaddr"),
    KERNEL_HOOK_OPTIONAL("syscall_exit:futex_wait", on_exit_call, "ret"),
    KERNEL_HOOK_OPTIONAL("syscall_entry:futex_wake", on_wake, "uaddr"),
    KERNEL_HOOK_OPTIONAL("syscall_exit:futex_wake", on_exit_call, "ret"),
    KERNEL_HOOK_OPTIONAL("syscall_entry:futex_waitv", on_waitv, NULL),
    KERNEL_HOOK_OPTIONAL("syscall_exit:futex_waitv", on_exit_call, "ret"),
    KERNEL_HOOKS_END,
};

static void *open_futex(const void *config, struct stream *stream)
{
    const struct operations_config *c = config;
    struct futex *f = xcalloc(1, sizeof(*f));
    f->config = c;
    f->stream = stream;
    f->kernel = stream_kernel(stream, KERNEL_TASKS);
    futex_addresses_init(&f->addresses, c->max_pending);
    f->waited = operations_observer(stream, c, &waited, emits);
    f->contended = observer_new(stream, &(struct observer_spec){ .analysis = c->name.s, .what = &contended, .emits = emits });
    f->missed = observer_new(stream, &(struct observer_spec){ .analysis = c->name.s, .what = &missed, .emits = emits });
    f->woken = observer_new(stream, &(struct observer_spec){ .analysis = c->name.s, .what = &woken, .emits = emits });
    operations_init(&f->calls, stream, c->name.s,
                    &(struct pairing_config){ .key_count = 1,
                                              .timeout_ns = c->timeout.ns,
                                              .max_pending = c->max_pending,
                                              .duplicates = PAIRING_REPLACE, /* a thread is in one call; the end of the one before was not seen */
                                              .data_size = sizeof(struct futex_entry) },
                    &overdue_ops, f);
    f->calls.quiet = true; /* other operations end as well, and old tracers' exits do not say of what */
    return f;
}

static void close_futex(void *self)
{
    struct futex *f = self;
    operations_done(&f->calls);
    futex_addresses_done(&f->addresses);
    free(f);
}

/* Who waited may have been woken meanwhile: nobody is known to wait. */
static void lost(void *self, int64_t begin_ns, int64_t end_ns)
{
    struct futex *f = self;
    (void)begin_ns;
    operations_lost(&f->calls, end_ns);
    futex_addresses_forget(&f->addresses);
}

static void window(void *self)
{
    struct futex *f = self;
    operations_publish(&f->calls);
}

const struct analysis analysis_futex = {
    .name = "futex",
    .summary = "waits for locks and conditions: how long, for what, contention, who woke whom",
    .options = options,
    .config_size = sizeof(struct operations_config),
    .emits = emits,
    .check = operations_check,
    .hooks = hooks,
    .kernel_parts = KERNEL_TASKS,
    .open = open_futex,
    .close = close_futex,
    .lost = lost,
    .window = window,
};
