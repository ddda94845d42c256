#include "collector/bt2_class.h"
#include "base/bytes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The flattened fields of a class while they are being collected. */
struct listing {
    uint32_t count;
    struct field fields[EVENT_FIELDS_MAX];
    struct bt2_path paths[EVENT_FIELDS_MAX];
    bt_field_class_type types[EVENT_FIELDS_MAX];
};

static enum value_kind kind_of(bt_field_class_type type)
{
    switch (type) {
    case BT_FIELD_CLASS_TYPE_BOOL:
    case BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER:
    case BT_FIELD_CLASS_TYPE_UNSIGNED_ENUMERATION:
        return VALUE_UNSIGNED;
    case BT_FIELD_CLASS_TYPE_SIGNED_INTEGER:
    case BT_FIELD_CLASS_TYPE_SIGNED_ENUMERATION:
        return VALUE_SIGNED;
    case BT_FIELD_CLASS_TYPE_SINGLE_PRECISION_REAL:
    case BT_FIELD_CLASS_TYPE_DOUBLE_PRECISION_REAL:
        return VALUE_REAL;
    case BT_FIELD_CLASS_TYPE_STRING:
        return VALUE_TEXT;
    default:
        return VALUE_NONE;
    }
}

static void list_inner(struct listing *l, const bt_field_class *fc, enum field_scope scope, const struct bt2_path *above, const char *prefix);

static void list_elements(struct listing *l, const bt_field_class *fc, enum field_scope scope, const struct bt2_path *above, const char *prefix);

static bool is_variant(const bt_field_class *fc)
{
    return bt_field_class_type_is(bt_field_class_get_type(fc), BT_FIELD_CLASS_TYPE_VARIANT);
}

static void list_field(struct listing *l, const bt_field_class *fc, const char *own_name, enum field_scope scope, const struct bt2_path *path,
                       const char *prefix)
{
    bt_field_class_type type = bt_field_class_get_type(fc);
    char name[EVENT_NAME_MAX];
    int n = snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", own_name);
    if (n < 0 || (size_t)n >= sizeof(name))
        return;
    if (type == BT_FIELD_CLASS_TYPE_STRUCTURE || is_variant(fc)) {
        list_inner(l, fc, scope, path, name);
        return;
    }
    if (type == BT_FIELD_CLASS_TYPE_STATIC_ARRAY && scope != SCOPE_PACKET_CONTEXT)
        list_elements(l, fc, scope, path, name);
    enum value_kind kind = kind_of(type);
    if (kind == VALUE_NONE || l->count == EVENT_FIELDS_MAX)
        return;
    l->fields[l->count] = (struct field){ .name = xstrdup(name), .scope = scope, .kind = kind };
    l->paths[l->count] = *path;
    l->types[l->count++] = type;
}

/* The native reader's: ctf_has_elements(). */
enum { ELEMENTS_MAX = 4 };

static void list_elements(struct listing *l, const bt_field_class *fc, enum field_scope scope, const struct bt2_path *above, const char *prefix)
{
    const bt_field_class *element = bt_field_class_array_borrow_element_field_class_const(fc);
    uint64_t n = bt_field_class_array_static_get_length(fc);
    struct bt2_path path = *above;
    if (n > ELEMENTS_MAX || above->depth == BT2_DEPTH_MAX || !bt_field_class_type_is(bt_field_class_get_type(element), BT_FIELD_CLASS_TYPE_INTEGER))
        return;
    path.arrays = (uint16_t)(path.arrays | 1U << path.depth);
    path.depth++;
    for (uint64_t i = 0; i < n; i++) {
        const char number[2] = { (char)('0' + i), '\0' };
        path.member[path.depth - 1] = (uint16_t)i;
        list_field(l, element, number, scope, &path, prefix);
    }
}

/* The members of a structure, or the options of a variant. */
static void list_inner(struct listing *l, const bt_field_class *fc, enum field_scope scope, const struct bt2_path *above, const char *prefix)
{
    if (!fc || above->depth == BT2_DEPTH_MAX)
        return;
    bool variant = is_variant(fc);
    uint64_t n = variant ? bt_field_class_variant_get_option_count(fc) : bt_field_class_structure_get_member_count(fc);
    struct bt2_path path = *above;
    path.variants = (uint16_t)(path.variants | (unsigned)variant << path.depth);
    path.depth++;
    for (uint64_t i = 0; i < n && i <= UINT16_MAX; i++) {
        path.member[path.depth - 1] = (uint16_t)i;
        if (variant) {
            const bt_field_class_variant_option *o = bt_field_class_variant_borrow_option_by_index_const(fc, i);
            list_field(l, bt_field_class_variant_option_borrow_field_class_const(o), bt_field_class_variant_option_get_name(o), scope, &path, prefix);
        } else {
            const bt_field_class_structure_member *m = bt_field_class_structure_borrow_member_by_index_const(fc, i);
            list_field(l, bt_field_class_structure_member_borrow_field_class_const(m), bt_field_class_structure_member_get_name(m), scope, &path, prefix);
        }
    }
}

static void list_class(struct listing *l, const bt_event_class *class)
{
    const struct bt2_path top = { 0 };
    const bt_stream_class *sc = bt_event_class_borrow_stream_class_const(class);
    list_inner(l, bt_event_class_borrow_payload_field_class_const(class), SCOPE_PAYLOAD, &top, "");
    list_inner(l, bt_event_class_borrow_specific_context_field_class_const(class), SCOPE_SPECIFIC_CONTEXT, &top,
                   "");
    list_inner(l, bt_stream_class_borrow_event_common_context_field_class_const(sc), SCOPE_COMMON_CONTEXT,
                   &top, "");
    if (bt_stream_class_supports_packets(sc))
        list_inner(l, bt_stream_class_borrow_packet_context_field_class_const(sc), SCOPE_PACKET_CONTEXT, &top,
                       "");
}

static void make_plan(struct bt2_class *class, const struct listing *l, const struct event_selection *sel)
{
    class->skip = sel->skip;
    class->step_count = sel->count;
    class->steps = xcalloc(sel->count, sizeof(*class->steps));
    for (uint32_t i = 0; i < sel->count; i++) {
        uint16_t f = sel->fields[i];
        class->steps[i] = (struct bt2_step){
            .scope = l->fields[f].scope, .kind = l->fields[f].kind, .type = l->types[f], .path = l->paths[f]
        };
    }
}

struct bt2_class *bt2_class_new(const bt_event_class *handle, uint32_t id, struct trace_source source,
                                const struct event_consumer *consumer)
{
    struct bt2_class *class = xcalloc(1, sizeof(*class));
    struct listing *l = xcalloc(1, sizeof(*l));
    struct event_selection selection = { 0 };
    const char *name = bt_event_class_get_name(handle);

    list_class(l, handle);
    bt_event_class_get_ref(handle);
    class->handle = handle;
    class->has_clock =
        bt_stream_class_borrow_default_clock_class_const(bt_event_class_borrow_stream_class_const(handle)) != NULL;
    class->public = (struct event_class){
        .id = id, .name = name ? name : "(unnamed)", .source = source, .field_count = l->count, .fields = l->fields
    };
    consumer->select(consumer->self, &class->public, &selection);
    make_plan(class, l, &selection);
    for (uint32_t i = 0; i < l->count; i++)
        free((char *)(uintptr_t)l->fields[i].name);
    free(l);
    class->public.fields = NULL; /* the plan is all that is needed from here on */
    return class;
}

void bt2_class_free(struct bt2_class *class)
{
    if (!class)
        return;
    bt_event_class_put_ref(class->handle);
    free(class->steps);
    free(class);
}

static const bt_field *borrow_scope(const bt_event *event, enum field_scope scope)
{
    switch (scope) {
    case SCOPE_PAYLOAD:
        return bt_event_borrow_payload_field_const(event);
    case SCOPE_SPECIFIC_CONTEXT:
        return bt_event_borrow_specific_context_field_const(event);
    case SCOPE_COMMON_CONTEXT:
        return bt_event_borrow_common_context_field_const(event);
    default:
        return bt_packet_borrow_context_field_const(bt_event_borrow_packet_const(event));
    }
}

static uint32_t text_size(uint64_t length)
{
    return length < VALUE_TEXT_MAX ? (uint32_t)length : VALUE_TEXT_MAX;
}

static void read_value(const bt_field *field, bt_field_class_type type, struct value *v)
{
    switch (type) {
    case BT_FIELD_CLASS_TYPE_BOOL:
        v->u = bt_field_bool_get_value(field) ? 1 : 0;
        break;
    case BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER:
    case BT_FIELD_CLASS_TYPE_UNSIGNED_ENUMERATION:
        v->u = bt_field_integer_unsigned_get_value(field);
        break;
    case BT_FIELD_CLASS_TYPE_SIGNED_INTEGER:
    case BT_FIELD_CLASS_TYPE_SIGNED_ENUMERATION:
        v->i = bt_field_integer_signed_get_value(field);
        break;
    case BT_FIELD_CLASS_TYPE_SINGLE_PRECISION_REAL:
        v->d = (double)bt_field_real_single_precision_get_value(field);
        break;
    case BT_FIELD_CLASS_TYPE_DOUBLE_PRECISION_REAL:
        v->d = bt_field_real_double_precision_get_value(field);
        break;
    default:
        /* 2.0.4 leaves the previous event's text in an empty string field (fixed
         * in 2.0.5 by d321ba031): only the length is to be believed. */
        v->size = text_size(bt_field_string_get_length(field));
        v->text = v->size ? bt_field_string_get_value(field) : "";
        break;
    }
}

/* NULL: the variant has another option now. */
static const bt_field *borrow_inner(const bt_field *field, const struct bt2_path *path, uint8_t d)
{
    if (path->arrays >> d & 1)
        return bt_field_array_borrow_element_field_by_index_const(field, path->member[d]);
    if (!(path->variants >> d & 1))
        return bt_field_structure_borrow_member_field_by_index_const(field, path->member[d]);
    bool chosen = bt_field_variant_get_selected_option_index(field) == path->member[d];
    return chosen ? bt_field_variant_borrow_selected_option_field_const(field) : NULL;
}

void bt2_class_extract(const struct bt2_class *class, const bt_event *event, struct value *values)
{
    const bt_field *top[SCOPE_COUNT] = { NULL };
    for (uint32_t i = 0; i < class->step_count; i++) {
        const struct bt2_step *step = &class->steps[i];
        if (!top[step->scope])
            top[step->scope] = borrow_scope(event, step->scope);
        const bt_field *field = top[step->scope];
        for (uint8_t d = 0; d < step->path.depth && field; d++)
            field = borrow_inner(field, &step->path, d);
        if (!field) {
            values[i] = (struct value){ .kind = VALUE_NONE };
            continue;
        }
        values[i].kind = step->kind;
        read_value(field, step->type, &values[i]);
    }
}
