/* ctf_walk.h - goes through the fields of a tree (ctf_layout.h) in a packet, one by one:
 * any type, at any alignment. What is fast is in ctf_plan.h; this is what is complete. */
#ifndef FT_COLLECTOR_CTF_WALK_H
#define FT_COLLECTOR_CTF_WALK_H
#include "collector/ctf_layout.h"

enum { CTF_CLOCKS_MAX = 8 };

/* A place in a packet's content, in bits from its beginning. */
struct ctf_cursor {
    const uint8_t *data;
    uint64_t at, end;
};

/* What is remembered from one field to another. */
struct ctf_state {
    uint64_t slots[CTF_SLOTS_MAX];
    uint64_t clocks[CTF_CLOCKS_MAX]; /* in cycles: fields of fewer bits count on */
    const char *reason;              /* after a failure */
    const uint8_t *nothing_in;       /* elements that took no bits, counted at one place of one packet */
    uint64_t nothing_at, nothing;
};

/* Who wants to see the fields. */
struct ctf_visitor {
    void (*integer)(void *self, const struct ctf_node *node, uint64_t value);
    void (*real)(void *self, const struct ctf_node *node, double value);
    void (*text)(void *self, const struct ctf_node *node, const char *text, size_t size);
    /* Around the members of a structure (is_list false) and the elements of an array or a sequence. */
    void (*begin)(void *self, const struct ctf_node *node, bool is_list);
    void (*end)(void *self, const struct ctf_node *node, bool is_list);
    /* Around the option of a variant that its tag chose. */
    void (*choose)(void *self, const struct ctf_node *variant, const struct ctf_node *option);
    void (*chosen)(void *self, const struct ctf_node *variant);
};

/* -ENODATA: the content ends before; -EBADMSG: it cannot be so. visitor may be NULL. */
int ctf_walk(struct ctf_cursor *c, struct ctf_state *s, const struct ctf_node *node, const struct ctf_visitor *visitor, void *self);
/* -ENODATA when that is beyond the end. */
int ctf_align(struct ctf_cursor *c, uint32_t align);
/* A clock takes the lower bits that a field has. */
static inline void ctf_clock_set(uint64_t *clock, uint64_t value, unsigned bits)
{
    uint64_t mask = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    *clock += (value - *clock) & mask;
}
/* The option that a variant's tag chooses; -EBADMSG with the state's reason: none. */
int ctf_choose(const struct ctf_node *variant, struct ctf_state *s);

#endif
