#include "collector/ctf_walk.h"
#include "collector/ctf_bits.h"
#include <errno.h>

enum { NOTHING_MAX = 1 << 16 };

int ctf_align(struct ctf_cursor *c, uint32_t align)
{
    uint64_t at = (c->at + align - 1) & ~(uint64_t)(align - 1);
    if (at > c->end)
        return -ENODATA;
    c->at = at;
    return 0;
}

int ctf_choose(const struct ctf_node *variant, struct ctf_state *s)
{
    uint64_t tag = s->slots[variant->source];
    for (uint32_t i = 0; i < variant->choice_count; i++) {
        const struct ctf_choice *c = &variant->choices[i];
        bool in = variant->choice_signed ? (int64_t)tag >= (int64_t)c->low && (int64_t)tag <= (int64_t)c->high : tag >= c->low && tag <= c->high;
        if (in)
            return (int)c->option;
    }
    return s->reason = "no option of a variant has the value of its tag", -EBADMSG;
}

static int walk_integer(struct ctf_cursor *c, struct ctf_state *s, const struct ctf_node *n, const struct ctf_visitor *v, void *self)
{
    unsigned bits = n->type->integer.bits;
    if (c->end - c->at < bits)
        return -ENODATA;
    uint64_t value = ctf_bits(c->data, c->at, bits, n->big);
    c->at += bits;
    if (n->type->integer.is_signed)
        value = (uint64_t)ctf_sign_extend(value, bits);
    if (n->slot >= 0)
        s->slots[n->slot] = value;
    if (n->clock >= 0 && n->clock < CTF_CLOCKS_MAX)
        ctf_clock_set(&s->clocks[n->clock], value & ctf_mask(bits), bits);
    if (v && v->integer)
        v->integer(self, n, value);
    return 0;
}

static int walk_real(struct ctf_cursor *c, const struct ctf_node *n, const struct ctf_visitor *v, void *self)
{
    unsigned bits = n->type->real.bits;
    if (c->end - c->at < bits)
        return -ENODATA;
    uint64_t raw = ctf_bits(c->data, c->at, bits, n->big);
    c->at += bits;
    if (!v || !v->real)
        return 0;
    double value;
    if (bits == 32) {
        uint32_t raw32 = (uint32_t)raw;
        float single;
        memcpy(&single, &raw32, sizeof(single));
        value = (double)single;
    } else {
        memcpy(&value, &raw, sizeof(value));
    }
    v->real(self, n, value);
    return 0;
}

static int walk_string(struct ctf_cursor *c, const struct ctf_node *n, const struct ctf_visitor *v, void *self)
{
    const char *text = (const char *)c->data + c->at / 8;
    size_t room = (size_t)((c->end - c->at) / 8);
    const char *end = memchr(text, '\0', room);
    if (!end)
        return -ENODATA;
    c->at += (uint64_t)(end - text + 1) * 8;
    if (v && v->text)
        v->text(self, n, text, (size_t)(end - text));
    return 0;
}

/* Characters in a row are a text, up to the first NUL. */
static int walk_text(struct ctf_cursor *c, const struct ctf_node *n, uint64_t length, const struct ctf_visitor *v, void *self)
{
    if (length > (c->end - c->at) / 8)
        return -ENODATA;
    const char *text = (const char *)c->data + c->at / 8;
    c->at += length * 8;
    if (v && v->text)
        v->text(self, n, text, length ? strnlen(text, (size_t)length) : 0);
    return 0;
}

/* Arrays of arrays of nothing multiply: how often nothing may be met at one place is bounded. */
static bool too_much_of_nothing(const struct ctf_cursor *c, struct ctf_state *s)
{
    if (s->nothing_in != c->data || s->nothing_at != c->at)
        s->nothing = 0;
    s->nothing_in = c->data;
    s->nothing_at = c->at;
    return ++s->nothing > NOTHING_MAX;
}

static int walk_elements(struct ctf_cursor *c, struct ctf_state *s, const struct ctf_node *n, uint64_t length, const struct ctf_visitor *v, void *self)
{
    const struct ctf_node *element = &n->children[0];
    int r = 0;
    if (ctf_is_text(element->type))
        return walk_text(c, n, length, v, self);
    if (element->nothing && element->type->align == 1 && (!v || !v->begin))
        return 0; /* however many there are of it */
    if (v && v->begin)
        v->begin(self, n, true);
    for (uint64_t i = 0; i < length && r == 0; i++) {
        uint64_t before = c->at;
        r = ctf_walk(c, s, n->child_count > 1 ? &n->children[i] : element, v, self);
        if (r == 0 && c->at == before && length > 1 && too_much_of_nothing(c, s))
            return s->reason = "an array of nothing has no end", -EBADMSG;
    }
    if (r == 0 && v && v->end)
        v->end(self, n, true);
    return r;
}

static int walk_structure(struct ctf_cursor *c, struct ctf_state *s, const struct ctf_node *n, const struct ctf_visitor *v, void *self)
{
    int r = 0;
    if (v && v->begin)
        v->begin(self, n, false);
    for (uint32_t i = 0; i < n->child_count && r == 0; i++)
        r = ctf_walk(c, s, &n->children[i], v, self);
    if (r == 0 && v && v->end)
        v->end(self, n, false);
    return r;
}

int ctf_walk(struct ctf_cursor *c, struct ctf_state *s, const struct ctf_node *n, const struct ctf_visitor *v, void *self)
{
    int r = ctf_align(c, n->type->align), option;
    if (r < 0)
        return r;
    switch (n->type->kind) {
    case CTF_INTEGER:
        return walk_integer(c, s, n, v, self);
    case CTF_REAL:
        return walk_real(c, n, v, self);
    case CTF_STRING:
        return walk_string(c, n, v, self);
    case CTF_STRUCTURE:
        return walk_structure(c, s, n, v, self);
    case CTF_ARRAY:
        return walk_elements(c, s, n, n->type->array.length, v, self);
    case CTF_SEQUENCE:
        return walk_elements(c, s, n, s->slots[n->source], v, self);
    case CTF_VARIANT:
        option = ctf_choose(n, s);
        if (option < 0)
            return option;
        if (v && v->choose)
            v->choose(self, n, &n->children[option]);
        r = ctf_walk(c, s, &n->children[option], v, self);
        if (r == 0 && v && v->chosen)
            v->chosen(self, n);
        return r;
    }
    return 0;
}
