/* cmd_check.c - validates a configuration and prints what would run. */
#include "app/command.h"
#include "base/endpoint.h"
#include "base/yaml.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct args {
    struct common_args common;
};

static const struct arg options[] = { COMMON_CONFIG_ARGS(struct args), ARG_END };

static const struct usage usage = {
    .name = "check",
    .synopsis = "check [OPTIONS] [FILE]",
    .summary = "Validates a configuration and prints what would run: analyses and what they need\n"
               "traced, who watches which series, where alerts go. Exits with 1 on a mistake.",
    .args = options,
};

static void print_value(const struct option *o, const void *config)
{
    const void *at = (const char *)config + o->offset;
    char text[UNIT_TEXT_MAX];
    switch (o->kind) {
    case OPTION_BOOL:
        printf("%s", *(const bool *)at ? "yes" : "no");
        break;
    case OPTION_COUNT:
        printf("%u", *(const uint32_t *)at);
        break;
    case OPTION_REAL:
        printf("%g", *(const double *)at);
        break;
    case OPTION_DURATION:
        printf("%s", unit_format_exact(text, (double)((const struct duration *)at)->ns, UNIT_NANOSECONDS));
        break;
    case OPTION_SIZE:
        printf("%s", unit_format_exact(text, (double)((const struct size *)at)->bytes, UNIT_BYTES));
        break;
    case OPTION_TEXT:
        printf("%s", ((const struct text *)at)->s);
        break;
    case OPTION_LIST:
        for (uint32_t i = 0; i < ((const struct text_list *)at)->count; i++)
            printf("%s%s", i ? ", " : "", ((const struct text_list *)at)->item[i].s);
        break;
    case OPTION_QUANTITY:
        printf("%s", ((const struct quantity *)at)->is_set
                         ? unit_format_exact(text, ((const struct quantity *)at)->value, ((const struct quantity *)at)->unit)
                         : "none");
        break;
    case OPTION_CHOICE: {
        const char *word = o->choices;
        for (uint32_t i = 0; i < ((const struct choice *)at)->index; i++)
            word = strchr(word, '|') + 1;
        printf("%.*s", (int)strcspn(word, "|"), word);
        break;
    }
    }
}

static void print_options(const struct option *options_table, const void *config, const char *indent)
{
    for (const struct option *o = options_table; o->name; o++) {
        if (!option_is_set(o, config))
            continue;
        printf("%s%s: ", indent, o->name);
        print_value(o, config);
        printf("\n");
    }
}

static void print_list(const char *title, const struct text *list, uint32_t count)
{
    if (count == 0)
        return;
    printf("  %s:", title);
    for (uint32_t i = 0; i < count; i++)
        printf("%s %s", i ? "," : "", list[i].s);
    printf("\n");
}

static void print_needs(const struct config *config)
{
    static struct needs needs;
    for (uint32_t i = 0; i < config->analysis_count; i++)
        analysis_needs(config->analyses[i].analysis, config->analyses[i].config, &needs);
    printf("\nwould be traced\n");
    print_list("events", needs.events, needs.event_count);
    print_list("except", needs.exclusions, needs.exclusion_count);
    print_list("contexts", needs.contexts, needs.context_count);
}

static void print_rule(const struct rule *rule, const char *series)
{
    printf("  %s:", series);
    if (rule->count == 0)
        printf(" nobody");
    for (uint32_t i = 0; i < rule->count; i++)
        printf("%s %s", i ? "," : rule->automatic ? " auto, of" : "", rule->use[i].detector->name);
    printf("\n");
    for (uint32_t i = 0; i < rule->count && !rule->automatic; i++) {
        printf("    %s\n", rule->use[i].detector->name);
        print_options(rule->use[i].detector->options, rule->use[i].config, "      ");
    }
}

static void print_group(const struct group_rule *group)
{
    printf("  group %s\n", group->settings.name.s);
    print_options(group_options, &group->settings, "    ");
    for (uint32_t i = 0; i < group->count; i++) {
        printf("    %s\n", group->use[i].detector->name);
        print_options(group->use[i].detector->options, group->use[i].config, "      ");
    }
}

static void print_all(struct config *config)
{
    printf("settings\n");
    for (const struct config_section *s = config_sections; s->name; s++) {
        if (*s->name)
            printf("  %s\n", s->name);
        print_options(s->options, (const char *)config + s->offset, *s->name ? "    " : "  ");
    }
    printf("\nanalyses\n");
    for (uint32_t i = 0; i < config->analysis_count; i++) {
        printf("  %s\n", config->analyses[i].analysis->name);
        print_options(config->analyses[i].analysis->options, config->analyses[i].config, "    ");
    }
    print_needs(config);
    printf("\nwatched by\n");
    for (uint32_t i = 0; i < config->rules.count; i++)
        print_rule(&config->rules.list[i], config->rules.list[i].pattern.s);
    print_rule(&config->rules.fallback, "all other series");
    for (uint32_t i = 0; i < config->rules.group_count; i++)
        print_group(&config->rules.groups[i]);
    printf("\nalerts go to\n");
    for (uint32_t i = 0; i < config->sink_count; i++) {
        printf("  %s\n", config->sinks[i].sink->name);
        print_options(config->sinks[i].sink->options, config->sinks[i].config, "    ");
    }
}

/* FILE:LINE of the setting "SECTION.OPTION: " that a message begins with; as it is where the file does not have it. */
static void place(const char *path, struct error *err)
{
    struct yaml *y;
    struct yaml_pair section, pair;
    struct error inner = *err, ignored;
    char name[TEXT_MAX];
    if (!path || yaml_load_file(path, &y, &ignored) < 0)
        return;
    struct fy_node *root = yaml_root(y);
    for (size_t i = 0; root && i < yaml_count(root); i++) {
        if (yaml_pair(y, root, i, &section, &ignored) < 0 || yaml_kind(section.value) != YAML_MAP)
            continue;
        for (size_t k = 0; k < yaml_count(section.value); k++) {
            int size = yaml_pair(y, section.value, k, &pair, &ignored) < 0 ? 0 : snprintf(name, sizeof(name), "%s.%s: ", section.key, pair.key);
            if (size > 0 && (size_t)size < sizeof(name) && strncmp(inner.text, name, (size_t)size) == 0)
                yaml_error(y, pair.line, err, -EINVAL, "%s", inner.text);
        }
    }
    yaml_free(y);
}

/* Endpoints among these settings that other machines can reach would be refused at the start. */
static int check_reach(const char *section, const struct option *options_table, const void *config, struct error *err)
{
    for (const struct option *o = options_table; o->name; o++) {
        const char *endpoint = o->kind == OPTION_TEXT ? ((const struct text *)((const char *)config + o->offset))->s : "";
        if (endpoint_is_tcp(endpoint) && !endpoint_is_local(endpoint))
            return error_set(err, -EACCES, "%s.%s: %s can be reached by other machines and so needs keys: make them with `foretrace keygen`, then set security.key",
                             section, o->name, endpoint);
    }
    return 0;
}

/* What is read at the start and not before: keys, and whether there need to be any. */
static int check_keys(const struct config *config, const char *path, struct error *err)
{
    struct security *security = NULL;
    int r = security_load(&config->security, &security, err);
    if (r == 0 && !security)
        r = check_reach("delivery", delivery_options, &config->delivery, err);
    for (uint32_t i = 0; i < config->sink_count && r == 0 && !security; i++)
        r = check_reach(config->sinks[i].sink->name, config->sinks[i].sink->options, config->sinks[i].config, err);
    if (r < 0)
        place(path, err);
    security_free(security);
    return r;
}

int cmd_check(int argc, char **argv)
{
    struct args args = { 0 };
    struct config *config;
    struct error err;
    int first = args_parse(&usage, argc, argv, &args, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    if (argc - first + (args.common.config ? 1 : 0) > 1) {
        args_complain(&usage, "one FILE is checked at a time, and '%s' is one more", argv[argc - 1]);
        return EXIT_USAGE;
    }
    if (first < argc)
        args.common.config = argv[first];
    if (common_config(&args.common, &config, &err) < 0)
        return common_fail(&args.common, &err);
    int r = check_keys(config, args.common.config, &err);
    end_with_reader();
    if (r == 0)
        print_all(config);
    config_free(config);
    return r < 0 ? fail(&err) : 0;
}
