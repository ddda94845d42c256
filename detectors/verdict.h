/* verdict.h - what the detect stage hands on: a series in trouble (or no longer),
 * with all that alerts/ needs to know of it. docs/wire.md has the bytes. */
#ifndef FT_DETECTORS_VERDICT_H
#define FT_DETECTORS_VERDICT_H
#include "detectors/detector.h"

/* The detail of a bad grade that is the last one: the level is normal from here on. */
#define VERDICT_NEW_NORMAL "taken for normal by now"

enum { DETECTOR_NAME_MAX = 64, ACTION_TEXT_MAX = 256 };

/* The numbers are on the wire: append only. */
enum verdict_kind {
    VERDICT_GRADE = 1, /* of one window: severity may be OK */
    VERDICT_RAISE = 2, /* a fact that does not wait for a window */
    VERDICT_CLEAR = 3  /* and its end */
};

struct verdict {
    uint64_t id;        /* a hash of series, window and detector: the same fact has the same id */
    enum verdict_kind kind;
    enum finding finding;
    enum severity severity;
    char host[NAME_TEXT_MAX], session[NAME_TEXT_MAX], analysis[NAME_TEXT_MAX], metric[NAME_TEXT_MAX];
    uint32_t label_count;
    struct label labels[LABELS_MAX];
    enum unit unit;
    enum statistic statistic;        /* STATISTIC_KINDS: of no single one */
    char detector[DETECTOR_NAME_MAX];
    int64_t begin_ns, end_ns;        /* the window; of a raise, the operation or the loss */
    int64_t onset_ns;                /* when it began */
    double value, expected, low, high, limit, magnitude, score; /* NAN: none */
    double spread;                   /* of a change: by which factor; NAN: none */
    enum change changed;
    uint32_t quality;
    uint64_t lost;
    uint64_t pending;                /* of a timeout: operations overdue */
    char detail[NAME_TEXT_MAX];      /* for people; may be empty; VERDICT_NEW_NORMAL has a meaning */
    uint32_t evidence_count;
    struct operation evidence[WORST_MAX];
};

void verdict_put(struct bytes *b, const struct verdict *v);
bool verdict_get(struct wire_reader *r, struct verdict *ret_verdict);
/* Sets the id from what the verdict is about. */
void verdict_identify(struct verdict *v);

/* Analysis of verdicts about groups of series. */
#define VERDICT_GROUP_ANALYSIS "group"
/* Analysis and metric of verdicts about foretrace's own stages, labelled `stage` and `name`. */
#define VERDICT_OWN_ANALYSIS "foretrace"
#define VERDICT_STAGE_METRIC "stage"
#define VERDICT_DROPPED_METRIC "dropped_windows"
#define VERDICT_PARTIAL_METRIC "partial_outage"
/* A stage, "collect" or "detect", is silent since about time_ns, or is heard again; VERDICT_RUN_STAGE: foretrace itself,
 * all of its stages in one process, was killed and goes on. */
#define VERDICT_RUN_STAGE "run"
void verdict_of_stage(struct verdict *ret_verdict, const char *stage, const char *name, bool silent, int64_t time_ns);

/* A window of a source has been judged: all its verdicts were sent before. */
struct window_done {
    char host[NAME_TEXT_MAX], session[NAME_TEXT_MAX];
    int64_t begin_ns, end_ns;
    uint32_t quality;
};
void window_done_put(struct bytes *b, const struct window_done *w);
/* Windows longer than WINDOW_NS_MAX are refused. */
#define WINDOW_NS_MAX INT64_C(86400000000000)
bool window_done_get(struct wire_reader *r, struct window_done *ret_window);
/* The same window has the same id. */
uint64_t window_done_id(const struct window_done *w);

const char *finding_name(enum finding finding);
/* "mean", "spread", "both"; empty: not told. */
const char *change_name(enum change change);
const char *severity_name(enum severity severity);

#endif
