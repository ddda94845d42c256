#include "collector/ctf_header.h"
#include <endian.h>
#include <string.h>

static bool is_integer(const struct ctf_node *n, unsigned bits, uint32_t align, bool clock)
{
    return n && n->type->kind == CTF_INTEGER && n->type->integer.bits == bits && n->type->align == align && !n->big &&
           !n->type->integer.is_signed && (n->clock >= 0) == clock;
}

/* struct { enum : uintN { compact = 0 ... last-1, extended = last } id; variant <id> { struct { uintM timestamp; } compact;
 * struct { uint32 id; uint64 timestamp; } extended; } v; } align(8), as LTTng writes it. */
static bool is_lttng_header(const struct ctf_node *h, unsigned id_bits, uint32_t id_align, unsigned time_bits, uint32_t time_align)
{
    uint64_t last = ((uint64_t)1 << id_bits) - 1;
    if (!h || h->child_count != 2 || h->type->align != 8 || !is_integer(&h->children[0], id_bits, id_align, false) ||
        h->children[1].type->kind != CTF_VARIANT || h->children[1].child_count != 2 || h->children[1].choice_count != 2 ||
        h->children[1].source != h->children[0].slot)
        return false;
    const struct ctf_node *v = &h->children[1], *compact = &v->children[0], *extended = &v->children[1];
    const struct ctf_choice *c = v->choices;
    return c[0].option == 0 && c[0].low == 0 && c[0].high == last - 1 && c[1].option == 1 && c[1].low == last && c[1].high == last &&
           compact->type->kind == CTF_STRUCTURE && compact->type->align == time_align && extended->type->kind == CTF_STRUCTURE &&
           extended->type->align == 8 && compact->child_count == 1 && is_integer(&compact->children[0], time_bits, time_align, true) && extended->child_count == 2 &&
           is_integer(&extended->children[0], 32, 8, false) && is_integer(&extended->children[1], 64, 8, true) &&
           strcmp(h->children[0].declared, "id") == 0 && strcmp(extended->children[0].declared, "id") == 0 &&
           strcmp(compact->children[0].declared, "id") != 0 && strcmp(extended->children[1].declared, "id") != 0 && extended->children[1].clock == compact->children[0].clock;
}

enum ctf_header_form ctf_header_form(const struct ctf_node *h)
{
    if (!h)
        return CTF_HEADER_NONE;
    if (is_lttng_header(h, 5, 1, 27, 1))
        return CTF_HEADER_COMPACT;
    return is_lttng_header(h, 16, 8, 32, 8) ? CTF_HEADER_LARGE : CTF_HEADER_ANY;
}

static bool has_slot(const struct ctf_node *n, int slot)
{
    for (uint32_t i = 0; i < n->child_count; i++)
        if (has_slot(&n->children[i], slot))
            return true;
    return n->slot == slot;
}

bool ctf_refers_to(const struct ctf_node *n, const struct ctf_node *header)
{
    if (!n || !header)
        return false;
    if (n->source >= 0 && has_slot(header, n->source))
        return true;
    for (uint32_t i = 0; i < n->child_count; i++)
        if (ctf_refers_to(&n->children[i], header))
            return true;
    return false;
}

void ctf_header_quick(struct ctf_kind_of_stream *k)
{
    bool compact = k->header == CTF_HEADER_COMPACT;
    k->quick = (struct ctf_quick_header){ 0 };
    if ((!compact && k->header != CTF_HEADER_LARGE) || BYTE_ORDER != LITTLE_ENDIAN)
        return;
    unsigned id_bits = compact ? 5 : 16, time_bits = compact ? 27 : 32;
    uint64_t escape = ((uint64_t)1 << id_bits) - 1;
    k->quick = (struct ctf_quick_header){ .id_mask = escape,
                                          .time_mask = ((uint64_t)1 << time_bits) - 1,
                                          .count = k->class_capacity < escape ? k->class_capacity : escape,
                                          .id_bits = id_bits,
                                          .size = (id_bits + time_bits) / 8,
                                          .clock = (uint32_t)k->clock };
}
