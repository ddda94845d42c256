/* kernel_file_calls.c - what system calls do to descriptors: they open, duplicate, connect and close. A call is noted at its entry
 * (struct task: file_call, call_fd, call_path ...) and applied at its exit, when it has succeeded. */
#include "base/text.h"
#include "stream/kernel_files.h"
#include "stream/kernel_private.h"
#include "stream/kernel_tables.h"
#include <string.h>

enum { F_DUPFD_CMD = 0, F_SETFD_CMD = 2, F_DUPFD_CLOEXEC_CMD = 1030 };
enum { FAMILY_UNIX = 1, FAMILY_INET = 2, FAMILY_NETLINK = 16, FAMILY_INET6 = 10 };
enum { EINPROGRESS_RET = -115 };

/* What a call does to its process' descriptors when it succeeds. */
enum file_call {
    CALL_NONE = FILE_CALL_NONE,
    CALL_USE,
    CALL_OPEN,
    CALL_CONNECT,
    CALL_DUP,
    CALL_FCNTL,
    CALL_CLOSE,
    CALL_CLOSE_RANGE,
    CALL_UNSHARE,
    CALL_PAIR
};

bool kernel_call_duplicates(const struct task *t)
{
    return t->call_flags == F_DUPFD_CMD || t->call_flags == F_DUPFD_CLOEXEC_CMD;
}

/* ---- entries ---- */

enum { AT_FD, AT_OTHER, AT_FLAGS, AT_PATH };

/* Notes a call by this thread. NULL: which thread it is is not known. */
static struct task *enter(struct kernel *k, const struct kernel_place *p, const struct event *event, enum file_call what)
{
    struct task *t = k->task;
    if (!t || t->tid <= 0)
        return NULL;
    t->file_call = (uint8_t)what;
    t->call_fd = place_int(p, event, AT_FD, -1);
    t->call_other = place_int(p, event, AT_OTHER, -1);
    t->call_flags = (uint64_t)place_int(p, event, AT_FLAGS, 0);
    if (t->call_path)
        paths_drop(&files_of(k)->paths, t->call_path);
    t->call_path = NULL;
    return t;
}

/* A call on an open file: the file is remembered as it is now. */
static void enter_with_file(struct kernel *k, const struct kernel_place *p, const struct event *event, enum file_call what)
{
    struct task *t = enter(k, p, event, what);
    struct open_file *o = t ? files_find(k, t, t->call_fd) : NULL;
    if (o)
        t->call_path = path_use(o->path);
}

/* One that will open a file of that name. */
static void enter_opening(struct kernel *k, const struct kernel_place *p, const struct event *event, struct value name)
{
    struct task *t = enter(k, p, event, CALL_OPEN);
    if (t)
        t->call_path = paths_take(&files_of(k)->paths, name);
}

static void on_use(void *self, void *data, const struct event *event)
{
    enter_with_file(self, data, event, CALL_USE);
}

/* "dir/name", where the name is relative to a directory that is known; buffer has room for both. */
static struct value join(char *buffer, const struct path *directory, struct value name)
{
    struct value joined = { .kind = VALUE_TEXT, .size = directory->size, .text = buffer };
    memcpy(buffer, directory->text, directory->size);
    if (directory->text[directory->size - 1] != '/')
        buffer[joined.size++] = '/';
    memcpy(buffer + joined.size, name.text, name.size);
    joined.size += name.size;
    return joined;
}

static void on_open(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    struct value name = place_value(data, event, AT_PATH);
    int64_t directory = place_int(data, event, AT_FD, -1);
    char buffer[FILE_PATH_MAX + 1 + VALUE_TEXT_MAX];
    if (directory >= 0 && k->task && k->task->tid > 0 && name.kind == VALUE_TEXT && name.size > 0 && name.text[0] != '/') {
        const struct open_file *o = files_find(k, k->task, directory);
        if (o && o->path && o->path->size > 0)
            name = join(buffer, o->path, name);
    }
    enter_opening(k, data, event, name);
    if (k->task)
        k->task->call_fd = -1;
}

static void on_dup(void *self, void *data, const struct event *event)
{
    enter_with_file(self, data, event, CALL_DUP);
}

static void on_fcntl(void *self, void *data, const struct event *event)
{
    enter_with_file(self, data, event, CALL_FCNTL);
}

static void on_close(void *self, void *data, const struct event *event)
{
    enter_with_file(self, data, event, CALL_CLOSE);
}

static void on_close_range(void *self, void *data, const struct event *event)
{
    enter(self, data, event, CALL_CLOSE_RANGE);
}

/* clone's flags are looked at when the child appears. */
static void on_clone(void *self, void *data, const struct event *event)
{
    enter(self, data, event, CALL_NONE);
}

static void on_unshare(void *self, void *data, const struct event *event)
{
    enter(self, data, event, CALL_UNSHARE);
}

/* What has no name in a file system is called as /proc/PID/fd shows it, without the inode. */
static void on_anonymous(void *self, void *data, const struct event *event)
{
    static const char *const names[][2] = { { "epoll", "anon_inode:[eventpoll]" },     { "eventfd", "anon_inode:[eventfd]" },
                                            { "timerfd", "anon_inode:[timerfd]" },     { "signalfd", "anon_inode:[signalfd]" },
                                            { "inotify", "anon_inode:inotify" },       { "fanotify", "anon_inode:[fanotify]" },
                                            { "perf_event", "anon_inode:[perf_event]" }, { "io_uring", "anon_inode:[io_uring]" },
                                            { "userfaultfd", "anon_inode:[userfaultfd]" }, { "pidfd", "anon_inode:[pidfd]" } };
    const struct kernel_place *p = data;
    const char *name = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && p->call && !name; i++)
        if (strncmp(p->call->name, names[i][0], strlen(names[i][0])) == 0)
            name = names[i][1];
    enter_opening(self, data, event, value_of_text(name));
}

/* ---- sockets ---- */

/* "socket:inet:6379": the family, and the port that it is connected to. (The address is an array, which readers do not load.) */
static struct value socket_name(char buffer[64], int64_t family, int64_t port)
{
    static const struct {
        int64_t family;
        const char *name;
    } names[] = { { FAMILY_UNIX, "unix" }, { FAMILY_INET, "inet" }, { FAMILY_INET6, "inet6" }, { FAMILY_NETLINK, "netlink" } };
    struct text_out out = text_out_init(buffer, 64);
    text_puts(&out, "socket:");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].family == family)
            text_puts(&out, names[i].name);
    if (port > 0 && (family == FAMILY_INET || family == FAMILY_INET6))
        text_printf(&out, ":%d", (int)port);
    return value_of_text(buffer);
}

/* Two that belong together. */
static void on_pair(void *self, void *data, const struct event *event)
{
    const struct kernel_place *p = data;
    struct kernel *k = self;
    char buffer[64];
    struct task *t = enter(k, p, event, CALL_PAIR);
    if (!t)
        return;
    bool pipe = p->call && strncmp(p->call->name, "pipe", 4) == 0;
    t->call_path = paths_take(&files_of(k)->paths, pipe ? value_of_text("pipe:") : socket_name(buffer, t->call_other, 0));
}

static void on_socket(void *self, void *data, const struct event *event)
{
    char buffer[64];
    enter_opening(self, data, event, socket_name(buffer, place_int(data, event, AT_OTHER, -1), 0));
}

/* The accepted one is called as the one that listens. */
static void on_accept(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    char buffer[64];
    enter_with_file(k, data, event, CALL_OPEN);
    if (k->task && k->task->tid > 0 && !k->task->call_path)
        k->task->call_path = paths_take(&files_of(k)->paths, socket_name(buffer, -1, 0));
}

/* Its new name is kept until it has succeeded. */
static void on_connect(void *self, void *data, const struct event *event)
{
    char buffer[64];
    struct kernel *k = self;
    struct task *t = enter(k, data, event, CALL_CONNECT);
    if (t)
        t->call_path = paths_take(&files_of(k)->paths, socket_name(buffer, t->call_other, (int64_t)t->call_flags));
}

/* ---- exits ---- */

static void opened(struct kernel *k, struct task *t, int64_t fd, bool cloexec)
{
    file_table_open(files_of(k), files_table(k, t), fd, path_use(t->call_path), cloexec);
    t->call_fd = fd;
}

static void after_fcntl(struct kernel *k, struct task *t, int64_t ret)
{
    struct open_file *o;
    switch (t->call_flags) {
    case F_DUPFD_CMD:
    case F_DUPFD_CLOEXEC_CMD:
        opened(k, t, ret, t->call_flags == F_DUPFD_CLOEXEC_CMD);
        break;
    case F_SETFD_CMD:
        o = file_table_find(files_table(k, t), t->call_fd);
        if (o)
            o->cloexec = t->call_other & 1;
        break;
    }
}

static void after_connect(struct kernel *k, struct task *t)
{
    struct open_file *o = file_table_find(files_table(k, t), t->call_fd);
    if (!o) {
        file_table_open(files_of(k), files_table(k, t), t->call_fd, path_use(t->call_path), false);
        return;
    }
    paths_drop(&files_of(k)->paths, o->path);
    o->path = path_use(t->call_path);
}

enum { EXIT_RET, EXIT_FIRST, EXIT_SECOND };

static void succeeded(struct kernel *k, struct task *t, enum file_call what, const struct kernel_place *p, const struct event *event)
{
    int64_t ret = place_int(p, event, EXIT_RET, -1);
    bool cloexec = t->call_flags & O_CLOEXEC_FLAG;
    switch (what) {
    case CALL_PAIR:
        opened(k, t, place_int(p, event, EXIT_SECOND, -1), cloexec);
        opened(k, t, place_int(p, event, EXIT_FIRST, -1), cloexec);
        break;
    case CALL_OPEN:
        opened(k, t, ret, cloexec);
        break;
    case CALL_DUP:
        if (ret != t->call_fd)
            opened(k, t, ret, cloexec);
        break;
    case CALL_FCNTL:
        after_fcntl(k, t, ret);
        break;
    case CALL_CLOSE_RANGE:
        if (t->call_flags == 0)
            file_table_close(files_of(k), files_table(k, t), t->call_fd, t->call_other);
        break;
    case CALL_UNSHARE:
        if (t->call_flags & CLONE_FILES_FLAG)
            files_unshare(k, t);
        break;
    default:
        break;
    }
}

static void on_exit_of_any(void *self, void *data, const struct event *event)
{
    struct kernel *k = self;
    struct task *t = k->task;
    enum file_call what = t ? (enum file_call)t->file_call : CALL_NONE;
    if (what <= CALL_USE)
        return;
    t->file_call = CALL_NONE;
    if (k->call_begin_ns == INT64_MIN) /* of another call than the one that was noted */
        return;
    int64_t ret = place_int(data, event, EXIT_RET, -1);
    if (what == CALL_CLOSE) /* Linux gives the descriptor back whatever close says */
        file_table_close(files_of(k), files_table(k, t), t->call_fd, t->call_fd);
    else if (what == CALL_CONNECT && (ret == 0 || ret == EINPROGRESS_RET))
        after_connect(k, t);
    else if (ret >= 0)
        succeeded(k, t, what, data, event);
}

#define OPENS(call, function, ...) KERNEL_HOOK("syscall_entry:" call, function, __VA_ARGS__)
#define USES(call, ...) KERNEL_HOOK_OPTIONAL("syscall_entry:" call, on_use, __VA_ARGS__)

const struct kernel_hook kernel_file_call_hooks[] = {
    OPENS("open", on_open, NULL, NULL, "payload.flags", "filename"),
    OPENS("openat", on_open, "dfd", NULL, "payload.flags", "filename"),
    OPENS("openat2", on_open, "dfd", NULL, "payload.flags|payload.how.flags", "filename"),
    OPENS("creat", on_open, NULL, NULL, NULL, "pathname|filename"),
    OPENS("memfd_create", on_open, NULL, NULL, NULL, "uname|uname_ptr"),
    OPENS("socket", on_socket, NULL, "payload.family", "payload.type"),
    OPENS("pipe", on_pair, NULL),
    OPENS("pipe2", on_pair, NULL, NULL, "payload.flags"),
    OPENS("socketpair", on_pair, NULL, "payload.family", "payload.type"),
    OPENS("accept", on_accept, "fd"),
    OPENS("accept4", on_accept, "fd", NULL, "payload.flags"),
    OPENS("connect", on_connect, "fd", "payload.family", "payload.dport"),
    OPENS("epoll_create", on_anonymous, NULL),
    OPENS("epoll_create1", on_anonymous, NULL, NULL, "payload.flags"),
    OPENS("eventfd", on_anonymous, NULL),
    OPENS("eventfd2", on_anonymous, NULL, NULL, "payload.flags"),
    OPENS("timerfd_create", on_anonymous, NULL, NULL, "payload.flags"),
    OPENS("signalfd", on_anonymous, NULL),
    OPENS("signalfd4", on_anonymous, NULL, NULL, "payload.flags"),
    OPENS("inotify_init", on_anonymous, NULL),
    OPENS("inotify_init1", on_anonymous, NULL, NULL, "payload.flags"),
    OPENS("fanotify_init", on_anonymous, NULL),
    OPENS("perf_event_open", on_anonymous, NULL),
    OPENS("io_uring_setup", on_anonymous, NULL),
    OPENS("userfaultfd", on_anonymous, NULL, NULL, "payload.flags"),
    OPENS("pidfd_open", on_anonymous, NULL),
    OPENS("dup", on_dup, "fildes|oldfd"),
    OPENS("dup2", on_dup, "oldfd", "newfd"),
    OPENS("dup3", on_dup, "oldfd", "newfd", "payload.flags"),
    OPENS("fcntl", on_fcntl, "fd", "arg", "cmd"),
    OPENS("fcntl64", on_fcntl, "fd", "arg", "cmd"),
    OPENS("close", on_close, "fd"),
    OPENS("close_range", on_close_range, "fd", "max_fd", "payload.flags"),
    OPENS("unshare", on_unshare, NULL, NULL, "unshare_flags|payload.flags"),
    OPENS("clone", on_clone, NULL, NULL, "payload.flags|clone_flags"),
    USES("read", "fd"), USES("readv", "fd"), USES("pread64", "fd"), USES("preadv", "fd"), USES("preadv2", "fd"),
    USES("write", "fd"), USES("writev", "fd"), USES("pwrite64", "fd"), USES("pwritev", "fd"), USES("pwritev2", "fd"),
    USES("recv", "fd"), USES("recvfrom", "fd"), USES("recvmsg", "fd"), USES("recvmmsg", "fd"),
    USES("send", "fd"), USES("sendto", "fd"), USES("sendmsg", "fd"), USES("sendmmsg", "fd"),
    USES("fsync", "fd"), USES("fdatasync", "fd"), USES("sync_file_range", "fd"), USES("syncfs", "fd"),
    USES("splice", "fd_in", "fd_out"), USES("tee", "fdin", "fdout"), USES("copy_file_range", "fd_in", "fd_out"),
    USES("sendfile", "in_fd", "out_fd"), USES("sendfile64", "in_fd", "out_fd"),
    USES("sync", NULL),
    KERNEL_HOOK_OPTIONAL("syscall_exit", on_exit_of_any, "ret", "fildes.0|socket.0", "fildes.1|socket.1"),
    KERNEL_HOOKS_END,
};
