/* block.c - requests to disks: how long the device takes (issue to complete), how long they wait before it (insert to issue), what
 * is in flight, sectors, merges, errors (the disk tables of lttng-analyses' io commands, latency-tracker's block). A request is
 * known by its disk and first sector, which change as it is merged in front or completed in parts. */
#include "base/bytes.h"
#include "stream/analysis.h"
#include "stream/block_disks.h"
#include "stream/block_fields.h"
#include "stream/kernel.h"
#include "stream/kernel_hooks.h"
#include "stream/operations.h"
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
    OPERATIONS_OPTIONS("block", "request that took longer", "disk, as sda=50ms", "0s", "request still in flight after this; 0s: none", "65536", "requests waiting, and in flight,"),
    OPTION_END
};

enum { R_DISK, R_DIRECTION, R_PROCNAME, R_TID, R_SECTOR, R_SECTORS, R_QUEUED, R_DEV, R_FIELDS };
static const struct observable request = { "request", MEASURE_DURATION, UNIT_NANOSECONDS,
                                           { "disk", "direction", "procname", "tid", "sector", "sectors", "queued_ns", "dev" } };
enum { T_DISK, T_DIRECTION, T_PROCNAME, T_TID, T_DEV, T_FIELDS };
static const struct observable transfer = { "transfer", MEASURE_AMOUNT, UNIT_BYTES, { "disk", "direction", "procname", "tid", "dev" } };
enum { D_DISK, D_DIRECTION, D_DEV, D_KIND, D_FIELDS };
static const struct observable queue = { "queue", MEASURE_DURATION, UNIT_NANOSECONDS, { "disk", "direction", "dev" } };
static const struct observable flush = { "flush", MEASURE_DURATION, UNIT_NANOSECONDS, { "disk", "direction", "dev" } };
static const struct observable sectors = { "sectors", MEASURE_AMOUNT, UNIT_NONE, { "disk", "direction", "dev" } };
static const struct observable merge = { "merge", MEASURE_EVENTS, UNIT_NONE, { "disk", "direction", "dev", "kind" } };
static const struct observable requeue = { "requeue", MEASURE_EVENTS, UNIT_NONE, { "disk", "direction", "dev" } };
static const struct observable failure = { "error", MEASURE_EVENTS, UNIT_NONE, { "disk", "direction", "dev", "error" } };
static const struct observable flying = { "in_flight", MEASURE_SHARE, UNIT_NANOSECONDS, { "disk", "dev", "direction" } };
static const struct observable depth = { "depth", MEASURE_STATE, UNIT_NONE, { "disk", "dev" } };

/* Tables go by the number of the disk and show its name: requests before the statedump are of the same disk. */
#define BY_DEV { "dev", "direction" }, .show = { "disk" }
#define TABLE(what, metric, what_it_is, metric_kind, metric_unit, ...) \
    { .name = (metric), .help = (what_it_is), .kind = (metric_kind), .unit = (metric_unit), .of = (what), .faces = FACE_REPORT, .by = __VA_ARGS__ }

static const struct metric_info emits[] = {
    METRIC_OF("request", "latency", "time from issue to complete, by disk and direction", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_LIVE, "disk", "direction"),
    TABLE("request", "requests", "time from issue to complete, by disk and direction", METRIC_LATENCY, UNIT_NANOSECONDS, BY_DEV),
    METRIC_SHOWING("request", "disk_requests", "the same by disk", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "dev", "disk"),
    METRIC_SHOWING("request", "thread_requests", "the same by thread that issued", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "tid", "procname"),
    METRIC_OF("queue", "queue_time", "time from insert to issue, by disk and direction", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_LIVE, "disk", "direction"),
    TABLE("queue", "queue_times", "time from insert to issue, by disk and direction", METRIC_LATENCY, UNIT_NANOSECONDS, BY_DEV),
    METRIC_OF("flush", "flush_latency", "time a disk takes to write back its cache", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_LIVE, "disk"),
    METRIC_SHOWING("flush", "flushes", "the same by disk", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "dev", "disk"),
    METRIC_OF("sectors", "sectors", "sectors of 512 bytes, by disk and direction", METRIC_COUNTER, UNIT_NONE, FACE_DETAIL, "disk", "direction"),
    TABLE("sectors", "direction_sectors", "sectors of 512 bytes, by disk and direction", METRIC_COUNTER, UNIT_NONE, BY_DEV),
    METRIC_SHOWING("sectors", "disk_sectors", "the same by disk", METRIC_COUNTER, UNIT_NONE, FACE_REPORT, "dev", "disk"),
    METRIC_OF("transfer", "process_bytes", "bytes by thread name that issued, and direction", METRIC_COUNTER, UNIT_BYTES, FACE_DETAIL, "procname", "direction"),
    TABLE("transfer", "thread_bytes", "bytes by thread that issued, and direction", METRIC_COUNTER, UNIT_BYTES, { "tid", "direction" }, .show = { "procname" }),
    METRIC_OF("in_flight", "in_flight", "requests in flight, mean over time, by disk", METRIC_VALUE, UNIT_NONE, FACE_LIVE, "disk"),
    METRIC_OF("in_flight", "direction_in_flight", "the same by disk and direction", METRIC_VALUE, UNIT_NONE, FACE_DETAIL, "disk", "direction"),
    METRIC_SHOWING("in_flight", "mean_in_flight", "requests in flight, mean over time, by disk; 100 % is one", METRIC_VALUE, UNIT_NONE, FACE_REPORT, "dev", "disk"),
    TABLE("in_flight", "mean_direction_in_flight", "the same by disk and direction", METRIC_VALUE, UNIT_NONE, BY_DEV),
    METRIC_OF("depth", "depth", "requests in flight whenever it changes, by disk", METRIC_VALUE, UNIT_NONE, FACE_DETAIL, "disk"),
    METRIC_SHOWING("depth", "depths", "the first numbers of requests in flight, least and most, by disk", METRIC_VALUE, UNIT_NONE, FACE_REPORT, "dev", "disk"),
    METRIC_OF("merge", "merges", "what became part of a waiting request, by disk (since Linux 5.12 the partition) and direction", METRIC_COUNTER, UNIT_NONE, FACE_DETAIL, "disk", "direction"),
    TABLE("merge", "merge_kinds", "merges by disk, direction and kind: back, front, request", METRIC_COUNTER, UNIT_NONE, { "dev", "direction", "kind" }, .show = { "disk" }),
    METRIC_OF("requeue", "requeues", "requests the driver gave back, by disk and direction", METRIC_COUNTER, UNIT_NONE, FACE_DETAIL, "disk", "direction"),
    TABLE("requeue", "direction_requeues", "requests the driver gave back, by disk and direction", METRIC_COUNTER, UNIT_NONE, BY_DEV),
    METRIC_OF("error", "errors", "requests that failed, by disk and direction", METRIC_COUNTER, UNIT_NONE, FACE_LIVE, "disk", "direction"),
    TABLE("error", "error_codes", "failed requests by disk, direction and error", METRIC_COUNTER, UNIT_NONE, { "dev", "direction", "error" }, .show = { "disk" }),
    METRIC_END,
};

/* Kept of a request, inserted or issued. */
struct rq {
    int64_t begin_ns, queued_ns; /* queued -1: not known */
    uint64_t sector;
    struct block_disk *disk;
    uint32_t sectors, left;      /* left: of those, not completed yet */
    int32_t tid;                 /* -1: not known */
    uint32_t comm_size;
    char comm[COMM_MAX];
    enum block_direction direction;
    bool overdue;                /* was told of as that */
};

struct block {
    const struct operations_config *config;
    struct stream *stream;
    struct kernel *kernel;
    struct observer *request, *transfer, *queue, *flush, *sectors, *merge, *requeue, *failure;
    struct operations inserted, issued; /* by disk and sector */
    struct block_disks disks;
    int64_t lost_until_ns;
    uint64_t unmatched, suspect;
};

/* ---- requests ---- */

/* The fields that all observables of a disk share; more (NULL: none) is the last one. */
static void observe_disk(struct block *b, struct observer *o, const struct block_disk *d, enum block_direction direction, const struct value *more, int64_t begin_ns, int64_t end_ns, int64_t value)
{
    struct value fields[D_FIELDS];
    fields[D_DISK] = block_disk_name(&b->disks, d);
    fields[D_DIRECTION] = value_of_text(block_direction_name(direction));
    fields[D_DEV] = value_of_text(d->number);
    fields[D_KIND] = more ? *more : (struct value){ .kind = VALUE_NONE };
    observe(o, &(struct observed){ begin_ns, end_ns, value, fields });
}

static void put_request(const struct block *b, const struct rq *rq, struct value *fields)
{
    fields[R_DISK] = block_disk_name(&b->disks, rq->disk);
    fields[R_DIRECTION] = value_of_text(block_direction_name(rq->direction));
    fields[R_PROCNAME] = value_of_bytes(rq->comm, rq->comm_size);
    fields[R_TID] = value_int_or_none(rq->tid);
    fields[R_SECTOR] = (struct value){ .kind = VALUE_UNSIGNED, .u = rq->sector };
    fields[R_SECTORS] = value_int(rq->sectors);
    fields[R_QUEUED] = value_int_or_none(rq->queued_ns);
    fields[R_DEV] = value_of_text(rq->disk->number);
}

/* Takes a pending request out of the table; *context becomes a copy of it. */
static void on_taken(void *self, struct pending *p, int64_t end_ns, const void *context)
{
    struct rq *to = *(struct rq *const *)context;
    const struct block *b = self;
    (void)end_ns;
    memcpy(to, pairing_data(&b->issued.pairing, p), sizeof(*to)); /* both tables have the same layout */
    to->overdue |= p->timed_out;
}

static bool take(struct operations *o, const uint64_t *key, int64_t time_ns, struct rq *ret_rq)
{
    uint64_t ended = o->pairing.counts.ended;
    if (o->pairing.newest && time_ns < o->pairing.newest->begin_ns)
        time_ns = o->pairing.newest->begin_ns; /* a late event */
    operations_end(o, key, time_ns, on_taken, &ret_rq);
    return o->pairing.counts.ended > ended;
}

static void put(struct operations *o, uint64_t dev, uint64_t sector, int64_t time_ns, const struct rq *rq)
{
    uint64_t key[] = { dev, sector };
    struct rq *kept = operations_begin(o, key, time_ns);
    if (!kept)
        return;
    *kept = *rq;
    pairing_pending(&o->pairing, kept)->timed_out = rq->overdue;
}

static struct rq rq_of(struct block *b, const struct kernel_place *p, const struct event *event, const struct block_event *e)
{
    struct rq rq = { .begin_ns = event->time_ns, .queued_ns = -1, .sector = e->sector, .disk = block_disk(&b->disks, e->dev), .sectors = e->sectors, .left = e->sectors, .direction = e->direction };
    struct value comm = place_value(p, event, BLOCK_AT_COMM);
    rq.tid = (int32_t)place_int(p, event, BLOCK_AT_TID, b->kernel->task ? b->kernel->task->tid : -1);
    if (comm.kind == VALUE_NONE)
        comm = task_comm(b->kernel->task);
    if (comm.kind == VALUE_TEXT) {
        rq.comm_size = comm.size < COMM_MAX ? comm.size : COMM_MAX;
        memcpy(rq.comm, comm.text, rq.comm_size);
    }
    return rq;
}

/* ---- events ---- */

/* Begun before a loss ended: neither it nor what is in flight with it is certain. */
static bool is_suspect(struct block *b, const struct event *event)
{
    bool suspect = event->time_ns < b->lost_until_ns;
    b->suspect += suspect;
    return suspect;
}

static void on_insert(void *self, void *data, const struct event *event)
{
    struct block *b = self;
    struct block_event e = block_event(data, event);
    struct rq before;
    uint64_t key[] = { e.dev, e.sector };
    if (!e.counts || is_suspect(b, event))
        return;
    struct rq rq = rq_of(b, data, event, &e);
    take(&b->inserted, key, event->time_ns, &before);
    put(&b->inserted, e.dev, e.sector, event->time_ns, &rq);
}

static void on_issue(void *self, void *data, const struct event *event)
{
    struct block *b = self;
    struct block_event e = block_event(data, event);
    struct rq queued, before;
    uint64_t key[] = { e.dev, e.sector };
    if (!e.counts || is_suspect(b, event))
        return;
    struct rq rq = rq_of(b, data, event, &e);
    if (take(&b->inserted, key, event->time_ns, &queued)) {
        rq.queued_ns = event->time_ns - queued.begin_ns;
        rq.tid = queued.tid; /* who waits for it, where a worker of the kernel issues it */
        rq.comm_size = queued.comm_size;
        memcpy(rq.comm, queued.comm, sizeof(rq.comm));
        observe_disk(b, b->queue, rq.disk, rq.direction, NULL, queued.begin_ns, event->time_ns, rq.queued_ns);
    }
    if (take(&b->issued, key, event->time_ns, &before))
        block_disk_fly(&b->disks, before.disk, before.direction, -1, event->time_ns); /* its end, or that it was given back, was not traced */
    uint32_t count = b->issued.pairing.count;
    put(&b->issued, e.dev, e.sector, event->time_ns, &rq);
    if (b->issued.pairing.count > count)
        block_disk_fly(&b->disks, rq.disk, rq.direction, 1, event->time_ns);
}

static void completed(struct block *b, const struct rq *rq, int64_t end_ns, int64_t error)
{
    struct value fields[R_FIELDS], code = value_int(error);
    struct observed x = { rq->begin_ns, end_ns, end_ns - rq->begin_ns, fields };
    put_request(b, rq, fields);
    if (rq->overdue)
        observe_overdue(b->request, EXCEEDANCE_ENDED, &x, b->config->timeout.ns);
    if (error != 0)
        observe_disk(b, b->failure, rq->disk, rq->direction, &code, end_ns, end_ns, 1);
    if (rq->direction == BLOCK_FLUSH) {
        observe_disk(b, b->flush, rq->disk, rq->direction, NULL, rq->begin_ns, end_ns, x.value);
        return;
    }
    observe(b->request, &x);
    observe_disk(b, b->sectors, rq->disk, rq->direction, NULL, end_ns, end_ns, rq->sectors);
    struct value of_transfer[T_FIELDS] = { [T_DISK] = fields[R_DISK], [T_DIRECTION] = fields[R_DIRECTION], [T_PROCNAME] = fields[R_PROCNAME], [T_TID] = fields[R_TID], [T_DEV] = fields[R_DEV] };
    observe(b->transfer, &(struct observed){ end_ns, end_ns, (int64_t)rq->sectors * BLOCK_SECTOR_BYTES, of_transfer });
}

static void on_complete(void *self, void *data, const struct event *event)
{
    struct block *b = self;
    struct block_event e = block_event(data, event);
    uint64_t key[] = { e.dev, e.sector };
    struct rq rq;
    if (!e.counts)
        return;
    if (!take(&b->issued, key, event->time_ns, &rq)) {
        b->unmatched++;
        return;
    }
    if (e.sectors < rq.left) { /* a part of it: what is left begins behind */
        rq.left -= e.sectors;
        put(&b->issued, e.dev, e.sector + e.sectors, event->time_ns, &rq);
        return;
    }
    block_disk_fly(&b->disks, rq.disk, rq.direction, -1, event->time_ns);
    completed(b, &rq, event->time_ns, e.error);
}

/* The driver gave it back: it will be issued again. */
static void on_requeue(void *self, void *data, const struct event *event)
{
    struct block *b = self;
    struct block_event e = block_event(data, event);
    uint64_t key[] = { e.dev, e.sector };
    struct rq rq;
    if (!e.counts)
        return;
    observe_disk(b, b->requeue, block_disk(&b->disks, e.dev), e.direction, NULL, event->time_ns, event->time_ns, 1);
    if (take(&b->issued, key, event->time_ns, &rq))
        block_disk_fly(&b->disks, rq.disk, rq.direction, -1, event->time_ns);
}

static void merged(struct block *b, const struct event *event, const struct block_event *e, const char *kind)
{
    struct value v = value_of_text(kind);
    observe_disk(b, b->merge, block_disk(&b->disks, e->dev), e->direction, &v, event->time_ns, event->time_ns, 1);
}

static void on_back_merge(void *self, void *data, const struct event *event)
{
    struct block_event e = block_event(data, event);
    merged(self, event, &e, "back");
}

/* The request that waits at a sector. Since Linux 5.12 what is merged names its partition, and requests the whole disk: then it is the one
 * of a disk with the same major number that has a request waiting there. */
static bool take_waiting(struct block *b, uint64_t dev, uint64_t sector, int64_t time_ns, struct rq *ret_rq)
{
    uint64_t key[] = { dev, sector };
    if (take(&b->inserted, key, time_ns, ret_rq))
        return true;
    for (uint32_t i = 0; i < b->disks.count; i++) {
        key[0] = b->disks.disks[i].dev;
        if (key[0] != dev && key[0] >> 20 == dev >> 20 && take(&b->inserted, key, time_ns, ret_rq))
            return true;
    }
    return false;
}

/* The request that waits at the sector behind begins earlier now. */
static void on_front_merge(void *self, void *data, const struct event *event)
{
    struct block *b = self;
    struct block_event e = block_event(data, event);
    struct rq rq;
    merged(b, event, &e, "front");
    if (take_waiting(b, e.dev, e.sector + e.sectors, event->time_ns, &rq))
        put(&b->inserted, rq.disk == &b->disks.other ? e.dev : rq.disk->dev, e.sector, event->time_ns, &rq);
}

/* A request that waited is part of another one now. */
static void on_request_merge(void *self, void *data, const struct event *event)
{
    struct block *b = self;
    struct block_event e = block_event(data, event);
    uint64_t key[] = { e.dev, e.sector };
    struct rq rq;
    merged(b, event, &e, "request");
    take(&b->inserted, key, event->time_ns, &rq);
}

/* ---- still in flight ---- */

static void overdue(struct block *b, struct pending *p, int64_t time_ns, enum exceedance_kind kind)
{
    const struct rq *rq = pairing_data(&b->issued.pairing, p);
    struct value fields[R_FIELDS];
    if (rq->overdue && kind == EXCEEDANCE_TIMEOUT)
        return; /* told before a part of it was completed */
    put_request(b, rq, fields);
    observe_overdue(b->request, kind, &(struct observed){ rq->begin_ns, time_ns, time_ns - rq->begin_ns, fields }, b->config->timeout.ns);
}

OPERATIONS_OVERDUE(overdue, NULL);

/* ---- the analysis ---- */

static const struct kernel_hook hooks[] = {
    KERNEL_HOOK("block_rq_insert", on_insert, BLOCK_FIELDS),
    KERNEL_HOOK("block_rq_issue", on_issue, BLOCK_FIELDS),
    KERNEL_HOOK("block_rq_complete", on_complete, BLOCK_FIELDS),
    KERNEL_HOOK("block_rq_requeue", on_requeue, BLOCK_FIELDS),
    KERNEL_HOOK("block_bio_backmerge", on_back_merge, BLOCK_FIELDS),
    KERNEL_HOOK("block_bio_frontmerge", on_front_merge, BLOCK_FIELDS),
    KERNEL_HOOK_WANTED("block_rq_merge", on_request_merge, BLOCK_FIELDS),
    KERNEL_HOOKS_END,
};

static void open_observers(struct block *b)
{
    const struct { struct observer **at; const struct observable *what; } all[] = {
        { &b->queue, &queue }, { &b->flush, &flush }, { &b->sectors, &sectors }, { &b->transfer, &transfer }, { &b->merge, &merge }, { &b->requeue, &requeue }, { &b->failure, &failure },
    };
    b->request = operations_observer(b->stream, b->config, &request, emits);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        *all[i].at = observer_new(b->stream, &(struct observer_spec){ .analysis = b->config->name.s, .what = all[i].what, .emits = emits });
}

static void *open_block(const void *config, struct stream *stream)
{
    const struct operations_config *c = config;
    struct block *b = xcalloc(1, sizeof(*b));
    b->config = c;
    b->stream = stream;
    b->kernel = stream_kernel(stream, KERNEL_TASKS | KERNEL_DEVICES);
    b->lost_until_ns = INT64_MIN;
    open_observers(b);
    block_disks_init(&b->disks, stream, b->kernel, observer_new(stream, &(struct observer_spec){ .analysis = c->name.s, .what = &flying, .emits = emits }),
                     observer_new(stream, &(struct observer_spec){ .analysis = c->name.s, .what = &depth, .emits = emits }));
    struct pairing_config pairing = { .key_count = 2, .max_pending = c->max_pending, .duplicates = PAIRING_REPLACE, .data_size = sizeof(struct rq) };
    operations_init(&b->inserted, stream, c->name.s, &pairing, NULL, b);
    pairing.timeout_ns = c->timeout.ns;
    operations_init(&b->issued, stream, c->name.s, &pairing, &overdue_ops, b);
    b->inserted.quiet = b->issued.quiet = true; /* most requests are not inserted; what is unmatched is counted here */
    return b;
}

static void close_block(void *self)
{
    struct block *b = self;
    operations_done(&b->inserted);
    operations_done(&b->issued);
    block_disks_done(&b->disks);
    free(b);
}

/* What is in flight is not known any more. */
static void lost(void *self, int64_t begin_ns, int64_t end_ns)
{
    struct block *b = self;
    if (end_ns > b->lost_until_ns)
        b->lost_until_ns = end_ns;
    b->suspect += pairing_forget(&b->inserted.pairing, begin_ns) + pairing_forget(&b->issued.pairing, begin_ns);
    block_disks_forget(&b->disks, begin_ns);
}

static void window(void *self)
{
    struct block *b = self;
    int64_t begin_ns, end_ns;
    stream_span(b->stream, &begin_ns, &end_ns);
    block_disks_account(&b->disks, end_ns);
    operations_publish(&b->inserted);
    operations_publish(&b->issued);
    stream_count(b->stream, "unmatched_ends", b->config->name.s, b->unmatched);
    stream_count(b->stream, "suspect_pairs", b->config->name.s, b->suspect);
    stream_count(b->stream, "refused_disks", b->config->name.s, b->disks.refused);
    b->unmatched = b->suspect = b->disks.refused = 0;
}

const struct analysis analysis_block = {
    .name = "block",
    .summary = "requests to disks: latency, time in the queue, sectors, merges, errors, in flight",
    .options = options,
    .config_size = sizeof(struct operations_config),
    .emits = emits,
    .check = operations_check,
    .hooks = hooks,
    .kernel_parts = KERNEL_DEVICES,
    .open = open_block,
    .close = close_block,
    .lost = lost,
    .window = window,
};
