/* threshold.c - fixed limits, above and below. The score is how far beyond the
 * limit the value is: 0.5 at the limit itself. */
#include "detectors/detector.h"
#include <errno.h>
#include <math.h>

struct config {
    struct quantity warning, critical;              /* above */
    struct quantity below_warning, below_critical;
};

static const struct option options[] = {
    OPTION(struct config, warning, 0, 0, "none", "value above which to warn"),
    OPTION(struct config, critical, 0, 0, "none", "value above which it is critical"),
    OPTION(struct config, below_warning, 0, 0, "none", "value below which to warn"),
    OPTION(struct config, below_critical, 0, 0, "none", "value below which it is critical"),
    OPTION_END
};

static int check(const void *config, struct error *err)
{
    const struct config *c = config;
    if (!c->warning.is_set && !c->critical.is_set && !c->below_warning.is_set && !c->below_critical.is_set)
        return error_set(err, -EINVAL, "no limit is given (warning, critical, below_warning, below_critical)");
    char warning[UNIT_TEXT_MAX], critical[UNIT_TEXT_MAX];
    if (c->warning.is_set && c->critical.is_set && c->warning.value > c->critical.value)
        return error_set(err, -EINVAL, "warning (%s) is above critical (%s)",
                         unit_format_exact(warning, c->warning.value, c->warning.unit),
                         unit_format_exact(critical, c->critical.value, c->critical.unit));
    if (c->below_warning.is_set && c->below_critical.is_set && c->below_warning.value < c->below_critical.value)
        return error_set(err, -EINVAL, "below_warning (%s) is below below_critical (%s)",
                         unit_format_exact(warning, c->below_warning.value, c->below_warning.unit),
                         unit_format_exact(critical, c->below_critical.value, c->below_critical.unit));
    return 0;
}

static size_t state_size(const void *config)
{
    (void)config;
    return 0;
}

/* The limit of a side that counts: critical when crossed, else warning, else whichever there is. */
static const struct quantity *limit_of(const struct quantity *warning, const struct quantity *critical, double value,
                                       bool above)
{
    bool crossed = critical->is_set && (above ? value > critical->value : value < critical->value);
    return crossed || !warning->is_set ? critical : warning;
}

static double score_of(double value, double limit, bool above)
{
    double v = fabs(value) / 2, l = fabs(limit) / 2; /* halves: their sum is a number whatever they are */
    if (v + l == 0)
        return value == limit ? 0.5 : (value > limit) == above;
    if ((value < 0) != (limit < 0)) /* far from it, on one side or the other */
        return (value > limit) == above;
    bool larger_is_worse = above == (limit >= 0);
    return larger_is_worse ? v / (v + l) : l / (v + l);
}

static void grade(const struct quantity *warning, const struct quantity *critical, double value, bool above,
                  struct judgement *j)
{
    const struct quantity *limit = limit_of(warning, critical, value, above);
    if (!limit->is_set)
        return;
    double score = score_of(value, limit->value, above);
    bool crossed = above ? value > limit->value : value < limit->value;
    enum severity severity = !crossed ? SEVERITY_OK : limit == critical ? SEVERITY_CRITICAL : SEVERITY_WARNING;
    if (severity < j->severity || (severity == j->severity && score < j->score))
        return;
    j->severity = severity;
    j->score = score;
    j->limit = limit->value;
    j->expected = limit->value;
}

static void observe(void *state, const void *config, const struct observation *o, struct judgement *j)
{
    const struct config *c = config;
    (void)state;
    *j = JUDGEMENT_OK;
    j->finding = FINDING_THRESHOLD;
    grade(&c->warning, &c->critical, o->value, true, j);
    /* A rate that is low because events were lost is no fact. */
    bool undercounted = (o->quality & QUALITY_LOSSY) && (o->statistic == STATISTIC_COUNT || o->statistic == STATISTIC_RATE);
    if (!undercounted)
        grade(&c->below_warning, &c->below_critical, o->value, false, j);
}

const struct detector detector_threshold = {
    .name = "threshold",
    .summary = "fixed limits, above and below",
    .options = options,
    .config_size = sizeof(struct config),
    .state_size = state_size,
    .check = check,
    .observe = observe,
};
