/* tsdl_numbers.c - the scalar types of TSDL. (CTF 1.8.3, sections 4.1.2 to 4.2.) */
#include "collector/tsdl_inner.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct ctf_type *new_type(struct tsdl_parser *p, enum ctf_kind kind, uint32_t align)
{
    struct ctf_type *t = arena_alloc(&p->metadata.arena, sizeof(*t));
    t->kind = kind;
    t->align = align;
    return t;
}

/* A number or a word, as text: attributes say 1, true, UTF8, "decimal" alike. */
static const char *expect_word(struct tsdl_parser *p)
{
    if (p->lexer.token == TSDL_NUMBER) {
        char text[24];
        uint64_t number = tsdl_expect_number(p);
        int n = 0;
        do
            text[sizeof(text) - 1 - (size_t)n++] = (char)('0' + number % 10);
        while ((number /= 10) > 0);
        return arena_text(&p->metadata.arena, text + sizeof(text) - n, (size_t)n);
    }
    return p->lexer.token == TSDL_TEXT ? tsdl_expect_text(p) : tsdl_expect_path(p);
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

bool tsdl_expect_bool(struct tsdl_parser *p)
{
    static const char *const yes[] = { "true", "TRUE", "True", NULL }, *const no[] = { "false", "FALSE", "False", NULL };
    if (p->lexer.token == TSDL_NUMBER)
        return tsdl_expect_number(p) != 0;
    const char *word = expect_word(p);
    if (!is_one_of(word, yes) && !is_one_of(word, no))
        tsdl_fail(p, "'%s' is neither true nor false", word);
    return is_one_of(word, yes);
}

enum ctf_order tsdl_expect_order(struct tsdl_parser *p)
{
    static const char *const big[] = { "be", "network", NULL };
    const char *word = expect_word(p);
    if (strcmp(word, "native") == 0)
        return CTF_NATIVE;
    if (strcmp(word, "le") != 0 && !is_one_of(word, big))
        tsdl_fail(p, "'%s' is no byte order (le, be, network, native)", word);
    return strcmp(word, "le") == 0 ? CTF_LITTLE : CTF_BIG;
}

uint32_t tsdl_expect_alignment(struct tsdl_parser *p)
{
    uint64_t align = tsdl_expect_number(p);
    if (align == 0 || align > CTF_ALIGN_MAX || (align & (align - 1)) != 0) {
        tsdl_fail(p, "an alignment of %" PRIu64 " bits: a power of two up to %d was expected", align, CTF_ALIGN_MAX);
        return 1;
    }
    return (uint32_t)align;
}

static uint8_t expect_base(struct tsdl_parser *p)
{
    static const char *const words[][8] = { { "10", "decimal", "dec", "d", "i", "u", NULL },
                                            { "16", "hexadecimal", "hex", "x", "X", "p", NULL },
                                            { "8", "octal", "oct", "o", NULL },
                                            { "2", "binary", "b", NULL } };
    static const uint8_t bases[] = { 10, 16, 8, 2 };
    const char *word = expect_word(p);
    for (size_t i = 0; i < 4; i++)
        if (is_one_of(word, words[i]))
            return bases[i];
    tsdl_fail(p, "'%s' is no base", word);
    return 10;
}

static bool expect_encoding(struct tsdl_parser *p)
{
    static const char *const texts[] = { "UTF8", "utf8", "utf-8", "UTF-8", "ASCII", "ascii", NULL };
    const char *word = expect_word(p);
    if (strcmp(word, "none") != 0 && strcmp(word, "NONE") != 0 && strcmp(word, "None") != 0 && !is_one_of(word, texts))
        tsdl_fail(p, "'%s' is no encoding (none, UTF8, ASCII)", word);
    return is_one_of(word, texts);
}

/* "clock.NAME.value" */
static const char *expect_clock(struct tsdl_parser *p)
{
    char *path = tsdl_expect_path(p);
    size_t size = strlen(path);
    if (size < 13 || strncmp(path, "clock.", 6) != 0 || strcmp(path + size - 6, ".value") != 0) {
        tsdl_fail(p, "map: '%s' is not clock.NAME.value", path);
        return NULL;
    }
    path[size - 6] = '\0';
    return path + 6;
}

/* NAME = VALUE; for each, NAME being taken already. False: there is no such attribute. */
typedef bool attribute_fn(struct tsdl_parser *p, struct ctf_type *t, const char *name);

static void attributes(struct tsdl_parser *p, struct ctf_type *t, attribute_fn *take)
{
    struct tsdl_said said = { .count = 0 };
    tsdl_expect_sign(p, '{');
    while (!p->failed && !tsdl_take_sign(p, '}')) {
        const char *name = tsdl_expect_path(p);
        tsdl_once(p, &said, name);
        tsdl_expect_sign(p, '=');
        if (!p->failed && !take(p, t, name))
            expect_word(p); /* one we do not know says nothing about the bytes */
        tsdl_expect_sign(p, ';');
    }
}

static bool integer_attribute(struct tsdl_parser *p, struct ctf_type *t, const char *name)
{
    if (strcmp(name, "size") == 0) {
        uint64_t bits = tsdl_expect_number(p);
        if (bits == 0 || bits > 64)
            tsdl_fail(p, "an integer of %" PRIu64 " bits: 1 to 64 are possible", bits);
        t->integer.bits = (uint8_t)bits;
    } else if (strcmp(name, "signed") == 0) {
        t->integer.is_signed = tsdl_expect_bool(p);
    } else if (strcmp(name, "align") == 0) {
        t->align = tsdl_expect_alignment(p);
    } else if (strcmp(name, "byte_order") == 0) {
        t->integer.order = tsdl_expect_order(p);
    } else if (strcmp(name, "base") == 0) {
        t->integer.base = expect_base(p);
    } else if (strcmp(name, "encoding") == 0) {
        t->integer.is_text = expect_encoding(p);
    } else if (strcmp(name, "map") == 0) {
        t->integer.clock = expect_clock(p);
    } else {
        return false;
    }
    return true;
}

const struct ctf_type *tsdl_integer(struct tsdl_parser *p)
{
    struct ctf_type *t = new_type(p, CTF_INTEGER, 0);
    t->integer.base = 10;
    attributes(p, t, integer_attribute);
    if (t->integer.bits == 0)
        tsdl_fail(p, "an integer without size");
    if (t->align == 0)
        t->align = t->integer.bits % 8 == 0 ? 8 : 1;
    return t;
}

/* Exponent and mantissa are added up: 8 + 24 and 11 + 53 are what IEEE 754 has. */
static bool real_attribute(struct tsdl_parser *p, struct ctf_type *t, const char *name)
{
    if (strcmp(name, "exp_dig") == 0 || strcmp(name, "mant_dig") == 0) {
        uint64_t digits = tsdl_expect_number(p);
        if (digits > 64)
            tsdl_fail(p, "a floating point number with %" PRIu64 " digits", digits);
        else
            t->real.bits = (uint8_t)(t->real.bits + digits);
    } else if (strcmp(name, "align") == 0) {
        t->align = tsdl_expect_alignment(p);
    } else if (strcmp(name, "byte_order") == 0) {
        t->real.order = tsdl_expect_order(p);
    } else {
        return false;
    }
    return true;
}

const struct ctf_type *tsdl_real(struct tsdl_parser *p)
{
    struct ctf_type *t = new_type(p, CTF_REAL, 0);
    attributes(p, t, real_attribute);
    if (t->real.bits != 32 && t->real.bits != 64)
        tsdl_fail(p, "a floating point number of %u bits: 32 and 64 are possible", t->real.bits);
    if (t->align == 0)
        t->align = t->real.bits % 8 == 0 ? 8 : 1;
    return t;
}

static bool string_attribute(struct tsdl_parser *p, struct ctf_type *t, const char *name)
{
    (void)t;
    if (strcmp(name, "encoding") != 0)
        return false;
    expect_encoding(p);
    return true;
}

const struct ctf_type *tsdl_string(struct tsdl_parser *p)
{
    struct ctf_type *t = new_type(p, CTF_STRING, 8);
    if (tsdl_lexer_is_sign(&p->lexer, '{'))
        attributes(p, t, string_attribute);
    return t;
}

/* ---- enumerations ---- */

static void take_ranges(struct tsdl_parser *p, struct ctf_type *t)
{
    struct ctf_range *ranges = NULL;
    uint32_t count = 0, capacity = 0;
    uint64_t value = 0;
    tsdl_expect_sign(p, '{');
    while (!p->failed && !tsdl_take_sign(p, '}')) {
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 8;
            struct ctf_range *more = arena_alloc(&p->metadata.arena, capacity * sizeof(*more));
            if (count > 0)
                memcpy(more, ranges, count * sizeof(*more));
            ranges = more;
        }
        struct ctf_range *r = &ranges[count++];
        r->label = p->lexer.token == TSDL_TEXT ? tsdl_expect_text(p) : tsdl_expect_name(p);
        r->low = r->high = value;
        if (tsdl_take_sign(p, '=')) {
            r->low = r->high = t->integer.is_signed ? (uint64_t)tsdl_expect_signed(p) : tsdl_expect_number(p);
            if (tsdl_take_sign(p, TSDL_ELLIPSIS))
                r->high = t->integer.is_signed ? (uint64_t)tsdl_expect_signed(p) : tsdl_expect_number(p);
            if (t->integer.is_signed ? (int64_t)r->low > (int64_t)r->high : r->low > r->high)
                tsdl_fail(p, "enumerator '%s' has a range that ends before it begins", r->label);
        }
        value = r->high + 1;
        if (!tsdl_take_sign(p, ',') && !tsdl_lexer_is_sign(&p->lexer, '}'))
            tsdl_expect_sign(p, '}');
    }
    t->integer.ranges = ranges;
    t->integer.range_count = count;
}

/* enum [NAME] [: INTEGER TYPE] [{...}], "enum" being taken. */
const struct ctf_type *tsdl_enumeration(struct tsdl_parser *p)
{
    char *name = p->lexer.token == TSDL_NAME ? tsdl_expect_new_name(p) : NULL, tagged[512];
    const struct ctf_type *container = NULL;
    if (name)
        snprintf(tagged, sizeof(tagged), "enum %s", name);
    if (tsdl_take_sign(p, ':'))
        container = tsdl_type(p);
    if (name && !container && !tsdl_lexer_is_sign(&p->lexer, '{')) {
        const struct ctf_type *known = tsdl_find(p, tagged);
        if (!known)
            tsdl_fail(p, "'%s' is not declared", tagged);
        return known;
    }
    if (!container)
        container = tsdl_find(p, "int");
    if (!p->failed && (!container || container->kind != CTF_INTEGER))
        tsdl_fail(p, "an enumeration needs an integer type");
    if (p->failed)
        return NULL;
    struct ctf_type *t = new_type(p, CTF_INTEGER, container->align);
    t->integer = container->integer;
    t->integer.is_enumeration = true;
    take_ranges(p, t);
    if (name)
        tsdl_define(p, tagged, t);
    return t;
}
