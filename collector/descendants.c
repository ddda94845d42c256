#include "collector/descendants.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/process.h"
#include <dirent.h>
#include <stdbool.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

struct descendants {
    const struct descendants_ops *ops;
    void *self;
    pid_t root;
    int fd;
    uint64_t overruns;
    pid_t *members;
    uint32_t count, capacity;
};

/* ---- the set ---- */

static uint32_t find(const struct descendants *d, pid_t pid)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->members[i] == pid)
            return i;
    return HASH_NONE;
}

static void add(struct descendants *d, pid_t pid)
{
    if (pid == d->root || d->count == DESCENDANTS_MAX || find(d, pid) != HASH_NONE)
        return;
    GROW(d->members, d->count, d->capacity);
    d->members[d->count++] = pid;
    d->ops->started(d->self, pid);
}

static void drop(struct descendants *d, uint32_t i)
{
    pid_t gone = d->members[i];
    d->members[i] = d->members[--d->count];
    d->ops->ended(d->self, gone);
}

/* ---- the kernel's process events ---- */

static bool subscribe(int fd)
{
    enum proc_cn_mcast_op op = PROC_CN_MCAST_LISTEN;
    struct cn_msg message = { .id = { .idx = CN_IDX_PROC, .val = CN_VAL_PROC }, .len = sizeof(op) };
    struct nlmsghdr head = { .nlmsg_len = NLMSG_LENGTH(sizeof(message) + sizeof(op)), .nlmsg_type = NLMSG_DONE };
    struct iovec parts[] = { { &head, sizeof(head) }, { &message, sizeof(message) }, { &op, sizeof(op) } };
    return writev(fd, parts, 3) == (ssize_t)head.nlmsg_len;
}

/* In another pid namespace than the first the kernel takes the subscription and
 * never sends anything. */
static bool in_first_namespace(void)
{
    const ino_t first = 0xEFFFFFFC; /* PROC_PID_INIT_INO of the kernel */
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == first;
}

static int listen_events(void)
{
    if (!in_first_namespace())
        return -1;
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
    int room = 8 << 20, fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && subscribe(fd))
        return fd;
    close(fd);
    return -1;
}

static void on_event(struct descendants *d, const struct proc_event *e)
{
    uint32_t i;
    switch (e->what) {
    case PROC_EVENT_FORK:
        if (e->event_data.fork.child_pid != e->event_data.fork.child_tgid)
            break; /* a thread */
        if (e->event_data.fork.parent_tgid == d->root || find(d, e->event_data.fork.parent_tgid) != HASH_NONE)
            add(d, e->event_data.fork.child_tgid);
        break;
    case PROC_EVENT_EXIT:
        i = e->event_data.exit.process_pid == e->event_data.exit.process_tgid
                ? find(d, e->event_data.exit.process_tgid)
                : HASH_NONE;
        if (i != HASH_NONE)
            drop(d, i);
        break;
    default:
        break;
    }
}

static void scan(struct descendants *d);

static void read_events(struct descendants *d)
{
    union {
        struct nlmsghdr head;
        char bytes[8192];
    } buffer;
    for (;;) {
        ssize_t n = recv(d->fd, &buffer, sizeof(buffer), 0);
        if (n < 0 && errno == ENOBUFS) { /* more events than it could hold: see who is there */
            d->overruns++;
            scan(d);
            continue;
        }
        if (n <= 0)
            return;
        unsigned size = (unsigned)n;
        for (struct nlmsghdr *h = &buffer.head; NLMSG_OK(h, size); h = NLMSG_NEXT(h, size)) {
            const struct cn_msg *m = NLMSG_DATA(h);
            struct proc_event e;
            if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m) + sizeof(e)))
                continue;
            memcpy(&e, m->data, sizeof(e));
            on_event(d, &e);
        }
    }
}

/* ---- /proc ---- */

static void add_children_of_thread(struct descendants *d, const char *path)
{
    int child;
    FILE *f = fopen(path, "re");
    while (f && fscanf(f, "%d", &child) == 1)
        if (!process_is_child(child))
            add(d, child);
    if (f)
        fclose(f);
}

static void add_children(struct descendants *d, pid_t pid)
{
    char path[384];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    for (struct dirent *e = tasks ? readdir(tasks) : NULL; e; e = readdir(tasks)) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)pid, e->d_name);
        add_children_of_thread(d, path);
    }
    if (tasks)
        closedir(tasks);
}

/* Where we look at /proc we are the subreaper: orphans come to us, are found among
 * our children, and are ours to reap. */
static void scan(struct descendants *d)
{
    add_children(d, d->root);
    for (uint32_t i = 0; i < d->count; i++)
        add_children(d, d->members[i]);
    if (d->fd < 0)
        add_children(d, getpid());
    for (uint32_t i = d->count; i-- > 0;) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d", (int)d->members[i]);
        if ((d->fd < 0 && waitpid(d->members[i], NULL, WNOHANG) > 0) || access(path, F_OK) < 0)
            drop(d, i);
    }
}

/* ---- */

struct descendants *descendants_open(pid_t root, const struct descendants_ops *ops, void *self)
{
    struct descendants *d = xcalloc(1, sizeof(*d));
    d->ops = ops;
    d->self = self;
    d->root = root;
    d->fd = listen_events();
    if (d->fd < 0)
        prctl(PR_SET_CHILD_SUBREAPER, 1);
    return d;
}

int descendants_fd(const struct descendants *d)
{
    return d->fd;
}

void descendants_look(struct descendants *d)
{
    if (d->fd >= 0)
        read_events(d);
    else
        scan(d);
}

uint64_t descendants_overruns(const struct descendants *d)
{
    return d->overruns;
}

void descendants_repeat(struct descendants *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        d->ops->started(d->self, d->members[i]);
}

void descendants_close(struct descendants *d)
{
    if (!d)
        return;
    if (d->fd >= 0)
        close(d->fd);
    free(d->members);
    free(d);
}
