/* tsdl_lexer.h - the words of TSDL, the language of CTF 1.8's metadata. */
#ifndef FT_COLLECTOR_TSDL_LEXER_H
#define FT_COLLECTOR_TSDL_LEXER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tsdl_token {
    TSDL_END,
    TSDL_NAME,    /* keywords are names, too */
    TSDL_NUMBER,
    TSDL_TEXT,    /* "...": the bytes between the quotes, escapes and all */
    TSDL_SIGN,    /* punctuation: sign is the character, or one of the following */
    TSDL_WRONG    /* what says what */
};
enum { TSDL_ASSIGN_TYPE = 256, TSDL_ELLIPSIS, TSDL_ARROW }; /* := ... -> */

struct tsdl_lexer {
    const char *at, *end;
    unsigned line;
    /* The current token: */
    enum tsdl_token token;
    int sign;
    uint64_t number;
    const char *text;
    size_t size;
    const char *what;
};

/* Stands before the first token. */
void tsdl_lexer_init(struct tsdl_lexer *l, const char *text, size_t size);
/* Goes to the next one. */
void tsdl_lexer_next(struct tsdl_lexer *l);
bool tsdl_lexer_is_name(const struct tsdl_lexer *l, const char *name);
bool tsdl_lexer_is_sign(const struct tsdl_lexer *l, int sign);

#endif
