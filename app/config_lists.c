/* config_lists.c - the lists of a configuration: analyses, detectors, sinks. */
#include "app/config.h"
#include "base/bytes.h"
#include "base/text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- names of plug-ins ---- */

enum plugin_kind { PLUGIN_ANALYSIS, PLUGIN_DETECTOR, PLUGIN_SINK };

static const char *plugin_name(enum plugin_kind kind, size_t i)
{
    switch (kind) {
    case PLUGIN_ANALYSIS:
        return analyses[i] ? analyses[i]->name : NULL;
    case PLUGIN_DETECTOR:
        return detectors[i] ? detectors[i]->name : NULL;
    default:
        return sinks[i] ? sinks[i]->name : NULL;
    }
}

static int unknown_plugin(struct yaml *y, int line, enum plugin_kind kind, const char *name, struct error *err)
{
    static const char *const what[] = { "analysis", "detector", "sink" };
    const char *names[64], *extra[] = { "series", "auto", "ignore" };
    size_t n = 0;
    for (const char *known; n < 60 && (known = plugin_name(kind, n)); n++)
        names[n] = known;
    for (size_t i = 0; kind == PLUGIN_DETECTOR && i < 3; i++)
        names[n++] = extra[i];
    const char *near = text_nearest(name, names, n);
    return yaml_error(y, line, err, -ENOENT, "unknown %s '%s'%s%s%s; see `foretrace list`", what[kind], name,
                      near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

/* "- name: {options}" or "- name". */
static int take_item(struct yaml *y, struct fy_node *item, const char *what, struct yaml_pair *ret_pair, struct error *err)
{
    if (yaml_kind(item) == YAML_SCALAR) {
        *ret_pair = (struct yaml_pair){ .key = yaml_text(y, item), .line = yaml_line(item) };
        return 0;
    }
    if (yaml_kind(item) != YAML_MAP || yaml_count(item) != 1)
        return yaml_error(y, yaml_line(item), err, -EINVAL, "%s: '- NAME: {OPTIONS}' was expected", what);
    return yaml_pair(y, item, 0, ret_pair, err);
}

static int check_list(struct yaml *y, const struct yaml_pair *pair, size_t most, struct error *err)
{
    if (!pair->value || yaml_kind(pair->value) != YAML_SEQUENCE)
        return yaml_error(y, pair->line, err, -EINVAL, "%s: a list was expected (lines beginning with '-')", pair->key);
    if (yaml_count(pair->value) > most)
        return yaml_error(y, pair->line, err, -E2BIG, "%s: at most %zu are allowed", pair->key, most);
    return 0;
}

/* Defaults, then the options of the map, then the relations between them. */
static int configure(struct yaml *y, const struct yaml_pair *pair, const struct option *options, size_t size,
                     int (*check)(const void *, struct error *), void **ret_config, struct error *err)
{
    struct error inner;
    void *config = xcalloc(1, size);
    options_default(options, config);
    int r = yaml_set_options(y, pair->value, pair->line, pair->key, options, config, err);
    if (r == 0 && check) {
        r = check(config, &inner);
        if (r < 0)
            yaml_error(y, pair->line, err, r, "%s: %s", pair->key, inner.text);
    }
    if (r < 0)
        free(config);
    else
        *ret_config = config;
    return r;
}

/* ---- analyses ---- */

void config_clear_analyses(struct config *config)
{
    for (uint32_t i = 0; i < config->analysis_count; i++)
        free(config->analyses[i].config);
    config->analysis_count = 0;
}

static bool has_analysis(const struct config *config, const struct analysis *a)
{
    for (uint32_t i = 0; i < config->analysis_count; i++)
        if (config->analyses[i].analysis == a)
            return true;
    return false;
}

int config_take_analyses(struct config *config, struct yaml *y, const struct yaml_pair *pair, struct error *err)
{
    int r = check_list(y, pair, STREAM_ANALYSES_MAX, err);
    if (!config->join_analyses)
        config_clear_analyses(config);
    for (size_t i = 0, n = r < 0 ? 0 : yaml_count(pair->value); i < n && r == 0; i++) {
        struct yaml_pair item;
        struct error inner;
        void *options = NULL;
        r = take_item(y, yaml_item(pair->value, i), "analyses", &item, err);
        const struct analysis *a = r == 0 ? analysis_find(item.key) : NULL;
        if (r == 0 && !a)
            r = unknown_plugin(y, item.line, PLUGIN_ANALYSIS, item.key, err);
        if (r == 0 && config->join_analyses && has_analysis(config, a))
            continue;
        if (r == 0)
            r = configure(y, &item, a->options, a->config_size, a->check, &options, err);
        if (r < 0)
            break;
        config->analyses[config->analysis_count++] = (struct analysis_instance){ a, options };
        r = config_check_name(config, &inner);
        if (r < 0)
            yaml_error(y, item.line, err, r, "%s: %s", item.key, inner.text);
    }
    return r;
}

int config_check_name(const struct config *config, struct error *err)
{
    const struct analysis_instance *last = &config->analyses[config->analysis_count - 1];
    const char *a, *b;
    for (uint32_t x = 0; (a = analysis_instance_name(last, x)); x++) {
        if (strcmp(a, "foretrace") == 0)
            return error_set(err, -EINVAL, "an analysis is named 'foretrace': that name is for foretrace's own series");
        if (strcmp(a, "group") == 0)
            return error_set(err, -EINVAL, "an analysis is named 'group': that name is for groups of series");
        for (uint32_t j = 0; j + 1 < config->analysis_count; j++)
            for (uint32_t z = 0; (b = analysis_instance_name(&config->analyses[j], z)); z++)
                if (strcmp(a, b) == 0)
                    return error_set(err, -EINVAL, "two analyses (%s, %s) have the name '%s': give one a 'name' of its own",
                                     config->analyses[j].analysis->name, last->analysis->name, a);
    }
    return 0;
}

int config_add_analysis(struct config *config, const char *name, struct error *err)
{
    const struct analysis *a = analysis_find(name);
    if (!a || config->analysis_count == STREAM_ANALYSES_MAX)
        return error_set(err, -ENOENT, "no analysis '%s'", name);
    void *options = xcalloc(1, a->config_size);
    options_default(a->options, options);
    config->analyses[config->analysis_count++] = (struct analysis_instance){ a, options };
    return 0;
}

int config_add_to_analysis(struct config *config, const char *name, const char *option, const char *item, struct error *err)
{
    uint32_t i = 0;
    while (i < config->analysis_count && strcmp(config->analyses[i].analysis->name, name) != 0)
        i++;
    int r = i == config->analysis_count ? config_add_analysis(config, name, err) : 0;
    if (r < 0)
        return r;
    const struct analysis_instance *a = &config->analyses[i];
    struct text_list *list = (struct text_list *)(void *)((char *)a->config + option_find(a->analysis->options, option)->offset);
    if (list->count == TEXT_LIST_MAX || !text_copy(list->item[list->count].s, TEXT_MAX, item))
        return error_set(err, -E2BIG, "%s: too long, or more than %d", item, TEXT_LIST_MAX);
    list->count++;
    return a->analysis->check ? a->analysis->check(a->config, err) : 0;
}

const char *analysis_instance_name(const struct analysis_instance *instance, uint32_t index)
{
    const struct option *o = option_find(instance->analysis->options, "name");
    if (!o)
        return instance->analysis->names[index];
    return index == 0 ? ((const struct text *)((const char *)instance->config + o->offset))->s : NULL;
}

/* ---- detectors ---- */

static int take_rule_part(struct rule *rule, struct yaml *y, const struct yaml_pair *part, bool *ignore, struct error *err)
{
    void *options = NULL;
    struct error inner;
    if (strcmp(part->key, "ignore") == 0) {
        const char *word = yaml_text(y, part->value);
        *ignore = strcmp(word, "yes") == 0;
        return *ignore || strcmp(word, "no") == 0 ? 0 : yaml_error(y, part->line, err, -EINVAL, "ignore: '%s' is not yes or no", word);
    }
    if (strcmp(part->key, "auto") == 0) {
        int r = configure(y, part, auto_options, sizeof(struct auto_config), NULL, &options, err);
        if (r == 0) {
            r = rule->count > 0 ? error_set(&inner, -EINVAL, "it chooses the detectors itself; no other can stand beside it")
                                : rule_add_auto(rule, options, &inner);
            if (r < 0)
                yaml_error(y, part->line, err, r, "auto: %s", inner.text);
        }
        free(options);
        return r;
    }
    const struct detector *d = detector_find(part->key);
    if (!d)
        return unknown_plugin(y, part->line, PLUGIN_DETECTOR, part->key, err);
    if (rule->automatic)
        return yaml_error(y, part->line, err, -EINVAL, "%s: 'auto' chooses the detectors itself; no other can stand beside it", part->key);
    int r = configure(y, part, d->options, d->config_size, d->check, &options, err);
    if (r == 0) {
        r = rule_add(rule, d, &options, &inner);
        if (r < 0)
            yaml_error(y, part->line, err, r, "%s", inner.text);
    }
    free(options);
    return r;
}

static int take_rule(struct rule *rule, struct yaml *y, struct fy_node *item, struct error *err)
{
    bool ignore = false;
    if (yaml_kind(item) != YAML_MAP)
        return yaml_error(y, yaml_line(item), err, -EINVAL, "detectors: a map with 'series' and detectors was expected");
    for (size_t i = 0, n = yaml_count(item); i < n; i++) {
        struct yaml_pair part;
        int r = yaml_pair(y, item, i, &part, err);
        if (r == 0 && strcmp(part.key, "series") == 0) {
            if (!text_copy(rule->pattern.s, sizeof(rule->pattern.s), yaml_text(y, part.value)))
                r = yaml_error(y, part.line, err, -E2BIG, "series: the pattern is too long");
        } else if (r == 0) {
            r = take_rule_part(rule, y, &part, &ignore, err);
        }
        if (r < 0)
            return r;
    }
    if (rule->pattern.s[0] == '\0')
        return yaml_error(y, yaml_line(item), err, -EINVAL, "detectors: 'series' is missing (a pattern of series names)");
    if (ignore == (rule->count > 0))
        return yaml_error(y, yaml_line(item), err, -EINVAL,
                          ignore ? "detectors: 'ignore' and detectors exclude each other"
                                 : "detectors: no detector is given for these series ('ignore: yes' leaves them alone)");
    return 0;
}

int config_take_detectors(struct config *config, struct yaml *y, const struct yaml_pair *pair, struct error *err)
{
    int r = check_list(y, pair, RULES_MAX - config->rules.count, err);
    if (r < 0)
        return r;
    uint32_t old = config->rules.count, n = (uint32_t)yaml_count(pair->value);
    memmove(&config->rules.list[n], config->rules.list, old * sizeof(config->rules.list[0]));
    memset(config->rules.list, 0, n * sizeof(config->rules.list[0]));
    config->rules.count = old + n;
    for (uint32_t i = 0; i < n && r == 0; i++)
        r = take_rule(&config->rules.list[i], y, yaml_item(pair->value, i), err);
    return r;
}

/* ---- groups ---- */

/* A detector of the group, or one of its settings. */
static int take_group_part(struct group_rule *group, struct yaml *y, const struct yaml_pair *part, struct error *err)
{
    void *options = NULL;
    struct error inner;
    const struct detector *d = detector_find(part->key);
    if (!d && option_find(group_options, part->key))
        return yaml_set_option(y, part, group_options, &group->settings, err);
    if (!d)
        return unknown_plugin(y, part->line, PLUGIN_DETECTOR, part->key, err);
    int r = configure(y, part, d->options, d->config_size, d->check, &options, err);
    if (r == 0) {
        r = group_rule_add(group, d, &options, &inner);
        if (r < 0)
            yaml_error(y, part->line, err, r, "%s: %s", part->key, inner.text);
    }
    free(options);
    return r;
}

static int take_group(struct config *config, struct yaml *y, struct fy_node *item, struct error *err)
{
    struct rules *rules = &config->rules;
    struct group_rule *group = &rules->groups[rules->group_count];
    struct error inner;
    if (yaml_kind(item) != YAML_MAP)
        return yaml_error(y, yaml_line(item), err, -EINVAL, "groups: a map with 'name', 'series' and detectors was expected");
    memset(group, 0, sizeof(*group));
    options_default(group_options, &group->settings);
    rules->group_count++;
    for (size_t i = 0, n = yaml_count(item); i < n; i++) {
        struct yaml_pair part;
        int r = yaml_pair(y, item, i, &part, err);
        if (r == 0)
            r = take_group_part(group, y, &part, err);
        if (r < 0)
            return r;
    }
    int r = options_complete(group_options, &group->settings, &inner);
    if (r < 0)
        return yaml_error(y, yaml_line(item), err, r, "groups: %s", inner.text);
    for (uint32_t i = 0; i + 1 < rules->group_count; i++)
        if (strcmp(rules->groups[i].settings.name.s, group->settings.name.s) == 0)
            return yaml_error(y, yaml_line(item), err, -EINVAL, "groups: there are two named '%s'", group->settings.name.s);
    if (group->count == 0)
        return yaml_error(y, yaml_line(item), err, -EINVAL, "groups: no detector is given for '%s'", group->settings.name.s);
    return 0;
}

int config_take_groups(struct config *config, struct yaml *y, const struct yaml_pair *pair, struct error *err)
{
    int r = check_list(y, pair, GROUP_RULES_MAX - config->rules.group_count, err);
    for (size_t i = 0, n = r < 0 ? 0 : yaml_count(pair->value); i < n && r == 0; i++)
        r = take_group(config, y, yaml_item(pair->value, i), err);
    return r;
}

/* ---- sinks ---- */

void config_clear_sinks(struct config *config)
{
    for (uint32_t i = 0; i < config->sink_count; i++)
        free(config->sinks[i].config);
    config->sink_count = 0;
}

int config_take_sinks(struct config *config, struct yaml *y, const struct yaml_pair *pair, struct error *err)
{
    int r = check_list(y, pair, SINKS_MAX - 2, err);
    config_clear_sinks(config);
    config->sinks_given = true;
    for (size_t i = 0, n = r < 0 ? 0 : yaml_count(pair->value); i < n && r == 0; i++) {
        struct yaml_pair item;
        void *options = NULL;
        r = take_item(y, yaml_item(pair->value, i), "sinks", &item, err);
        const struct sink *s = r == 0 ? sink_find(item.key) : NULL;
        if (r == 0 && !s)
            r = unknown_plugin(y, item.line, PLUGIN_SINK, item.key, err);
        if (r == 0)
            r = configure(y, &item, s->options, s->config_size, s->check, &options, err);
        if (r == 0) {
            config->sinks[config->sink_count].sink = s;
            config->sinks[config->sink_count++].config = options;
        }
    }
    return r;
}

int config_add_sink(struct config *config, const char *name, const char *option, const char *value, struct error *err)
{
    const struct sink *s = sink_find(name);
    if (!s || config->sink_count == SINKS_MAX)
        return error_set(err, -ENOENT, "no sink '%s', or too many", name);
    void *options = xcalloc(1, s->config_size);
    options_default(s->options, options);
    int r = option ? option_set(s->options, options, option, value, err) : 0;
    if (r < 0) {
        free(options);
        return error_wrap(err, r, "sink '%s'", name);
    }
    config->sinks[config->sink_count].sink = s;
    config->sinks[config->sink_count++].config = options;
    return 0;
}
