/* tsdl_inner.h - what the files of the TSDL parser share. A mistake sticks: from then
 * on everything returns at once. */
#ifndef FT_COLLECTOR_TSDL_INNER_H
#define FT_COLLECTOR_TSDL_INNER_H
#include "base/error.h"
#include "collector/ctf_type.h"
#include "collector/tsdl_lexer.h"

/* A name of a type, as "uint32_t", "unsigned long", "struct x". */
struct tsdl_alias {
    struct tsdl_alias *next;
    const char *name;
    const struct ctf_type *type;
};

struct tsdl_scope {
    struct tsdl_scope *parent;
    struct tsdl_alias *aliases;
};

struct tsdl_parser {
    struct tsdl_lexer lexer;
    struct ctf_metadata metadata;
    struct tsdl_scope global, *scope;
    unsigned depth;
    bool failed;
    struct error *err;
};

/* tsdl_parser.c: small words. */
void tsdl_fail(struct tsdl_parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool tsdl_take_sign(struct tsdl_parser *p, int sign);   /* if it is there */
void tsdl_expect_sign(struct tsdl_parser *p, int sign);
bool tsdl_take_name(struct tsdl_parser *p, const char *name);
char *tsdl_expect_name(struct tsdl_parser *p);
/* One that is being given to a type or a member: no keyword. */
char *tsdl_expect_new_name(struct tsdl_parser *p);
/* "a.b.c", as one text. */
char *tsdl_expect_path(struct tsdl_parser *p);
uint64_t tsdl_expect_number(struct tsdl_parser *p);
int64_t tsdl_expect_signed(struct tsdl_parser *p);
char *tsdl_expect_text(struct tsdl_parser *p);
/* What may be said once in a block: fails when it was said before. */
struct tsdl_said {
    const char *names[64];
    unsigned count;
};
void tsdl_once(struct tsdl_parser *p, struct tsdl_said *said, const char *name);
void tsdl_push(struct tsdl_parser *p, struct tsdl_scope *scope);
void tsdl_pop(struct tsdl_parser *p);

/* tsdl_types.c */
/* A type specifier; NULL after a mistake. */
const struct ctf_type *tsdl_type(struct tsdl_parser *p);
/* Whether a declaration of types begins here (typealias, typedef, or a named type and
 * nothing else), and reads it. */
bool tsdl_declaration(struct tsdl_parser *p);
/* What is behind a type: [n] or [path], any number of times. */
const struct ctf_type *tsdl_dimensions(struct tsdl_parser *p, const struct ctf_type *element);

/* tsdl_numbers.c: integer {...}, floating_point {...}, string {...}, enum. */
const struct ctf_type *tsdl_integer(struct tsdl_parser *p);
const struct ctf_type *tsdl_real(struct tsdl_parser *p);
const struct ctf_type *tsdl_string(struct tsdl_parser *p);
const struct ctf_type *tsdl_enumeration(struct tsdl_parser *p);
const struct ctf_type *tsdl_find(const struct tsdl_parser *p, const char *name);
void tsdl_define(struct tsdl_parser *p, const char *name, const struct ctf_type *type);
enum ctf_order tsdl_expect_order(struct tsdl_parser *p);
bool tsdl_expect_bool(struct tsdl_parser *p);
uint32_t tsdl_expect_alignment(struct tsdl_parser *p);

/* tsdl_blocks.c: trace, env, clock, stream, event, callsite. */
bool tsdl_block(struct tsdl_parser *p);

#endif
