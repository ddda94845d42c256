/* ctf_burst.h - events in a row of one stream: nothing else is looked at between them. This is where nearly all events
 * of LTTng are read, and where a reader's time goes. */
#ifndef FT_COLLECTOR_CTF_BURST_H
#define FT_COLLECTOR_CTF_BURST_H
#include "collector/ctf_stream.h"

struct ctf_burst {
    const struct event_consumer *consumer;
    struct value *values;  /* EVENT_VALUES_MAX of them */
    int64_t bound_ns;      /* only events before; INT64_MAX: all */
    uint32_t budget;       /* at most so many, at least 1; less afterwards */
    int64_t last_ns;       /* returned: the time of the last one delivered */
};

/* Only of streams with LTTng's headers. */
static inline bool ctf_burst_can(const struct ctf_stream *s)
{
    return s->kind->quick.count > 0;
}
/* Delivers the event that was found, which has a time, and those that follow it. 1: the next one is found, 0: it is still
 * to be found; negative with err: damaged. */
int ctf_burst(struct ctf_burst *b, struct ctf_stream *s, struct error *err);

#endif
