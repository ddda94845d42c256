/* ctf_plan.h - what to do with the bytes of an event, decided once for each class: a few
 * steps that load the wanted fields and pass over the others. Fields of fixed size in a row are
 * one step, whatever their number; a variant has steps for each of its options; what else has no constant place is walked
 * (ctf_walk.h). */
#ifndef FT_COLLECTOR_CTF_PLAN_H
#define FT_COLLECTOR_CTF_PLAN_H
#include "collector/ctf_walk.h"
#include "collector/event.h"

/* A wanted number or text of an event that is one run. A number is the 8 bytes at its place, as far as the mask goes; its
 * sign, where it has one, is extended by what (x ^ sign) - sign does. */
struct ctf_quick_load {
    uint64_t mask, sign;
    uint32_t offset, length; /* bytes; length of a text */
    uint32_t value;          /* which one it is */
    uint32_t kind;           /* of struct value */
};

/* An event of which all is one run, as most are, is read at one go (ctf_burst.c): no steps, no calls. It begins and ends at whole bytes. */
struct ctf_quick {
    uint64_t reach;       /* bytes: of the run, and of 8 at each place; CTF_NOT_QUICK: it is not so */
    uint64_t size;        /* bytes */
    uint32_t align_mask;  /* bytes - 1 */
    uint32_t number_count, text_count;
    struct ctf_quick_load *loads; /* numbers, then texts */
};
#define CTF_NOT_QUICK (UINT64_MAX / 2)

struct ctf_plan {
    struct ctf_quick quick;
    bool sure;            /* an event has all that is wanted of it */
    struct ctf_steps *steps;
};

/* Of the event's own scopes; nodes with a load >= 0 are wanted there. NULL is never returned. */
struct ctf_plan *ctf_plan_new(const struct ctf_layout *layout);
void ctf_plan_free(struct ctf_plan *plan);
/* The cursor stands behind the event's header, and behind the event afterwards. Texts point into the packet. Values
 * of fields that the event does not have are left alone. -ENODATA, -EBADMSG as ctf_walk(). */
int ctf_plan_run(const struct ctf_plan *plan, struct ctf_cursor *c, struct ctf_state *s, struct value *values);
/* The texts among the fields of a run that begins there. */
void ctf_quick_texts(const struct ctf_quick *q, const uint8_t *run, struct value *values);
/* How many steps it has, for tests. */
uint32_t ctf_plan_steps(const struct ctf_plan *plan);

#endif
