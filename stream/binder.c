/* binder.c - offers an event class to the analyses and records what they hook. */
#include "base/bytes.h"
#include "base/text.h"
#include "stream/callstack.h"
#include "stream/kernel_hooks.h"
#include "stream/stream.h"
#include <stdlib.h>

struct binder {
    struct stream *stream;
    const struct event_class *class;
    struct event_selection selection;
    struct hooks *hooks;
    uint32_t hook_capacity, block_capacity;
};

const struct event_class *binder_class(const struct binder *b)
{
    return b->class;
}

const char *field_plain_name(const char *name)
{
    enum field_scope first, last;
    return field_name_split(name, &first, &last);
}

const struct field *binder_peek(const struct binder *b, const char *name)
{
    int i = event_class_field(b->class, name);
    return i < 0 ? NULL : &b->class->fields[i];
}

static int select_field(struct binder *b, const char *name, int field)
{
    struct event_selection *sel = &b->selection;
    if (field < 0)
        return -1;
    for (uint32_t i = 0; i < sel->count; i++)
        if (sel->fields[i] == field)
            return (int)i;
    if (sel->count == EVENT_VALUES_MAX) {
        stream_notice(b->stream, "event %s: field %s is one too many (at most %d are read)", b->class->name, name,
                      EVENT_VALUES_MAX);
        return -1;
    }
    sel->fields[sel->count] = (uint16_t)field;
    return (int)sel->count++;
}

int binder_field(struct binder *b, const char *name)
{
    return select_field(b, name, event_class_field(b->class, name));
}

int binder_bytes(struct binder *b, const char *name)
{
    return select_field(b, name, event_class_bytes(b->class, name));
}

void *binder_alloc(struct binder *b, size_t size)
{
    void *block = xcalloc(1, size);
    GROW(b->hooks->blocks, b->hooks->block_count, b->block_capacity);
    b->hooks->blocks[b->hooks->block_count++] = block;
    return block;
}

void binder_hook(struct binder *b, hook_fn fn, void *self, void *data)
{
    GROW(b->hooks->hooks, b->hooks->count, b->hook_capacity);
    b->hooks->hooks[b->hooks->count++] = (struct hook){ fn, self, data };
}

static void bind_analysis(const struct analysis *a, void *self, struct binder *b)
{
    if (a->hooks)
        kernel_hooks_bind(a->hooks, stream_has_kernel(b->stream), self, b);
    if (a->bind)
        a->bind(self, b);
}

void analysis_needs(const struct analysis *a, const void *config, struct needs *needs)
{
    if (a->hooks) {
        kernel_needs(needs, a->kernel_parts);
        kernel_hooks_need(a->hooks, needs);
    }
    if (a->needs)
        a->needs(config, needs);
}

struct hooks *binder_offer(struct stream *s, const struct event_class *class,
                           const struct analysis_instance *instances, void *const *selves, uint32_t count,
                           struct event_selection *ret_selection)
{
    struct binder b = { .stream = s, .class = class, .hooks = xcalloc(1, sizeof(struct hooks)) };
    struct kernel *kernel = stream_has_kernel(s);
    bool telling = stream_report(s) && callstacks_bind(stream_callstacks(s), s, &b);
    uint32_t stacks = b.hooks->count, kernels = 0;
    if (kernel) { /* the state of the machine comes before who reads it */
        kernel_bind(kernel, &b);
        kernels = b.hooks->count - stacks;
    }
    for (uint32_t i = 0; i < count; i++)
        bind_analysis(instances[i].analysis, selves[i], &b);
    if (!telling && kernels <= 1 && b.hooks->count == stacks + kernels) { /* nobody reads it, and it says nothing new */
        b.hooks->count = 0;
        b.selection.count = 0;
    }
    if (stream_counts_within(s))
        binder_hook(&b, stream_count_within, s, NULL);
    /* The span of a report is that of all events. */
    b.selection.skip = b.hooks->count == 0 && !stream_report(s);
    *ret_selection = b.selection;
    return b.hooks;
}

void hooks_free(struct hooks *hooks)
{
    if (!hooks)
        return;
    for (uint32_t i = 0; i < hooks->block_count; i++)
        free(hooks->blocks[i]);
    free(hooks->blocks);
    free(hooks->hooks);
    free(hooks);
}
