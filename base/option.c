#include "base/option.h"
#include "base/text.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [OPTION_BOOL] = "yes or no",
    [OPTION_COUNT] = "whole number",
    [OPTION_REAL] = "number",
    [OPTION_DURATION] = "duration with a unit (ns, us, ms, s, m, h, d) such as 250ms",
    [OPTION_SIZE] = "size with a unit (B, KiB, MiB, GiB) such as 64MiB",
    [OPTION_TEXT] = "text",
    [OPTION_LIST] = "list",
    [OPTION_QUANTITY] = "number with the metric's unit (such as 50ms, 3KiB, 12/s) or none",
    [OPTION_CHOICE] = "one of",
};

const struct option *option_find(const struct option *table, const char *name)
{
    for (const struct option *o = table; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

static int unknown(const struct option *table, const char *name, struct error *err)
{
    const char *names[64];
    size_t n = 0;
    for (const struct option *o = table; o->name && n < sizeof(names) / sizeof(names[0]); o++)
        names[n++] = o->name;
    const char *near = text_nearest(name, names, n);
    if (near)
        return error_set(err, -ENOENT, "unknown option '%s' (did you mean '%s'?)", name, near);
    return error_set(err, -ENOENT, "unknown option '%s'", name);
}

static int not_a(const struct option *o, const char *text, struct error *err)
{
    if (o->kind == OPTION_CHOICE)
        return error_set(err, -EINVAL, "%s: '%s' is not one of %s", o->name, text, o->choices);
    return error_set(err, -EINVAL, "%s: '%s' is not a %s", o->name, text, kind_names[o->kind]);
}

/* Splits "250ms" into 250 and the unit behind it. Only decimal numbers: no hex, no inf. */
static bool split_number(const char *text, double *ret_value, enum unit *ret_unit, double *ret_factor)
{
    char *end;
    size_t digits = strspn(text, "+-.0123456789eE");
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || errno || !isfinite(value) || (size_t)(end - text) > digits)
        return false;
    if (!unit_parse_suffix(end, ret_unit, ret_factor))
        return false;
    *ret_value = value;
    return true;
}

static int set_number(const struct option *o, void *field, const char *text, struct error *err)
{
    static const enum unit wanted[] = { [OPTION_DURATION] = UNIT_NANOSECONDS, [OPTION_SIZE] = UNIT_BYTES,
                                        [OPTION_COUNT] = UNIT_NONE, [OPTION_REAL] = UNIT_NONE };
    double value, factor;
    enum unit unit;
    if (!split_number(text, &value, &unit, &factor) || unit != wanted[o->kind] ||
        (o->kind == OPTION_COUNT && value != floor(value)))
        return not_a(o, text, err);

    double base = o->kind == OPTION_DURATION ? value * factor / 1e9 : value * factor;
    if (base < o->min || base > o->max) {
        char range[OPTION_RANGE_MAX];
        return error_set(err, -ERANGE, "%s: %s is outside the allowed range (%s)", o->name, text,
                         option_describe(o, range));
    }
    switch (o->kind) {
    case OPTION_COUNT:
        *(uint32_t *)field = (uint32_t)base;
        break;
    case OPTION_REAL:
        *(double *)field = base;
        break;
    case OPTION_DURATION:
        ((struct duration *)field)->ns = (int64_t)llround(value * factor);
        break;
    default:
        ((struct size *)field)->bytes = (uint64_t)llround(base);
        break;
    }
    return 0;
}

static int set_quantity(const struct option *o, struct quantity *q, const char *text, struct error *err)
{
    double value, factor;
    enum unit unit;
    if (strcmp(text, "none") == 0) {
        *q = (struct quantity){ .is_set = false };
        return 0;
    }
    if (!split_number(text, &value, &unit, &factor))
        return not_a(o, text, err);
    *q = (struct quantity){ .value = value * factor, .unit = unit, .is_set = true };
    return 0;
}

static int set_choice(const struct option *o, struct choice *c, const char *text, struct error *err)
{
    uint32_t index = 0;
    size_t n = strlen(text);
    for (const char *word = o->choices; word; index++) {
        const char *end = strchr(word, '|');
        size_t m = end ? (size_t)(end - word) : strlen(word);
        if (n == m && memcmp(word, text, n) == 0) {
            c->index = index;
            return 0;
        }
        word = end ? end + 1 : NULL;
    }
    return not_a(o, text, err);
}

static int set_text(const struct option *o, struct text *t, const char *text, struct error *err)
{
    if (!text_copy(t->s, sizeof(t->s), text))
        return error_set(err, -E2BIG, "%s: longer than %d characters", o->name, TEXT_MAX - 1);
    return 0;
}

int option_set_list(const struct option *table, void *config, const char *name, const char *const *items,
                    size_t count, struct error *err)
{
    const struct option *o = option_find(table, name);
    if (!o)
        return unknown(table, name, err);
    if (o->kind != OPTION_LIST)
        return error_set(err, -EINVAL, "%s: a list where one %s was expected", o->name, kind_names[o->kind]);
    size_t most = o->max > 0 && o->max < TEXT_LIST_MAX ? (size_t)o->max : TEXT_LIST_MAX;
    if (count > most)
        return error_set(err, -E2BIG, "%s: %zu entries where at most %zu are allowed", o->name, count, most);
    struct text_list *list = (struct text_list *)((char *)config + o->offset);
    memset(list, 0, sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        int r = set_text(o, &list->item[i], items[i], err);
        if (r < 0)
            return r;
    }
    list->count = (uint32_t)count;
    return 0;
}

/* "a, b,c" on the command line or in YAML. */
static int set_list_text(const struct option *table, const struct option *o, void *config, const char *text,
                         struct error *err)
{
    char copy[TEXT_MAX * 4];
    const char *items[TEXT_LIST_MAX + 1];
    size_t n = 0;
    if (!text_copy(copy, sizeof(copy), text))
        return error_set(err, -E2BIG, "%s: too long", o->name);
    for (char *save = NULL, *item = strtok_r(copy, ", ", &save); item; item = strtok_r(NULL, ", ", &save)) {
        if (n > TEXT_LIST_MAX)
            break;
        items[n++] = item;
    }
    return option_set_list(table, config, o->name, items, n, err);
}

int option_set(const struct option *table, void *config, const char *name, const char *text,
               struct error *err)
{
    const struct option *o = option_find(table, name);
    if (!o)
        return unknown(table, name, err);
    void *field = (char *)config + o->offset;
    switch (o->kind) {
    case OPTION_BOOL:
        if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0 && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return error_set(err, -EINVAL, "%s: '%s' is not yes or no", name, text);
        *(bool *)field = text[0] == 'y' || text[0] == 't';
        return 0;
    case OPTION_TEXT:
        return set_text(o, field, text, err);
    case OPTION_LIST:
        return set_list_text(table, o, config, text, err);
    case OPTION_QUANTITY:
        return set_quantity(o, field, text, err);
    case OPTION_CHOICE:
        return set_choice(o, field, text, err);
    default:
        return set_number(o, field, text, err);
    }
}

static size_t field_size(enum option_kind kind)
{
    static const size_t sizes[] = {
        [OPTION_BOOL] = sizeof(bool),
        [OPTION_COUNT] = sizeof(uint32_t),
        [OPTION_REAL] = sizeof(double),
        [OPTION_DURATION] = sizeof(struct duration),
        [OPTION_SIZE] = sizeof(struct size),
        [OPTION_TEXT] = sizeof(struct text),
        [OPTION_LIST] = sizeof(struct text_list),
        [OPTION_QUANTITY] = sizeof(struct quantity),
        [OPTION_CHOICE] = sizeof(struct choice),
    };
    return sizes[kind];
}

void options_default(const struct option *table, void *config)
{
    for (const struct option *o = table; o->name; o++) {
        memset((char *)config + o->offset, 0, field_size(o->kind));
        if (!o->fallback)
            continue;
        struct error err;
        int r = option_set(table, config, o->name, o->fallback, &err);
        if (r < 0)
            fprintf(stderr, "option table: %s\n", err.text);
        assert(r == 0);
    }
}

bool option_is_set(const struct option *option, const void *config)
{
    const void *field = (const char *)config + option->offset;
    switch (option->kind) {
    case OPTION_TEXT:
        return ((const struct text *)field)->s[0] != '\0';
    case OPTION_LIST:
        return ((const struct text_list *)field)->count > 0;
    case OPTION_QUANTITY:
        return ((const struct quantity *)field)->is_set;
    case OPTION_DURATION:
        return ((const struct duration *)field)->ns != 0;
    default:
        return true;
    }
}

int options_complete(const struct option *table, const void *config, struct error *err)
{
    for (const struct option *o = table; o->name; o++)
        if (!o->fallback && !option_is_set(o, config))
            return error_set(err, -EINVAL, "'%s' is missing (%s)", o->name, o->help);
    return 0;
}

const char *option_describe(const struct option *option, char buffer[OPTION_RANGE_MAX])
{
    struct text_out out = text_out_init(buffer, OPTION_RANGE_MAX);
    char low[UNIT_TEXT_MAX], high[UNIT_TEXT_MAX];
    switch (option->kind) {
    case OPTION_DURATION:
        text_printf(&out, "duration, %s to %s", unit_format_exact(low, option->min * 1e9, UNIT_NANOSECONDS),
                    unit_format_exact(high, option->max * 1e9, UNIT_NANOSECONDS));
        break;
    case OPTION_SIZE:
        text_printf(&out, "size, %s to %s", unit_format_exact(low, option->min, UNIT_BYTES),
                    unit_format_exact(high, option->max, UNIT_BYTES));
        break;
    case OPTION_COUNT:
    case OPTION_REAL:
        text_printf(&out, "%s, %.15g to %.15g", kind_names[option->kind], option->min, option->max);
        break;
    case OPTION_LIST:
        text_printf(&out, "list of at most %g",
                    option->max > 0 && option->max < TEXT_LIST_MAX ? option->max : TEXT_LIST_MAX);
        break;
    case OPTION_CHOICE:
        text_puts(&out, option->choices);
        break;
    default:
        text_puts(&out, kind_names[option->kind]);
        break;
    }
    return buffer;
}
