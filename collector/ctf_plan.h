/* ctf_plan.h - what to do with the bytes of an event, decided once for each class: a few
 * steps that load the wanted fields and pass over the others. Fields of fixed size in a row are
 * one step, whatever their number; what has no constant place is walked (ctf_walk.h). */
#ifndef FT_COLLECTOR_CTF_PLAN_H
#define FT_COLLECTOR_CTF_PLAN_H
#include "collector/ctf_walk.h"
#include "collector/event.h"

/* An event of fixed size of which nothing is wanted is only passed over: that much is in sight. */
struct ctf_plan {
    uint64_t fixed_bits;  /* 0: it is not so */
    uint32_t fixed_align;
    struct ctf_steps *steps;
};

/* Of the event's own scopes; nodes with a load >= 0 are wanted there. NULL is never returned. */
struct ctf_plan *ctf_plan_new(const struct ctf_layout *layout);
void ctf_plan_free(struct ctf_plan *plan);
/* The cursor stands behind the event's header, and behind the event afterwards. Texts point into the packet. Values
 * of fields that the event does not have are left alone. -ENODATA, -EBADMSG as ctf_walk(). */
int ctf_plan_run(const struct ctf_plan *plan, struct ctf_cursor *c, struct ctf_state *s, struct value *values);
static inline int ctf_plan_run_fast(const struct ctf_plan *plan, struct ctf_cursor *c, struct ctf_state *s, struct value *values)
{
    uint64_t at = (c->at + plan->fixed_align - 1) & ~(uint64_t)(plan->fixed_align - 1);
    if (plan->fixed_bits == 0 || at > c->end || plan->fixed_bits > c->end - at)
        return ctf_plan_run(plan, c, s, values);
    c->at = at + plan->fixed_bits;
    return 0;
}
/* How many steps it has, for tests. */
uint32_t ctf_plan_steps(const struct ctf_plan *plan);

#endif
