#include "collector/viewer.h"
#include "base/clock.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_SIZE = 256 * 1024 };
static const int64_t attempt_ns = 1000000000; /* to connect to one address, where there is another */

/* A name that is being looked up by the C library's thread, which cannot always be stopped: then it is left to it. */
struct lookup {
    struct gaicb request;
    struct addrinfo hints;
    char name[RELAY_NAME_MAX], port[8];
    struct lookup *next;
};

struct viewer {
    struct relay_url url;
    struct lookup *lookup;                /* NULL: it has been looked up */
    struct addrinfo *addresses, *address; /* address: being tried */
    int64_t tried_ns;                     /* since when, monotonic */
    int fd;
    bool connected;
    struct bytes out;
    size_t sent;
    struct bytes in;
    size_t taken;                         /* of what is in: given to the caller */
    uint64_t received;
    enum viewer_command pending[VIEWER_PENDING_MAX];
    uint32_t first, count;                /* of pending: a ring */
};

/* ---- connecting ---- */

static void set_option(int fd, int option)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, option, &on, sizeof(on)); /* what fails costs time, and no more */
}

static int refuse(const struct viewer *v, int r, struct error *err)
{
    char text[RELAY_URL_MAX];
    struct relay_url bare = v->url;
    bare.hostname[0] = bare.session[0] = '\0';
    return error_set(err, r, "no lttng-relayd answers at %s: %s", relay_url_format(&bare, text), strerror(-r));
}

static void drop_socket(struct viewer *v)
{
    if (v->fd >= 0)
        close(v->fd);
    v->fd = -1;
}

/* From this address on. */
static int try_addresses(struct viewer *v, struct error *err)
{
    int r = -EHOSTUNREACH;
    for (; v->address; v->address = v->address->ai_next) {
        drop_socket(v);
        v->fd = socket(v->address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        v->tried_ns = clock_monotonic_ns();
        if (v->fd < 0)
            r = -errno;
        else if (connect(v->fd, v->address->ai_addr, v->address->ai_addrlen) == 0 || errno == EINPROGRESS)
            return 0;
        else
            r = -errno;
    }
    return refuse(v, r, err);
}

/* ---- names ---- */

static _Thread_local struct lookup *left; /* to the library, until it is done with them */

static void free_lookup(struct lookup *l)
{
    if (l->request.ar_result)
        freeaddrinfo(l->request.ar_result);
    free(l);
}

static void free_left(void)
{
    for (struct lookup **at = &left; *at;) {
        struct lookup *l = *at;
        if (gai_error(&l->request) == EAI_INPROGRESS) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        free_lookup(l);
    }
}

static void drop_lookup(struct viewer *v)
{
    if (!v->lookup)
        return;
    gai_cancel(&v->lookup->request);
    v->lookup->next = left;
    left = v->lookup;
    v->lookup = NULL;
    free_left();
}

static int unknown_name(const struct viewer *v, int gai, struct error *err)
{
    return error_set(err, -EHOSTUNREACH, "%s: %s", v->url.address, gai_strerror(gai));
}

static int begin_lookup(struct viewer *v, struct error *err)
{
    struct lookup *l = xcalloc(1, sizeof(*l));
    struct gaicb *list[] = { &l->request };
    snprintf(l->name, sizeof(l->name), "%s", v->url.address);
    snprintf(l->port, sizeof(l->port), "%u", v->url.port);
    l->hints = (struct addrinfo){ .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    l->request = (struct gaicb){ .ar_name = l->name, .ar_service = l->port, .ar_request = &l->hints };
    int gai = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    if (gai != 0) {
        free_lookup(l);
        return unknown_name(v, gai, err);
    }
    v->lookup = l;
    return 0;
}

/* 1: it is known; 0: not yet. */
static int finish_lookup(struct viewer *v, struct error *err)
{
    int gai = gai_error(&v->lookup->request);
    if (gai == EAI_INPROGRESS)
        return 0;
    v->addresses = v->address = v->lookup->request.ar_result;
    v->lookup->request.ar_result = NULL;
    free_lookup(v->lookup);
    v->lookup = NULL;
    int r = gai == 0 ? try_addresses(v, err) : unknown_name(v, gai, err);
    return r < 0 ? r : 1;
}

int viewer_open(const struct relay_url *url, struct viewer **ret_viewer, struct error *err)
{
    char port[8];
    const struct addrinfo numeric = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
    struct viewer *v = xcalloc(1, sizeof(*v));
    free_left();
    v->url = *url;
    v->fd = -1;
    snprintf(port, sizeof(port), "%u", url->port);
    int r = getaddrinfo(url->address, port, &numeric, &v->addresses);
    v->address = v->addresses;
    r = r == 0 ? try_addresses(v, err) : begin_lookup(v, err);
    if (r < 0) {
        viewer_close(v);
        return r;
    }
    *ret_viewer = v;
    return 0;
}

void viewer_close(struct viewer *v)
{
    if (!v)
        return;
    drop_socket(v);
    drop_lookup(v);
    if (v->addresses)
        freeaddrinfo(v->addresses);
    bytes_done(&v->out);
    bytes_done(&v->in);
    free(v);
}

int viewer_fd(const struct viewer *v)
{
    return v->fd;
}

short viewer_poll_events(const struct viewer *v)
{
    return !v->connected || v->sent < v->out.size ? POLLIN | POLLOUT : POLLIN;
}

bool viewer_is_connected(const struct viewer *v)
{
    return v->connected;
}

/* Of several addresses one may be a black hole. */
static int try_another(struct viewer *v, struct error *err)
{
    if (!v->address->ai_next || clock_monotonic_ns() - v->tried_ns < attempt_ns)
        return 0;
    v->address = v->address->ai_next;
    return try_addresses(v, err);
}

/* 1: connected; 0: not yet. */
static int finish_connecting(struct viewer *v, struct error *err)
{
    int failure = 0, r = v->lookup ? finish_lookup(v, err) : 1;
    struct pollfd p = { .fd = v->fd, .events = POLLOUT };
    socklen_t size = sizeof(failure);
    if (r <= 0)
        return r;
    if (poll(&p, 1, 0) <= 0)
        return try_another(v, err);
    if (getsockopt(v->fd, SOL_SOCKET, SO_ERROR, &failure, &size) < 0)
        failure = errno;
    if (failure != 0) {
        v->address = v->address->ai_next;
        return v->address ? try_addresses(v, err) : refuse(v, -failure, err);
    }
    v->connected = true;
    set_option(v->fd, TCP_NODELAY);
    return 1;
}

/* ---- asking ---- */

static struct bytes *asking(struct viewer *v, enum viewer_command command)
{
    assert(v->count < VIEWER_PENDING_MAX);
    v->pending[(v->first + v->count++) % VIEWER_PENDING_MAX] = command;
    if (v->sent == v->out.size) {
        bytes_reset(&v->out);
        v->sent = 0;
    }
    return &v->out;
}

void viewer_ask(struct viewer *v, enum viewer_command command)
{
    struct bytes *out = asking(v, command);
    if (command == VIEWER_CONNECT)
        viewer_put_connect(out);
    else
        viewer_put_plain(out, command);
}

void viewer_ask_attach(struct viewer *v, uint64_t session, enum viewer_seek seek)
{
    viewer_put_attach(asking(v, VIEWER_ATTACH_SESSION), session, seek);
}

void viewer_ask_of(struct viewer *v, enum viewer_command command, uint64_t id)
{
    viewer_put_id(asking(v, command), command, id);
}

void viewer_ask_packet(struct viewer *v, uint64_t stream, uint64_t offset, uint32_t size)
{
    viewer_put_get_packet(asking(v, VIEWER_GET_PACKET), stream, offset, size);
}

uint32_t viewer_pending(const struct viewer *v)
{
    return v->count;
}

/* ---- the network ---- */

static int gone(const struct viewer *v, int r, struct error *err)
{
    char text[RELAY_URL_MAX];
    return error_set(err, r, "lttng-relayd at %s: %s", relay_url_format(&v->url, text), r == -EPIPE ? "it has closed the connection" : strerror(-r));
}

static int send_some(struct viewer *v, struct error *err)
{
    while (v->sent < v->out.size) {
        ssize_t n = send(v->fd, v->out.data + v->sent, v->out.size - v->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : gone(v, -errno, err);
        v->sent += (size_t)n;
    }
    return 0;
}

/* What was taken makes room. */
static void compact(struct viewer *v)
{
    if (v->taken == 0)
        return;
    memmove(v->in.data, v->in.data + v->taken, v->in.size - v->taken);
    v->in.size -= v->taken;
    v->taken = 0;
}

static int receive_some(struct viewer *v, struct error *err)
{
    compact(v);
    ssize_t n = recv(v->fd, bytes_reserve(&v->in, RECEIVE_SIZE), RECEIVE_SIZE, 0);
    if (n == 0)
        return gone(v, -EPIPE, err);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : gone(v, -errno, err);
    v->in.size += (size_t)n;
    v->received += (uint64_t)n;
    if (v->count > 0)
        set_option(v->fd, TCP_QUICKACK); /* lttng-relayd sends the next answer when it has been told that this one came; it does not stay set */
    return 0;
}

int viewer_service(struct viewer *v, struct error *err)
{
    if (!v->connected) {
        int r = finish_connecting(v, err);
        if (r <= 0)
            return r;
    }
    int r = send_some(v, err);
    return r < 0 ? r : receive_some(v, err);
}


int viewer_flush(struct viewer *v, struct error *err)
{
    return v->connected ? send_some(v, err) : 0;
}

uint64_t viewer_received(const struct viewer *v)
{
    return v->received;
}

/* ---- answers ---- */

int viewer_take(struct viewer *v, struct viewer_reply *reply, struct error *err)
{
    const uint8_t *data = v->in.data + v->taken;
    size_t there = v->in.size - v->taken;
    if (v->count == 0)
        return there == 0 ? 0 : error_set(err, -EBADMSG, "lttng-relayd sends %zu bytes that nobody asked for", there);
    enum viewer_command command = v->pending[v->first];
    size_t size = viewer_answer_size(command);
    if (there < size)
        return 0;
    *reply = (struct viewer_reply){ .list = data + size, .data = data + size };
    int r = viewer_get_answer(command, data, &reply->answer, err);
    if (r < 0)
        return r;
    size += (size_t)reply->answer.count * (command == VIEWER_LIST_SESSIONS ? VIEWER_SESSION_BYTES : VIEWER_STREAM_BYTES) + (size_t)reply->answer.size;
    if (there < size)
        return 0;
    v->taken += size;
    v->first = (v->first + 1) % VIEWER_PENDING_MAX;
    v->count--;
    return 1;
}

int viewer_wait(struct viewer *v, int64_t deadline_ns, struct viewer_reply *reply, struct error *err)
{
    for (;;) {
        int r = viewer_take(v, reply, err);
        if (r != 0)
            return r < 0 ? r : 0;
        int64_t left_ns = deadline_ns - clock_monotonic_ns();
        struct pollfd p = { .fd = v->fd, .events = viewer_poll_events(v) };
        int wait_ms = (int)(left_ns / 1000000 + 1), most_ms = v->lookup ? 2 : v->connected ? wait_ms : 100;
        if (left_ns <= 0 || (poll(&p, 1, wait_ms < most_ms ? wait_ms : most_ms) == 0 && wait_ms <= most_ms)) {
            char text[RELAY_URL_MAX];
            return error_set(err, -ETIMEDOUT, v->connected ? "lttng-relayd at %s accepts a connection but does not answer" : "no lttng-relayd answers at %s: it takes too long",
                             relay_url_format(&v->url, text));
        }
        r = viewer_service(v, err);
        if (r < 0)
            return r;
    }
}
