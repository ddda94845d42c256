/* own_session.h - the live session `foretrace run` makes, with the daemons it
 * needs: set up so that a reader can attach before the first event. */
#ifndef FT_APP_OWN_SESSION_H
#define FT_APP_OWN_SESSION_H
#include "app/config.h"
#include "collector/daemons.h"
#include "collector/relay.h"

struct own_session {
    const struct config *config;
    const char *keep;               /* where the trace is to stay, or NULL */
    char label[64];                 /* what the session is about: the program's name */
    struct session *control;
    struct sessiond sessiond;
    struct relayd relayd;
    bool exists;                    /* the session, as far as is known */
    char name[192];
    struct relay_url url;           /* of the live session */
};

/* Starts daemons where they are missing, creates the session and enables what
 * the analyses need. Nothing is traced yet. A failure leaves nothing behind. */
int own_session_open(struct own_session *s, const struct config *config, const char *label, const char *keep,
                     struct error *err);
/* What the tracer itself counted as lost; `known`: it answered. */
struct tracer_losses {
    bool known;
    uint64_t events, packets;
};
/* Stops tracing, asks the tracer for its own counts, and destroys the session; the
 * reader then comes to its end. */
void own_session_finish(struct own_session *s, struct tracer_losses *ret_losses);
/* Ends what own_session_open() started. */
void own_session_close(struct own_session *s);
/* The session, or a daemon of it, is gone: gives it up and makes another, with
 * daemons where they are missing. */
int own_session_renew(struct own_session *s, struct error *err);

#endif
