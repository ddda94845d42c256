/* bt2_class.h - libbabeltrace2's event classes: their fields flattened into a
 * list of scalars, and an extraction plan for those that somebody reads. */
#ifndef FT_COLLECTOR_BT2_CLASS_H
#define FT_COLLECTOR_BT2_CLASS_H
#include "collector/event.h"
#include <babeltrace2/babeltrace.h>

enum { BT2_DEPTH_MAX = 16 };

/* How to reach a field from its scope's structure. */
struct bt2_path {
    uint8_t depth;
    uint16_t variants; /* a bit for each step that is the option of a variant, and not a member */
    uint16_t arrays;   /* ... that is the element of an array */
    uint16_t member[BT2_DEPTH_MAX];
};

struct bt2_step {
    enum field_scope scope;
    enum value_kind kind;
    bt_field_class_type type;
    struct bt2_path path;
};

struct bt2_class {
    const bt_event_class *handle; /* identity only; kept alive by a reference */
    struct event_class public;
    bool skip, has_clock;
    uint32_t step_count;
    struct bt2_step *steps;
};

/* Describes an event class: the fields, with `paths` beside them. Fields beyond
 * EVENT_FIELDS_MAX, arrays (but those of a few integers, as "fildes.0") and bit arrays are not offered. */
struct bt2_class *bt2_class_new(const bt_event_class *handle, uint32_t id, struct trace_source source,
                                const struct event_consumer *consumer);
void bt2_class_free(struct bt2_class *class);

/* Fills values[0..step_count). */
void bt2_class_extract(const struct bt2_class *class, const bt_event *event, struct value *values);

#endif
