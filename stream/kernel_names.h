/* kernel_names.h - one name for each kernel event, whatever version recorded it. */
#ifndef FT_STREAM_KERNEL_NAMES_H
#define FT_STREAM_KERNEL_NAMES_H
#include "stream/needs.h"
#include <stdbool.h>
#include <stdint.h>

enum kernel_event_kind { KERNEL_TRACEPOINT, KERNEL_SYSCALL_ENTRY, KERNEL_SYSCALL_EXIT };

struct kernel_name {
    enum kernel_event_kind kind;
    /* The tracepoint's canonical name; or the system call's ("read"), "" where the event does not say (exit_syscall of old tracers). */
    const char *name;
    bool compat; /* a 32-bit call */
};

/* "irq_softirq_raise" is softirq_raise; "syscall_entry_read", "compat_syscall_entry_read" and "sys_read" are the entry of read. The
 * name points into raw or is constant. */
struct kernel_name kernel_name(const char *raw);

/* Whether an event is what `pattern` asks for: a canonical name, "syscall_entry", "syscall_exit" (of any call), or of one,
 * "syscall_entry:read". A name of "" is every call's exit. */
bool kernel_name_is(const struct kernel_name *name, const char *pattern);

/* Asks for the tracing of such a pattern, under all the names it may have; if_there: not all kernels have it. */
void kernel_name_need(struct needs *n, const char *pattern, bool if_there);

#endif
