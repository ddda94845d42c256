/* kernel_states.h - in which state a task leaves the cpu: what prev_state of sched_switch means. */
#ifndef FT_STREAM_KERNEL_STATES_H
#define FT_STREAM_KERNEL_STATES_H
#include <stdbool.h>
#include <stdint.h>

enum task_state {
    STATE_UNKNOWN, /* not told, or nothing that is known */
    STATE_RUNNABLE, /* preempted, or it gave way */
    STATE_INTERRUPTIBLE,
    STATE_UNINTERRUPTIBLE, /* killable ones included */
    STATE_STOPPED,
    STATE_TRACED,
    STATE_PARKED,
    STATE_IDLE, /* a kernel thread without work: uninterruptible, but no load */
    STATE_DEAD, /* it does not return */
    TASK_STATES
};

/* What prev_state says; below 0: not told. *raw: how this kernel writes them, as far as is known; false at first.
 *
 * Since Linux 4.14 it is one bit of those that the kernel reports (TASK_REPORT), 256 where a runnable task was preempted. Before, it was
 * the task's own word: several bits (130 killable, 1026 idle), one above all others where preempted, and 64 for dead, which is parked now.
 * Known by the first that is only of one of them. */
enum task_state task_state_of(bool *raw, int64_t prev_state);
/* "runnable" ... */
const char *task_state_name(enum task_state state);
/* Whether one may be in it for long without anything being wrong: it waits for a peer, a timer, a person. */
bool task_state_waits(enum task_state state);

#endif
