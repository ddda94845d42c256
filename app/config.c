#include "app/config.h"
#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/hash.h"
#include "base/link_wire.h"
#include "base/text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct option reader_options[] = {
    OPTION_ONE_OF(struct reader_config, reader, "auto|babeltrace2|native", "auto", "what reads traces; auto: native, and babeltrace2 where that does not understand them"),
    OPTION(struct reader_config, read_ahead, 65536, 68719476736.0, "64MiB", "packets of a live session that are read before their turn, lttng-relayd keeps the others; no sub-buffer may be larger"),
    OPTION_ONE_OF(struct reader_config, attach_history, "state|all|none", "state", "what lttng-relayd holds of a session from before it was first attached to: read for the state it leaves, judged as well, or not read"),
    OPTION(struct reader_config, look_back, 0, 8640000, "10m", "read so much of it for that state, and after a restart of what was judged before; operations that began earlier are not known"),
    OPTION_END
};

const struct option delivery_options[] = {
    OPTION(struct delivery_config, name, 0, 0, "auto", "what `collect` is known by; auto: the host's name"),
    OPTION(struct delivery_config, samples, 0, 0, "auto", "where `detect` listens and `collect` sends: ipc://PATH or tcp://ADDRESS:PORT; auto: ipc in the runtime directory"),
    OPTION(struct delivery_config, verdicts, 0, 0, "auto", "where `alert` listens and `detect` sends, likewise"),
    OPTION(struct delivery_config, buffer, 1048576, 68719476736.0, "64MiB", "what a stage keeps for the next one while that is away; beyond it a replay waits, live drops the oldest"),
    OPTION(struct delivery_config, silent_after, 0.2, 3600, "3s", "a stage that is not heard for this long is an alert, and no longer waited for"),
    OPTION(struct delivery_config, collectors, 1, 256, "1", "`detect` applies nothing before so many collectors have come"),
    OPTION(struct delivery_config, state, 0, 0, "", "directory for what outlives a process; /var/lib/foretrace (root) or ~/.local/state/foretrace unless set"),
    OPTION(struct delivery_config, journal, 4194304, 4294967296.0, "32MiB", "records between two snapshots of a stage's state"),
    OPTION_END
};

static int check_delivery(const void *section, struct error *err)
{
    const struct delivery_config *d = section;
    if (!link_name_valid(d->name.s))
        return error_set(err, -EINVAL, "name: '%s' is no name: up to %d printable characters, without spaces", d->name.s, LINK_NAME_MAX - 1);
    struct error inner;
    const struct text *endpoints[] = { &d->samples, &d->verdicts };
    for (size_t i = 0; i < 2; i++) {
        const char *endpoint = endpoints[i]->s, *option = i == 0 ? "samples" : "verdicts";
        if (strcmp(endpoint, "auto") != 0 && endpoint_check(endpoint, &inner) < 0)
            return error_set(err, -EINVAL, "%s: %s", option, inner.text);
        if (endpoint_is_tcp(endpoint) && strcmp(strrchr(endpoint, ':'), ":*") == 0)
            return error_set(err, -EINVAL, "%s: '%s': the other stage must know the port", option, endpoint);
        if (strncmp(endpoint, "inproc:", 7) == 0)
            return error_set(err, -EINVAL, "%s: '%s': the other stage is another process", option, endpoint);
    }
    if (strcmp(d->samples.s, d->verdicts.s) == 0 && strcmp(d->samples.s, "auto") != 0)
        return error_set(err, -EINVAL, "verdicts: '%s' is where `detect` listens (samples)", d->verdicts.s);
    return 0;
}

static int check_session(const void *section, struct error *err)
{
    return session_config_check(section, err);
}

static int check_alerts(const void *section, struct error *err)
{
    return life_config_check(section, err);
}

static int check_security(const void *section, struct error *err)
{
    return security_config_check(section, err);
}

#define SECTION(section_name, member, table, relations, text)                                                \
    {                                                                                                        \
        .name = section_name, .help = text, .options = table, .offset = offsetof(struct config, member),     \
        .check = relations                                                                                   \
    }
const struct config_section config_sections[] = {
    SECTION("", stream, stream_options, NULL, "windows and series"),
    SECTION("", reader, reader_options, NULL, "how traces are read"),
    SECTION("session", session, session_options, check_session, "the LTTng session that `foretrace run` makes"),
    SECTION("detection", detection, host_options, NULL, "the detect stage"),
    SECTION("delivery", delivery, delivery_options, check_delivery, "between `collect`, `detect` and `alert`, and what they keep"),
    SECTION("alerts", alerts, life_options, check_alerts, "when alerts fire and resolve"),
    SECTION("security", security, security_options, check_security, "keys, for tcp endpoints that other machines can reach"),
    { .name = NULL },
};

static void *section_at(struct config *config, const struct config_section *s)
{
    return (char *)config + s->offset;
}

/* ---- one setting ---- */

static bool same_section(const struct config_section *s, const char *name, size_t size)
{
    return strlen(s->name) == size && memcmp(s->name, name, size) == 0;
}

static const char *const lists[] = { "analyses", "detectors", "groups", "sinks" };

/* Collects what could have been meant, for a mistyped name. */
static int unknown_setting(const char *word, const char *section, size_t size, struct error *err)
{
    const char *names[96];
    size_t n = 0;
    for (const struct config_section *s = config_sections; s->name; s++) {
        if (size == 0 && *s->name)
            names[n++] = s->name;
        for (const struct option *o = s->options; o->name && n < 90 && same_section(s, section, size); o++)
            names[n++] = o->name;
    }
    for (size_t i = 0; size == 0 && i < sizeof(lists) / sizeof(lists[0]); i++)
        names[n++] = lists[i];
    const char *near = text_nearest(word, names, n);
    return error_set(err, -ENOENT, "unknown setting '%.*s%s%s'%s%s%s", (int)size, section, size ? "." : "", word,
                     near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

/* "section.option=value" or "option=value". */
static int set_one(struct config *config, const char *text, struct error *err)
{
    char key[TEXT_MAX];
    const char *equals = strchr(text, '='), *dot;
    if (!equals || (size_t)(equals - text) >= sizeof(key))
        return error_set(err, -EINVAL, "--set %s: expected KEY=VALUE", text);
    memcpy(key, text, (size_t)(equals - text));
    key[equals - text] = '\0';
    dot = strchr(key, '.');
    size_t section_size = dot ? (size_t)(dot - key) : 0;
    const char *option = dot ? dot + 1 : key;
    for (const struct config_section *s = config_sections; s->name; s++) {
        if (!same_section(s, key, section_size) || !option_find(s->options, option))
            continue;
        int r = option_set(s->options, section_at(config, s), option, equals + 1, err);
        return r < 0 ? error_wrap(err, r, "--set %s", text) : 0;
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (strcmp(key, lists[i]) == 0)
            return error_set(err, -EINVAL, "--set %s: %s is a list, and --set is for single settings: use a file (--config)", text, key);
    int r = unknown_setting(option, key, section_size, err);
    return error_wrap(err, r, "--set %s", text);
}

/* ---- a document ---- */

static int take_section(struct config *config, struct yaml *y, const struct config_section *s,
                        const struct yaml_pair *pair, struct error *err)
{
    struct error inner;
    int r = yaml_set_options(y, pair->value, pair->line, s->name, s->options, section_at(config, s), err);
    if (r == 0 && s->check && (r = s->check(section_at(config, s), &inner)) < 0)
        return yaml_error(y, pair->line, err, r, "%s: %s", s->name, inner.text);
    return r;
}

static int take_pair(struct config *config, struct yaml *y, const struct yaml_pair *pair, struct error *err)
{
    struct error inner;
    if (strcmp(pair->key, "analyses") == 0)
        return config_take_analyses(config, y, pair, err);
    if (strcmp(pair->key, "detectors") == 0)
        return config_take_detectors(config, y, pair, err);
    if (strcmp(pair->key, "groups") == 0)
        return config_take_groups(config, y, pair, err);
    if (strcmp(pair->key, "sinks") == 0)
        return config_take_sinks(config, y, pair, err);
    for (const struct config_section *s = config_sections; s->name; s++) {
        if (*s->name && strcmp(s->name, pair->key) == 0)
            return take_section(config, y, s, pair, err);
        if (!*s->name && option_find(s->options, pair->key))
            return yaml_set_option(y, pair, s->options, section_at(config, s), err);
    }
    int r = unknown_setting(pair->key, "", 0, &inner);
    return yaml_error(y, pair->line, err, r, "%s", inner.text);
}

static int take_document(struct config *config, struct yaml *y, struct error *err)
{
    struct fy_node *root = yaml_root(y);
    if (!root || (yaml_kind(root) == YAML_SCALAR && *yaml_text(y, root) == '\0'))
        return 0;
    if (yaml_kind(root) != YAML_MAP)
        return yaml_error(y, yaml_line(root), err, -EINVAL, "a map of settings was expected, such as 'window: 1s'");
    for (size_t i = 0, n = yaml_count(root); i < n; i++) {
        struct yaml_pair pair;
        int r = yaml_pair(y, root, i, &pair, err);
        if (r == 0)
            r = take_pair(config, y, &pair, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int take_preset(struct config *config, const char *name, struct error *err)
{
    const char *names[16];
    size_t n = 0;
    struct yaml *y;
    for (const struct preset *p = presets; p->name; p++) {
        names[n++] = p->name;
        if (strcmp(p->name, name) != 0)
            continue;
        int r = yaml_load_text(p->yaml, "preset", &y, err);
        if (r < 0)
            return r;
        r = take_document(config, y, err);
        yaml_free(y);
        return r < 0 ? error_wrap(err, r, "preset '%s'", name) : 0;
    }
    const char *near = text_nearest(name, names, n);
    return error_set(err, -ENOENT, "there is no preset '%s'%s%s%s; see `foretrace list presets`", name,
                     near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static int take_file(struct config *config, const char *path, struct error *err)
{
    struct yaml *y;
    int r = yaml_load_file(path, &y, err);
    if (r < 0)
        return r;
    r = take_document(config, y, err);
    yaml_free(y);
    return r;
}

/* ---- the whole ---- */

static int complete(struct config *config, struct error *err)
{
    int r = 0;
    if (config->analysis_count == 0)
        r = config_add_analysis(config, "auto", err);
    if (r == 0 && !config->sinks_given)
        r = config_add_sink(config, "publish", NULL, NULL, err);
    for (const struct config_section *s = config_sections; s->name && r == 0; s++)
        if (s->check && (r = s->check(section_at(config, s), err)) < 0)
            error_wrap(err, r, "--set: %s", s->name); /* the file alone has been checked */
    return r;
}

int config_load(const struct config_sources *sources, struct config **ret_config, struct error *err)
{
    struct config *config = xcalloc(1, sizeof(*config));
    int r = 0;
    for (const struct config_section *s = config_sections; s->name; s++)
        options_default(s->options, section_at(config, s));
    rules_init(&config->rules);
    for (uint32_t i = 0; i < sources->preset_count && r == 0; i++) {
        config->join_analyses = i > 0;
        r = take_preset(config, sources->presets[i], err);
    }
    config->join_analyses = false;
    if (r == 0 && sources->file)
        r = take_file(config, sources->file, err);
    for (uint32_t i = 0; i < sources->set_count && r == 0; i++)
        r = set_one(config, sources->sets[i], err);
    if (r == 0)
        r = complete(config, err);
    if (r < 0)
        config_free(config);
    else
        *ret_config = config;
    return r;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    config_clear_analyses(config);
    config_clear_sinks(config);
    rules_done(&config->rules);
    free(config);
}

static uint64_t rule_hash(uint64_t hash, const struct rule *rule)
{
    hash = hash_fnv(hash, rule->pattern.s, strlen(rule->pattern.s) + 1);
    hash = hash_fnv(hash, &rule->settings.rate_period, sizeof(rule->settings.rate_period));
    hash = hash_fnv(hash, &rule->automatic, sizeof(rule->automatic));
    for (uint32_t i = 0; i < rule->count; i++) {
        const struct detector *d = rule->use[i].detector;
        hash = hash_fnv(hash, d->name, strlen(d->name) + 1);
        hash = hash_fnv(hash, rule->use[i].config, d->config_size);
    }
    return hash;
}

uint64_t config_detection_hash(const struct config *config)
{
    uint64_t hash = hash_fnv(HASH_START, &config->detection, sizeof(config->detection));
    for (uint32_t i = 0; i < config->rules.count; i++)
        hash = rule_hash(hash, &config->rules.list[i]);
    for (uint32_t i = 0; i < config->rules.group_count; i++) {
        const struct group_rule *g = &config->rules.groups[i];
        hash = hash_fnv(hash, &g->settings, sizeof(g->settings));
        for (uint32_t k = 0; k < g->count; k++) {
            hash = hash_fnv(hash, g->use[k].detector->name, strlen(g->use[k].detector->name) + 1);
            hash = hash_fnv(hash, g->use[k].config, g->use[k].detector->config_size);
        }
    }
    return rule_hash(hash, &config->rules.fallback);
}

uint64_t config_alerts_hash(const struct config *config)
{
    return hash_fnv(HASH_START, &config->alerts, sizeof(config->alerts));
}
