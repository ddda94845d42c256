/* kernel_files.h - which files descriptors are: KERNEL_FILES of the kernel state (stream/kernel.h), for analyses. */
#ifndef FT_STREAM_KERNEL_FILES_H
#define FT_STREAM_KERNEL_FILES_H
#include "stream/kernel.h"
#include "stream/kernel_paths.h"

/* An open file. */
struct file {
    int64_t fd;
    enum file_kind kind;
    struct value path; /* VALUE_NONE: not known. Its text is valid until the next event */
};

/* What a descriptor of a task is now. What is not known is counted. */
struct file kernel_file(struct kernel *k, struct task *t, int64_t fd);
/* At the exit of a call on a descriptor: what that was when the call began, or what the call has opened (fd -1: it failed to). The
 * calls are those of kernel_file_calls.c; after any other it is the one before. t is not NULL. */
struct file kernel_call_file(const struct task *t);
/* Whether an fcntl, at its exit, was one that duplicates a descriptor. */
bool kernel_call_duplicates(const struct task *t);

#endif
