/* follow.h - the events of a live session as they come, for `foretrace events`. */
#ifndef FT_APP_FOLLOW_H
#define FT_APP_FOLLOW_H
#include "collector/event_text.h"

struct follow {
    const char *url;
    bool history;                               /* what lttng-relayd holds already as well */
    const struct event_text_consumer *consumer;
    int signals;                                /* of loop_open_signals() */
    void (*flush)(void *self);                  /* now and then: what was printed is to be seen */
    void *self;
};

/* Until the session ends, or an interrupt. A session that is not there yet is waited for; one that another foretrace on this
 * machine watches is read along there. 0, or negative with err. */
int follow_run(struct follow *follow, struct error *err);

#endif
