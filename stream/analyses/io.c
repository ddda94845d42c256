/* io.c - input and output through system calls: how long they take by family (open, read, write, sync, close, copy), how many bytes
 * are moved, by process and by file (lttng-analyses' io commands; what happens at disks and interfaces below is `block` and `net`). */
#include "base/bytes.h"
#include "stream/analysis.h"
#include "stream/kernel.h"
#include "stream/kernel_calls.h"
#include "stream/kernel_hooks.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct config {
    struct text name;
    struct duration threshold;
    struct text_list thresholds;
};

static const struct option options[] = {
    OPTION(struct config, name, 0, 0, "io", "what its series are called"),
    OPTION(struct config, threshold, 0, 86400, "0s", "report any operation that took longer, unless it waits by design; 0s: none"),
    OPTION(struct config, thresholds, 0, TEXT_LIST_MAX, "", "other thresholds by family (open, read, write, sync, close, copy), as sync=50ms"),
    OPTION_END
};

enum { F_CALL, F_PROCNAME, F_TID, F_PATH, F_FD, F_BYTES, F_ERRNO, F_PID, F_FAMILY, F_KIND, FIELDS };
static const struct observable operation = { "operation", MEASURE_DURATION, UNIT_NANOSECONDS,
                                             { "syscall", "procname", "tid", "path", "fd", "bytes", "errno", "pid", "family", "kind" } };
enum { T_DIRECTION, T_KIND, T_PROCNAME, T_TID, T_PATH, T_FD, T_PID, TRANSFER_FIELDS };
static const struct observable transfer = { "transfer", MEASURE_AMOUNT, UNIT_BYTES, { "direction", "kind", "procname", "tid", "path", "fd", "pid" } };

static const struct metric_info emits[] = {
    METRIC_OF("operation", "latency", "duration of operations (live: of those that do not wait by design)", METRIC_LATENCY, UNIT_NANOSECONDS,
              FACE_LIVE | FACE_REPORT | FACE_OVERVIEW | FACE_BUSY, "family"),
    METRIC_OF("operation", "process_latency", "the same by name of the thread", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_REPORT | FACE_BUSY, "procname", "family"),
    METRIC_OF("operation", "waiting", "duration of those that wait by design: for a peer, for data", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_WAITING, "family"),
    { .name = "thread_latency", .help = "duration of operations by thread", .kind = METRIC_LATENCY, .unit = UNIT_NANOSECONDS, .of = "operation",
      .faces = FACE_REPORT, .by = { "tid", "family" }, .show = { "procname" } },
    METRIC_OF("operation", "file_latency", "duration of operations by file", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "path"),
    METRIC_OF("transfer", "bytes", "bytes read and written, by what the descriptor is; its rate is the bandwidth", METRIC_COUNTER, UNIT_BYTES, FACE_LIVE | FACE_REPORT,
              "direction", "kind"),
    METRIC_OF("transfer", "process_bytes", "the same by name of the thread", METRIC_COUNTER, UNIT_BYTES, FACE_DETAIL | FACE_REPORT, "procname", "direction"),
    { .name = "thread_bytes", .help = "bytes by thread", .kind = METRIC_COUNTER, .unit = UNIT_BYTES, .of = "transfer", .faces = FACE_REPORT,
      .by = { "tid", "direction", "kind" }, .show = { "procname" } },
    METRIC_OF("transfer", "file_bytes", "bytes by file", METRIC_COUNTER, UNIT_BYTES, FACE_REPORT | FACE_OVERVIEW, "path", "direction"),
    METRIC_END,
};

/* What is known of a system call, by its number. */
struct known_call {
    bool known, control, messages; /* fcntl; what returns the number of messages */
    struct call_kind kind;
};

struct io {
    const struct config *config;
    struct stream *stream;
    struct kernel *kernel;
    struct observer *operation, *transfer;
    struct known_call *calls; /* SYSCALLS_MAX */
    uint64_t unmatched, suspect;
};

static const struct known_call *known(struct io *io, const struct syscall_name *name)
{
    struct known_call *c = &io->calls[name->id];
    if (c->known)
        return c;
    c->known = true;
    c->kind = call_kind(name->name);
    c->control = strncmp(name->name, "fcntl", 5) == 0;
    c->messages = strcmp(name->name, "recvmmsg") == 0 || strcmp(name->name, "sendmmsg") == 0;
    return c;
}

/* ---- bytes ---- */

static void moved(struct io *io, const struct task *t, const char *direction, const struct file *f, int64_t bytes, int64_t time_ns)
{
    struct value fields[TRANSFER_FIELDS];
    fields[T_DIRECTION] = value_of_text(direction);
    fields[T_KIND] = value_of_text(file_kind_name(f->kind));
    fields[T_PROCNAME] = task_comm(t);
    fields[T_TID] = task_tid(t);
    fields[T_PATH] = f->path;
    fields[T_FD] = f->fd >= 0 ? value_int(f->fd) : (struct value){ .kind = VALUE_NONE };
    fields[T_PID] = task_pid(t);
    observe(io->transfer, &(struct observed){ .begin_ns = time_ns, .end_ns = time_ns, .value = bytes, .fields = fields });
}

static void observe_bytes(struct io *io, struct task *t, enum io_family family, const struct file *f, int64_t bytes, int64_t time_ns)
{
    if (family == IO_READ || family == IO_COPY)
        moved(io, t, "read", f, bytes, time_ns);
    if (family == IO_WRITE)
        moved(io, t, "write", f, bytes, time_ns);
    if (family != IO_COPY)
        return;
    struct file to = kernel_file(io->kernel, t, t->call_other);
    moved(io, t, "write", &to, bytes, time_ns);
}

/* ---- operations ---- */

static struct value number_or_none(int64_t n, bool is)
{
    return is ? value_int(n) : (struct value){ .kind = VALUE_NONE };
}

static void observe_operation(struct io *io, struct task *t, const struct known_call *c, int64_t ret, int64_t time_ns)
{
    const struct kernel *k = io->kernel;
    enum io_family family = c->kind.family;
    bool is_transfer = family == IO_READ || family == IO_WRITE || family == IO_COPY, has_bytes = is_transfer && ret >= 0 && !c->messages;
    struct file f = kernel_call_file(t);
    struct value fields[FIELDS];
    fields[F_CALL] = value_of_text(k->call->name);
    fields[F_FAMILY] = value_of_text(io_family_name(family));
    fields[F_KIND] = value_of_text(file_kind_name(f.kind));
    fields[F_PROCNAME] = task_comm(t);
    fields[F_TID] = task_tid(t);
    fields[F_PID] = task_pid(t);
    fields[F_PATH] = f.path;
    fields[F_FD] = number_or_none(f.fd, f.fd >= 0);
    fields[F_BYTES] = number_or_none(ret, has_bytes);
    fields[F_ERRNO] = call_errno(ret);
    struct observed x = { k->call_begin_ns, time_ns, time_ns - k->call_begin_ns, fields };
    if (!c->control && call_waits(c->kind.waits, t, time_ns))
        observe_waiting(io->operation, &x);
    else
        observe(io->operation, &x);
    if (has_bytes)
        observe_bytes(io, t, family, &f, ret, time_ns);
}

static void on_exit_of_call(void *self, void *data, const struct event *event)
{
    struct io *io = self;
    const struct kernel *k = io->kernel;
    struct task *t = k->task;
    if (!t || t->tid <= 0 || !k->call)
        return;
    const struct known_call *c = known(io, k->call);
    if (c->kind.family == IO_NONE)
        return;
    if (k->call_begin_ns == INT64_MIN) {
        *(k->call_suspect ? &io->suspect : &io->unmatched) += 1;
        return;
    }
    if (!c->control || kernel_call_duplicates(t))
        observe_operation(io, t, c, place_int(data, event, 0, 0), event->time_ns);
}

/* ---- the analysis ---- */

static const struct kernel_hook hooks[] = {
    KERNEL_HOOK_OPTIONAL("syscall_exit", on_exit_of_call, "ret"), /* needs() asks for those of the families */
    KERNEL_HOOKS_END,
};

static int check(const void *config, struct error *err)
{
    const struct config *c = config;
    return thresholds_check(&c->thresholds, err);
}

static void needs(const void *config, struct needs *n)
{
    (void)config;
    kernel_needs(n, KERNEL_SYSCALLS | KERNEL_FILES);
    for (const struct call_kind *c = call_kinds; c->name; c++) {
        char pattern[FIELD_NAME_MAX + 16];
        snprintf(pattern, sizeof(pattern), "syscall_entry:%s", c->name);
        if (c->family != IO_NONE)
            kernel_name_need(n, pattern, false);
    }
}

static void *open_io(const void *config, struct stream *stream)
{
    const struct config *c = config;
    struct io *io = xcalloc(1, sizeof(*io));
    io->config = c;
    io->stream = stream;
    io->kernel = stream_kernel(stream, KERNEL_SYSCALLS | KERNEL_FILES);
    io->calls = xcalloc(SYSCALLS_MAX, sizeof(*io->calls));
    io->operation = observer_new(stream, &(struct observer_spec){ .analysis = c->name.s, .what = &operation, .emits = emits, .threshold_ns = c->threshold.ns, .thresholds = &c->thresholds });
    io->transfer = observer_new(stream, &(struct observer_spec){ .analysis = c->name.s, .what = &transfer, .emits = emits });
    return io;
}

static void close_io(void *self)
{
    struct io *io = self;
    free(io->calls);
    free(io);
}

static void bind(void *self, struct binder *b)
{
    struct io *io = self;
    kernel_hooks_bind(hooks, io->kernel, io, b);
}

static void window(void *self)
{
    struct io *io = self;
    stream_count(io->stream, "unmatched_ends", io->config->name.s, io->unmatched);
    stream_count(io->stream, "suspect_pairs", io->config->name.s, io->suspect);
    io->unmatched = io->suspect = 0;
}

const struct analysis analysis_io = {
    .name = "io",
    .summary = "input and output through system calls: latency, bytes, by process and file",
    .options = options,
    .config_size = sizeof(struct config),
    .emits = emits,
    .check = check,
    .needs = needs,
    .open = open_io,
    .close = close_io,
    .bind = bind,
    .window = window,
};
