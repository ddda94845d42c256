/* rules.h - which detectors watch which series. Rules of the configuration come
 * first, the first match decides; what no rule names is watched as `auto`
 * chooses for its kind. */
#ifndef FT_DETECTORS_RULES_H
#define FT_DETECTORS_RULES_H
#include "detectors/detector.h"

enum { RULE_DETECTORS_MAX = 8, RULES_MAX = 128, PLAN_MAX = STATISTIC_KINDS * RULE_DETECTORS_MAX };

/* A detector with its configuration. */
struct bound_detector {
    const struct detector *detector;
    void *config; /* owned by the rule */
};

struct rule {
    struct text pattern;     /* of series names, wildcards allowed */
    bool automatic;          /* what auto chooses, with `use` holding its detectors' configurations */
    int64_t rate_period_ns;  /* automatic: counts and rates are judged over at least this long */
    uint32_t count;          /* 0: such series are not watched */
    struct bound_detector use[RULE_DETECTORS_MAX];
};

/* What a user may set for auto; each default of 0 leaves a detector's own. */
struct auto_config {
    uint32_t warmup;
    double threshold;
    struct duration rate_period;
};
extern const struct option auto_options[];

struct rules {
    uint32_t count;
    struct rule list[RULES_MAX];
    struct rule fallback;    /* auto with its defaults */
};

void rules_init(struct rules *rules);
void rules_done(struct rules *rules);
/* -ENOSPC beyond RULE_DETECTORS_MAX. The config is taken over on success. */
int rule_add(struct rule *rule, const struct detector *detector, void **config, struct error *err);
/* Makes the rule an automatic one. */
int rule_add_auto(struct rule *rule, const struct auto_config *config, struct error *err);

/* Who watches the series of one meter. */
struct plan {
    uint32_t count;
    struct plan_entry {
        enum statistic statistic;
        uint32_t value;              /* place in a meter sample's values */
        const struct bound_detector *bound;
        int64_t period_ns;           /* windows are added up to this length first; 0: each is judged */
        size_t state_offset;         /* of a struct gathered, when there is a period, and the detector's own */
    } entries[PLAN_MAX];
    size_t state_size;
};
/* Counts being added up over several windows. */
struct gathered {
    int64_t begin_ns;                /* 0: nothing yet */
    uint64_t count;
    uint32_t quality;
};
/* Fills the plan for a meter. A limit in another unit than a series' does not watch
 * it; one that fits none of the meter's series that its rule matches is told to
 * `complain`. used has a place per rule, set when the rule matched. */
void rules_plan(const struct rules *rules, const struct meter_description *d, struct plan *ret_plan,
                bool used[RULES_MAX], void (*complain)(void *self, const char *text), void *self);

#endif
