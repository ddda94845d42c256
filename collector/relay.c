#include "collector/relay.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "collector/viewer.h"
#include <stdlib.h>
#include <string.h>

void relay_sessions_done(struct relay_sessions *s)
{
    free(s->list);
    *s = (struct relay_sessions){ 0 };
}

static int by_name(const void *a, const void *b)
{
    const struct relay_session *x = a, *y = b;
    int r = strcmp(x->hostname, y->hostname);
    return r ? r : strcmp(x->session, y->session);
}

/* Names go to terminals: they must not command them. */
static void copy_name(char to[RELAY_NAME_MAX], const char *from)
{
    size_t n = 0;
    for (; from[n] && n < RELAY_NAME_MAX - 1; n++)
        to[n] = (unsigned char)from[n] < 0x20 || from[n] == 0x7f ? '?' : from[n];
    to[n] = '\0';
}

void relay_sessions_take(struct relay_sessions *sessions, const struct viewer_reply *reply)
{
    sessions->list = xcalloc(reply->answer.count, sizeof(*sessions->list));
    sessions->capacity = sessions->count = reply->answer.count;
    for (size_t i = 0; i < sessions->count; i++) {
        struct relay_session *to = &sessions->list[i];
        struct viewer_session s;
        viewer_get_session(reply->list + i * VIEWER_SESSION_BYTES, &s);
        copy_name(to->hostname, s.hostname);
        copy_name(to->session, s.name);
        to->id = s.id;
        to->timer_us = s.timer_us;
        to->streams = s.streams;
        to->clients = s.clients;
    }
    if (sessions->count > 0)
        qsort(sessions->list, sessions->count, sizeof(*sessions->list), by_name);
}

int relay_sessions_get(const struct relay_url *url, int64_t timeout_ns, struct relay_sessions *ret_sessions,
                       struct error *err)
{
    int64_t deadline_ns = clock_monotonic_ns() + timeout_ns;
    struct viewer *viewer;
    struct viewer_reply reply;
    int r = viewer_open(url, &viewer, err);
    if (r < 0)
        return r;
    viewer_ask(viewer, VIEWER_CONNECT);
    r = viewer_wait(viewer, deadline_ns, &reply, err);
    if (r == 0) {
        viewer_ask(viewer, VIEWER_LIST_SESSIONS);
        r = viewer_wait(viewer, deadline_ns, &reply, err);
    }
    if (r == 0)
        relay_sessions_take(ret_sessions, &reply);
    viewer_close(viewer);
    return r;
}
