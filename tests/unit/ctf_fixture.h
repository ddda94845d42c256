/* ctf_fixture.h - random metadata, random wishes, and what the walk says: for tests of what is faster. */
#ifndef FT_TESTS_CTF_FIXTURE_H
#define FT_TESTS_CTF_FIXTURE_H
#include "base/hash.h"
#include "base/bytes.h"
#include "collector/ctf_stream.h"
#include "seed.h"

enum { DATA_MAX = 200 };

/* ---- random metadata ---- */

struct writing {
    struct bytes text;
    uint64_t *seed;
    unsigned names;
};

static unsigned below(struct writing *w, unsigned n)
{
    return (unsigned)(random_next(w->seed) % n);
}

static void put(struct writing *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct writing *w, const char *fmt, ...)
{
    char part[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(part, sizeof(part), fmt, ap);
    va_end(ap);
    bytes_append(&w->text, part, (size_t)n);
}

static void put_alignment(struct writing *w)
{
    if (below(w, 2))
        put(w, " align = %u;", 1u << below(w, 7));
    if (below(w, 3) == 0)
        put(w, " byte_order = be;");
}

/* Sizes of LTTng's most of the time. */
static void put_integer(struct writing *w)
{
    static const unsigned common[] = { 8, 16, 32, 64 };
    put(w, "integer { size = %u;", below(w, 3) ? common[below(w, 4)] : 1 + below(w, 64));
    put(w, "%s", below(w, 2) ? " signed = true;" : "");
    put_alignment(w);
    put(w, " }");
}

static void put_members(struct writing *w, unsigned depth);

static void put_text_element(struct writing *w)
{
    put(w, "integer { size = 8; align = %u; encoding = UTF8; }", below(w, 4) ? 8 : 1u << below(w, 6));
}

/* Something that may be repeated: no name of it is referred to. */
static void put_element(struct writing *w, unsigned depth)
{
    switch (below(w, depth < 3 ? 6 : 4)) {
    case 0:
        put_text_element(w);
        break;
    case 1:
        put(w, "floating_point { exp_dig = %s;", below(w, 2) ? "8; mant_dig = 24" : "11; mant_dig = 53");
        put_alignment(w);
        put(w, " }");
        break;
    case 2:
        put(w, "string");
        break;
    case 3:
        put_integer(w);
        break;
    default:
        put(w, "struct { ");
        put_members(w, depth + 1);
        put(w, "}");
        if (below(w, 3) == 0)
            put(w, " align(%u)", 1u << below(w, 7));
    }
}

static void put_variant(struct writing *w, unsigned depth)
{
    unsigned name = w->names++;
    put(w, "enum : integer { size = %u; align = %u; signed = %d; } { A = -%d ... 0, B, C = 2 ... 4, D = 9 } f%u; ", 3 + below(w, 6), 1u << below(w, 4), 1,
        (int)below(w, 3), name);
    put(w, "variant <f%u> { ", name);
    for (char option = 'A'; option <= 'D'; option++) {
        if (option == 'C' && below(w, 2))
            continue;
        put_element(w, depth + 1);
        put(w, " %c; ", option);
    }
    put(w, "} f%u; ", w->names++);
}

static void put_member(struct writing *w, unsigned depth)
{
    unsigned kind = below(w, 12), name;
    if (kind == 0) {
        put_variant(w, depth);
    } else if (kind <= 2) {
        name = w->names++;
        put(w, "integer { size = %u; align = %u; } f%u; ", 1 + below(w, 4), 1u << below(w, 4), name);
        below(w, 2) ? put_text_element(w) : put_element(w, depth + 1);
        put(w, " f%u[f%u]; ", w->names++, name);
    } else {
        put_element(w, depth);
        put(w, " f%u", w->names++);
        if (kind == 3)
            put(w, "[%u]", below(w, 5));
        if (kind == 4)
            put(w, "[2][%u]", below(w, 3));
        put(w, "; ");
    }
}

static void put_members(struct writing *w, unsigned depth)
{
    for (unsigned n = below(w, 6); n > 0; n--)
        put_member(w, depth);
}

/* ---- wanting ---- */

struct wanting {
    uint64_t *seed;
    unsigned of_8; /* so many of 8 fields */
};

static void want(void *self, const struct event_class *class, struct event_selection *sel)
{
    struct wanting *w = self;
    for (uint32_t i = 0; i < class->field_count && sel->count < EVENT_VALUES_MAX; i++)
        if (random_next(w->seed) % 8 < w->of_8)
            sel->fields[sel->count++] = (uint16_t)i;
}

/* ---- the walk's values ---- */

/* Their hash: the walk does not say where they are. */
static void see_bytes(struct value *v, const uint64_t *word, uint32_t size)
{
    if (v->kind == VALUE_NONE)
        *v = (struct value){ .kind = VALUE_BYTES, .u = HASH_START };
    if (v->size == VALUE_TEXT_MAX)
        return;
    v->u = hash_fnv(v->u, word, size);
    v->size += size;
}

static void see_integer(void *self, const struct ctf_node *n, uint64_t value)
{
    struct value *v = self;
    if (n->load >= 0)
        v[n->load] = (struct value){ .kind = n->type->integer.is_signed ? VALUE_SIGNED : VALUE_UNSIGNED, .u = value };
    if (n->parent && n->parent->type->kind == CTF_SEQUENCE && n->parent->load >= 0)
        see_bytes(&v[n->parent->load], &value, n->type->integer.bits / 8);
}

static void see_real(void *self, const struct ctf_node *n, double value)
{
    struct value *v = self;
    if (n->load >= 0)
        v[n->load] = (struct value){ .kind = VALUE_REAL, .d = value };
}

static void see_text(void *self, const struct ctf_node *n, const char *text, size_t size)
{
    struct value *v = self;
    if (n->load >= 0)
        v[n->load] = (struct value){ .kind = VALUE_TEXT, .size = (uint32_t)size, .text = text };
}

static int walk_all(const struct ctf_layout *layout, struct ctf_cursor *c, struct value *values)
{
    static const struct ctf_visitor visitor = { .integer = see_integer, .real = see_real, .text = see_text };
    struct ctf_state state = { .reason = NULL };
    int r = 0;
    for (int scope = CTF_EVENT_CONTEXT; scope < CTF_SCOPES && r == 0; scope++)
        if (layout->scopes[scope])
            r = ctf_walk(c, &state, layout->scopes[scope], &visitor, values);
    return r;
}

/* a is the walk's. */
static bool equal(const struct value *a, const struct value *b)
{
    if (b->kind == VALUE_BYTES) /* of none of them the walk says nothing */
        return a->kind == VALUE_BYTES ? a->size == b->size && a->u == hash_fnv(HASH_START, b->text, b->size) : a->kind == VALUE_NONE && b->size == 0;
    if (a->kind != b->kind)
        return false;
    return a->kind == VALUE_NONE || (a->u == b->u && (a->kind != VALUE_TEXT || a->size == b->size));
}

#endif
