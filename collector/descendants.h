/* descendants.h - the processes a program starts, and theirs, as they appear.
 * Through the kernel's process events where that is permitted (root), else by
 * looking at /proc every few milliseconds: then a process that lives for less
 * than that is missed. */
#ifndef FT_COLLECTOR_DESCENDANTS_H
#define FT_COLLECTOR_DESCENDANTS_H
#include "base/error.h"
#include <stdint.h>
#include <sys/types.h>

struct descendants;

struct descendants_ops {
    /* By their numbers in our pid namespace, which are those lttng-sessiond sees. */
    void (*started)(void *self, pid_t pid);
    void (*ended)(void *self, pid_t pid);
};

enum { DESCENDANTS_MAX = 65536 };

/* root is not reported itself. */
struct descendants *descendants_open(pid_t root, const struct descendants_ops *ops, void *self);
/* Readable when there is news; -1 when descendants_look() must be called every few ms. */
int descendants_fd(const struct descendants *d);
void descendants_look(struct descendants *d);
/* How often the kernel's events were lost, and /proc was read instead. */
uint64_t descendants_overruns(const struct descendants *d);
/* Reports all that are known once more as started. */
void descendants_repeat(struct descendants *d);
void descendants_close(struct descendants *d);

#endif
