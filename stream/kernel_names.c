#include "stream/kernel_names.h"
#include "base/text.h"
#include <stddef.h>
#include <string.h>

static const char *const names[][4] = {
#define KERNEL_EVENT(...) { __VA_ARGS__ },
#include "stream/kernel_names.def"
#undef KERNEL_EVENT
};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

static const char *after(const char *text, const char *prefix)
{
    for (; *prefix; prefix++, text++)
        if (*text != *prefix)
            return NULL;
    return text;
}

static const char *canonical(const char *raw)
{
    for (size_t i = 0; i < NAMES; i++)
        for (size_t k = 1; k < 4 && names[i][k]; k++)
            if (strcmp(names[i][k], raw) == 0)
                return names[i][0];
    return raw;
}

struct kernel_name kernel_name(const char *raw)
{
    const char *rest = after(raw, "compat_"), *call;
    struct kernel_name n = { .kind = KERNEL_SYSCALL_ENTRY, .compat = rest != NULL };
    if (!rest)
        rest = raw;
    if ((call = after(rest, "syscall_entry_")) || (call = after(rest, "sys_"))) {
        n.name = call;
        return n;
    }
    n.kind = KERNEL_SYSCALL_EXIT;
    if ((call = after(rest, "syscall_exit_"))) {
        n.name = call;
        return n;
    }
    if (strcmp(rest, "exit_syscall") == 0) {
        n.name = "";
        return n;
    }
    return (struct kernel_name){ .kind = KERNEL_TRACEPOINT, .name = canonical(raw) };
}

/* The kind a pattern is of; *ret_name is the tracepoint, or the call, NULL for any. */
static enum kernel_event_kind pattern_kind(const char *pattern, const char **ret_name)
{
    static const char *const prefixes[] = { "syscall_entry", "syscall_exit" };
    for (size_t i = 0; i < 2; i++) {
        const char *rest = after(pattern, prefixes[i]);
        if (!rest || (*rest && *rest != ':'))
            continue;
        *ret_name = *rest ? rest + 1 : NULL;
        return i == 0 ? KERNEL_SYSCALL_ENTRY : KERNEL_SYSCALL_EXIT;
    }
    *ret_name = pattern;
    return KERNEL_TRACEPOINT;
}

bool kernel_name_is(const struct kernel_name *name, const char *pattern)
{
    const char *wanted;
    if (pattern_kind(pattern, &wanted) != name->kind)
        return false;
    return !wanted || !*name->name || strcmp(wanted, name->name) == 0;
}

void kernel_name_need(struct needs *n, const char *pattern, bool if_there)
{
    char buffer[TEXT_MAX];
    const char *wanted;
    struct text_out out = text_out_init(buffer, sizeof(buffer));
    if (pattern_kind(pattern, &wanted) != KERNEL_TRACEPOINT) {
        text_printf(&out, "syscall_entry_%s", wanted ? wanted : "*");
        needs_event(n, buffer);
        return;
    }
    /* LTTng's own name first: it is what most tracers have. */
    for (size_t i = 0; i < NAMES; i++) {
        if (strcmp(names[i][0], pattern) != 0)
            continue;
        for (size_t k = 1; k < 4 && names[i][k]; k++)
            if (strcmp(names[i][k], pattern) != 0)
                text_printf(&out, "%s|", names[i][k]);
    }
    text_puts(&out, pattern);
    if (if_there)
        text_puts(&out, "|");
    needs_event(n, buffer);
}
