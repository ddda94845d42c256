/* live_reader.c - the reader child of one live session. It only reads: waits for
 * the session, attaches, and hands on every event, until the session ends, the
 * library fails, or the parent goes away. Whoever blocks, aborts or hangs in
 * here is killed and started again by live.c. */
#include "base/clock.h"
#include "base/text.h"
#include "collector/batch.h"
#include "collector/bt2_graph.h"
#include "collector/helpers.h"
#include "collector/live_source.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const int64_t tick_period_ns = 100000000, longest_wait_ns = 1000000000, answer_timeout_ns = 5000000000;
enum { SOCKETS_MAX = 16, FDS_SEARCHED = 256 };

struct reader {
    struct relay_url url;
    int64_t poll_ns, last_tick_ns;
    struct batch_writer out;
    int sockets[SOCKETS_MAX];
    int socket_count;
};

/* ---- waiting for the session ---- */

static void tick(struct reader *r)
{
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns - r->last_tick_ns < tick_period_ns)
        return;
    r->last_tick_ns = now_ns;
    batch_tick(&r->out);
}

static void wait_ticking(struct reader *r, int64_t wait_ns)
{
    for (int64_t end_ns = clock_monotonic_ns() + wait_ns; clock_monotonic_ns() < end_ns && !r->out.broken; tick(r))
        clock_sleep_ns(wait_ns < tick_period_ns ? wait_ns : tick_period_ns);
}

/* Waits until the session can be attached to; tells the parent what it waits for, once. */
static int wait_for_session(struct reader *r, struct error *err)
{
    enum reader_status told = 0;
    for (int64_t wait_ns = tick_period_ns; !r->out.broken; wait_ns = wait_ns * 2 < longest_wait_ns ? wait_ns * 2 : longest_wait_ns) {
        struct relay_sessions sessions;
        char text[600];
        int result = relay_sessions_get(&r->url, answer_timeout_ns, &sessions, err);
        if (result < 0)
            return result;
        enum reader_status status = live_source_look_up(&r->url, &sessions, text, sizeof(text));
        relay_sessions_done(&sessions);
        if (status == READER_ATTACHED)
            return 0;
        if (status != told)
            batch_status(&r->out, status, text);
        told = status;
        wait_ticking(r, wait_ns);
    }
    return error_set(err, -EPIPE, "the parent is gone");
}

/* ---- reading ---- */

/* The library leaves its sockets to Nagle and to delayed acknowledgements, which
 * cost up to 40 ms an exchange. */
static void find_sockets(struct reader *r)
{
    r->socket_count = 0;
    for (int fd = STDERR_FILENO + 1; fd < FDS_SEARCHED && r->socket_count < SOCKETS_MAX; fd++) {
        int on = 1;
        if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0)
            r->sockets[r->socket_count++] = fd;
    }
}

/* TCP_QUICKACK does not stay: the kernel takes it back after a while. */
static void acknowledge_quickly(const struct reader *r)
{
    int on = 1;
    for (int i = 0; i < r->socket_count; i++)
        setsockopt(r->sockets[i], IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static int read_session(struct reader *r, struct bt2_graph *graph, struct error *err)
{
    bool attached = false;
    for (;;) {
        int result = bt2_graph_run_once(graph, err);
        if (r->out.broken)
            return error_set(err, -EPIPE, "the parent is gone");
        if (result < 0)
            return result;
        if (result == BT2_RUN_END) {
            batch_status(&r->out, attached ? READER_ENDED : READER_WAITING,
                         attached ? "the session has ended" : "the session went away before it could be attached to");
            return 0;
        }
        if (!attached) {
            find_sockets(r);
            batch_status(&r->out, READER_ATTACHED, "attached");
        }
        attached = true;
        acknowledge_quickly(r);
        tick(r);
        if (result == BT2_RUN_AGAIN) {
            batch_flush(&r->out);
            clock_sleep_ns(r->poll_ns);
        }
    }
}

int helper_live_reader(int argc, char **argv)
{
    static struct reader r;
    struct error err;
    uint64_t poll_ns = 0;
    struct bt2_graph *graph = NULL;
    char url[RELAY_URL_MAX];
    signal(SIGINT, SIG_IGN); /* a terminal's interrupt is for the parent to handle */
    batch_writer_init(&r.out, STDOUT_FILENO, STDIN_FILENO);
    int result = argc == 3 && text_parse_u64(argv[2], &poll_ns) == 0 ? relay_url_parse(argv[1], &r.url, &err)
                                                                    : error_set(&err, -EINVAL, "URL and POLL_NS are expected");
    r.poll_ns = (int64_t)poll_ns;
    if (result == 0)
        result = wait_for_session(&r, &err);
    if (result == 0) {
        struct event_consumer consumer = batch_writer_consumer(&r.out);
        result = bt2_graph_open_live(relay_url_format(&r.url, url), &consumer, &graph, &err);
    }
    if (result == 0)
        result = read_session(&r, graph, &err);
    if (result < 0)
        batch_status(&r.out, READER_FAILED, err.text);
    batch_flush(&r.out);
    bt2_graph_free(graph);
    batch_writer_done(&r.out);
    return result < 0;
}
