#include "app/score_judge.h"
#include "base/bytes.h"
#include "base/text.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int set_options(const struct score_watch *watch, const struct score_setup *setup, struct error *err)
{
    const struct detector *d = watch->detector;
    const struct rule *rule = rules_find(&setup->config->rules, setup->names[0]);
    int r = 0;
    options_default(d->options, watch->config);
    if (rule->automatic)
        r = rule_apply_auto(&rule->settings, d, watch->config, err);
    for (uint32_t i = 0; i < rule->count && !rule->automatic; i++)
        if (rule->use[i].detector == d)
            memcpy(watch->config, rule->use[i].config, d->config_size);
    for (uint32_t i = 0; i < setup->options.count && r == 0; i++) {
        char name[64];
        size_t size = strcspn(setup->options.items[i], "=");
        if (setup->options.items[i][size] != '=' || size >= sizeof(name))
            return error_set(err, -EINVAL, "--option %s: NAME=VALUE was expected", setup->options.items[i]);
        memcpy(name, setup->options.items[i], size);
        name[size] = 0;
        r = option_set(d->options, watch->config, name, setup->options.items[i] + size + 1, err);
    }
    if (r == 0)
        r = options_complete(d->options, watch->config, err);
    if (r == 0 && d->check)
        r = d->check(watch->config, err);
    return r;
}

static int complain_of(const char *name, struct error *err)
{
    const char *names[64];
    size_t n = 0;
    for (const struct detector *const *d = detectors; *d && n < sizeof(names) / sizeof(names[0]); d++)
        names[n++] = (*d)->name;
    const char *near = text_nearest(name, names, n);
    return error_set(err, -ENOENT, "there is no detector '%s'%s%s%s; see `foretrace list detectors`", name, near ? " (did you mean '" : "",
                     near ? near : "", near ? "'?)" : "");
}

static int open_watch(struct score_watch *watch, const struct score_setup *setup, const char *name, struct error *err)
{
    const struct detector *d = detector_find(name);
    if (!d)
        return complain_of(name, err);
    *watch = (struct score_watch){ .detector = d, .config = xcalloc(1, d->config_size + 1) };
    int r = set_options(watch, setup, err);
    return r < 0 ? error_wrap(err, r, "detector '%s'", name) : 0;
}

int score_watch_open_group(struct score_watch *watch, const struct score_setup *setup, const char *name, struct error *err)
{
    int r = open_watch(watch, setup, name, err);
    if (r < 0)
        return r;
    const struct group_detector *g = &watch->detector->group;
    if (!g->observe)
        return error_set(err, -EINVAL, "detector '%s' watches single series, not groups", name);
    if (setup->columns > GROUP_PLACES_MAX)
        return error_set(err, -E2BIG, "%u columns of values: a group has at most %d", setup->columns, GROUP_PLACES_MAX);
    watch->state = xcalloc(1, g->state_size(watch->config, setup->columns));
    if (g->init)
        g->init(watch->state, watch->config, setup->columns);
    return 0;
}

int score_watch_open(struct score_watch *watch, const struct score_setup *setup, const char *name, struct error *err)
{
    int r = open_watch(watch, setup, name, err);
    if (r < 0)
        return r;
    const struct detector *d = watch->detector;
    if (!d->observe)
        return error_set(err, -EINVAL, "detector '%s' watches groups: --multivariate", name);
    if (d->sketch)
        return error_set(err, -EINVAL, "detector '%s' looks at the distribution of single operations, which a file does not have", name);
    watch->state = xcalloc(1, d->state_size(watch->config) + 1);
    if (d->init)
        d->init(watch->state, watch->config);
    return 0;
}

void score_watch_close(struct score_watch *watch)
{
    free(watch->config);
    free(watch->state);
}

bool score_watch_row(struct score_watch *watch, const struct score_row *row, uint32_t column, struct judgement *ret_judgement)
{
    struct observation o = { .begin_ns = row->begin_ns, .end_ns = row->end_ns, .value = row->values[column],
                             .count = UINT32_MAX, /* nothing is known of it: enough */
                             .kind = METRIC_VALUE, .statistic = STATISTIC_MEAN, .unit = UNIT_NONE };
    *ret_judgement = JUDGEMENT_OK;
    if (isnan(o.value))
        return false;
    watch->detector->observe(watch->state, watch->config, &o, ret_judgement);
    return !ret_judgement->abstains;
}

bool score_watch_group(struct score_watch *watch, const struct score_row *row, struct judgement *ret_judgement)
{
    struct group_observation o = { .begin_ns = row->begin_ns, .end_ns = row->end_ns, .places = row->count, .values = row->values };
    watch->detector->group.observe(watch->state, watch->config, &o, ret_judgement);
    return !ret_judgement->abstains;
}

void score_rows_add(struct score_rows *rows, const struct score_row *row)
{
    rows->begin_ns[rows->count++ % SCORE_ROWS_KEPT] = row->begin_ns;
}

uint64_t score_rows_find(const struct score_rows *rows, int64_t time_ns)
{
    uint64_t low = rows->count > SCORE_ROWS_KEPT ? rows->count - SCORE_ROWS_KEPT : 0, high = rows->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (rows->begin_ns[middle % SCORE_ROWS_KEPT] < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low < rows->count ? low : rows->count - 1;
}
