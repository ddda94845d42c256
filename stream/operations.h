/* operations.h - pairs of a kernel analysis: the pairing engine with its timer, its counters, and what a loss does. */
#ifndef FT_STREAM_OPERATIONS_H
#define FT_STREAM_OPERATIONS_H
#include "stream/analysis.h"
#include "stream/pairing.h"

/* What can be configured of an analysis of pairs; of one with more options, its first member. */
struct operations_config {
    struct text name;
    struct duration threshold, timeout;
    struct text_list thresholds;
    uint32_t max_pending;
};

/* Their options: what a threshold is for, what other ones go by, the timeout and what it is for, how many of what are pending. */
#define OPERATIONS_OPTIONS(analysis, threshold_of, thresholds_by, timeout_default, timeout_of, most, most_of)                    \
    OPTION(struct operations_config, name, 0, 0, analysis, "what its series are called"),                                       \
    OPTION(struct operations_config, threshold, 0, 86400, "0s", "report any " threshold_of "; 0s: none"),                       \
    OPTION(struct operations_config, thresholds, 0, TEXT_LIST_MAX, "", "other thresholds by " thresholds_by),                   \
    OPTION(struct operations_config, timeout, 0, 86400, timeout_default, "report any " timeout_of),                             \
    OPTION(struct operations_config, max_pending, 1, 16777216, most, most_of " at a time")

/* check() where there are no others. */
int operations_check(const void *config, struct error *err);
/* Of what has its thresholds. */
struct observer *operations_observer(struct stream *s, const struct operations_config *config, const struct observable *what, const struct metric_info *emits);

/* `overdue_ops` of an analysis that tells of what is overdue by overdue(self, p, time_ns, kind). */
#define OPERATIONS_OVERDUE(overdue, on_dropped)                                                                                 \
    static void on_timed_out(void *self, struct pending *p, int64_t deadline_ns)                                                \
    {                                                                                                                           \
        overdue(self, p, deadline_ns, EXCEEDANCE_TIMEOUT);                                                                      \
    }                                                                                                                           \
    static void on_abandoned(void *self, struct pending *p, int64_t time_ns)                                                    \
    {                                                                                                                           \
        overdue(self, p, time_ns, EXCEEDANCE_COLLECTED);                                                                        \
    }                                                                                                                           \
    static const struct pairing_ops overdue_ops = { .timed_out = on_timed_out, .abandoned = on_abandoned, .dropped = (on_dropped) }

struct operations {
    struct stream *stream;
    const char *analysis;
    struct pairing pairing;
    struct pairing_counts published;
    uint32_t timer;
    bool quiet;         /* ends without a begin, and begins of what is pending, are in the nature of it: not published */
    int64_t soonest_ns; /* shortest time after which something is due; 0: never */
};

/* ops may be NULL where config has no timeout; its functions get self. */
void operations_init(struct operations *o, struct stream *s, const char *analysis, const struct pairing_config *config,
                     const struct pairing_ops *ops, void *self);
void operations_done(struct operations *o);
/* As pairing_begin() and pairing_end(). */
void *operations_begin(struct operations *o, const uint64_t *key, int64_t time_ns);
static inline void operations_end(struct operations *o, const uint64_t *key, int64_t time_ns, pairing_ended ended, const void *context)
{
    pairing_end(&o->pairing, key, time_ns, ended, context);
}
/* The oldest that is pending with a key; NULL: none. */
struct pending *operations_pending(const struct operations *o, const uint64_t *key);
void operations_lost(struct operations *o, int64_t end_ns);
/* In window(): publishes what was unmatched, skipped, ... since the last call. */
void operations_publish(struct operations *o);
/* The same for any pairing engine. */
void pairing_publish(struct stream *s, const char *analysis, const struct pairing_counts *now, struct pairing_counts *published);

#endif
