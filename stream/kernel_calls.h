/* kernel_calls.h - what system calls are to input and output, and which of them wait by design. */
#ifndef FT_STREAM_KERNEL_CALLS_H
#define FT_STREAM_KERNEL_CALLS_H
#include "stream/kernel_files.h"

/* Families of input and output. */
enum io_family { IO_NONE, IO_OPEN, IO_READ, IO_WRITE, IO_SYNC, IO_CLOSE, IO_COPY, IO_FAMILIES };

/* Whether a call may take long without anything being wrong: it waits for a peer, a timer, another thread. */
enum call_waits {
    WAITS_NOT,
    WAITS,
    WAITS_UNLESS_DISK, /* on anything but a file of a file system */
    WAITS_ASLEEP       /* if a signal would have ended it: a fifo is opened by both ends, a terminal with its carrier; a disk is not waited for that way */
};

struct call_kind {
    const char *name;
    enum io_family family;
    enum call_waits waits;
};

/* Of any name; what is not in the table is IO_NONE and WAITS_NOT. */
struct call_kind call_kind(const char *name);
/* The table, which ends with a NULL name. */
extern const struct call_kind call_kinds[];
/* "open", "read" ...; NULL for IO_NONE. */
const char *io_family_name(enum io_family family);

/* What a call returned as a label: "ENOENT"; what the kernel uses within and lets tracers see, "ERESTARTSYS"; VALUE_NONE: no error. */
struct value call_errno(int64_t ret);

/* t: the thread that is in the call, or returns from it at now_ns. */
static inline bool call_waits(enum call_waits waits, const struct task *t, int64_t now_ns)
{
    return waits == WAITS || (waits == WAITS_UNLESS_DISK && kernel_call_file(t).kind != FILE_DISK) || (waits == WAITS_ASLEEP && kernel_call_slept(t, now_ns));
}

#endif
