#include "collector/relay.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/process.h"
#include "base/text.h"
#include "collector/helpers.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void relay_sessions_done(struct relay_sessions *s)
{
    free(s->list);
    *s = (struct relay_sessions){ 0 };
}

/* ---- is anybody there at all: what the system says is clearer than what the library does ---- */

static int wait_connected(int fd, int64_t timeout_ns)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    int failure = 0;
    socklen_t size = sizeof(failure);
    if (poll(&p, 1, (int)(timeout_ns / 1000000)) <= 0)
        return -ETIMEDOUT;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) < 0)
        return -errno;
    return -failure;
}

static int try_connect(const struct relay_url *url, int64_t timeout_ns, struct error *err)
{
    char port[8], text[RELAY_URL_MAX];
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found = NULL;
    snprintf(port, sizeof(port), "%u", url->port);
    int r = getaddrinfo(url->address, port, &hints, &found);
    if (r != 0)
        return error_set(err, -EHOSTUNREACH, "%s: %s", url->address, gai_strerror(r));
    r = -EHOSTUNREACH;
    for (struct addrinfo *a = found; a && r < 0; a = a->ai_next) {
        int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        r = connect(fd, a->ai_addr, a->ai_addrlen) == 0 ? 0 : -errno;
        if (r == -EINPROGRESS)
            r = wait_connected(fd, timeout_ns);
        close(fd);
    }
    freeaddrinfo(found);
    struct relay_url bare = *url;
    bare.session[0] = '\0';
    if (r < 0)
        return error_set(err, r, "no lttng-relayd answers at %s: %s", relay_url_format(&bare, text), strerror(-r));
    return 0;
}

/* ---- the child's answer: lines of "HOSTNAME \t SESSION \t TIMER \t STREAMS \t CLIENTS" ---- */

static int by_name(const void *a, const void *b)
{
    const struct relay_session *x = a, *y = b;
    int r = strcmp(x->hostname, y->hostname);
    return r ? r : strcmp(x->session, y->session);
}

static int parse_line(char *line, struct relay_session *s)
{
    char *save = NULL, *part[5];
    for (size_t i = 0; i < 5; i++) {
        part[i] = strtok_r(i ? NULL : line, "\t", &save);
        if (!part[i])
            return -EBADMSG;
    }
    if (!text_copy(s->hostname, sizeof(s->hostname), part[0]) || !text_copy(s->session, sizeof(s->session), part[1]) ||
        text_parse_u64(part[2], &s->timer_us) < 0 || text_parse_u64(part[3], &s->streams) < 0 ||
        text_parse_u64(part[4], &s->clients) < 0)
        return -EBADMSG;
    return 0;
}

static int parse_sessions(char *text, struct relay_sessions *sessions)
{
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (sessions->count == RELAY_SESSIONS_MAX)
            return -E2BIG;
        GROW(sessions->list, sessions->count, sessions->capacity);
        if (parse_line(line, &sessions->list[sessions->count]) < 0)
            return -EBADMSG;
        sessions->count++;
    }
    if (sessions->count > 0)
        qsort(sessions->list, sessions->count, sizeof(*sessions->list), by_name);
    return 0;
}

int relay_sessions_get(const struct relay_url *url, int64_t timeout_ns, struct relay_sessions *ret_sessions,
                       struct error *err)
{
    struct bytes answer = { 0 };
    char text[RELAY_URL_MAX];
    struct relay_sessions sessions = { 0 };
    int r = try_connect(url, timeout_ns, err);
    if (r < 0)
        return r;
    const char *const args[] = { HELPER_RELAY_LIST, relay_url_format(url, text), NULL };
    r = helper_ask(args, timeout_ns, NULL, NULL, &answer, err);
    if (r == 0) {
        bytes_append(&answer, "", 1);
        r = parse_sessions((char *)answer.data, &sessions);
        if (r < 0)
            error_set(err, r, "the list of sessions cannot be read");
    }
    bytes_done(&answer);
    if (r < 0)
        relay_sessions_done(&sessions);
    else
        *ret_sessions = sessions;
    return r == -ETIMEDOUT ? error_set(err, r, "lttng-relayd at %s accepts a connection but does not answer", text) : r;
}
