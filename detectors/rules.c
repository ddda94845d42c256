#include "detectors/rules.h"
#include "base/bytes.h"
#include "base/text.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct option auto_options[] = {
    OPTION(struct auto_config, warmup, 0, 1000, "0", "samples to learn from before judging; 0: each detector's own"),
    OPTION(struct auto_config, threshold, 0, 100, "0", "-log10 of the probability at which to warn; 0: each detector's own"),
    OPTION(struct auto_config, rate_period, 0, 3600, "1s", "judge counts and rates over at least this long: at short windows events come in bursts"),
    OPTION_END
};

const struct option group_options[] = {
    OPTION(struct group_settings, name, 0, 0, NULL, "of the group: its alerts are about the metric group.NAME"),
    OPTION(struct group_settings, series, 0, 0, NULL, "pattern of the names of its members, * is allowed; of the statistics that auto watches"),
    OPTION_ONE_OF(struct group_settings, by, "session|labels", "session", "one group a session, or one for each set of labels in it"),
    OPTION(struct group_settings, members, 2, GROUP_PLACES_MAX, "64", "series at most; further ones are left out, and counted"),
    OPTION(struct group_settings, period, 0.001, 3600, "1s", "shorter windows are averaged over so long before they are judged"),
    OPTION_END
};

/* What auto watches, by kind of metric. */
static const struct choice_row {
    enum metric_kind kind;
    enum statistic statistic;
    const char *detector;
} choices[] = {
    { METRIC_COUNTER, STATISTIC_RATE, "combined" }, { METRIC_COUNTER, STATISTIC_RATE, "silence" },
    { METRIC_LATENCY, STATISTIC_RATE, "combined" }, { METRIC_LATENCY, STATISTIC_RATE, "silence" },
    { METRIC_LATENCY, STATISTIC_P50, "combined" },  { METRIC_LATENCY, STATISTIC_P99, "combined" },
    { METRIC_VALUE, STATISTIC_MEAN, "combined" },   { METRIC_VALUE, STATISTIC_RATE, "silence" },
};

static void rule_done(struct rule *rule)
{
    for (uint32_t i = 0; i < rule->count; i++)
        free(rule->use[i].config);
    rule->count = 0;
}

bool auto_watches(enum metric_kind kind, enum statistic statistic)
{
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
        if (choices[i].kind == kind && choices[i].statistic == statistic && strcmp(choices[i].detector, "silence") != 0)
            return true;
    return false;
}

int group_rule_add(struct group_rule *rule, const struct detector *detector, void **config, struct error *err)
{
    if (!detector->group.observe)
        return error_set(err, -EINVAL, "it watches single series, not groups");
    if (rule->count == GROUP_DETECTORS_MAX)
        return error_set(err, -ENOSPC, "more than %d detectors in one group", GROUP_DETECTORS_MAX);
    rule->use[rule->count++] = (struct bound_detector){ detector, *config };
    *config = NULL;
    return 0;
}

int rule_add(struct rule *rule, const struct detector *detector, void **config, struct error *err)
{
    if (!detector->observe)
        return error_set(err, -EINVAL, "it watches groups of series: it belongs under 'groups'");
    if (rule->count == RULE_DETECTORS_MAX)
        return error_set(err, -ENOSPC, "more than %d detectors in one rule", RULE_DETECTORS_MAX);
    rule->use[rule->count++] = (struct bound_detector){ detector, *config };
    *config = NULL;
    return 0;
}

static bool chosen(const char *name)
{
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
        if (strcmp(choices[i].detector, name) == 0)
            return true;
    return false;
}

/* Sets an option in the terms of the option table, where the detector has it. */
static int adjust(const struct detector *d, void *config, const char *name, double value, struct error *err)
{
    char text[32];
    if (value == 0 || !option_find(d->options, name))
        return 0;
    struct text_out out = text_out_init(text, sizeof(text));
    text_printf(&out, "%.17g", value);
    return option_set(d->options, config, name, text, err);
}

int rule_apply_auto(const struct auto_config *settings, const struct detector *d, void *config, struct error *err)
{
    int r = adjust(d, config, "warmup", settings->warmup, err);
    return r == 0 ? adjust(d, config, "threshold", settings->threshold, err) : r;
}

int rule_add_auto(struct rule *rule, const struct auto_config *config, struct error *err)
{
    int r = 0;
    rule->automatic = true;
    rule->settings = *config;
    for (const struct detector *const *d = detectors; *d && r == 0; d++) {
        if (!chosen((*d)->name))
            continue;
        void *c = xcalloc(1, (*d)->config_size);
        options_default((*d)->options, c);
        r = rule_apply_auto(config, *d, c, err);
        if (r == 0 && (*d)->check)
            r = (*d)->check(c, err);
        if (r == 0)
            r = rule_add(rule, *d, &c, err);
        free(c);
    }
    return r;
}

void rules_init(struct rules *rules)
{
    struct auto_config config;
    struct error err;
    memset(rules, 0, sizeof(*rules));
    options_default(auto_options, &config);
    int r = rule_add_auto(&rules->fallback, &config, &err);
    assert(r == 0);
    (void)r;
}

void rules_done(struct rules *rules)
{
    for (uint32_t i = 0; i < rules->count; i++)
        rule_done(&rules->list[i]);
    rule_done(&rules->fallback);
    for (uint32_t i = 0; i < rules->group_count; i++)
        for (uint32_t k = 0; k < rules->groups[i].count; k++)
            free(rules->groups[i].use[k].config);
    rules->group_count = 0;
}

const struct rule *rules_find(const struct rules *rules, const char *series)
{
    for (uint32_t i = 0; i < rules->count; i++)
        if (text_matches(rules->list[i].pattern.s, series))
            return &rules->list[i];
    return &rules->fallback;
}

static enum unit statistic_unit(enum statistic statistic, enum unit unit)
{
    if (statistic == STATISTIC_COUNT)
        return UNIT_NONE;
    return statistic == STATISTIC_RATE ? UNIT_PER_SECOND : unit;
}

/* A limit must be in the unit of what it limits: 50 is no duration. Returns the option that is not. */
static const struct option *misfit(const struct bound_detector *bound, enum unit unit)
{
    for (const struct option *o = bound->detector->options; o->name; o++) {
        const struct quantity *q = (const void *)((const char *)bound->config + o->offset);
        if (o->kind == OPTION_QUANTITY && q->is_set && q->unit != unit && !(q->unit == UNIT_NONE && unit == UNIT_PER_SECOND))
            return o;
    }
    return NULL;
}

/* A detector of a rule that matches some of a meter's series, and whose limits fit none of them. */
struct unfit {
    const struct bound_detector *bound;
    const struct option *option;
    enum unit unit;
    enum statistic statistic;
};

static void tell_unfit(const struct unfit *unfit, const struct meter_description *d, const struct plan *plan,
                       void (*complain)(void *, const char *), void *self)
{
    static const char *const measures[UNIT_KINDS] = { "a plain number", "a time", "a size", "a rate" };
    const struct quantity *q = (const void *)((const char *)unfit->bound->config + unfit->option->offset);
    char text[512], series[SERIES_NAME_MAX];
    struct text_out out = text_out_init(text, sizeof(text));
    for (uint32_t i = 0; i < plan->count; i++)
        if (plan->entries[i].bound == unfit->bound)
            return;
    text_printf(&out, "%s: detector '%s': %s is %s where the series is %s: it does not watch it",
                series_name(d, unfit->statistic, series), unfit->bound->detector->name, unfit->option->name, measures[q->unit],
                measures[unfit->unit]);
    complain(self, text);
}

static bool chosen_for(const struct rule *rule, const struct bound_detector *bound, enum metric_kind kind,
                       enum statistic statistic)
{
    if (!rule->automatic)
        return true;
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
        if (choices[i].kind == kind && choices[i].statistic == statistic &&
            strcmp(choices[i].detector, bound->detector->name) == 0)
            return true;
    return false;
}

static bool looks_at_sketches(const struct rule *rule)
{
    for (uint32_t i = 0; i < rule->count; i++)
        if (rule->use[i].detector->sketch)
            return true;
    return false;
}

bool rules_want_sketch(const void *self, const struct meter_description *d)
{
    const struct rules *rules = self;
    const enum statistic *list;
    char series[SERIES_NAME_MAX];
    uint32_t any = 0;
    while (any < rules->count && !looks_at_sketches(&rules->list[any]))
        any++;
    if ((any == rules->count && !looks_at_sketches(&rules->fallback)) || d->kind != METRIC_LATENCY)
        return false;
    for (uint32_t s = 0, n = metric_statistics(d->kind, &list); s < n; s++)
        if (looks_at_sketches(rules_find(rules, series_name(d, list[s], series))))
            return true;
    return false;
}

/* A sketch is of all statistics together: it is looked at once. */
static bool has_sketch(const struct meter_description *d, const struct plan *plan, const struct bound_detector *bound)
{
    for (uint32_t i = 0; i < plan->count; i++)
        if (plan->entries[i].bound == bound)
            return false;
    return d->kind == METRIC_LATENCY;
}

void rules_plan(const struct rules *rules, const struct meter_description *d, struct plan *plan, bool used[RULES_MAX],
                void (*complain)(void *self, const char *text), void *self)
{
    struct unfit unfit[PLAN_MAX];
    uint32_t unfit_count = 0;
    const enum statistic *list;
    uint32_t statistics = metric_statistics(d->kind, &list);
    char series[SERIES_NAME_MAX];
    memset(plan, 0, sizeof(*plan));
    for (uint32_t s = 0; s < statistics; s++) {
        const struct rule *rule = rules_find(rules, series_name(d, list[s], series));
        if (rule != &rules->fallback)
            used[rule - rules->list] = true;
        if (rule->automatic && d->detail)
            continue;
        for (uint32_t i = 0; i < rule->count; i++) {
            const struct bound_detector *bound = &rule->use[i];
            const struct option *wrong = misfit(bound, statistic_unit(list[s], d->unit));
            if (wrong)
                unfit[unfit_count++] = (struct unfit){ bound, wrong, statistic_unit(list[s], d->unit), list[s] };
            if (wrong || !chosen_for(rule, bound, d->kind, list[s]))
                continue;
            bool sketch = bound->detector->sketch, rate = !sketch && (list[s] == STATISTIC_RATE || list[s] == STATISTIC_COUNT);
            if (sketch && !has_sketch(d, plan, bound))
                continue;
            struct plan_entry *e = &plan->entries[plan->count++];
            e->statistic = sketch ? STATISTIC_KINDS : list[s];
            e->value = s;
            e->bound = bound;
            e->period_ns = rate && rule->automatic ? rule->settings.rate_period.ns : 0;
            e->state_offset = plan->state_size;
            plan->state_size += sizeof(struct gathered) + ((bound->detector->state_size(bound->config) + 7) & ~(size_t)7);
        }
    }
    for (uint32_t i = 0, first = 0; i < unfit_count; i++) {
        for (first = 0; unfit[first].bound != unfit[i].bound;)
            first++;
        if (first == i)
            tell_unfit(&unfit[i], d, plan, complain, self);
    }
}
