#include "alerts/life_private.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A loss that goes on is one alert, told again whenever it has doubled. */
static void add_loss(struct life *life, struct tracked *t, const struct verdict *v)
{
    struct alert *a = &t->alert;
    bool at_least = strncmp(a->detail, "at least", 8) == 0 || strncmp(v->detail, "at least", 8) == 0;
    a->lost += v->lost;
    a->value = (double)a->lost;
    a->window_end_ns = v->end_ns;
    snprintf(a->detail, sizeof(a->detail), "%s%" PRIu64 " %s", at_least ? "at least " : "", a->lost,
             strcmp(v->metric, "lost_packets") == 0 ? "packets" : strcmp(v->metric, VERDICT_DROPPED_METRIC) == 0 ? "windows" : "events");
    if (a->lost < 2 * t->lost_told)
        return;
    t->lost_told = a->lost;
    life_deliver(life, t);
}

void life_raise(struct life *life, struct tracked *t, const struct verdict *v)
{
    bool states = t->aspect == ASPECT_TIMEOUT || t->aspect == ASPECT_OUTAGE;
    t->raised = true;
    t->heard_ns = v->end_ns;
    t->count++;
    if (!t->firing) {
        t->lead = *v;
        if (!states && life_cooling(t, v->end_ns))
            life->totals.suppressed++;
        else
            life_fire(life, t, v->end_ns);
        return;
    }
    t->clean = 0;
    t->lead = *v;
    if (t->aspect == ASPECT_LOSS)
        add_loss(life, t, v);
    if (v->pending > t->alert.pending)
        t->alert.pending = v->pending;
    if (v->severity > t->alert.severity)
        life_escalate(life, t);
}
