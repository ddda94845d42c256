/* own_session.h - the live session `foretrace run` makes, with the daemons it
 * needs: set up so that a reader can attach before the first event. */
#ifndef FT_APP_OWN_SESSION_H
#define FT_APP_OWN_SESSION_H
#include "app/config.h"
#include "collector/daemons.h"
#include "collector/relay.h"

struct own_session {
    const struct config *config;
    const char *runtime_dir, *keep; /* keep: where the trace is to stay, or NULL */
    char label[64];                 /* what the session is about: the program's name */
    struct session *control;
    struct sessiond sessiond;
    struct relayd relayd;
    char name[192];
    struct relay_url url;           /* of the live session */
};

/* Starts daemons where they are missing, creates the session and enables what
 * the analyses need. Nothing is traced yet. A failure leaves nothing behind. */
int own_session_open(struct own_session *s, const struct config *config, const char *label, const char *runtime_dir,
                     const char *keep, struct error *err);
/* Stops tracing, asks the tracer for its own counts of losses (*ret_known:
 * whether it answered), and destroys the session; the reader then comes to its end. */
void own_session_finish(struct own_session *s, uint64_t *ret_discarded, bool *ret_known);
/* Ends what own_session_open() started. */
void own_session_close(struct own_session *s);
/* The relayd is gone: gives up the session as it is and makes another. */
int own_session_renew(struct own_session *s, struct error *err);

#endif
