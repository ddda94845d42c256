#include "stream/kernel_hooks.h"
#include "base/text.h"
#include <string.h>

void kernel_hooks_need(const struct kernel_hook *hooks, struct needs *n)
{
    for (; hooks->event; hooks++)
        if (!hooks->optional)
            kernel_name_need(n, hooks->event, hooks->wanted);
}

/* "a|b": the first one there is. */
static int find_field(struct binder *b, const char *names)
{
    char name[FIELD_NAME_MAX];
    for (const char *at = names; *at;) {
        size_t n = strcspn(at, "|");
        struct text_out out = text_out_init(name, sizeof(name));
        text_put(&out, at, n);
        int slot = binder_field(b, name);
        if (slot >= 0)
            return slot;
        at += n + (at[n] == '|');
    }
    return -1;
}

uint32_t kernel_hooks_bind(const struct kernel_hook *hooks, struct kernel *kernel, void *self, struct binder *b)
{
    struct kernel_name name = kernel_name(binder_class(b)->name);
    uint32_t bound = 0;
    for (; hooks->event; hooks++) {
        if (!kernel_name_is(&name, hooks->event))
            continue;
        struct kernel_place *place = binder_alloc(b, sizeof(*place));
        place->kernel = kernel;
        place->compat = name.compat;
        if (name.kind != KERNEL_TRACEPOINT && *name.name)
            place->call = kernel_syscall(kernel, name.name);
        for (uint32_t i = 0; i < KERNEL_FIELDS_MAX; i++)
            place->at[i] = hooks->fields[i] ? find_field(b, hooks->fields[i]) : -1;
        binder_hook(b, hooks->fn, self, place);
        bound++;
    }
    return bound;
}
