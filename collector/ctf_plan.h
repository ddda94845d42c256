/* ctf_plan.h - what to do with the bytes of an event, decided once for each class: a few
 * steps that load the wanted fields and pass over the others. Fields of fixed size in a row are
 * one step, whatever their number; what has no constant place is walked (ctf_walk.h). */
#ifndef FT_COLLECTOR_CTF_PLAN_H
#define FT_COLLECTOR_CTF_PLAN_H
#include "collector/ctf_walk.h"
#include "collector/event.h"

struct ctf_plan;

/* Of the event's own scopes; nodes with a load >= 0 are wanted there. NULL is never returned. */
struct ctf_plan *ctf_plan_new(const struct ctf_layout *layout);
void ctf_plan_free(struct ctf_plan *plan);
/* The cursor stands behind the event's header, and behind the event afterwards. Texts point into the packet. Values
 * of fields that the event does not have are left alone. -ENODATA, -EBADMSG as ctf_walk(). */
int ctf_plan_run(const struct ctf_plan *plan, struct ctf_cursor *c, struct ctf_state *s, struct value *values);
/* How many steps it has, for tests. */
uint32_t ctf_plan_steps(const struct ctf_plan *plan);

#endif
