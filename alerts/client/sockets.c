#include "alerts/client/subscriber.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zmq.h>

static int watch(struct foretrace_subscriber *s, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };
    return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int socket_fd(void *socket)
{
    int fd = -1;
    size_t size = sizeof(fd);
    return zmq_getsockopt(socket, ZMQ_FD, &fd, &size) < 0 ? -1 : fd;
}

static void set_options(void *socket, int type)
{
    int linger = 0, slowest_ms = 1000, beat_ms = 2000, patience_ms = 5000;
    int64_t most = WIRE_MESSAGE_MAX;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof(most));
    zmq_setsockopt(socket, ZMQ_RECONNECT_IVL_MAX, &slowest_ms, sizeof(slowest_ms));
    /* A connection whose other end vanished without a word is made anew. */
    zmq_setsockopt(socket, ZMQ_HEARTBEAT_IVL, &beat_ms, sizeof(beat_ms));
    zmq_setsockopt(socket, ZMQ_HEARTBEAT_TIMEOUT, &patience_ms, sizeof(patience_ms));
    if (type == ZMQ_SUB)
        zmq_setsockopt(socket, ZMQ_HEARTBEAT_TTL, &patience_ms, sizeof(patience_ms));
}

int sockets_open(struct foretrace_subscriber *s, void **ret_socket, int type, const char *endpoint)
{
    void *socket = zmq_socket(s->zmq, type);
    if (!socket)
        return -errno;
    set_options(socket, type);
    int r = client_keys_apply(&s->options.keys, socket);
    if (r == 0 && zmq_connect(socket, endpoint) < 0)
        r = -errno;
    if (r == 0 && s->epoll_fd >= 0)
        r = watch(s, socket_fd(socket));
    if (r < 0)
        zmq_close(socket);
    else
        *ret_socket = socket;
    return r;
}

void sockets_close(struct foretrace_subscriber *s, void **socket)
{
    if (!*socket)
        return;
    if (s->epoll_fd >= 0)
        epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, socket_fd(*socket), NULL);
    zmq_close(*socket);
    *socket = NULL;
}

static bool more_parts(void *socket)
{
    int more = 0;
    size_t size = sizeof(more);
    return zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more;
}

int sockets_receive(struct foretrace_subscriber *s, void *socket)
{
    int parts = 0;
    bool fits = true;
    do {
        bytes_reset(&s->message);
        int n = zmq_recv(socket, bytes_reserve(&s->message, WIRE_MESSAGE_MAX), WIRE_MESSAGE_MAX, ZMQ_DONTWAIT);
        if (n < 0)
            return 0;
        fits = fits && n <= WIRE_MESSAGE_MAX;
        s->message.size = n <= WIRE_MESSAGE_MAX ? (size_t)n : 0;
        parts++;
    } while (more_parts(socket));
    return fits ? parts : -EBADMSG;
}

bool sockets_readable(void *socket)
{
    int events = 0;
    size_t size = sizeof(events);
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN);
}

/* While the replay socket is asked the live one only matters as a sign of life. */
int sockets_wait(struct foretrace_subscriber *s, int64_t now_ns, int64_t timeout_ns)
{
    zmq_pollitem_t items[2] = { { .socket = s->live, .events = ZMQ_POLLIN } };
    int count = 1;
    if (s->recovery.active) {
        bool alive = s->recovery.deadline_ns != 0;
        items[alive ? 0 : 1] = (zmq_pollitem_t){ .socket = s->replay, .events = ZMQ_POLLIN };
        count = alive ? 1 : 2;
        int64_t left_ns = s->recovery.deadline_ns - now_ns;
        if (alive && (timeout_ns < 0 || left_ns < timeout_ns))
            timeout_ns = left_ns < 0 ? 0 : left_ns;
    }
    long timeout_ms = timeout_ns < 0 ? -1 : (long)((timeout_ns + 999999) / 1000000);
    int n = zmq_poll(items, count, timeout_ms);
    return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

/* Whether a step would find something. Looking also makes ZeroMQ's descriptors quiet, which tell of changes only. */
static bool has_more(struct foretrace_subscriber *s)
{
    bool live = sockets_readable(s->live), replay = s->replay && sockets_readable(s->replay);
    return s->recovery.active ? replay || (live && s->recovery.deadline_ns == 0) : live;
}

/* more_fd is readable while there may be more to take; the timer wakes for an answer that does not come. */
void sockets_note(struct foretrace_subscriber *s, bool more, int64_t now_ns)
{
    uint64_t count = 1;
    struct itimerspec when = { 0 };
    if (s->epoll_fd < 0)
        return;
    if (s->recovery.active && s->recovery.deadline_ns) {
        int64_t left_ns = s->recovery.deadline_ns > now_ns ? s->recovery.deadline_ns - now_ns : 1;
        when.it_value.tv_sec = left_ns / 1000000000;
        when.it_value.tv_nsec = left_ns % 1000000000;
    }
    timerfd_settime(s->timer_fd, 0, &when, NULL);
    ssize_t n = has_more(s) || more ? write(s->more_fd, &count, sizeof(count)) : read(s->more_fd, &count, sizeof(count));
    (void)n; /* full or empty: then it is as it shall be */
}

static int open_descriptor(struct foretrace_subscriber *s)
{
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->more_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int r = s->epoll_fd < 0 || s->more_fd < 0 || s->timer_fd < 0 ? -errno : 0;
    if (r == 0)
        r = watch(s, s->more_fd);
    if (r == 0)
        r = watch(s, s->timer_fd);
    if (r == 0)
        r = watch(s, socket_fd(s->live));
    if (r == 0 && s->replay)
        r = watch(s, socket_fd(s->replay));
    return r;
}

void sockets_forget_descriptor(struct foretrace_subscriber *s)
{
    int *const fds[] = { &s->epoll_fd, &s->more_fd, &s->timer_fd };
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

int foretrace_fd(struct foretrace_subscriber *s)
{
    int r = s->epoll_fd < 0 ? open_descriptor(s) : 0;
    if (r < 0)
        sockets_forget_descriptor(s);
    return r < 0 ? r : s->epoll_fd;
}
