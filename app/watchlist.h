/* watchlist.h - sessions of somebody else that are to be watched: one by name, or
 * all that match a pattern, those to come included. */
#ifndef FT_APP_WATCHLIST_H
#define FT_APP_WATCHLIST_H
#include "app/pipeline.h"
#include "collector/relay.h"

struct watchlist {
    struct relay_url url;         /* hostname and session may have wildcards */
    bool pattern;
    struct pipeline *pipeline;
    int64_t next_look_ns;
    bool unreachable_told, waiting_told, full_told;
    /* With a pattern, what is being watched: */
    struct relay_session *watched;
    size_t count, capacity;
};

/* A session's URL, or one with wildcards; -EINVAL where it is none, or names no session. */
int watchlist_parse(const char *url, struct relay_url *ret_url, struct error *err);

int watchlist_open(struct watchlist *w, const char *url, struct pipeline *pipeline, struct error *err);
/* Looks for sessions to come, at most once a second; for a pattern only. */
void watchlist_look(struct watchlist *w);
/* A session has ended, as the collect stage says. */
void watchlist_ended(struct watchlist *w, const char *url);
void watchlist_close(struct watchlist *w);

#endif
