#include "stream/kernel_calls.h"
#include <string.h>

enum { ERRNO_MAX = 4095 };

const struct call_kind call_kinds[] = {
    /* Files. */
    { "open", IO_OPEN, WAITS_ASLEEP },
    { "openat", IO_OPEN, WAITS_ASLEEP },
    { "openat2", IO_OPEN, WAITS_ASLEEP },
    { "creat", IO_OPEN, WAITS_ASLEEP },
    { "socket", IO_OPEN, WAITS_NOT },
    { "accept", IO_OPEN, WAITS },
    { "accept4", IO_OPEN, WAITS },
    { "dup", IO_OPEN, WAITS_NOT },
    { "dup2", IO_OPEN, WAITS_NOT },
    { "dup3", IO_OPEN, WAITS_NOT },
    { "fcntl", IO_OPEN, WAITS }, /* F_SETLKW; IO_OPEN if it duplicates */
    { "fcntl64", IO_OPEN, WAITS },
    { "close", IO_CLOSE, WAITS_NOT },
    { "read", IO_READ, WAITS_UNLESS_DISK },
    { "readv", IO_READ, WAITS_UNLESS_DISK },
    { "pread64", IO_READ, WAITS_UNLESS_DISK },
    { "preadv", IO_READ, WAITS_UNLESS_DISK },
    { "preadv2", IO_READ, WAITS_UNLESS_DISK },
    { "recv", IO_READ, WAITS },
    { "recvfrom", IO_READ, WAITS },
    { "recvmsg", IO_READ, WAITS },
    { "recvmmsg", IO_READ, WAITS },
    { "write", IO_WRITE, WAITS_UNLESS_DISK },
    { "writev", IO_WRITE, WAITS_UNLESS_DISK },
    { "pwrite64", IO_WRITE, WAITS_UNLESS_DISK },
    { "pwritev", IO_WRITE, WAITS_UNLESS_DISK },
    { "pwritev2", IO_WRITE, WAITS_UNLESS_DISK },
    { "send", IO_WRITE, WAITS },
    { "sendto", IO_WRITE, WAITS },
    { "sendmsg", IO_WRITE, WAITS },
    { "sendmmsg", IO_WRITE, WAITS },
    { "sync", IO_SYNC, WAITS_NOT },
    { "syncfs", IO_SYNC, WAITS_NOT },
    { "fsync", IO_SYNC, WAITS_NOT },
    { "fdatasync", IO_SYNC, WAITS_NOT },
    { "sync_file_range", IO_SYNC, WAITS_NOT },
    { "splice", IO_COPY, WAITS },
    { "tee", IO_COPY, WAITS },
    { "sendfile", IO_COPY, WAITS },
    { "sendfile64", IO_COPY, WAITS },
    { "copy_file_range", IO_COPY, WAITS_NOT },
    /* Waiting for others. */
    { "futex", IO_NONE, WAITS },
    { "futex_waitv", IO_NONE, WAITS },
    { "futex_wait", IO_NONE, WAITS },
    { "poll", IO_NONE, WAITS },
    { "ppoll", IO_NONE, WAITS },
    { "select", IO_NONE, WAITS },
    { "_newselect", IO_NONE, WAITS },
    { "pselect6", IO_NONE, WAITS },
    { "epoll_wait", IO_NONE, WAITS },
    { "epoll_pwait", IO_NONE, WAITS },
    { "epoll_pwait2", IO_NONE, WAITS },
    { "nanosleep", IO_NONE, WAITS },
    { "clock_nanosleep", IO_NONE, WAITS },
    { "restart_syscall", IO_NONE, WAITS },
    { "pause", IO_NONE, WAITS },
    { "rt_sigsuspend", IO_NONE, WAITS },
    { "sigsuspend", IO_NONE, WAITS },
    { "rt_sigtimedwait", IO_NONE, WAITS },
    { "wait4", IO_NONE, WAITS },
    { "waitid", IO_NONE, WAITS },
    { "waitpid", IO_NONE, WAITS },
    { "vfork", IO_NONE, WAITS }, /* until the child executes */
    { "clone", IO_NONE, WAITS },
    { "clone3", IO_NONE, WAITS },
    { "unknown", IO_NONE, WAITS }, /* what the tracer has no event for: clone3, rt_sigreturn ... */
    { "exit", IO_NONE, WAITS },    /* does not return */
    { "exit_group", IO_NONE, WAITS },
    { "connect", IO_NONE, WAITS }, /* a host that is gone takes minutes */
    { "vmsplice", IO_NONE, WAITS },
    { "sigtimedwait", IO_NONE, WAITS },
    { "flock", IO_NONE, WAITS },
    { "ioctl", IO_NONE, WAITS },
    { "io_getevents", IO_NONE, WAITS },
    { "io_pgetevents", IO_NONE, WAITS },
    { "io_uring_enter", IO_NONE, WAITS },
    { "msgrcv", IO_NONE, WAITS },
    { "msgsnd", IO_NONE, WAITS },
    { "semop", IO_NONE, WAITS },
    { "semtimedop", IO_NONE, WAITS },
    { "mq_timedreceive", IO_NONE, WAITS },
    { "mq_timedsend", IO_NONE, WAITS },
    { "getrandom", IO_NONE, WAITS },
    { "syslog", IO_NONE, WAITS },
    { "socketcall", IO_NONE, WAITS }, /* any call on sockets, of 32-bit programs */
    { "ipc", IO_NONE, WAITS },
    { NULL, IO_NONE, WAITS_NOT },
};

/* What 32-bit programs call since 2038 has come near is called so behind the name of what it does. */
static size_t plain_size(const char *name)
{
    static const char suffix[] = "_time64";
    size_t size = strlen(name), behind = sizeof(suffix) - 1;
    return size > behind && strcmp(name + size - behind, suffix) == 0 ? size - behind : size;
}

struct call_kind call_kind(const char *name)
{
    const struct call_kind *c = call_kinds;
    size_t size = plain_size(name);
    while (c->name && (strncmp(c->name, name, size) != 0 || c->name[size] != '\0'))
        c++;
    return *c;
}

struct value call_errno(int64_t ret)
{
    static const char *const restarts[] = { "ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND", "ENOIOCTLCMD", "ERESTART_RESTARTBLOCK" };
    if (ret >= 0 || ret < -ERRNO_MAX)
        return (struct value){ .kind = VALUE_NONE };
    int64_t number = -ret;
    const char *name = number >= 512 && number <= 516 ? restarts[number - 512] : strerrorname_np((int)number);
    return name ? value_of_text(name) : value_int(number);
}

const char *io_family_name(enum io_family family)
{
    static const char *const names[IO_FAMILIES] = { NULL, "open", "read", "write", "sync", "close", "copy" };
    return names[family];
}
