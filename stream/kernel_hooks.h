/* kernel_hooks.h - a kernel analysis' events as a table: from it come what must be traced, what is bound, and where the
 * fields are. */
#ifndef FT_STREAM_KERNEL_HOOKS_H
#define FT_STREAM_KERNEL_HOOKS_H
#include "stream/analysis.h"
#include "stream/kernel.h"
#include "stream/kernel_names.h"

enum { KERNEL_FIELDS_MAX = 12 };

/* One event that an analysis reads. */
struct kernel_hook {
    const char *event; /* a pattern of kernel_names.h */
    hook_fn fn;        /* its data is a struct kernel_place */
    /* Fields by number; "a|b" is a field that versions name differently: the first one the class has. */
    const char *fields[KERNEL_FIELDS_MAX];
    bool optional;     /* bound where it is traced, but not asked for */
    bool wanted;       /* asked for where the tracer has it: not all kernels do */
};

/* A row: event, function, fields by number (NULL: one that is not read). */
#define KERNEL_HOOK(pattern, function, ...) { .event = (pattern), .fn = (function), .fields = { __VA_ARGS__ } }
#define KERNEL_HOOK_OPTIONAL(pattern, function, ...) { .event = (pattern), .fn = (function), .fields = { __VA_ARGS__ }, .optional = true }
#define KERNEL_HOOK_WANTED(pattern, function, ...) { .event = (pattern), .fn = (function), .fields = { __VA_ARGS__ }, .wanted = true }
#define KERNEL_HOOKS_END { .event = NULL }

/* Where a class has the fields of a hook. */
struct kernel_place {
    struct kernel *kernel;
    const struct syscall_name *call; /* of a system call's event; NULL where it does not say */
    bool compat;
    int at[KERNEL_FIELDS_MAX];
};

/* Asks for the events of a table; ends with a NULL event. */
void kernel_hooks_need(const struct kernel_hook *hooks, struct needs *n);
/* Hooks a class that is in the table, in the order of the table. Returns how many hooks matched. */
uint32_t kernel_hooks_bind(const struct kernel_hook *hooks, struct kernel *kernel, void *self, struct binder *b);

/* A number of an event; otherwise where it has none. */
static inline int64_t place_int(const struct kernel_place *p, const struct event *event, uint32_t field, int64_t otherwise)
{
    const struct value *v = p->at[field] < 0 ? NULL : &event->values[p->at[field]];
    return v && (v->kind == VALUE_SIGNED || v->kind == VALUE_UNSIGNED) ? v->i : otherwise;
}

/* A priority of a scheduler event; otherwise (as kernel_prio() gave it) where it has none. */
static inline int32_t place_prio(const struct kernel_place *p, const struct event *event, uint32_t field, int32_t otherwise)
{
    int64_t prio = place_int(p, event, field, INT64_MIN);
    return prio == INT64_MIN ? otherwise : kernel_prio(p->kernel, prio);
}

/* A field of an event as it is; VALUE_NONE where it has none. */
static inline struct value place_value(const struct kernel_place *p, const struct event *event, uint32_t field)
{
    return p->at[field] < 0 ? (struct value){ .kind = VALUE_NONE } : event->values[p->at[field]];
}

#endif
