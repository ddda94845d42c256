/* detector.h - what every detector is.
 *
 * A detector looks at one series, one sample at a time. It owns no memory, no
 * clock and no I/O: all it remembers is `state_size(config)` plain bytes that
 * the host keeps for it per series, zeroed before init(). The same samples
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

/* One sample, and what series it is of. */
struct observation {
    int64_t begin_ns, end_ns;  /* of the window */
    double value;              /* never NAN */
    uint64_t count;            /* observations behind it */
    uint32_t quality;          /* enum quality; never partial */
    enum metric_kind kind;
    enum statistic statistic;
    enum unit unit;
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
    int64_t onset_ns;          /* when it began, as far as the detector can tell; 0: this window */
    double magnitude;          /* FINDING_CHANGE: by how much the level moved; else NAN */
};

struct detector {
    const char *name;
    const char *summary;
    const struct option *options;
    size_t config_size;
    size_t (*state_size)(const void *config);
    int (*check)(const void *config, struct error *err);  /* optional: relations between options */
    void (*init)(void *state, const void *config);         /* optional: zeroes will do */
    void (*observe)(void *state, const void *config, const struct observation *o, struct judgement *ret_judgement);
};

/* An unremarkable judgement to start from. */
#define JUDGEMENT_OK                                                                                         \
    (struct judgement)                                                                                       \
    {                                                                                                        \
        .severity = SEVERITY_OK, .expected = (double)NAN, .low = (double)NAN, .high = (double)NAN,           \
        .limit = (double)NAN, .magnitude = (double)NAN                                                       \
    }

/* NULL-terminated, in the order of detectors.def. */
extern const struct detector *const detectors[];
const struct detector *detector_find(const char *name);

#endif
