#include "collector/tsdl_lexer.h"
#include <string.h>

void tsdl_lexer_init(struct tsdl_lexer *l, const char *text, size_t size)
{
    *l = (struct tsdl_lexer){ .at = text, .end = text + size, .line = 1 };
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool starts_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void wrong(struct tsdl_lexer *l, const char *what)
{
    l->token = TSDL_WRONG;
    l->what = what;
}

static bool begins(const struct tsdl_lexer *l, const char *text)
{
    for (const char *at = l->at; *text; at++, text++)
        if (at == l->end || *at != *text)
            return false;
    return true;
}

/* False: a comment has no end. */
static bool skip_blanks(struct tsdl_lexer *l)
{
    while (l->at < l->end) {
        if (*l->at == '\n') {
            l->line++;
            l->at++;
        } else if (*l->at == ' ' || *l->at == '\t' || *l->at == '\r') {
            l->at++;
        } else if (begins(l, "//")) {
            while (l->at < l->end && *l->at != '\n')
                l->at++;
        } else if (begins(l, "/*")) {
            for (l->at += 2; !begins(l, "*/"); l->at++) {
                if (l->at >= l->end)
                    return false;
                l->line += *l->at == '\n';
            }
            l->at += 2;
        } else {
            break;
        }
    }
    return true;
}

static void take_name(struct tsdl_lexer *l)
{
    l->token = TSDL_NAME;
    l->text = l->at;
    while (l->at < l->end && (starts_name(*l->at) || is_digit(*l->at)))
        l->at++;
    l->size = (size_t)(l->at - l->text);
}

static int digit_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Decimal, 0x, 0b or octal, with the suffixes of C. */
static void take_number(struct tsdl_lexer *l)
{
    int base = 10;
    l->token = TSDL_NUMBER;
    l->number = 0;
    if (*l->at == '0' && l->end - l->at > 1) {
        char c = l->at[1];
        base = c == 'x' || c == 'X' ? 16 : c == 'b' || c == 'B' ? 2 : 8;
        l->at += base == 8 ? 1 : 2;
    }
    for (; l->at < l->end && digit_value(*l->at) < base; l->at++) {
        uint64_t digit = (uint64_t)digit_value(*l->at);
        if (l->number > (UINT64_MAX - digit) / (uint64_t)base) {
            wrong(l, "a number is too large");
            return;
        }
        l->number = l->number * (uint64_t)base + digit;
    }
    while (l->at < l->end && strchr("uUlL", *l->at) && *l->at)
        l->at++;
    if (l->at < l->end && (starts_name(*l->at) || is_digit(*l->at)))
        wrong(l, "a number ends in something else");
}

static void take_text(struct tsdl_lexer *l, char quote)
{
    l->token = TSDL_TEXT;
    l->text = ++l->at;
    for (; l->at < l->end && *l->at != quote; l->at++) {
        if (*l->at == '\n') {
            wrong(l, "a text does not end on its line");
            return;
        }
        if (*l->at == '\\' && l->at + 1 < l->end)
            l->at++;
    }
    if (l->at >= l->end) {
        wrong(l, "a text has no end");
        return;
    }
    l->size = (size_t)(l->at++ - l->text);
}

static void take_sign(struct tsdl_lexer *l)
{
    static const struct {
        const char *text;
        int sign;
    } longer[] = { { ":=", TSDL_ASSIGN_TYPE }, { "...", TSDL_ELLIPSIS }, { "->", TSDL_ARROW } };
    l->token = TSDL_SIGN;
    for (size_t i = 0; i < sizeof(longer) / sizeof(longer[0]); i++) {
        if (begins(l, longer[i].text)) {
            l->sign = longer[i].sign;
            l->at += strlen(longer[i].text);
            return;
        }
    }
    l->sign = (unsigned char)*l->at++;
    if (!strchr("{}[]()<>;:,=.*+-", l->sign) || l->sign == 0)
        wrong(l, "a character has no meaning here");
}

void tsdl_lexer_next(struct tsdl_lexer *l)
{
    if (!skip_blanks(l))
        wrong(l, "a comment has no end");
    else if (l->at >= l->end)
        l->token = TSDL_END;
    else if (*l->at == '"' || *l->at == '\'')
        take_text(l, *l->at);
    else if (*l->at == 'L' && l->end - l->at > 1 && l->at[1] == '"')
        take_text((l->at++, l), '"');
    else if (is_digit(*l->at))
        take_number(l);
    else if (starts_name(*l->at))
        take_name(l);
    else
        take_sign(l);
}

bool tsdl_lexer_is_name(const struct tsdl_lexer *l, const char *name)
{
    return l->token == TSDL_NAME && strlen(name) == l->size && memcmp(l->text, name, l->size) == 0;
}

bool tsdl_lexer_is_sign(const struct tsdl_lexer *l, int sign)
{
    return l->token == TSDL_SIGN && l->sign == sign;
}
