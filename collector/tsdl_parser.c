#include "collector/tsdl_parser.h"
#include "base/bytes.h"
#include "collector/tsdl_inner.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tsdl_parser *tsdl_parser_new(void)
{
    struct tsdl_parser *p = xcalloc(1, sizeof(*p));
    p->scope = &p->global;
    return p;
}

void tsdl_parser_free(struct tsdl_parser *p)
{
    if (!p)
        return;
    free(p->metadata.clocks);
    free(p->metadata.streams);
    free(p->metadata.events);
    free(p->metadata.entries);
    arena_done(&p->metadata.arena);
    free(p);
}

const struct ctf_metadata *tsdl_parser_metadata(const struct tsdl_parser *p)
{
    return &p->metadata;
}

/* The first mistake is the one that is told. */
void tsdl_fail(struct tsdl_parser *p, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    if (p->failed)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    p->failed = true;
    error_set(p->err, -EINVAL, "metadata:%u: %s", p->lexer.line, text);
}

/* ---- small words ---- */

static void next(struct tsdl_parser *p)
{
    if (p->failed)
        return;
    tsdl_lexer_next(&p->lexer);
    if (p->lexer.token == TSDL_WRONG)
        tsdl_fail(p, "%s", p->lexer.what);
}

static const char *describe(const struct tsdl_lexer *l, char text[64])
{
    if (l->token == TSDL_END)
        return "the end";
    if (l->token == TSDL_NUMBER)
        snprintf(text, 64, "%" PRIu64, l->number);
    else if (l->token == TSDL_SIGN)
        snprintf(text, 64, "'%s%c'", l->sign < 256 ? "" : "operator ", l->sign < 256 ? l->sign : '?');
    else
        snprintf(text, 64, "'%.*s'", l->size < 40 ? (int)l->size : 40, l->text);
    return text;
}

bool tsdl_take_sign(struct tsdl_parser *p, int sign)
{
    if (p->failed || !tsdl_lexer_is_sign(&p->lexer, sign))
        return false;
    next(p);
    return true;
}

void tsdl_expect_sign(struct tsdl_parser *p, int sign)
{
    char found[64];
    if (!tsdl_take_sign(p, sign))
        tsdl_fail(p, sign < 256 ? "'%c' was expected, not %s" : "an operator (%c) was expected, not %s",
                  sign < 256 ? sign : sign == TSDL_ASSIGN_TYPE ? '=' : '.', describe(&p->lexer, found));
}

bool tsdl_take_name(struct tsdl_parser *p, const char *name)
{
    if (p->failed || !tsdl_lexer_is_name(&p->lexer, name))
        return false;
    next(p);
    return true;
}

char *tsdl_expect_name(struct tsdl_parser *p)
{
    char found[64];
    if (p->failed || p->lexer.token != TSDL_NAME) {
        tsdl_fail(p, "a name was expected, not %s", describe(&p->lexer, found));
        return (char *)(uintptr_t)"";
    }
    char *name = arena_text(&p->metadata.arena, p->lexer.text, p->lexer.size);
    next(p);
    return name;
}

char *tsdl_expect_new_name(struct tsdl_parser *p)
{
    static const char *const keywords[] = { "align", "callsite", "clock", "const", "char", "double", "enum", "env", "event", "floating_point", "float",
                                            "integer", "int", "long", "short", "signed", "stream", "string", "struct", "trace", "typealias",
                                            "typedef", "unsigned", "variant", "void", "_Bool", "_Complex", "_Imaginary" };
    char *name = tsdl_expect_name(p);
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
        if (strcmp(name, keywords[i]) == 0)
            tsdl_fail(p, "'%s' is a word of the language, and no name", name);
    return name;
}

char *tsdl_expect_path(struct tsdl_parser *p)
{
    char *path = tsdl_expect_name(p);
    for (;;) {
        const char *separator = tsdl_take_sign(p, '.') ? "." : tsdl_take_sign(p, TSDL_ARROW) ? "." : NULL;
        if (!separator)
            return path;
        const char *more = tsdl_expect_name(p);
        size_t size = strlen(path) + 1 + strlen(more);
        char *longer = arena_alloc(&p->metadata.arena, size + 1);
        snprintf(longer, size + 1, "%s.%s", path, more);
        path = longer;
    }
}

uint64_t tsdl_expect_number(struct tsdl_parser *p)
{
    char found[64];
    uint64_t number = p->lexer.number;
    tsdl_take_sign(p, '+');
    if (p->failed || p->lexer.token != TSDL_NUMBER) {
        tsdl_fail(p, "a number was expected, not %s", describe(&p->lexer, found));
        return 0;
    }
    number = p->lexer.number;
    next(p);
    return number;
}

int64_t tsdl_expect_signed(struct tsdl_parser *p)
{
    bool negative = tsdl_take_sign(p, '-');
    uint64_t number = tsdl_expect_number(p);
    if (number > (uint64_t)INT64_MAX + negative) {
        tsdl_fail(p, "%s%" PRIu64 " is too large", negative ? "-" : "", number);
        return 0;
    }
    return negative ? (int64_t)(0 - number) : (int64_t)number;
}

/* Escapes as in C. */
static void append_unescaped(struct bytes *b, const char *text, size_t size)
{
    static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '\\' && i + 1 < size) {
            c = text[++i];
            const char *at = strchr(from, c);
            if (at && *at) {
                c = to[at - from];
            } else if (c >= '0' && c <= '7') {
                unsigned value = 0;
                for (int n = 0; n < 3 && i < size && text[i] >= '0' && text[i] <= '7'; n++)
                    value = value * 8 + (unsigned)(text[i++] - '0');
                i--;
                c = (char)value;
            } else if (c == 'x') {
                c = (char)strtoul((char[]){ i + 1 < size ? text[i + 1] : '0', i + 2 < size ? text[i + 2] : '0', 0 }, NULL, 16);
                i += 2;
            }
        }
        bytes_append(b, &c, 1);
    }
}

char *tsdl_expect_text(struct tsdl_parser *p)
{
    char found[64];
    struct bytes b = { 0 };
    if (p->failed || p->lexer.token != TSDL_TEXT) {
        tsdl_fail(p, "a text in quotes was expected, not %s", describe(&p->lexer, found));
        return (char *)(uintptr_t)"";
    }
    append_unescaped(&b, p->lexer.text, p->lexer.size);
    next(p);
    char *text = arena_text(&p->metadata.arena, b.data ? (char *)b.data : "", b.size);
    bytes_done(&b);
    return text;
}

void tsdl_once(struct tsdl_parser *p, struct tsdl_said *said, const char *name)
{
    for (unsigned i = 0; i < said->count; i++)
        if (strcmp(said->names[i], name) == 0)
            tsdl_fail(p, "'%s' is said twice", name);
    if (said->count == sizeof(said->names) / sizeof(said->names[0]))
        tsdl_fail(p, "too much is said");
    else
        said->names[said->count++] = name;
}

void tsdl_push(struct tsdl_parser *p, struct tsdl_scope *scope)
{
    *scope = (struct tsdl_scope){ .parent = p->scope };
    p->scope = scope;
    if (++p->depth > CTF_DEPTH_MAX * 2)
        tsdl_fail(p, "blocks are nested too deeply");
}

void tsdl_pop(struct tsdl_parser *p)
{
    p->scope = p->scope->parent;
    p->depth--;
}

/* ---- all of it ---- */

int tsdl_parser_feed(struct tsdl_parser *p, const char *text, size_t size, struct error *err)
{
    char found[64];
    unsigned line = p->lexer.line ? p->lexer.line : 1;
    p->err = err;
    if (p->failed)
        return error_set(err, -EINVAL, "metadata: what came before was wrong already");
    tsdl_lexer_init(&p->lexer, text, size);
    p->lexer.line = line;
    next(p);
    while (!p->failed && p->lexer.token != TSDL_END) {
        if (tsdl_block(p) || tsdl_declaration(p))
            continue;
        tsdl_fail(p, "%s: no declaration begins so", describe(&p->lexer, found));
    }
    return p->failed ? -EINVAL : 0;
}

void tsdl_parser_add_clock(struct tsdl_parser *p)
{
    struct ctf_metadata *m = &p->metadata;
    GROW(m->clocks, m->clock_count, m->clock_capacity);
    m->clocks[m->clock_count++] = (struct ctf_clock){ .name = "default", .frequency = 1000000000 };
}
