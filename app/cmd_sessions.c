/* cmd_sessions.c - what an lttng-relayd offers. */
#include "app/command.h"
#include "collector/relay.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const int64_t timeout_ns = 5000000000;

static const struct usage usage = {
    .name = "sessions",
    .synopsis = "sessions [net://HOST[:PORT]]",
    .summary = "Lists the live sessions of an lttng-relayd (net://localhost when none is named),\n"
               "with live timer, streams and viewers. lttng-relayd admits one viewer a session.",
};

int cmd_sessions(int argc, char **argv)
{
    struct relay_url url;
    struct relay_sessions sessions;
    struct error err;
    char text[RELAY_URL_MAX];
    int first = args_parse(&usage, argc, argv, NULL, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    const char *where = first < argc ? argv[first] : "net://localhost";
    if (relay_url_parse(where, &url, &err) < 0) {
        error_set(&err, -EINVAL, "'%s' is no lttng-relayd: expected net://HOST[:PORT]", where);
        fail(&err);
        return EXIT_USAGE;
    }
    if (relay_sessions_get(&url, timeout_ns, &sessions, &err) < 0)
        return fail(&err);
    if (sessions.count == 0)
        fprintf(stderr, "foretrace: this lttng-relayd has no live session (`lttng create --live` makes one)\n");
    for (size_t i = 0; i < sessions.count; i++) {
        const struct relay_session *s = &sessions.list[i];
        snprintf(url.hostname, sizeof(url.hostname), "%s", s->hostname);
        snprintf(url.session, sizeof(url.session), "%s", s->session);
        printf("%s  live timer %" PRIu64 " us, %" PRIu64 " stream%s, %" PRIu64 " viewer%s\n", relay_url_format(&url, text),
               s->timer_us, s->streams, s->streams == 1 ? "" : "s", s->clients, s->clients == 1 ? "" : "s");
    }
    relay_sessions_done(&sessions);
    return 0;
}
