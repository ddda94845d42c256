/* pair_private.h - what a pair is, for the two files that make it up: pair.c, what is done for each event, and pair_setup.c. */
#ifndef FT_STREAM_PAIR_PRIVATE_H
#define FT_STREAM_PAIR_PRIVATE_H
#include "stream/pair.h"

enum { SLOT_TEXT = 48, SLOTS_MAX = PAIRING_KEY_MAX + PAIR_LABELS_MAX + PAIR_EVIDENCE_MAX };

/* A value that outlives its event. */
struct slot {
    struct value value;
    char text[SLOT_TEXT];
};

/* What is kept with a pending operation: slots for labels, key, evidence. */
struct kept {
    struct meter_ref meter;
    bool labelled;        /* all labels are known: the end need not tell them */
    struct slot slots[];
};

struct pair {
    struct stream *stream;
    struct observer *report; /* pair_report.c; NULL when live */
    struct pair_spec spec;
    char *texts[SLOTS_MAX * 2 + 4];
    uint32_t text_count;
    struct family *family;
    struct meter_ref only;  /* without labels from events there is one meter */
    struct pairing pairing;
    struct pairing_counts published;
    uint32_t timer;
    bool bare;            /* neither labels nor evidence are kept */
    int64_t soonest_ns;   /* so long after its begin an operation is looked at: timeout or collection; 0: never */
    int64_t armed_from_ns; /* the timer is due in time for operations that begin from here on */
    int thread_item;      /* which part of the key is a vtid; -1: none */
    bool use_pid_ns;      /* every class bound so far tells the pid namespace */
    double worst_ns;      /* worst_only: the longest so far */
    uint64_t suppressed, unkeyed, suppressed_published, unkeyed_published;
};

/* pair_report.c: the pair's operations as observations of a report; NULL when there is none. */
struct observer *pair_report_new(const struct pair *pair);
/* end: the class and values of the end event. */
void pair_report(const struct pair *pair, const struct kept *kept, int64_t begin_ns, int64_t end_ns, const struct pair_side *side, const struct event *end);

/* pair.c: for the pairing engine, and for the timer. */
extern const struct pairing_ops pair_ops;
int64_t pair_on_due(void *pair, int64_t now_ns);

#endif
