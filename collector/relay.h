/* relay.h - what an lttng-relayd offers: its live sessions. */
#ifndef FT_COLLECTOR_RELAY_H
#define FT_COLLECTOR_RELAY_H
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RELAY_PORT = 5344, RELAY_NAME_MAX = 256, RELAY_SESSIONS_MAX = 4096 };

/* net://HOST[:PORT][/host/HOSTNAME/SESSION] taken apart. */
struct relay_url {
    char address[RELAY_NAME_MAX];  /* HOST */
    uint32_t port;
    char hostname[RELAY_NAME_MAX]; /* of the traced host; "" when the URL ends before it */
    char session[RELAY_NAME_MAX];
};

/* -EINVAL with what is expected. */
int relay_url_parse(const char *text, struct relay_url *ret_url, struct error *err);
/* "net://HOST:PORT" or, with a session, all of it. Returns buffer. */
enum { RELAY_URL_MAX = 1024 };
const char *relay_url_format(const struct relay_url *url, char buffer[RELAY_URL_MAX]);
/* Whether hostname or session have wildcards. */
bool relay_url_has_wildcard(const struct relay_url *url);

struct relay_session {
    char hostname[RELAY_NAME_MAX], session[RELAY_NAME_MAX];
    uint64_t id, timer_us, streams, clients;
};

struct relay_sessions {
    struct relay_session *list; /* sorted by hostname, then session */
    size_t count, capacity;
};

/* Asks the relayd, for at most timeout_ns. -ETIMEDOUT, -ECONNREFUSED and the like. */
int relay_sessions_get(const struct relay_url *url, int64_t timeout_ns, struct relay_sessions *ret_sessions,
                       struct error *err);
/* What an answer to VIEWER_LIST_SESSIONS has. */
struct viewer_reply;
void relay_sessions_take(struct relay_sessions *sessions, const struct viewer_reply *reply);
void relay_sessions_done(struct relay_sessions *sessions);

#endif
