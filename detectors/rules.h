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

/* What a user may set for auto; each default of 0 leaves a detector's own. */
struct auto_config {
    uint32_t warmup;
    double threshold;
    struct duration rate_period;
};
extern const struct option auto_options[];

struct rule {
    struct text pattern;     /* of series names, wildcards allowed */
    bool automatic;          /* what auto chooses, with `use` holding its detectors' configurations */
    struct auto_config settings; /* automatic */
    uint32_t count;          /* 0: such series are not watched */
    struct bound_detector use[RULE_DETECTORS_MAX];
};

/* Series that are judged together, a window of all of them at a time. One group for each distinct host, session and,
 * when `by` says so, set of labels; its members are the series that match, of the statistics that auto watches. */
enum group_by { GROUP_BY_SESSION, GROUP_BY_LABELS }; /* in the order of the option's words */
struct group_settings {
    struct text name, series;
    struct choice by;
    uint32_t members;
    struct duration period;
};
extern const struct option group_options[];
enum { GROUP_RULES_MAX = 16, GROUP_DETECTORS_MAX = 4 };
struct group_rule {
    struct group_settings settings;
    uint32_t count;
    struct bound_detector use[GROUP_DETECTORS_MAX]; /* that watch groups */
};

struct rules {
    uint32_t count;
    struct rule list[RULES_MAX];
    uint32_t group_count;
    struct group_rule groups[GROUP_RULES_MAX];
    struct rule fallback;    /* auto with its defaults */
};

void rules_init(struct rules *rules);
void rules_done(struct rules *rules);
/* -ENOSPC beyond RULE_DETECTORS_MAX; -EINVAL when it watches groups only. The config is taken over on success. */
int rule_add(struct rule *rule, const struct detector *detector, void **config, struct error *err);
/* -ENOSPC beyond GROUP_DETECTORS_MAX; -EINVAL when it watches no groups. The config is taken over on success. */
int group_rule_add(struct group_rule *rule, const struct detector *detector, void **config, struct error *err);
/* Whether auto watches how that statistic of that kind of metric behaves, and not just whether there is anything. */
bool auto_watches(enum metric_kind kind, enum statistic statistic);
/* Makes the rule an automatic one. */
int rule_add_auto(struct rule *rule, const struct auto_config *config, struct error *err);
/* Sets what the user said of auto in a detector's configuration, where it has such an option. */
int rule_apply_auto(const struct auto_config *settings, const struct detector *detector, void *config, struct error *err);
/* The rule for a series by its name; never NULL. */
const struct rule *rules_find(const struct rules *rules, const char *series);

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
    int64_t begin_ns, end_ns;        /* end_ns 0: nothing yet */
    uint64_t count;
    uint32_t quality;
};
/* Whether a rule has a detector that wants the sketches of this meter. self: struct rules. */
bool rules_want_sketch(const void *self, const struct meter_description *d);
/* Fills the plan for a meter. A detector that looks at sketches watches a latency once, whichever of its series its rule
 * matches first. A limit in another unit than a series' does not watch
 * it; one that fits none of the meter's series that its rule matches is told to
 * `complain`. used has a place per rule, set when the rule matched. */
void rules_plan(const struct rules *rules, const struct meter_description *d, struct plan *ret_plan,
                bool used[RULES_MAX], void (*complain)(void *self, const char *text), void *self);

#endif
