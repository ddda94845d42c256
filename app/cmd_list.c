/* cmd_list.c - what there is to configure, straight from the tables. */
#include "app/command.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

static const struct usage usage = {
    .name = "list",
    .synopsis = "list [settings|analyses|detectors|sinks|presets|NAME...]",
    .summary = "Shows analyses, detectors and sinks with their options, ranges and defaults;\n"
               "the settings of a configuration; and the presets. NAME: only what is called so.",
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

static void list_analysis(const struct analysis *a)
{
    static const char *const kinds[] = { "", "counter", "latency", "value" };
    printf("\n  %s: %s\n", a->name, a->summary);
    for (const struct metric_info *m = a->emits; m->name; m++) {
        const enum statistic *list;
        uint32_t n = metric_statistics(m->kind, &list);
        if (m->of && !(m->faces & (FACE_LIVE | FACE_DETAIL))) {
            printf("    reports %s: %s\n", m->name, m->help);
            continue;
        }
        printf("    gives %s (%s): %s\n      ", m->name, kinds[m->kind], m->help);
        for (uint32_t i = 0; i < n; i++)
            printf("%s%s", i ? ", " : "statistics ", statistic_name(list[i]));
        printf("\n");
    }
    list_options(a->options, "    ");
}

static void list_analyses(void)
{
    printf("ANALYSES (under analyses:, '- NAME: {OPTIONS}')\n");
    for (const struct analysis *const *a = analyses; *a; a++)
        list_analysis(*a);
}

static void list_detector(const struct detector *d)
{
    printf("\n  %s: %s\n", d->name, d->summary);
    list_options(d->options, "    ");
}

static void list_detectors(void)
{
    printf("DETECTORS (under detectors:, '- series: PATTERN' and any of these beside it)\n");
    for (const struct detector *const *d = detectors; *d; d++)
        if ((*d)->observe)
            list_detector(*d);
    printf("\n  auto: chooses detectors by kind of series; watches what no rule names\n");
    list_options(auto_options, "    ");
    printf("\n  ignore: 'yes' leaves the series alone\n");
    printf("\nDETECTORS OF GROUPS (under groups:, '- name: NAME', 'series: PATTERN' and any of these beside them)\n\n");
    list_options(group_options, "  ");
    for (const struct detector *const *d = detectors; *d; d++)
        if ((*d)->group.observe)
            list_detector(*d);
}

static void list_sink(const struct sink *s)
{
    printf("\n  %s: %s\n", s->name, s->summary);
    list_options(s->options, "    ");
}

static void list_sinks(void)
{
    printf("SINKS (under sinks:, '- NAME: {OPTIONS}')\n");
    for (const struct sink *const *s = sinks; *s; s++)
        list_sink(*s);
}

static void list_preset(const struct preset *p)
{
    printf("\n  %s: %s\n", p->name, p->summary);
    for (const char *line = p->yaml; *line; line += strcspn(line, "\n") + 1)
        printf("    %.*s\n", (int)strcspn(line, "\n"), line);
}

static void list_presets(void)
{
    printf("PRESETS (--preset NAME; the file and the command line are above it)\n");
    for (const struct preset *p = presets; p->name; p++)
        list_preset(p);
}

static const struct part {
    const char *name;
    void (*print)(void);
} parts[] = { { "settings", list_settings }, { "analyses", list_analyses }, { "detectors", list_detectors },
              { "sinks", list_sinks },       { "presets", list_presets },   { NULL, NULL } };

/* A part, or everything of that name: an analysis and a preset may share it. */
static bool list_named(const char *name)
{
    bool found = false;
    for (const struct part *p = parts; p->name; p++)
        if (strcmp(name, p->name) == 0)
            return p->print(), true;
    for (const struct analysis *const *a = analyses; *a; a++)
        if (strcmp(name, (*a)->name) == 0)
            found = true, list_analysis(*a);
    for (const struct detector *const *d = detectors; *d; d++)
        if (strcmp(name, (*d)->name) == 0)
            found = true, list_detector(*d);
    for (const struct sink *const *s = sinks; *s; s++)
        if (strcmp(name, (*s)->name) == 0)
            found = true, list_sink(*s);
    for (const struct preset *p = presets; p->name; p++)
        if (strcmp(name, p->name) == 0)
            found = true, list_preset(p);
    return found;
}

static int complain_of(const char *name)
{
    enum { NAMES_MAX = 256 };
    const char *names[NAMES_MAX];
    size_t n = 0;
    for (const struct part *p = parts; p->name; p++)
        names[n++] = p->name;
    for (const struct analysis *const *a = analyses; *a && n < NAMES_MAX; a++)
        names[n++] = (*a)->name;
    for (const struct detector *const *d = detectors; *d && n < NAMES_MAX; d++)
        names[n++] = (*d)->name;
    for (const struct sink *const *s = sinks; *s && n < NAMES_MAX; s++)
        names[n++] = (*s)->name;
    for (const struct preset *p = presets; p->name && n < NAMES_MAX; p++)
        names[n++] = p->name;
    const char *near = text_nearest(name, names, n);
    args_complain(&usage, "there is no analysis, detector, sink or preset '%s'%s%s%s", name, near ? " (did you mean '" : "",
                  near ? near : "", near ? "'?)" : "");
    return EXIT_USAGE;
}

int cmd_list(int argc, char **argv)
{
    struct error err;
    int first = args_parse(&usage, argc, argv, NULL, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    end_with_reader();
    for (int i = first; i < argc; i++) {
        printf("%s", i > first ? "\n" : "");
        if (!list_named(argv[i]))
            return complain_of(argv[i]);
    }
    for (const struct part *p = parts; p->name && first == argc; p++) {
        printf("%s", p > parts ? "\n" : "");
        p->print();
    }
    return 0;
}
