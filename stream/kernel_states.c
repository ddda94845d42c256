#include "stream/kernel_states.h"

/* include/linux/sched.h: of all versions, since 4.14, and before. */
enum { BIT_S = 1, BIT_D = 2, BIT_T = 4, BIT_TRACED = 8, BITS_EXIT = 16 | 32, BIT_PARKED = 64, BIT_IDLE = 128, BIT_PREEMPTED = 256,
       RAW_DEAD = 64, RAW_PARKED = 512, RAW_NOLOAD = 1024 };

enum task_state task_state_of(bool *raw, int64_t s)
{
    if (s < 0)
        return STATE_UNKNOWN;
    bool several = s & (s - 1);
    *raw |= several || s >= RAW_PARKED;
    if (s == 0 || (!several && s >= RAW_NOLOAD) || (!*raw && s == BIT_PREEMPTED))
        return STATE_RUNNABLE;
    if ((s & BITS_EXIT) || (*raw && (s & RAW_DEAD)))
        return STATE_DEAD;
    if (s & BIT_S)
        return STATE_INTERRUPTIBLE;
    if (s & BIT_D)
        return s & RAW_NOLOAD ? STATE_IDLE : STATE_UNINTERRUPTIBLE;
    if (s & BIT_T)
        return STATE_STOPPED;
    if (s & BIT_TRACED)
        return STATE_TRACED;
    if (s & (BIT_PARKED | RAW_PARKED))
        return STATE_PARKED;
    return s == BIT_IDLE ? STATE_IDLE : STATE_UNKNOWN;
}

const char *task_state_name(enum task_state state)
{
    static const char *const names[TASK_STATES] = { "unknown", "runnable", "interruptible", "uninterruptible", "stopped", "traced", "parked", "idle", "dead" };
    return names[state];
}

bool task_state_waits(enum task_state state)
{
    return state != STATE_RUNNABLE && state != STATE_UNINTERRUPTIBLE;
}
