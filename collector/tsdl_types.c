/* tsdl_types.c - the compound types of TSDL, and names for types. (CTF 1.8.3, sections 4.2 and 7.3.) */
#include "collector/tsdl_inner.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ALIAS_MAX = 512 };

/* ---- names ---- */

const struct ctf_type *tsdl_find(const struct tsdl_parser *p, const char *name)
{
    for (const struct tsdl_scope *s = p->scope; s; s = s->parent)
        for (const struct tsdl_alias *a = s->aliases; a; a = a->next)
            if (strcmp(a->name, name) == 0)
                return a->type;
    return NULL;
}

void tsdl_define(struct tsdl_parser *p, const char *name, const struct ctf_type *type)
{
    for (const struct tsdl_alias *a = p->scope->aliases; a; a = a->next)
        if (strcmp(a->name, name) == 0)
            tsdl_fail(p, "'%s' is declared twice", name);
    struct tsdl_alias *a = arena_alloc(&p->metadata.arena, sizeof(*a));
    a->name = arena_text(&p->metadata.arena, name, strlen(name));
    a->type = type;
    a->next = p->scope->aliases;
    p->scope->aliases = a;
}

static bool is_c_word(const struct tsdl_lexer *l)
{
    static const char *const words[] = { "unsigned", "signed", "char", "short", "int", "long", "float", "double", "void", "const",
                                         "_Bool", "_Complex", "_Imaginary", NULL };
    for (size_t i = 0; words[i]; i++)
        if (tsdl_lexer_is_name(l, words[i]))
            return true;
    return false;
}

static void append_word(char alias[ALIAS_MAX], const char *word)
{
    size_t used = strlen(alias);
    snprintf(alias + used, ALIAS_MAX - used, "%s%s", used ? " " : "", word);
}

/* "unsigned long", "uint32_t", "void *": words of C in a row, or one other name. */
static void expect_alias(struct tsdl_parser *p, char alias[ALIAS_MAX])
{
    alias[0] = '\0';
    if (is_c_word(&p->lexer)) {
        while (is_c_word(&p->lexer) && !p->failed) {
            bool is_const = tsdl_lexer_is_name(&p->lexer, "const");
            const char *word = tsdl_expect_name(p);
            if (!is_const)
                append_word(alias, word);
        }
    } else {
        append_word(alias, tsdl_expect_name(p));
    }
    while (tsdl_take_sign(p, '*'))
        append_word(alias, "*");
}

/* ---- structures and variants ---- */

struct member_list {
    struct ctf_member *members;
    uint32_t count, capacity;
};

static void add_member(struct tsdl_parser *p, struct member_list *list, const char *name, const struct ctf_type *type)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (strcmp(list->members[i].name, name) == 0)
            tsdl_fail(p, "two members have the name '%s'", name);
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 8;
        struct ctf_member *more = arena_alloc(&p->metadata.arena, list->capacity * sizeof(*more));
        if (list->count > 0)
            memcpy(more, list->members, list->count * sizeof(*more));
        list->members = more;
    }
    list->members[list->count++] = (struct ctf_member){ name, type };
}

const struct ctf_type *tsdl_dimensions(struct tsdl_parser *p, const struct ctf_type *element)
{
    if (p->failed || !tsdl_take_sign(p, '['))
        return element;
    struct ctf_type *t = arena_alloc(&p->metadata.arena, sizeof(*t));
    if (p->lexer.token == TSDL_NUMBER) {
        t->kind = CTF_ARRAY;
        t->array.length = tsdl_expect_number(p);
    } else {
        t->kind = CTF_SEQUENCE;
        t->sequence.length = tsdl_expect_path(p);
    }
    tsdl_expect_sign(p, ']');
    /* a[2][3] is two times three. */
    const struct ctf_type *inner = tsdl_dimensions(p, element);
    if (p->failed || !inner)
        return NULL;
    t->align = inner->align;
    if (t->kind == CTF_ARRAY)
        t->array.element = inner;
    else
        t->sequence.element = inner;
    return t;
}

/* { TYPE name [, name] ; ... } */
static struct member_list take_members(struct tsdl_parser *p)
{
    struct member_list list = { 0 };
    struct tsdl_scope scope;
    tsdl_expect_sign(p, '{');
    tsdl_push(p, &scope);
    while (!p->failed && !tsdl_take_sign(p, '}')) {
        if (tsdl_declaration(p))
            continue;
        const struct ctf_type *type = tsdl_type(p);
        do {
            while (tsdl_take_sign(p, '*'))
                ;
            const char *name = tsdl_expect_new_name(p);
            const struct ctf_type *whole = tsdl_dimensions(p, type);
            if (!p->failed)
                add_member(p, &list, name, whole);
        } while (tsdl_take_sign(p, ','));
        tsdl_expect_sign(p, ';');
    }
    tsdl_pop(p);
    return list;
}

/* What is declared as "struct NAME", and has no body here. */
static const struct ctf_type *known_compound(struct tsdl_parser *p, const char *tagged)
{
    const struct ctf_type *t = tsdl_find(p, tagged);
    if (!t)
        tsdl_fail(p, "'%s' is not declared", tagged);
    return t;
}

/* struct [NAME] [{...} [align(N)]], "struct" being taken. */
static const struct ctf_type *structure(struct tsdl_parser *p)
{
    char tagged[ALIAS_MAX] = "struct ";
    bool named = p->lexer.token == TSDL_NAME && !tsdl_lexer_is_name(&p->lexer, "align");
    if (named)
        snprintf(tagged, sizeof(tagged), "struct %s", tsdl_expect_new_name(p));
    if (named && !tsdl_lexer_is_sign(&p->lexer, '{'))
        return known_compound(p, tagged);
    struct member_list list = take_members(p);
    struct ctf_type *t = arena_alloc(&p->metadata.arena, sizeof(*t));
    t->kind = CTF_STRUCTURE;
    t->align = 1;
    t->structure.count = list.count;
    t->structure.members = list.members;
    if (tsdl_take_name(p, "align")) {
        tsdl_expect_sign(p, '(');
        t->align = tsdl_expect_alignment(p);
        tsdl_expect_sign(p, ')');
    }
    for (uint32_t i = 0; i < list.count && !p->failed; i++)
        if (list.members[i].type->align > t->align)
            t->align = list.members[i].type->align;
    if (named && !p->failed)
        tsdl_define(p, tagged, t);
    return t;
}

/* variant [NAME] [<TAG>] [{...}], "variant" being taken. */
static const struct ctf_type *variant(struct tsdl_parser *p)
{
    char tagged[ALIAS_MAX] = "variant ";
    bool named = p->lexer.token == TSDL_NAME;
    const char *tag = NULL;
    if (named)
        snprintf(tagged, sizeof(tagged), "variant %s", tsdl_expect_new_name(p));
    if (tsdl_take_sign(p, '<')) {
        tag = tsdl_expect_path(p);
        tsdl_expect_sign(p, '>');
    }
    struct ctf_type *t = arena_alloc(&p->metadata.arena, sizeof(*t));
    t->kind = CTF_VARIANT;
    t->align = 1;
    if (named && !tsdl_lexer_is_sign(&p->lexer, '{')) {
        const struct ctf_type *known = known_compound(p, tagged);
        if (p->failed)
            return NULL;
        t->variant = known->variant;
        if (tag)
            t->variant.tag = tag;
        return t;
    }
    struct member_list list = take_members(p);
    t->variant.tag = tag;
    t->variant.count = list.count;
    t->variant.options = list.members;
    if (named && !p->failed)
        tsdl_define(p, tagged, t);
    return t;
}

/* ---- type specifiers ---- */

const struct ctf_type *tsdl_type(struct tsdl_parser *p)
{
    char alias[ALIAS_MAX];
    const struct ctf_type *t;
    if (p->failed)
        return NULL;
    while (tsdl_take_name(p, "const"))
        ;
    if (++p->depth > CTF_DEPTH_MAX * 2)
        tsdl_fail(p, "types are nested too deeply");
    if (tsdl_take_name(p, "integer")) {
        t = tsdl_integer(p);
    } else if (tsdl_take_name(p, "floating_point")) {
        t = tsdl_real(p);
    } else if (tsdl_take_name(p, "string")) {
        t = tsdl_string(p);
    } else if (tsdl_take_name(p, "struct")) {
        t = structure(p);
    } else if (tsdl_take_name(p, "variant")) {
        t = variant(p);
    } else if (tsdl_take_name(p, "enum")) {
        t = tsdl_enumeration(p);
    } else {
        expect_alias(p, alias);
        t = tsdl_find(p, alias);
        if (!t)
            tsdl_fail(p, "there is no type '%s'", alias);
    }
    p->depth--;
    return p->failed ? NULL : t;
}

/* typealias TYPE [[N]] := ALIAS ; */
static void typealias(struct tsdl_parser *p)
{
    char alias[ALIAS_MAX];
    const struct ctf_type *t = tsdl_type(p);
    while (tsdl_take_sign(p, '*'))
        ;
    t = tsdl_dimensions(p, t);
    tsdl_expect_sign(p, TSDL_ASSIGN_TYPE);
    expect_alias(p, alias);
    tsdl_expect_sign(p, ';');
    if (!p->failed)
        tsdl_define(p, alias, t);
}

/* typedef TYPE NAME [[N]] [, NAME] ; */
static void type_definition(struct tsdl_parser *p)
{
    const struct ctf_type *t = tsdl_type(p);
    do {
        while (tsdl_take_sign(p, '*'))
            ;
        const char *name = tsdl_expect_new_name(p);
        const struct ctf_type *whole = tsdl_dimensions(p, t);
        if (!p->failed)
            tsdl_define(p, name, whole);
    } while (tsdl_take_sign(p, ','));
    tsdl_expect_sign(p, ';');
}

/* "struct x {...};" declares and is no member; "struct x {...} a;" is one. */
static bool only_declares(struct tsdl_parser *p)
{
    if (!tsdl_lexer_is_name(&p->lexer, "struct") && !tsdl_lexer_is_name(&p->lexer, "variant") && !tsdl_lexer_is_name(&p->lexer, "enum"))
        return false;
    struct tsdl_lexer ahead = p->lexer;
    unsigned depth = 0;
    for (tsdl_lexer_next(&ahead); ahead.token != TSDL_END && ahead.token != TSDL_WRONG; tsdl_lexer_next(&ahead)) {
        if (tsdl_lexer_is_sign(&ahead, '{'))
            depth++;
        else if (tsdl_lexer_is_sign(&ahead, '}') && --depth == 0)
            break;
        else if (depth == 0 && tsdl_lexer_is_sign(&ahead, ';'))
            return false;
    }
    tsdl_lexer_next(&ahead);
    if (tsdl_lexer_is_name(&ahead, "align"))
        for (int i = 0; i < 4; i++) /* align ( N ) */
            tsdl_lexer_next(&ahead);
    return tsdl_lexer_is_sign(&ahead, ';');
}

bool tsdl_declaration(struct tsdl_parser *p)
{
    if (p->failed)
        return false;
    if (tsdl_take_name(p, "typealias")) {
        typealias(p);
    } else if (tsdl_take_name(p, "typedef")) {
        type_definition(p);
    } else if (only_declares(p)) {
        tsdl_type(p);
        tsdl_expect_sign(p, ';');
    } else {
        return false;
    }
    return true;
}
