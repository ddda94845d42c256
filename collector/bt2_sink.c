#include "collector/bt2_sink.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "collector/bt2_class.h"
#include "collector/bt2_error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A stream whose tracer's count of discarded events has gone back, by so many: told already. */
struct told {
    const bt_stream *stream;
    uint64_t count;
};

struct bt2_sink {
    struct event_consumer consumer;
    void (*raw)(void *self, const void *message, const struct event *event); /* events go there instead; NULL */
    void *raw_self;
    struct bt2_class **classes;
    uint32_t class_count, class_capacity;
    struct hash_index by_handle;
    struct bt2_class *last_class;      /* events come in runs of one class */
    uint64_t untimed;
    int64_t time_ns;
    struct loss *early;                /* losses told before any time was known */
    uint32_t early_count, early_capacity;
    struct told *told;
    uint32_t told_count, told_capacity;
    struct value values[EVENT_VALUES_MAX];
};

struct bt2_sink *bt2_sink_new(const struct event_consumer *consumer)
{
    struct bt2_sink *sink = xcalloc(1, sizeof(*sink));
    sink->consumer = *consumer;
    sink->time_ns = INT64_MIN;
    hash_index_init(&sink->by_handle, 64);
    return sink;
}

void bt2_sink_free(struct bt2_sink *sink)
{
    if (!sink)
        return;
    for (uint32_t i = 0; i < sink->class_count; i++)
        bt2_class_free(sink->classes[i]);
    free(sink->classes);
    hash_index_done(&sink->by_handle);
    free(sink->early);
    free(sink->told);
    free(sink);
}

static uint64_t handle_hash(const void *handle)
{
    return hash_mix(HASH_START, (uint64_t)(uintptr_t)handle);
}

static struct bt2_class *find_class(const struct bt2_sink *sink, const bt_event_class *handle)
{
    uint32_t at;
    uint64_t hash = handle_hash(handle);
    for (uint32_t s = hash_index_first(&sink->by_handle, hash, &at); s != HASH_NONE;
         s = hash_index_next(&sink->by_handle, hash, &at))
        if (sink->classes[s]->handle == handle)
            return sink->classes[s];
    return NULL;
}

static const char *environment(const bt_trace *trace, const char *name)
{
    const bt_value *v = bt_trace_borrow_environment_entry_value_by_name_const(trace, name);
    return v && bt_value_is_string(v) ? bt_value_string_get(v) : "";
}

static struct trace_source source_of(const bt_trace *trace)
{
    return (struct trace_source){ .host = environment(trace, "hostname"),
                                  .session = environment(trace, "trace_name") };
}

static void announce(struct bt2_sink *sink, const bt_trace *trace, const bt_event_class *handle)
{
    if (find_class(sink, handle))
        return;
    uint32_t id = sink->class_count;
    GROW(sink->classes, sink->class_count, sink->class_capacity);
    sink->classes[sink->class_count++] = bt2_class_new(handle, id, source_of(trace), &sink->consumer);
    hash_index_insert(&sink->by_handle, handle_hash(handle), id);
}

/* Announces every class the stream's class has by now, not just the one an
 * event made us look at: a pair of events is then known from its first half. */
static void announce_all(struct bt2_sink *sink, const bt_stream *stream)
{
    const bt_stream_class *sc = bt_stream_borrow_class_const(stream);
    const bt_trace *trace = bt_stream_borrow_trace_const(stream);
    for (uint64_t i = 0, n = bt_stream_class_get_event_class_count(sc); i < n; i++)
        announce(sink, trace, bt_stream_class_borrow_event_class_by_index_const(sc, i));
}

static int64_t snapshot_ns(const bt_clock_snapshot *snapshot, int64_t otherwise)
{
    int64_t ns;
    if (snapshot && bt_clock_snapshot_get_ns_from_origin(snapshot, &ns) == BT_CLOCK_SNAPSHOT_GET_NS_FROM_ORIGIN_STATUS_OK)
        return ns;
    return otherwise;
}

/* A loss without a time of its own is placed where the trace has come to; before
 * that is anywhere, it waits. */
static void tell_loss(struct bt2_sink *sink, const struct loss *loss)
{
    if (loss->begin_ns != INT64_MIN) {
        sink->consumer.loss(sink->consumer.self, loss);
        return;
    }
    GROW(sink->early, sink->early_count, sink->early_capacity);
    sink->early[sink->early_count++] = *loss;
}

static void place_early_losses(struct bt2_sink *sink, int64_t time_ns)
{
    if (time_ns == INT64_MIN)
        return;
    for (uint32_t i = 0; i < sink->early_count; i++) {
        sink->early[i].begin_ns = sink->early[i].end_ns = time_ns;
        sink->consumer.loss(sink->consumer.self, &sink->early[i]);
    }
    sink->early_count = 0;
}

static void on_event(struct bt2_sink *sink, const bt_message *message)
{
    const bt_event *event = bt_message_event_borrow_event_const(message);
    const bt_event_class *handle = bt_event_borrow_class_const(event);
    struct bt2_class *class = sink->last_class;
    if (!class || class->handle != handle) {
        class = find_class(sink, handle);
        if (!class) {
            announce_all(sink, bt_event_borrow_stream_const(event));
            class = find_class(sink, handle);
        }
        sink->last_class = class;
    }
    if (class->has_clock)
        sink->time_ns =
            snapshot_ns(bt_message_event_borrow_default_clock_snapshot_const(message), sink->time_ns);
    sink->untimed += !class->has_clock;
    if (sink->early_count)
        place_early_losses(sink, sink->time_ns);
    if (class->skip || (!class->has_clock && !sink->raw)) {
        sink->consumer.skipped(sink->consumer.self, 1);
        return;
    }
    bt2_class_extract(class, event, sink->values);
    struct event public = { .class_id = class->public.id, .time_ns = sink->time_ns, .values = sink->values };
    if (sink->raw)
        sink->raw(sink->raw_self, message, &public);
    else
        sink->consumer.event(sink->consumer.self, &public);
}

static void advance(struct bt2_sink *sink, int64_t time_ns)
{
    if (time_ns <= sink->time_ns)
        return;
    sink->time_ns = time_ns;
    place_early_losses(sink, time_ns);
    sink->consumer.watermark(sink->consumer.self, time_ns);
}

static void on_packet_beginning(struct bt2_sink *sink, const bt_message *message)
{
    const bt_stream *stream =
        bt_packet_borrow_stream_const(bt_message_packet_beginning_borrow_packet_const(message));
    if (bt_stream_class_packets_have_beginning_default_clock_snapshot(bt_stream_borrow_class_const(stream)))
        advance(sink, snapshot_ns(bt_message_packet_beginning_borrow_default_clock_snapshot_const(message),
                                  sink->time_ns));
}

/* Time goes on to the end of a packet: the last one's end is when tracing stopped. */
static void on_packet_end(struct bt2_sink *sink, const bt_message *message)
{
    const bt_stream *stream = bt_packet_borrow_stream_const(bt_message_packet_end_borrow_packet_const(message));
    if (bt_stream_class_packets_have_end_default_clock_snapshot(bt_stream_borrow_class_const(stream)))
        advance(sink, snapshot_ns(bt_message_packet_end_borrow_default_clock_snapshot_const(message), sink->time_ns));
}

static struct loss new_loss(const struct bt2_sink *sink, enum loss_kind kind, const bt_stream *stream)
{
    return (struct loss){ .kind = kind,
                          .source = source_of(bt_stream_borrow_trace_const(stream)),
                          .count = 1,
                          .begin_ns = sink->time_ns,
                          .end_ns = sink->time_ns };
}

/* A count that the library does not have means "some": the tracer's counter
 * before the first packet seen is unknown. What the library wrote there is none. */
static void set_count(struct loss *loss, bt_property_availability availability, uint64_t count)
{
    loss->at_least = availability != BT_PROPERTY_AVAILABILITY_AVAILABLE;
    loss->count = loss->at_least ? 1 : count;
}

static struct told *find_told(struct bt2_sink *sink, const bt_stream *stream)
{
    for (uint32_t i = 0; i < sink->told_count; i++)
        if (sink->told[i].stream == stream)
            return &sink->told[i];
    return NULL;
}

/* What is new of these. When a writer was preempted, lttng-ust 2.13 may give a packet a count from before;
 * the library's difference is then below zero, modulo 2^64, and the next packet's has all of it again. */
static uint64_t not_told(struct bt2_sink *sink, const bt_stream *stream, uint64_t count)
{
    struct told *told = find_told(sink, stream);
    if (count > INT64_MAX) {
        if (!told) {
            GROW(sink->told, sink->told_count, sink->told_capacity);
            told = &sink->told[sink->told_count++];
            *told = (struct told){ .stream = stream };
        }
        told->count -= count;
        return 0;
    }
    uint64_t again = !told ? 0 : told->count < count ? told->count : count;
    if (told)
        told->count -= again;
    return count - again;
}

static void forget_told(struct bt2_sink *sink, const bt_stream *stream)
{
    struct told *told = find_told(sink, stream);
    if (told)
        *told = sink->told[--sink->told_count];
}

static void on_discarded_events(struct bt2_sink *sink, const bt_message *message)
{
    const bt_stream *stream = bt_message_discarded_events_borrow_stream_const(message);
    const bt_stream_class *sc = bt_stream_borrow_class_const(stream);
    struct loss loss = new_loss(sink, LOSS_EVENTS, stream);
    uint64_t count = 0;
    bt_property_availability availability = bt_message_discarded_events_get_count(message, &count);
    if (availability == BT_PROPERTY_AVAILABILITY_AVAILABLE && (count = not_told(sink, stream, count)) == 0)
        return;
    set_count(&loss, availability, count);
    if (bt_stream_class_discarded_events_have_default_clock_snapshots(sc)) {
        loss.begin_ns = snapshot_ns(
            bt_message_discarded_events_borrow_beginning_default_clock_snapshot_const(message), sink->time_ns);
        loss.end_ns =
            snapshot_ns(bt_message_discarded_events_borrow_end_default_clock_snapshot_const(message), loss.begin_ns);
    }
    tell_loss(sink, &loss);
}

static void on_discarded_packets(struct bt2_sink *sink, const bt_message *message)
{
    const bt_stream *stream = bt_message_discarded_packets_borrow_stream_const(message);
    const bt_stream_class *sc = bt_stream_borrow_class_const(stream);
    struct loss loss = new_loss(sink, LOSS_PACKETS, stream);
    uint64_t count = 0;
    bt_property_availability availability = bt_message_discarded_packets_get_count(message, &count);
    if (availability == BT_PROPERTY_AVAILABILITY_AVAILABLE && count > INT64_MAX)
        return; /* their numbers have gone back: none is missing */
    set_count(&loss, availability, count);
    if (bt_stream_class_discarded_packets_have_default_clock_snapshots(sc)) {
        loss.begin_ns = snapshot_ns(
            bt_message_discarded_packets_borrow_beginning_default_clock_snapshot_const(message), sink->time_ns);
        loss.end_ns = snapshot_ns(
            bt_message_discarded_packets_borrow_end_default_clock_snapshot_const(message), loss.begin_ns);
    }
    tell_loss(sink, &loss);
}

static void on_message(struct bt2_sink *sink, const bt_message *message)
{
    switch (bt_message_get_type(message)) {
    case BT_MESSAGE_TYPE_EVENT:
        on_event(sink, message);
        break;
    case BT_MESSAGE_TYPE_STREAM_BEGINNING:
        announce_all(sink, bt_message_stream_beginning_borrow_stream_const(message));
        break;
    case BT_MESSAGE_TYPE_STREAM_END:
        forget_told(sink, bt_message_stream_end_borrow_stream_const(message));
        break;
    case BT_MESSAGE_TYPE_PACKET_BEGINNING:
        on_packet_beginning(sink, message);
        break;
    case BT_MESSAGE_TYPE_PACKET_END:
        on_packet_end(sink, message);
        break;
    case BT_MESSAGE_TYPE_DISCARDED_EVENTS:
        on_discarded_events(sink, message);
        break;
    case BT_MESSAGE_TYPE_DISCARDED_PACKETS:
        on_discarded_packets(sink, message);
        break;
    case BT_MESSAGE_TYPE_MESSAGE_ITERATOR_INACTIVITY:
        advance(sink, snapshot_ns(
                          bt_message_message_iterator_inactivity_borrow_clock_snapshot_const(message),
                          sink->time_ns));
        break;
    default:
        break;
    }
}

static bt_graph_simple_sink_component_consume_func_status consume(bt_message_iterator *iterator, void *self)
{
    struct bt2_sink *sink = self;
    bt_message_array_const messages;
    uint64_t count = 0;
    bt_message_iterator_next_status status = bt_message_iterator_next(iterator, &messages, &count);
    if (status == BT_MESSAGE_ITERATOR_NEXT_STATUS_END)
        place_early_losses(sink, 0); /* of a trace without any time */
    if (status != BT_MESSAGE_ITERATOR_NEXT_STATUS_OK)
        return (bt_graph_simple_sink_component_consume_func_status)status; /* same numbers: both are __BT_FUNC_STATUS_* */
    for (uint64_t i = 0; i < count; i++) {
        on_message(sink, messages[i]);
        bt_message_put_ref(messages[i]);
    }
    return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_OK;
}

static bt_graph_simple_sink_component_initialize_func_status initialize(bt_message_iterator *iterator, void *self)
{
    (void)iterator;
    (void)self;
    return BT_GRAPH_SIMPLE_SINK_COMPONENT_INITIALIZE_FUNC_STATUS_OK;
}

int bt2_sink_add(struct bt2_sink *sink, bt_graph *graph, const bt_component_sink **ret_component, struct error *err)
{
    if (bt_graph_add_simple_sink_component(graph, "foretrace", initialize, consume, NULL, sink, ret_component) !=
        BT_GRAPH_ADD_COMPONENT_STATUS_OK)
        return bt2_take_error(err, -EIO);
    return 0;
}

void bt2_sink_set_raw(struct bt2_sink *sink, void (*raw)(void *self, const void *message, const struct event *event), void *self)
{
    sink->raw = raw;
    sink->raw_self = self;
}

uint64_t bt2_sink_untimed(const struct bt2_sink *sink)
{
    return sink->untimed;
}

int64_t bt2_sink_time_ns(const struct bt2_sink *sink)
{
    return sink->time_ns;
}
