/* program.h - the program that is run under watch. */
#ifndef FT_COLLECTOR_PROGRAM_H
#define FT_COLLECTOR_PROGRAM_H
#include "base/process.h"

/* Forks it, with LTTng-UST's helper libraries for `preload` ("libc,pthread,fork,
 * fd,dl,function"; NULL: none), but does not let it run: process_release() does. */
int program_hold(struct process *p, const char *const *argv, const char *preload, struct error *err);

/* Calls found for every running process of that name (as in /proc/PID/comm).
 * Returns how many there are, or what found failed with. */
int program_find(const char *name, int (*found)(void *self, int pid, struct error *err), void *self, struct error *err);

/* Whether a process runs (a zombie does not). pid is a decimal number. */
bool program_is_alive(const char *pid);

#endif
