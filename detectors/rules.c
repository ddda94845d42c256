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

/* What auto watches, by kind of metric. */
static const struct choice_row {
    enum metric_kind kind;
    enum statistic statistic;
    const char *detector;
} choices[] = {
    { METRIC_COUNTER, STATISTIC_RATE, "zscore" },   { METRIC_COUNTER, STATISTIC_RATE, "change_point" },
    { METRIC_COUNTER, STATISTIC_RATE, "silence" },  { METRIC_LATENCY, STATISTIC_RATE, "zscore" },
    { METRIC_LATENCY, STATISTIC_RATE, "change_point" }, { METRIC_LATENCY, STATISTIC_RATE, "silence" },
    { METRIC_LATENCY, STATISTIC_P50, "zscore" },    { METRIC_LATENCY, STATISTIC_P50, "change_point" },
    { METRIC_LATENCY, STATISTIC_P99, "zscore" },    { METRIC_LATENCY, STATISTIC_P99, "change_point" },
    { METRIC_VALUE, STATISTIC_MEAN, "zscore" },     { METRIC_VALUE, STATISTIC_MEAN, "moving_average" },
    { METRIC_VALUE, STATISTIC_MEAN, "change_point" },
};

static void rule_done(struct rule *rule)
{
    for (uint32_t i = 0; i < rule->count; i++)
        free(rule->use[i].config);
    rule->count = 0;
}

int rule_add(struct rule *rule, const struct detector *detector, void **config, struct error *err)
{
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

int rule_add_auto(struct rule *rule, const struct auto_config *config, struct error *err)
{
    int r = 0;
    rule->automatic = true;
    rule->rate_period_ns = config->rate_period.ns;
    for (const struct detector *const *d = detectors; *d && r == 0; d++) {
        if (!chosen((*d)->name))
            continue;
        void *c = xcalloc(1, (*d)->config_size);
        options_default((*d)->options, c);
        r = adjust(*d, c, "warmup", config->warmup, err);
        if (r == 0)
            r = adjust(*d, c, "threshold", config->threshold, err);
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
}

static const struct rule *find_rule(const struct rules *rules, const char *series)
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
        const struct rule *rule = find_rule(rules, series_name(d, list[s], series));
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
            struct plan_entry *e = &plan->entries[plan->count++];
            bool rate = list[s] == STATISTIC_RATE || list[s] == STATISTIC_COUNT;
            e->statistic = list[s];
            e->value = s;
            e->bound = bound;
            e->period_ns = rate && rule->automatic ? rule->rate_period_ns : 0;
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
