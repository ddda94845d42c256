/* callstack.h - the call stacks of a report: what LTTng's contexts callstack-kernel and callstack-user say of an event, found again
 * by the event's time, and the libraries that lttng-ust says processes have. Of a stream with a report only; a trace without such
 * contexts costs nothing. Addresses become names elsewhere (app/symbols.h). */
#ifndef FT_STREAM_CALLSTACK_H
#define FT_STREAM_CALLSTACK_H
#include "stream/analysis.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    CALLSTACK_FRAMES_MAX = 32,      /* of each kind; what is beyond is not kept, which a stack says */
    CALLSTACKS_MAX = 65536,         /* different ones; beyond it events have none, counted as `callstacks_refused` */
    CALLSTACK_RECENT = 1 << 20,     /* events of which it is known; beyond it begins have none, counted as `callstacks_forgotten` */
    CALLSTACK_MAPPINGS_MAX = 65536, /* libraries of processes */
    BUILD_ID_MAX = 32
};

/* One call stack, the innermost frame first. */
struct callstack {
    uint64_t hash;
    int64_t pid;                        /* of the process, for its user frames; -1: not known */
    uint32_t first;                     /* of the words */
    uint8_t kernel_count, user_count;
    bool kernel_cut, user_cut;          /* there are more frames */
};

/* A file in the memory of a process. */
struct mapping {
    int64_t pid;
    uint64_t base, size;
    bool moved;                         /* it is wherever it was put: addresses in the file count from base */
    uint32_t build_id_size;             /* 0: not known */
    uint8_t build_id[BUILD_ID_MAX];
    char *path;
};

struct callstacks;

void callstacks_free(struct callstacks *c);
/* Asks for what a class has of stacks and libraries; before all others, who look for the stack of the event that they are in.
 * *c is made where there is something. True: the class says something of its own, whoever reads it. */
bool callstacks_bind(struct callstacks **c, struct stream *s, struct binder *b);
/* The number of the stack of the event at that time, 0: none, not known, or events of several at that time. c may be NULL. */
uint32_t callstacks_at(struct callstacks *c, int64_t time_ns);
/* By its number, from 1 on; *ret_frames are kernel's, then the user's. */
const struct callstack *callstacks_get(const struct callstacks *c, uint32_t number, const uint64_t **ret_frames);
/* The mapping that has an address; the latest one; NULL. */
const struct mapping *callstacks_mapping(const struct callstacks *c, int64_t pid, uint64_t address);

#endif
