#include "collector/event_filter.h"
#include "base/bytes.h"
#include "base/text.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 wide; /* holds what 64 bits do, signed or not */

/* How a field's value stands to the one of a condition, and which of that an operator takes. */
enum { LESS = 1, EQUAL = 2, GREATER = 4, UNORDERED = 8, PATTERN = 16 };

static const struct operator {
    const char *sign;
    unsigned takes;
} operators[] = { { "=", EQUAL },          { "!=", LESS | GREATER | UNORDERED }, { "<", LESS },   { "<=", LESS | EQUAL },
                  { ">=", GREATER | EQUAL }, { ">", GREATER },                   { "~", PATTERN } };
static const char signs[] = "=!<>~", expected[] = "expected one of = != < <= > >= ~";

struct condition {
    char *expression, *field, *text;
    unsigned takes;
    bool is_number, is_real;
    wide integer;
    double real;
    /* What was found of its field: */
    bool exists, comparable;
    char near[EVENT_NAME_MAX]; /* the most similar name; "" */
};

struct event_filter {
    const char *const *names;
    size_t name_count, condition_count;
    struct condition *conditions;
    uint8_t *places;           /* of each condition's value, for each class */
    uint32_t class_capacity;
    bool any_class;
    char text[VALUE_TEXT_MAX + 1];
};

/* ---- reading conditions ---- */

static bool parse_number(struct condition *c)
{
    bool negative = c->text[0] == '-';
    const char *digits = c->text + negative;
    bool hexadecimal = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    char *end;
    if (!isdigit((unsigned char)digits[0]) && digits[0] != '.')
        return false;
    errno = 0;
    unsigned long long integer = strtoull(digits, &end, hexadecimal ? 16 : 10);
    c->is_real = *end != '\0' || errno != 0; /* an integer beyond 64 bits is beyond all fields' as a real number, too */
    c->integer = negative ? -(wide)integer : (wide)integer;
    if (!c->is_real)
        return true;
    c->real = strtod(c->text, &end);
    return *end == '\0' && end > c->text && isfinite(c->real);
}

static char *copy(const char *from, const char *to)
{
    char *text = xcalloc((size_t)(to - from) + 1, 1);
    return memcpy(text, from, (size_t)(to - from));
}

static const char *skip_spaces(const char *p)
{
    return p + strspn(p, " \t");
}

static int mistake(const struct condition *c, const char *at, const char *what, struct error *err)
{
    return error_set(err, -EINVAL, "'%s': at character %zu: %s", c->expression, (size_t)(at - c->expression) + 1, what);
}

static int parse_operator(struct condition *c, const char *at, size_t size, struct error *err)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (strlen(operators[i].sign) == size && memcmp(operators[i].sign, at, size) == 0)
            c->takes = operators[i].takes;
    return c->takes ? 0 : mistake(c, at, expected, err);
}

static int parse_value(struct condition *c, const char *at, struct error *err)
{
    const char *end = at + strlen(at);
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (end == at)
        return mistake(c, at, "expected a number or a text; an empty text is \"\"", err);
    if (*at == '"' && (end == at + 1 || end[-1] != '"'))
        return mistake(c, at, "the text has no second \"", err);
    bool quoted = *at == '"';
    c->text = copy(at + quoted, end - quoted);
    c->is_number = !quoted && !(c->takes & PATTERN) && parse_number(c);
    return 0;
}

static int parse(struct condition *c, const char *expression, struct error *err)
{
    c->expression = xstrdup(expression);
    const char *field = skip_spaces(c->expression), *behind = field + strcspn(field, " \t=!<>~");
    if (behind == field)
        return mistake(c, field, "expected the name of a field", err);
    c->field = copy(field, behind);
    const char *sign = skip_spaces(behind);
    size_t size = strspn(sign, signs);
    int r = parse_operator(c, sign, size, err);
    return r < 0 ? r : parse_value(c, skip_spaces(sign + size), err);
}

int event_filter_new(const char *const *names, size_t name_count, const char *const *conditions, size_t condition_count,
                     struct event_filter **ret_filter, struct error *err)
{
    if (condition_count > EVENT_VALUES_MAX)
        return error_set(err, -E2BIG, "%zu conditions: at most %d are possible", condition_count, EVENT_VALUES_MAX);
    struct event_filter *f = xcalloc(1, sizeof(*f));
    int r = 0;
    f->names = names;
    f->name_count = name_count;
    f->conditions = xcalloc(condition_count, sizeof(*f->conditions));
    while (f->condition_count < condition_count && r == 0) {
        r = parse(&f->conditions[f->condition_count], conditions[f->condition_count], err);
        f->condition_count++;
    }
    if (r < 0) {
        event_filter_free(f);
        return r;
    }
    *ret_filter = f;
    return 0;
}

void event_filter_free(struct event_filter *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->condition_count; i++) {
        free(f->conditions[i].expression);
        free(f->conditions[i].field);
        free(f->conditions[i].text);
    }
    free(f->conditions);
    free(f->places);
    free(f);
}

/* ---- classes ---- */

static bool has_name(const struct event_filter *f, const char *name)
{
    bool found = f->name_count == 0;
    for (size_t i = 0; i < f->name_count && !found; i++)
        found = text_matches(f->names[i], name);
    return found;
}

/* Goes on with the most similar name, should the field not be found in any class. */
static void look_for_similar(struct condition *c, const struct event_class *class)
{
    const char *names[EVENT_FIELDS_MAX + 1];
    size_t count = 0;
    enum field_scope first, last;
    const char *name = field_name_split(c->field, &first, &last);
    if (c->near[0])
        names[count++] = c->near;
    for (uint32_t i = 0; i < class->field_count && count <= EVENT_FIELDS_MAX; i++)
        if (class->fields[i].scope >= first && class->fields[i].scope <= last)
            names[count++] = class->fields[i].name;
    const char *near = text_nearest(name, names, count);
    if (near && near != c->near)
        text_copy(c->near, sizeof(c->near), near);
}

/* The index of its field; -1: none that can be compared. */
static int find_field(struct condition *c, const struct event_class *class)
{
    int i = event_class_field(class, c->field);
    if (i < 0 && !c->exists)
        look_for_similar(c, class);
    if (i < 0)
        return -1;
    bool comparable = class->fields[i].kind == VALUE_TEXT || c->is_number;
    c->exists = true;
    c->comparable = c->comparable || comparable;
    return comparable ? i : -1;
}

static uint8_t ask_for(struct event_selection *selection, int field)
{
    uint8_t place = 0;
    while (place < selection->count && selection->fields[place] != field)
        place++;
    if (place == selection->count)
        selection->fields[selection->count++] = (uint16_t)field;
    return place;
}

void event_filter_select(struct event_filter *f, const struct event_class *class, struct event_selection *ret_selection)
{
    *ret_selection = (struct event_selection){ .skip = !has_name(f, class->name) };
    if (ret_selection->skip)
        return;
    f->any_class = true;
    if (class->id >= f->class_capacity) {
        f->class_capacity = class->id * 2 + 64;
        f->places = xrealloc(f->places, f->class_capacity, f->condition_count + 1);
    }
    for (size_t i = 0; i < f->condition_count; i++) {
        int field = find_field(&f->conditions[i], class);
        if (field >= 0)
            f->places[class->id * f->condition_count + i] = ask_for(ret_selection, field);
        else
            ret_selection->skip = true;
    }
}

bool event_filter_explain(const struct event_filter *f, size_t condition, struct error *err)
{
    const struct condition *c = &f->conditions[condition];
    enum field_scope first, last;
    int prefix = (int)(field_name_split(c->field, &first, &last) - c->field);
    if (!f->any_class || c->comparable)
        return false;
    if (!c->exists)
        error_set(err, -ENOENT, "no event%s has a field '%s'%s%.*s%s%s", f->name_count ? " of that name" : "", c->field,
                  c->near[0] ? " (did you mean '" : "", c->near[0] ? prefix : 0, c->field, c->near, c->near[0] ? "'?)" : "");
    else if (c->takes & PATTERN)
        error_set(err, -EINVAL, "'%s': the field is a number, and ~ compares texts", c->expression);
    else
        error_set(err, -EINVAL, "'%s': the field is a number, and '%s' is none", c->expression, c->text);
    return true;
}

/* ---- events ---- */

static unsigned order(int difference)
{
    return difference < 0 ? LESS : difference > 0 ? GREATER : EQUAL;
}

static unsigned compare_reals(double a, double b)
{
    return isnan(a) ? UNORDERED : order((a > b) - (a < b));
}

/* Exactly: no rounding to what a real number holds of an integer. */
static unsigned compare_mixed(wide a, double b)
{
    if (isnan(b))
        return UNORDERED;
    if (fabs(b) >= 0x1p100)
        return b > 0 ? LESS : GREATER;
    wide whole = (wide)b;
    return a == whole ? compare_reals(0, b - (double)whole) : order(a < whole ? -1 : 1);
}

static unsigned compare_number(const struct condition *c, const struct value *v)
{
    if (v->kind == VALUE_REAL && c->is_real)
        return compare_reals(v->d, c->real);
    if (v->kind == VALUE_REAL) {
        unsigned reversed = compare_mixed(c->integer, v->d);
        return reversed == LESS ? GREATER : reversed == GREATER ? LESS : reversed;
    }
    wide value = v->kind == VALUE_SIGNED ? (wide)v->i : (wide)v->u;
    return c->is_real ? compare_mixed(value, c->real) : order((value > c->integer) - (value < c->integer));
}

static unsigned compare_text(struct event_filter *f, const struct condition *c, const struct value *v)
{
    memcpy(f->text, v->text, v->size);
    f->text[v->size] = '\0';
    if (c->takes & PATTERN)
        return text_matches(c->text, f->text) ? PATTERN : 0;
    return order(strcmp(f->text, c->text));
}

bool event_filter_matches(struct event_filter *f, uint32_t class_id, const struct value *values)
{
    for (size_t i = 0; i < f->condition_count; i++) {
        const struct condition *c = &f->conditions[i];
        const struct value *v = &values[f->places[class_id * f->condition_count + i]];
        if (v->kind == VALUE_NONE)
            return false;
        if (!(c->takes & (v->kind == VALUE_TEXT ? compare_text(f, c, v) : compare_number(c, v))))
            return false;
    }
    return true;
}
