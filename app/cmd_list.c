/* cmd_list.c - what there is to configure, straight from the tables. */
#include "app/command.h"
#include <stdio.h>
#include <string.h>

static const struct usage usage = {
    .name = "list",
    .synopsis = "list [settings|analyses|detectors|sinks|presets]",
    .summary = "Shows analyses, detectors and sinks with their options, ranges and defaults;\n"
               "the settings of a configuration; and the presets.",
};

static void list_options(const struct option *options, const char *indent)
{
    for (const struct option *o = options; o->name; o++) {
        char range[OPTION_RANGE_MAX];
        printf("%s%-18s %s\n", indent, o->name, o->help);
        printf("%s%-18s   %s; default: %s\n", indent, "", option_describe(o, range),
               !o->fallback ? "none, must be given" : *o->fallback ? o->fallback : "nothing");
    }
}

static void list_settings(void)
{
    const char *last = NULL;
    printf("SETTINGS (top level and sections of the configuration)\n");
    for (const struct config_section *s = config_sections; s->name; s++) {
        if (*s->name && (!last || strcmp(last, s->name) != 0))
            printf("\n  %s: %s\n", s->name, s->help);
        list_options(s->options, *s->name ? "    " : "  ");
        last = s->name;
    }
}

static void list_analyses(void)
{
    static const char *const kinds[] = { "", "counter", "latency", "value" };
    printf("ANALYSES (under analyses:, '- NAME: {OPTIONS}')\n");
    for (const struct analysis *const *a = analyses; *a; a++) {
        printf("\n  %s: %s\n", (*a)->name, (*a)->summary);
        for (const struct metric_info *m = (*a)->emits; m->name; m++) {
            const enum statistic *list;
            uint32_t n = metric_statistics(m->kind, &list);
            printf("    gives %s (%s): %s\n      ", m->name, kinds[m->kind], m->help);
            for (uint32_t i = 0; i < n; i++)
                printf("%s%s", i ? ", " : "statistics ", statistic_name(list[i]));
            printf("\n");
        }
        list_options((*a)->options, "    ");
    }
}

static void list_detectors(void)
{
    printf("DETECTORS (under detectors:, '- series: PATTERN' and any of these beside it)\n");
    for (const struct detector *const *d = detectors; *d; d++) {
        printf("\n  %s: %s\n", (*d)->name, (*d)->summary);
        list_options((*d)->options, "    ");
    }
    printf("\n  auto: chooses detectors by kind of series; watches what no rule names\n");
    list_options(auto_options, "    ");
    printf("\n  ignore: 'yes' leaves the series alone\n");
}

static void list_sinks(void)
{
    printf("SINKS (under sinks:, '- NAME: {OPTIONS}')\n");
    for (const struct sink *const *s = sinks; *s; s++) {
        printf("\n  %s: %s\n", (*s)->name, (*s)->summary);
        list_options((*s)->options, "    ");
    }
}

static void list_presets(void)
{
    printf("PRESETS (--preset NAME; the file and the command line are above it)\n");
    for (const struct preset *p = presets; p->name; p++) {
        printf("\n  %s: %s\n", p->name, p->summary);
        for (const char *line = p->yaml; *line; line += strcspn(line, "\n") + 1)
            printf("    %.*s\n", (int)strcspn(line, "\n"), line);
    }
}

int cmd_list(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } parts[] = { { "settings", list_settings }, { "analyses", list_analyses }, { "detectors", list_detectors },
                  { "sinks", list_sinks },       { "presets", list_presets } };
    struct error err;
    int first = args_parse(&usage, argc, argv, NULL, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    bool found = false;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (first < argc && strcmp(argv[first], parts[i].name) != 0)
            continue;
        printf("%s", found ? "\n" : "");
        parts[i].print();
        found = true;
    }
    if (found)
        return 0;
    error_set(&err, -1, "list: '%s' is not one of settings, analyses, detectors, sinks, presets", argv[first]);
    fail(&err);
    return EXIT_USAGE;
}
