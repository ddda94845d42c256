/* live_outage.h - the time during which a live session is not observed, or not all of it: when that begins, when it is told, and
 * whether it turns out to be none, since lttng-relayd had it all the same. Event time throughout, unless said otherwise. */
#ifndef FT_COLLECTOR_LIVE_OUTAGE_H
#define FT_COLLECTOR_LIVE_OUTAGE_H
#include "collector/event.h"

/* Why there is an outage. From OUTAGE_STALL on something comes meanwhile, and is not all. */
enum outage { OUTAGE_NONE, OUTAGE_FAILURE, OUTAGE_SILENCE, OUTAGE_STALL, OUTAGE_LACKING };

enum outage_excuse { OUTAGE_STANDS, OUTAGE_EXCUSED, OUTAGE_ADMITTED };

struct live_outage {
    const struct event_consumer *consumer; /* the owner's */
    enum outage cause;
    int64_t begin_ns;
    char reason[160];
    int64_t tell_at_ns;  /* monotonic: one that may still turn out to be none is told then; 0: it has been */
    bool inherited;      /* of an earlier process, which may have told outages and no end of them */
    uint64_t count;      /* outages, ever */
    uint64_t delays;     /* that turned out to be none */
};

/* Begins one at now_ns, unless one is open; silence that turns out to be a stream that stalls was a delay of the others. now_ns is
 * INT64_MIN where nothing was ever read: then nothing is missed. */
void live_outage_open(struct live_outage *o, enum outage cause, const char *reason, int64_t now_ns);
/* Likewise, from an earlier process' last window on. It is told at tell_at_ns (monotonic), if it has not ended by then. */
void live_outage_go_on(struct live_outage *o, const char *reason, int64_t window_ns, int64_t tell_at_ns);
/* The reader has broken off. Silence before it may hide what is missing now; streams that stalled did so until here. */
void live_outage_break_off(struct live_outage *o, const char *reason, int64_t now_ns);
/* Tells one that waited to be told. */
void live_outage_tell(struct live_outage *o, int64_t now_ns);
/* Tells one whose time to be told has come. */
void live_outage_tick(struct live_outage *o, int64_t monotonic_ns, int64_t now_ns);
/* What was missed ends at end_ns; nothing where none is open. */
void live_outage_end(struct live_outage *o, int64_t end_ns, int64_t now_ns);
/* lttng-relayd still has what could not be read: it was a delay. lacking: but for programs that had buffers of their own, and
 * ended meanwhile; what is read of that time is not all. */
enum outage_excuse live_outage_excuse(struct live_outage *o, bool lacking, int64_t now_ns);

#endif
