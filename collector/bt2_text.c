/* bt2_text.c - events with all their fields as text, by libbabeltrace2: what our own reader is compared with. */
#include "collector/bt2_graph.h"
#include "collector/event_text.h"
#include "collector/replay.h"
#include <babeltrace2/babeltrace.h>
#include <string.h>

struct writing {
    const struct event_text_consumer *consumer;
    struct event_text event;
};

static void put_field(struct bytes *b, const bt_field *field);

static void put_members(struct bytes *b, const bt_field *structure, bool *comma)
{
    const bt_field_class *fc = bt_field_borrow_class_const(structure);
    for (uint64_t i = 0, n = bt_field_class_structure_get_member_count(fc); i < n; i++) {
        const char *name = bt_field_class_structure_member_get_name(bt_field_class_structure_borrow_member_by_index_const(fc, i));
        event_text_puts(b, *comma ? "," : "");
        *comma = true;
        event_text_put_string(b, name, strlen(name));
        event_text_puts(b, ":");
        put_field(b, bt_field_structure_borrow_member_field_by_index_const(structure, i));
    }
}

static void put_array(struct bytes *b, const bt_field *field)
{
    event_text_puts(b, "[");
    for (uint64_t i = 0, n = bt_field_array_get_length(field); i < n; i++) {
        event_text_puts(b, i ? "," : "");
        put_field(b, bt_field_array_borrow_element_field_by_index_const(field, i));
    }
    event_text_puts(b, "]");
}

static void put_variant(struct bytes *b, const bt_field *field)
{
    uint64_t index = bt_field_variant_get_selected_option_index(field);
    const bt_field_class *fc = bt_field_borrow_class_const(field);
    const char *name = bt_field_class_variant_option_get_name(bt_field_class_variant_borrow_option_by_index_const(fc, index));
    event_text_puts(b, "{");
    event_text_put_string(b, name, strlen(name));
    event_text_puts(b, ":");
    put_field(b, bt_field_variant_borrow_selected_option_field_const(field));
    event_text_puts(b, "}");
}

static void put_field(struct bytes *b, const bt_field *field)
{
    bt_field_class_type type = bt_field_get_class_type(field);
    bool comma = false;
    if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER)) {
        event_text_put_integer(b, bt_field_integer_unsigned_get_value(field), false);
    } else if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_SIGNED_INTEGER)) {
        event_text_put_integer(b, (uint64_t)bt_field_integer_signed_get_value(field), true);
    } else if (type == BT_FIELD_CLASS_TYPE_SINGLE_PRECISION_REAL) {
        event_text_put_real(b, (double)bt_field_real_single_precision_get_value(field));
    } else if (type == BT_FIELD_CLASS_TYPE_DOUBLE_PRECISION_REAL) {
        event_text_put_real(b, bt_field_real_double_precision_get_value(field));
    } else if (type == BT_FIELD_CLASS_TYPE_STRING) {
        /* 2.0.4 leaves the previous text in an empty one: only the length is to be believed. */
        uint64_t size = bt_field_string_get_length(field);
        event_text_put_string(b, size ? bt_field_string_get_value(field) : "", size);
    } else if (type == BT_FIELD_CLASS_TYPE_STRUCTURE) {
        event_text_puts(b, "{");
        put_members(b, field, &comma);
        event_text_puts(b, "}");
    } else if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_ARRAY)) {
        put_array(b, field);
    } else if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_VARIANT)) {
        put_variant(b, field);
    } else {
        event_text_puts(b, "null");
    }
}

static void put_scopes(struct bytes *b, const bt_field *first, const bt_field *second)
{
    bool comma = false;
    bytes_reset(b);
    event_text_puts(b, "{");
    if (first)
        put_members(b, first, &comma);
    if (second)
        put_members(b, second, &comma);
    event_text_puts(b, "}");
}

static void find_cpu(struct event_text *e, const bt_event *event)
{
    const bt_stream_class *sc = bt_event_class_borrow_stream_class_const(bt_event_borrow_class_const(event));
    const bt_field *context = bt_stream_class_supports_packets(sc) ? bt_packet_borrow_context_field_const(bt_event_borrow_packet_const(event)) : NULL;
    const bt_field *cpu = context ? bt_field_structure_borrow_member_field_by_name_const(context, "cpu_id") : NULL;
    e->has_cpu = cpu && bt_field_class_type_is(bt_field_get_class_type(cpu), BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER);
    e->cpu = e->has_cpu ? bt_field_integer_unsigned_get_value(cpu) : 0;
}

static void write_event(struct writing *w, const bt_message *message)
{
    const bt_event *event = bt_message_event_borrow_event_const(message);
    const bt_event_class *class = bt_event_borrow_class_const(event);
    const char *name = bt_event_class_get_name(class);
    w->event.name = name ? name : "(unnamed)";
    w->event.time_ns = INT64_MIN;
    if (bt_stream_class_borrow_default_clock_class_const(bt_event_class_borrow_stream_class_const(class)) &&
        bt_clock_snapshot_get_ns_from_origin(bt_message_event_borrow_default_clock_snapshot_const(message), &w->event.time_ns) !=
            BT_CLOCK_SNAPSHOT_GET_NS_FROM_ORIGIN_STATUS_OK)
        w->event.time_ns = INT64_MIN;
    find_cpu(&w->event, event);
    put_scopes(&w->event.context, bt_event_borrow_common_context_field_const(event), bt_event_borrow_specific_context_field_const(event));
    put_scopes(&w->event.fields, bt_event_borrow_payload_field_const(event), NULL);
    w->consumer->event(w->consumer->self, &w->event);
}

static void on_raw(void *self, const void *message, const struct event *event)
{
    struct writing *w = self;
    const struct event_text_consumer *consumer = w->consumer;
    if (consumer->filter && !event_filter_matches(consumer->filter, event->class_id, event->values))
        return;
    if (consumer->event)
        write_event(w, message);
    else
        consumer->count(consumer->self, 1);
}

int event_text_babeltrace2(const char *const *paths, size_t count, const struct event_text_consumer *consumer, struct error *err)
{
    struct writing w = { .consumer = consumer };
    const struct event_consumer events = event_text_events(consumer);
    struct replay *replay = NULL;
    const struct replay_setup setup = { .paths = paths, .count = count, .reader = REPLAY_BABELTRACE2, .consumer = &events };
    int r = replay_open(&setup, &replay, err);
    if (r == 0)
        bt2_graph_set_raw(replay_graph(replay), on_raw, &w);
    while (r >= 0 && (r = replay_step(replay, err)) > 0)
        ;
    replay_close(replay);
    bytes_done(&w.event.context);
    bytes_done(&w.event.fields);
    return r;
}
