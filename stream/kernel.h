/* kernel.h - what is known of the traced machine: which task runs on each cpu, tasks, their open files, disks, network
 * interfaces, interrupts. One per stream, shared by its analyses; made by the first that asks, so it costs nothing otherwise.
 *
 * It sees an event before the analyses do. Seeded from the statedump, kept by events, repaired from the contexts pid, tid and
 * procname where the trace has them. What is not known is NULL or -1 and counted, never guessed. Thread ids are the host's
 * (those of the initial pid namespace), which is what the kernel tracer writes; (pid_ns, vtid) is beside them. */
#ifndef FT_STREAM_KERNEL_H
#define FT_STREAM_KERNEL_H
#include "base/hash.h"
#include "stream/analysis.h"
#include "stream/kernel_states.h"

/* Parts of the state; an analysis names those it reads. */
enum kernel_part {
    KERNEL_TASKS = 1,   /* current task of each cpu, names, priorities, namespaces */
    KERNEL_FILES = 2,   /* descriptors of each process and their paths; implies KERNEL_TASKS */
    KERNEL_DEVICES = 4, /* names of disks, interfaces and interrupts */
    KERNEL_SYSCALLS = 8 /* the call each task is in; implies KERNEL_TASKS, and asks for no events by itself */
};

enum { COMM_MAX = 16, KERNEL_NAME_MAX = 32, SYSCALLS_MAX = 1024, KERNEL_CPUS_MAX = 4096 };

struct syscall_name {
    uint32_t id; /* 0, 1, 2 ... */
    char name[FIELD_NAME_MAX];
};

struct file_table;
struct path;

/* Valid until the next event; keep a struct task_ref beyond. */
struct task {
    uint32_t number;     /* its place, below max_tasks: for arrays of an analysis' own */
    uint32_t generation; /* changes when the place is given to another task, a reused tid included */
    bool in_use, dead, recent;
    int32_t tid, pid, ppid; /* -1: not known */
    int32_t vtid, vpid;     /* in its own pid namespace; -1: not known */
    uint64_t pid_ns;        /* inode number; 0: not known */
    int32_t ns_level;       /* how deep that is, the initial one is 0; -1: not known */
    int32_t on_cpu;         /* where it runs; -1: nowhere, or not known */
    int64_t born_ns;        /* when it was forked; INT64_MIN: not known, as of what was there before */
    int64_t former_ns;      /* that of the task that had the tid before */
    int32_t prio;           /* as sched_switch shows it; PRIO_UNKNOWN */
    enum task_state state;  /* in which it left the cpu; STATE_UNKNOWN: not known, or it is on one */
    int64_t left_ns;        /* when it did, where state is known */
    uint32_t comm_size;
    char comm[COMM_MAX];    /* not NUL-terminated: comm_size bytes; 0: not known */
    struct file_table *files;
    /* KERNEL_SYSCALLS: the call it is in. */
    const struct syscall_name *call;
    int64_t call_begin_ns, call_slept_ns; /* call_slept_ns: of it in interruptible sleep, up to now */
    bool newborn;           /* forked, and has made no call yet: it returns from its parent's */
    /* KERNEL_FILES: its latest call that has to do with descriptors (kernel_file_calls.c); kernel_call_file(). */
    uint8_t file_call;
    int64_t call_fd, call_other;
    uint64_t call_flags;
    struct path *call_path;
};
enum { PRIO_UNKNOWN = INT32_MIN };

struct task_ref {
    struct task *task;
    uint32_t generation;
};

struct cpu {
    uint32_t number;
    struct task *current;  /* NULL: not known; &idle when idle */
    struct task idle;
    int64_t known_from_ns; /* since when current is certain: what runs at the first event of a cpu runs since observation began
                            * (or since a loss ended) */
};

struct kernel_counts {
    uint64_t unknown_currents; /* events of a cpu whose task was not known */
    uint64_t repaired;         /* a context contradicted what was thought to run: switches are missing */
    uint64_t unknown_tasks;    /* tasks met without statedump or fork */
    uint64_t evicted_tasks;
    uint64_t unknown_files;    /* uses of descriptors that no table had */
    uint64_t uncertain_files;  /* ... that were told of before events were lost, and may be others now */
    uint64_t refused_files, refused_paths; /* no room for a descriptor, for a name */
    uint64_t refused_devices;  /* disks, interfaces, interrupts beyond what there is room for */
    uint64_t unended_calls;    /* system calls begun by threads that were in one, as far as was known */
};

struct kernel {
    struct stream *stream;
    uint32_t parts;
    /* Of the event that is being shown: */
    struct cpu *cpu;        /* NULL: the event does not say */
    struct task *task;      /* what ran when it happened; NULL: not known */
    struct task *next;      /* sched_switch: what runs from now on. task is then what ran before */
    struct task *child;     /* sched_process_fork */
    const struct syscall_name *call; /* syscall exits: the call that ends; NULL: not known */
    int64_t call_begin_ns;           /* when it began; INT64_MIN: not known */
    bool call_suspect;               /* ... because events were lost since */
    bool raw_prios;                  /* see kernel_prio() */
    bool cpus_told;                  /* the statedump told of all cpus; else those are known of which there was an event */
    bool raw_states;                 /* see task_state_of() */
    struct kernel_counts counts;
    struct kernel_state *state;
};

/* A priority of a scheduler event as LTTng writes it since 2.7.1: 20 is nice 0, below 0 is real time. Older tracers wrote 100 more,
 * which is known by the first that is above 39: the idle thread's. */
static inline int32_t kernel_prio(struct kernel *k, int64_t prio)
{
    enum { PRIO_HIGHEST = 39, PRIO_RAW_OFFSET = 100 };
    k->raw_prios |= prio > PRIO_HIGHEST;
    return (int32_t)(k->raw_prios ? prio - PRIO_RAW_OFFSET : prio);
}

/* The stream's, made on the first call; parts add up over the calls. */
struct kernel *stream_kernel(struct stream *s, uint32_t parts);
/* The events and contexts that parts are kept by. */
void kernel_needs(struct needs *n, uint32_t parts);

/* The task with a tid of the host's; NULL: not known. With make it is noted as one of which nothing else is known; NULL then for
 * tid 0 and below. */
struct task *kernel_task(struct kernel *k, int64_t tid, bool make);
/* Tids are given again: what (host, tid, this) names is one thread. When the thread was forked that had the tid at time_ns; INT64_MIN: it
 * was there before, or the fork is not in the trace. */
int64_t kernel_born(struct kernel *k, int64_t tid, int64_t time_ns);
static inline struct task_ref task_ref(struct task *t)
{
    return (struct task_ref){ t, t ? t->generation : 0 };
}
static inline struct task *task_get(struct task_ref ref)
{
    return ref.task && ref.task->generation == ref.generation ? ref.task : NULL;
}
/* The cpu by number, made if needed; NULL beyond KERNEL_CPUS_MAX. */
struct cpu *kernel_cpu(struct kernel *k, int64_t number);
uint32_t kernel_cpu_count(const struct kernel *k);
/* Cpus by number below the limit; NULL: there was no event of it, nor did the statedump tell. */
uint32_t kernel_cpu_limit(const struct kernel *k);
struct cpu *kernel_cpu_seen(const struct kernel *k, uint32_t number);

/* For labels and evidence: VALUE_NONE where it is not known. */
struct value task_comm(const struct task *t);
struct value task_tid(const struct task *t);
struct value task_pid(const struct task *t);
static inline struct value value_int(int64_t i)
{
    return (struct value){ .kind = VALUE_SIGNED, .i = i };
}
/* VALUE_NONE below 0. */
static inline struct value value_int_or_none(int64_t i)
{
    return i >= 0 ? value_int(i) : (struct value){ .kind = VALUE_NONE };
}
struct value value_of_text(const char *text);
/* VALUE_NONE where size is 0. */
static inline struct value value_of_bytes(const char *text, uint32_t size)
{
    return size ? (struct value){ .kind = VALUE_TEXT, .size = size, .text = text } : (struct value){ .kind = VALUE_NONE };
}

/* A system call's name as a number, the same for every entry and exit. */
const struct syscall_name *kernel_syscall(struct kernel *k, const char *name);

/* KERNEL_SYSCALLS: whether the call that a task is in, or returns from, has done little but sleep so that a signal would end it. */
bool kernel_call_slept(const struct task *t, int64_t now_ns);

/* KERNEL_DEVICES: "vda", "eth0", "virtio0-input.0" by number; NULL: the statedump did not tell. */
const char *kernel_disk(const struct kernel *k, uint64_t dev);
const char *kernel_interrupt(const struct kernel *k, int64_t irq);
/* The interface whose IPv4 address is given, as in the statedump; NULL. */
const char *kernel_interface(const struct kernel *k, uint32_t ipv4);

/* ---- for the stream ---- */
/* max_tasks: more than KERNEL_CPUS_MAX + 3. */
struct kernel *kernel_new(struct stream *s, uint32_t max_tasks);
void kernel_free(struct kernel *k);
/* Offered a class before the analyses are, and told after whether they hooked anything. */
void kernel_bind(struct kernel *k, struct binder *b);
/* Events of [begin_ns, end_ns) may be missing: what runs is not known any more. */
void kernel_lost(struct kernel *k, int64_t begin_ns, int64_t end_ns);
/* Publishes counts. */
void kernel_window(struct kernel *k);

#endif
