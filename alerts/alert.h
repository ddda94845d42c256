/* alert.h - what people and programs are told: something is wrong, what, since
 * when, how it is known; and that it is over. docs/wire.md has the bytes. */
#ifndef FT_ALERTS_ALERT_H
#define FT_ALERTS_ALERT_H
#include "detectors/verdict.h"

enum { ALERT_VERSION = 1, VOTERS_MAX = 12, VOTER_TEXT_MAX = 96, SUMMARY_TEXT_MAX = 640, ADVICE_TEXT_MAX = 320, TOPIC_TEXT_MAX = 320 };

/* The numbers are on the wire: append only. */
enum alert_state { ALERT_PENDING = 1, ALERT_FIRING = 2, ALERT_RESOLVED = 3 };

struct alert {
    uint64_t id;       /* of this episode: the same fault in a replay has the same id */
    uint64_t key;      /* of what it is about: the same for all its episodes */
    uint64_t sequence; /* of the transition, within the publisher's epoch */
    enum alert_state state;
    enum finding kind;
    enum severity severity;
    char host[NAME_TEXT_MAX], session[NAME_TEXT_MAX], analysis[NAME_TEXT_MAX], metric[NAME_TEXT_MAX];
    uint32_t label_count;
    struct label labels[LABELS_MAX];
    enum statistic statistic;              /* that says it most clearly; STATISTIC_KINDS: none */
    enum unit unit;
    int64_t window_begin_ns, window_end_ns;
    int64_t began_ns;                      /* when the fault began, as far as can be told */
    int64_t detected_ns;                   /* when the alert began to fire */
    int64_t resolved_ns;                   /* 0: not yet */
    double value, expected, low, high, limit, magnitude, score; /* NAN: none */
    double spread;                         /* of a change: by which factor; NAN: none */
    enum change changed;
    uint32_t voter_count;
    char voters[VOTERS_MAX][VOTER_TEXT_MAX];                    /* "zscore(p99)" */
    uint32_t quality;
    uint64_t lost;
    uint64_t pending;                      /* timeouts: operations overdue */
    uint64_t count;                        /* windows or operations that spoke for it so far */
    uint32_t evidence_count;
    struct operation evidence[WORST_MAX];
    char detail[NAME_TEXT_MAX];
    char summary[SUMMARY_TEXT_MAX];        /* a sentence for people */
    char advice[ADVICE_TEXT_MAX];          /* what to do next */
};

const char *alert_state_name(enum alert_state state);

/* The body of an ALERT message: a map by field name. */
void alert_put(struct bytes *b, const struct alert *a);
/* Unknown fields are skipped: later versions add some. */
bool alert_get(struct wire_reader *r, struct alert *ret_alert);

/* "alert.SEVERITY.ANALYSIS". Returns buffer. */
const char *alert_topic(const struct alert *a, char buffer[TOPIC_TEXT_MAX]);

/* The series' name with the statistic, where there is one. Returns buffer. */
const char *alert_series(const struct alert *a, char buffer[SERIES_NAME_MAX]);

/* Writes summary and advice from the other fields. */
void alert_explain(struct alert *a);

#endif
