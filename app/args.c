#include "app/args.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/text.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void args_print_help(const struct usage *usage)
{
    printf("usage: foretrace %s\n\n%s\n", usage->synopsis, usage->summary);
    if (usage->args && usage->args->name)
        printf("\noptions:\n");
    for (const struct arg *a = usage->args; a && a->name; a++) {
        char left[64];
        char letter[8] = "    ";
        if (a->letter)
            snprintf(letter, sizeof(letter), "-%c, ", a->letter);
        snprintf(left, sizeof(left), "%s--%s%s%s", letter, a->name, a->value ? " " : "", a->value ? a->value : "");
        printf("  %-30s %s\n", left, a->help);
    }
    printf("  %-30s %s\n", "    --help", "this text");
    if (usage->details)
        printf("\n%s", usage->details);
}

void args_complain(const struct usage *usage, const char *fmt, ...)
{
    struct error err;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err.text, sizeof(err.text), fmt, ap);
    va_end(ap);
    log_error("%s (foretrace %s --help tells more)", err.text, usage->name);
    fprintf(stderr, "usage: foretrace %s\n", usage->synopsis);
}

static const struct arg *find(const struct arg *args, const char *name, size_t size)
{
    for (const struct arg *a = args; a->name; a++)
        if (strlen(a->name) == size && memcmp(a->name, name, size) == 0)
            return a;
    return NULL;
}

static int unknown(const struct usage *usage, const char *word, struct error *err)
{
    const char *names[64];
    char name[64];
    size_t n = 0;
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (const struct arg *a = usage->args; a->name && n < 64; a++)
        names[n++] = a->name;
    const char *near = strncmp(word, "--", 2) == 0 ? text_nearest(name, names, n) : NULL;
    return error_set(err, -EINVAL, "unknown option '%s'%s%s%s; see foretrace %s --help", word,
                     near ? " (did you mean '--" : "", near ? near : "", near ? "'?)" : "", usage->name);
}

static int store(const struct arg *a, void *target, const char *value, struct error *err)
{
    void *field = (char *)target + a->offset;
    struct arg_list *list = field;
    switch (a->kind) {
    case ARG_FLAG:
        *(bool *)field = true;
        break;
    case ARG_TEXT:
        *(const char **)field = value;
        break;
    case ARG_LIST:
        if (list->count == ARG_LIST_MAX)
            return error_set(err, -E2BIG, "--%s is given more than %d times", a->name, ARG_LIST_MAX);
        list->items[list->count++] = value;
        break;
    }
    return 0;
}

/* Finds the option a word names, and the value that is part of the word, if any. */
static const struct arg *recognise(const struct arg *args, const char *word, const char **ret_value)
{
    *ret_value = NULL;
    if (word[1] == '-') {
        size_t n = strcspn(word + 2, "=");
        const struct arg *a = find(args, word + 2, n);
        if (word[2 + n] == '=')
            *ret_value = word + 3 + n;
        return a;
    }
    for (const struct arg *a = args; a->name; a++) {
        if (a->letter && a->letter == word[1]) {
            *ret_value = word[2] ? word + 2 : NULL;
            return a;
        }
    }
    return NULL;
}

/* One option, at argv[*at]; *at is left at its last word. */
static int take_option(const struct usage *usage, int argc, char **argv, int *at, void *target, struct error *err)
{
    static const struct arg none[] = { ARG_END };
    const char *value;
    const struct arg *a = recognise(usage->args ? usage->args : none, argv[*at], &value);
    if (!a)
        return unknown(usage, argv[*at], err);
    if (a->kind == ARG_FLAG && value)
        return error_set(err, -EINVAL, "--%s takes no value", a->name);
    if (a->kind != ARG_FLAG && !value) {
        if (*at + 1 == argc)
            return error_set(err, -EINVAL, "--%s needs a value (%s)", a->name, a->value);
        value = argv[++*at];
    }
    return store(a, target, value, err);
}

int args_parse(const struct usage *usage, int argc, char **argv, void *target, struct error *err)
{
    char **operands = xcalloc((size_t)argc, sizeof(*operands));
    int count = 0, i = 1, r = 0;
    for (; i < argc && r == 0; i++) {
        bool option = argv[i][0] == '-' && argv[i][1] != '\0';
        if (strcmp(argv[i], "--") == 0 || (!option && usage->stop_at_operand))
            break;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            r = ARGS_HELP;
        else if (option)
            r = take_option(usage, argc, argv, &i, target, err);
        else
            operands[count++] = argv[i];
    }
    if (r == 0 && i < argc && strcmp(argv[i], "--") == 0)
        i++;
    for (; r == 0 && i < argc; i++)
        operands[count++] = argv[i];
    if (r == 0)
        memcpy(argv + argc - count, operands, (size_t)count * sizeof(*operands));
    free(operands);
    if (r == ARGS_HELP)
        args_print_help(usage);
    return r < 0 ? r : argc - count;
}
