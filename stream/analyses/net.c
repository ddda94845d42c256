/* net.c - packets: how many, how large, what is dropped, how long a received one waits in memory until somebody takes it, and how
 * long an accepted connection waits for its first byte (the interface tables of lttng-analyses' iousagetop; latency-tracker's net
 * and ttfb). A packet is known by the address of its buffer, a connection by process and descriptor. */
#include "base/bytes.h"
#include "stream/analysis.h"
#include "stream/kernel.h"
#include "stream/kernel_hooks.h"
#include "stream/net_connections.h"
#include "stream/operations.h"
#include <stdlib.h>
#include <string.h>

struct config {
    struct text name;
    struct duration threshold, first_byte_threshold, first_byte_timeout, collect_after;
    struct text_list thresholds, first_byte_thresholds;
    uint32_t max_pending;
    bool buffers, first_byte;
};

static const struct option options[] = {
    OPTION(struct config, name, 0, 0, "net", "what its series are called"),
    OPTION(struct config, buffers, 0, 0, "yes", "follow received packets until they are consumed, and count drops"),
    OPTION(struct config, threshold, 0, 86400, "0s", "report any packet that waited longer to be consumed; 0s: none"),
    OPTION(struct config, thresholds, 0, TEXT_LIST_MAX, "", "other thresholds by interface, as eth0=10ms"),
    OPTION(struct config, first_byte, 0, 0, "yes", "follow accepted connections until their first byte is written"),
    OPTION(struct config, first_byte_threshold, 0, 86400, "0s", "report any connection that waited longer for it; 0s: none"),
    OPTION(struct config, first_byte_thresholds, 0, TEXT_LIST_MAX, "", "other thresholds by name of the thread, as nginx=100ms"),
    OPTION(struct config, first_byte_timeout, 0, 86400, "0s", "report any connection still waiting for it after this; 0s: none"),
    OPTION(struct config, collect_after, 1, 604800, "10m", "give up packets and connections pending longer"),
    OPTION(struct config, max_pending, 1, 16777216, "65536", "packets, and connections, pending at a time"),
    OPTION_END
};

enum { P_INTERFACE, P_DIRECTION, P_PROCNAME, P_TID, P_FIELDS };
static const struct observable packet = { "packet", MEASURE_EVENTS, UNIT_NONE, { "interface", "direction", "procname", "tid" } };
static const struct observable payload = { "bytes", MEASURE_AMOUNT, UNIT_BYTES, { "interface", "direction", "procname", "tid" } };
enum { D_INTERFACE, D_DIRECTION, D_REASON, D_LOCATION, D_FIELDS };
static const struct observable drop = { "drop", MEASURE_EVENTS, UNIT_NONE, { "interface", "direction", "reason", "location" } };
enum { B_INTERFACE, B_OUTCOME, B_PROCNAME, B_TID, B_BYTES, B_BUFFER, B_FIELDS };
static const struct observable buffer = { "buffer", MEASURE_DURATION, UNIT_NANOSECONDS, { "interface", "outcome", "procname", "tid", "bytes", "buffer" } };
static const struct observable first_byte = { "first_byte", MEASURE_DURATION, UNIT_NANOSECONDS, CONNECTION_FIELDS };

static const struct metric_info emits[] = {
    METRIC_OF("packet", "packets", "packets, by interface and direction: sent, received", METRIC_COUNTER, UNIT_NONE, FACE_LIVE | FACE_REPORT, "interface", "direction"),
    METRIC_OF("bytes", "bytes", "bytes of packets, by interface and direction", METRIC_COUNTER, UNIT_BYTES, FACE_LIVE | FACE_REPORT | FACE_OVERVIEW, "interface", "direction"),
    { .name = "thread_bytes", .help = "bytes by thread that sent, or was interrupted by the receiving, and direction", .kind = METRIC_COUNTER, .unit = UNIT_BYTES, .of = "bytes", .faces = FACE_REPORT, .by = { "tid", "direction" }, .show = { "procname" } },
    METRIC_OF("drop", "drops", "packets dropped, by interface (none: not known) and direction", METRIC_COUNTER, UNIT_NONE, FACE_LIVE | FACE_REPORT, "interface", "direction"),
    METRIC_OF("drop", "drop_reasons", "packets dropped, by the kernel's reason and place in its code", METRIC_COUNTER, UNIT_NONE, FACE_REPORT, "reason", "location"),
    METRIC_OF("buffer", "consume_latency", "time from a packet's reception until it is copied, consumed or dropped, by interface", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_LIVE | FACE_REPORT, "interface", "outcome"),
    METRIC_OF("buffer", "process_consume_latency", "the same by name of the thread that took it", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_REPORT, "procname", "outcome"),
    METRIC_OF("first_byte", "first_byte", "time from accepting a connection to the first byte written to it, by name of the thread", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_LIVE | FACE_REPORT, "procname"),
    METRIC_SHOWING("first_byte", "thread_first_byte", "the same by thread", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "tid", "procname"),
    METRIC_END,
};

struct received {
    uint32_t interface_size;
    char interface[KERNEL_NAME_MAX];
    int64_t bytes;
};

struct net {
    const struct config *config;
    struct stream *stream;
    struct kernel *kernel;
    struct observer *packet, *payload, *drop, *buffer, *first_byte;
    struct operations buffers;     /* by address */
    struct connections connections;
};

static struct value none(void)
{
    return (struct value){ .kind = VALUE_NONE };
}

/* ---- packets ---- */

enum { AT_NAME, AT_LENGTH, AT_BUFFER, AT_RESULT };

static void count_packet(struct net *n, const struct kernel_place *p, const struct event *event, const char *direction)
{
    struct value fields[P_FIELDS];
    fields[P_INTERFACE] = place_value(p, event, AT_NAME);
    fields[P_DIRECTION] = value_of_text(direction);
    fields[P_PROCNAME] = task_comm(n->kernel->task);
    fields[P_TID] = task_tid(n->kernel->task);
    struct observed x = { event->time_ns, event->time_ns, 1, fields };
    observe(n->packet, &x);
    x.value = place_int(p, event, AT_LENGTH, 0);
    observe(n->payload, &x);
}

static void count_drop(struct net *n, const struct event *event, struct value interface, const char *direction, struct value reason, struct value location)
{
    struct value fields[D_FIELDS];
    fields[D_INTERFACE] = interface;
    fields[D_DIRECTION] = value_of_text(direction);
    fields[D_REASON] = reason;
    fields[D_LOCATION] = location;
    observe(n->drop, &(struct observed){ event->time_ns, event->time_ns, 1, fields });
}

/* What a driver answers (include/linux/netdevice.h): sent, even if it is congested; dropped; or busy, and asked again. */
enum { XMIT_OK = 0, XMIT_DROP = 1, XMIT_CONGESTED = 2, XMIT_BUSY = 16 };

static void on_transmit(void *self, void *data, const struct event *event)
{
    struct net *n = self;
    const struct kernel_place *p = data;
    int64_t result = place_int(p, event, AT_RESULT, XMIT_OK);
    if (result == XMIT_OK || result == XMIT_CONGESTED)
        count_packet(n, p, event, "sent");
    else if (result != XMIT_BUSY)
        count_drop(n, event, place_value(p, event, AT_NAME), "sent", value_int(result), none());
}

static void on_receive(void *self, void *data, const struct event *event)
{
    struct net *n = self;
    const struct kernel_place *p = data;
    struct value name = place_value(p, event, AT_NAME);
    count_packet(n, p, event, "received");
    if (!n->config->buffers || p->at[AT_BUFFER] < 0)
        return;
    uint64_t key = (uint64_t)place_int(p, event, AT_BUFFER, 0);
    struct received *r = operations_begin(&n->buffers, &key, event->time_ns);
    if (!r)
        return;
    r->bytes = place_int(p, event, AT_LENGTH, 0);
    r->interface_size = name.kind == VALUE_TEXT ? name.size < KERNEL_NAME_MAX ? name.size : KERNEL_NAME_MAX : 0;
    if (r->interface_size)
        memcpy(r->interface, name.text, r->interface_size);
}

/* ---- what becomes of a received one ---- */

struct outcome {
    const char *name;
    bool dropped, found;
    struct value reason, location;
    const struct event *event;
};

static struct value interface_of(const struct received *r)
{
    return r->interface_size ? (struct value){ .kind = VALUE_TEXT, .size = r->interface_size, .text = r->interface } : none();
}

static void on_consumed(void *self, struct pending *p, int64_t end_ns, const void *context)
{
    struct net *n = self;
    struct outcome *const *how = context;
    const struct received *r = pairing_data(&n->buffers.pairing, p);
    struct value fields[B_FIELDS];
    fields[B_INTERFACE] = interface_of(r);
    fields[B_OUTCOME] = value_of_text((*how)->name);
    fields[B_PROCNAME] = task_comm(n->kernel->task);
    fields[B_TID] = task_tid(n->kernel->task);
    fields[B_BYTES] = value_int(r->bytes);
    fields[B_BUFFER] = (struct value){ .kind = VALUE_UNSIGNED, .u = p->key[0] };
    observe(n->buffer, &(struct observed){ p->begin_ns, end_ns, end_ns - p->begin_ns, fields });
    if ((*how)->dropped)
        count_drop(n, (*how)->event, fields[B_INTERFACE], "received", (*how)->reason, (*how)->location);
    (*how)->found = true;
}

enum { AT_SKB, AT_REASON, AT_LOCATION };

static void finish(struct net *n, const struct kernel_place *p, const struct event *event, const char *name, bool dropped)
{
    uint64_t key = (uint64_t)place_int(p, event, AT_SKB, 0);
    struct outcome how = { name, dropped, false, place_value(p, event, AT_REASON), place_value(p, event, AT_LOCATION), event }, *at = &how;
    operations_end(&n->buffers, &key, event->time_ns, on_consumed, &at);
    if (dropped && !how.found)
        count_drop(n, event, none(), NULL, how.reason, how.location);
}

static void on_copied(void *self, void *data, const struct event *event)
{
    finish(self, data, event, "copied", false);
}

static void on_consume(void *self, void *data, const struct event *event)
{
    finish(self, data, event, "consumed", false);
}

static void on_drop(void *self, void *data, const struct event *event)
{
    finish(self, data, event, "dropped", true);
}

/* ---- the analysis ---- */

static const struct kernel_hook packet_hooks[] = {
    KERNEL_HOOK("net_dev_xmit", on_transmit, "payload.name", "len", NULL, "rc"),
    KERNEL_HOOK("netif_receive_skb", on_receive, "payload.name", "len", "skbaddr"),
    KERNEL_HOOKS_END,
};
static const struct kernel_hook buffer_hooks[] = {
    KERNEL_HOOK("skb_copy_datagram_iovec", on_copied, "skbaddr"),
    KERNEL_HOOK("consume_skb", on_consume, "skbaddr"),
    KERNEL_HOOK("kfree_skb", on_drop, "skbaddr", "reason", "location"),
    KERNEL_HOOKS_END,
};
static int check(const void *config, struct error *err)
{
    const struct config *c = config;
    int r = thresholds_check(&c->thresholds, err);
    return r < 0 ? r : thresholds_check(&c->first_byte_thresholds, err);
}

static void needs(const void *config, struct needs *n)
{
    const struct config *c = config;
    kernel_needs(n, 0);
    kernel_hooks_need(packet_hooks, n);
    if (c->buffers)
        kernel_hooks_need(buffer_hooks, n);
    if (c->first_byte)
        connections_need(n);
}

static struct observer *new_observer(const struct net *n, const struct observable *what, int64_t threshold_ns, const struct text_list *thresholds)
{
    return observer_new(n->stream, &(struct observer_spec){ .analysis = n->config->name.s, .what = what, .emits = emits, .threshold_ns = threshold_ns, .thresholds = thresholds });
}

static void *open_net(const void *config, struct stream *stream)
{
    const struct config *c = config;
    struct net *n = xcalloc(1, sizeof(*n));
    n->config = c;
    n->stream = stream;
    n->kernel = stream_kernel(stream, c->first_byte ? KERNEL_TASKS | KERNEL_SYSCALLS : KERNEL_TASKS);
    n->packet = new_observer(n, &packet, 0, NULL);
    n->payload = new_observer(n, &payload, 0, NULL);
    n->drop = new_observer(n, &drop, 0, NULL);
    n->buffer = new_observer(n, &buffer, c->threshold.ns, &c->thresholds);
    n->first_byte = new_observer(n, &first_byte, c->first_byte_threshold.ns, &c->first_byte_thresholds);
    struct pairing_config pairing = { .key_count = 1, .collect_ns = c->collect_after.ns, .max_pending = c->max_pending, .evict = true, .duplicates = PAIRING_REPLACE, .data_size = sizeof(struct received) };
    operations_init(&n->buffers, stream, c->name.s, &pairing, NULL, n);
    n->buffers.quiet = true; /* what is sent is freed as well */
    connections_init(&n->connections, stream, n->kernel, c->name.s, n->first_byte, c->first_byte_timeout.ns, &pairing);
    return n;
}

static void close_net(void *self)
{
    struct net *n = self;
    operations_done(&n->buffers);
    connections_done(&n->connections);
    free(n);
}

static void bind(void *self, struct binder *b)
{
    struct net *n = self;
    kernel_hooks_bind(packet_hooks, n->kernel, n, b);
    if (n->config->buffers)
        kernel_hooks_bind(buffer_hooks, n->kernel, n, b);
    if (n->config->first_byte)
        connections_bind(&n->connections, b);
}

static void lost(void *self, int64_t begin_ns, int64_t end_ns)
{
    struct net *n = self;
    (void)begin_ns;
    operations_lost(&n->buffers, end_ns);
    operations_lost(&n->connections.waiting, end_ns);
}

static void window(void *self)
{
    struct net *n = self;
    operations_publish(&n->buffers);
    operations_publish(&n->connections.waiting);
}

const struct analysis analysis_net = {
    .name = "net",
    .summary = "packets, bytes and drops by interface, time until packets are consumed and connections answered",
    .options = options,
    .config_size = sizeof(struct config),
    .emits = emits,
    .check = check,
    .needs = needs,
    .open = open_net,
    .close = close_net,
    .bind = bind,
    .lost = lost,
    .window = window,
};
