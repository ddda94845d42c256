#include "stream/needs.h"
#include "base/text.h"
#include <string.h>

/* What `lttng add-context` offers to user space and kernel that is a scalar or a
 * text, but for performance counters. Call stacks are left out on purpose:
 * libbabeltrace2 2.0.4 aborts on a sequence in a context. */
static const char *const contexts[] = {
    "vpid",    "vtid",    "procname", "pthread_id", "ip",        "cgroup_ns", "ipc_ns",    "mnt_ns",
    "net_ns",  "pid_ns",  "time_ns",  "user_ns",    "uts_ns",    "vuid",      "veuid",     "vsuid",
    "vgid",    "vegid",   "vsgid",    "pid",        "tid",       "ppid",      "vppid",     "prio",
    "nice",    "hostname", "uid",     "euid",       "suid",      "gid",       "egid",      "sgid",
    "interruptible", "preemptible", "need_reschedule", "migratable",
};

bool needs_is_context(const char *name)
{
    for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++)
        if (strcmp(contexts[i], name) == 0)
            return true;
    return false;
}

static void add(struct text *list, uint32_t *count, const char *text, bool *overflow)
{
    for (uint32_t i = 0; i < *count; i++)
        if (strcmp(list[i].s, text) == 0)
            return;
    if (*count == NEEDS_MAX || !text_copy(list[*count].s, sizeof(list[*count].s), text)) {
        *overflow = true;
        return;
    }
    (*count)++;
}

void needs_event(struct needs *n, const char *pattern)
{
    add(n->events, &n->event_count, pattern, &n->overflow);
}

void needs_exclusion(struct needs *n, const char *pattern)
{
    add(n->exclusions, &n->exclusion_count, pattern, &n->overflow);
}

void needs_field(struct needs *n, const char *name)
{
    static const char payload[] = "payload.", context[] = "ctx.";
    if (strncmp(name, payload, sizeof(payload) - 1) == 0)
        return;
    if (strncmp(name, context, sizeof(context) - 1) == 0)
        name += sizeof(context) - 1;
    if (needs_is_context(name))
        add(n->contexts, &n->context_count, name, &n->overflow);
}
