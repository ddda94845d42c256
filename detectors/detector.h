/* detector.h - what every detector is.
 *
 * A detector looks at one series, one sample at a time, or at one window of a group of
 * series. It owns no memory, no clock and no I/O: all it remembers is
 * `state_size(config)` plain bytes that the host keeps for it, zeroed before init(). The same samples
 * therefore give the same judgements, live or replayed. Detectors only grade;
 * everything about time (hold, hysteresis, k of n, cool-down) is in alerts/.
 *
 * Learning hygiene, for all of them: silence while warming up; the current
 * sample is no part of its own baseline; the spread has a floor; what is called
 * anomalous is not learned, until it has lasted so long that it is the new
 * normal; samples of lossy windows are neither learned nor judged, and what is not
 * judged abstains, so that nobody takes it for a good sign. Adding one is one file
 * and one line in detectors.def. */
#ifndef FT_DETECTORS_DETECTOR_H
#define FT_DETECTORS_DETECTOR_H
#include "base/option.h"
#include "base/text.h"
#include "stream/sample.h"
#include <stddef.h>

enum severity { SEVERITY_OK, SEVERITY_WARNING, SEVERITY_CRITICAL };

/* The numbers are on the wire: append only. What an alert will be said to be. */
enum finding {
    FINDING_THRESHOLD = 1,
    FINDING_ANOMALY = 2,
    FINDING_CHANGE = 3,
    FINDING_SILENCE = 4,
    FINDING_LOSS = 5,
    FINDING_OUTAGE = 6,
    FINDING_TIMEOUT = 7
};

/* Of a series. The numbers are on the wire: append only. */
enum change { CHANGE_NONE, CHANGE_MEAN, CHANGE_SPREAD, CHANGE_BOTH };

/* One sample, and what series it is of; or the sketch of a metric, with statistic STATISTIC_KINDS. */
struct observation {
    int64_t begin_ns, end_ns;  /* of the window */
    double value;              /* never NAN but of a sketch */
    uint64_t count;            /* observations behind it */
    uint32_t quality;          /* enum quality; never partial */
    enum metric_kind kind;
    enum statistic statistic;
    enum unit unit;
    const struct sketch *sketch; /* NULL: of a single statistic */
};

/* One window of a group of series. A series keeps its place for as long as it is a member. */
enum { GROUP_PLACES_MAX = 256, GROUP_NAMED_MAX = 3 };
struct group_observation {
    int64_t begin_ns, end_ns;
    uint32_t quality;          /* enum quality; never partial */
    uint32_t places;
    const double *values;      /* by place, on the scales of detectors/scale.h; NAN: nobody there, or nothing to be said of it */
};

/* A member of a group, as a judgement names it. */
struct group_member {
    uint32_t place;
    double share;              /* of the group's trouble, 0..1 */
    double low, high;          /* of its normal values, on its scale; NAN: no opinion */
};

struct judgement {
    bool abstains;             /* neither good nor bad: learning, or nothing that can be judged */
    bool new_normal;           /* bad, but for so long that it is learned as the normal from here on */
    enum severity severity;
    enum finding finding;
    double score;              /* 0..1, 0.5 is the threshold: detectors/score.h */
    double expected;           /* what a normal value would have been; NAN: no opinion, or nothing is wrong */
    double low, high;          /* the band of normal values; NAN: open */
    double limit;              /* FINDING_THRESHOLD: the limit that was crossed; else NAN */
    int64_t begin_ns;          /* of several windows that were judged as one; 0: of this one */
    int64_t onset_ns;          /* when it began, as far as the detector can tell; 0: this window */
    double magnitude;          /* FINDING_CHANGE: by how much the level moved; else NAN */
    double spread;             /* FINDING_CHANGE: by which factor the spread changed; else NAN */
    enum change changed;       /* FINDING_CHANGE: which of the two, where the detector tells */
    uint32_t voters;           /* of a detector with views: those that were beyond the threshold, as bits */
    uint32_t named_count;      /* of a group in trouble: the members that are most outside, worst first */
    struct group_member named[GROUP_NAMED_MAX];
};

struct detector {
    const char *name;
    const char *summary;
    const struct option *options;
    size_t config_size;
    int (*check)(const void *config, struct error *err);  /* optional: relations between options */
    const char *const *views;                             /* names of what votes in it, NULL-terminated; NULL: nothing does */
    /* Its scope: of single series, NULL when it watches none, */
    size_t (*state_size)(const void *config);
    void (*init)(void *state, const void *config);         /* optional: zeroes will do */
    void (*observe)(void *state, const void *config, const struct observation *o, struct judgement *ret_judgement);
    bool sketch;                                           /* it looks at the sketches of latencies */
    /* Optional: what the last judgement, a bad one, is about, in words. */
    void (*explain)(const void *state, const void *config, const struct observation *o, const struct judgement *j, struct text_out *out);
    /* of groups. */
    struct group_detector {
        size_t (*state_size)(const void *config, uint32_t places);
        void (*init)(void *state, const void *config, uint32_t places); /* optional */
        void (*observe)(void *state, const void *config, const struct group_observation *o, struct judgement *ret_judgement);
        void (*forget)(void *state, const void *config, uint32_t places, uint32_t place); /* another series has the place from here on */
    } group;
};

/* An unremarkable judgement to start from. */
#define JUDGEMENT_OK                                                                                         \
    (struct judgement)                                                                                       \
    {                                                                                                        \
        .severity = SEVERITY_OK, .expected = (double)NAN, .low = (double)NAN, .high = (double)NAN,           \
        .limit = (double)NAN, .magnitude = (double)NAN, .spread = (double)NAN                                \
    }

/* Names a member if it is among those with the largest shares so far. */
static inline void judgement_name(struct judgement *j, const struct group_member *member)
{
    uint32_t at = j->named_count;
    while (at > 0 && j->named[at - 1].share < member->share)
        at--;
    if (at == GROUP_NAMED_MAX || member->share <= 0)
        return;
    j->named_count += j->named_count < GROUP_NAMED_MAX;
    for (uint32_t k = j->named_count - 1; k > at; k--)
        j->named[k] = j->named[k - 1];
    j->named[at] = *member;
}

/* NULL-terminated, in the order of detectors.def. */
extern const struct detector *const detectors[];
const struct detector *detector_find(const char *name);

#endif
