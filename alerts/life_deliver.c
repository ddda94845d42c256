#include "alerts/life_private.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

/* As the voter says that leads: the first of its recent bad windows, or when it says the change was. */
static int64_t onset_of(const struct tracked *t)
{
    for (uint32_t i = 0; i < t->voter_count; i++)
        if (t->voters[i].statistic == t->lead.statistic && strcmp(t->voters[i].detector, t->lead.detector) == 0)
            return t->voters[i].onset_ns < t->lead.onset_ns ? t->voters[i].onset_ns : t->lead.onset_ns;
    return t->lead.onset_ns;
}

static void copy_subject(struct alert *a, const struct verdict *v)
{
    memcpy(a->host, v->host, sizeof(a->host));
    memcpy(a->session, v->session, sizeof(a->session));
    memcpy(a->analysis, v->analysis, sizeof(a->analysis));
    memcpy(a->metric, v->metric, sizeof(a->metric));
    memcpy(a->labels, v->labels, sizeof(a->labels));
    memcpy(a->detail, v->detail, sizeof(a->detail));
    a->label_count = v->label_count;
}

static void copy_finding(struct alert *a, const struct verdict *v)
{
    a->kind = v->finding;
    a->severity = v->severity;
    a->statistic = v->statistic;
    a->unit = v->unit;
    a->window_begin_ns = v->begin_ns;
    a->window_end_ns = v->end_ns;
    a->value = v->value;
    a->expected = v->expected;
    a->low = v->low;
    a->high = v->high;
    a->limit = v->limit;
    a->magnitude = v->magnitude;
    a->spread = v->spread;
    a->changed = v->changed;
    a->score = v->score;
    a->quality = v->quality;
    a->lost = v->lost;
    a->pending = v->pending;
    a->evidence_count = v->evidence_count;
    memcpy(a->evidence, v->evidence, sizeof(a->evidence));
}

static void list_voters(const struct tracked *t, struct alert *a)
{
    a->voter_count = 0;
    for (uint32_t i = 0; i < t->voter_count; i++) {
        const struct voter *v = &t->voters[i];
        if (v->history == 0)
            continue;
        snprintf(a->voters[a->voter_count++], VOTER_TEXT_MAX, v->statistic < STATISTIC_KINDS ? "%s(%s)" : "%s", v->detector, statistic_name(v->statistic));
    }
    if (a->voter_count == 0)
        text_copy(a->voters[a->voter_count++], VOTER_TEXT_MAX, t->lead.detector);
}

void life_deliver(struct life *life, struct tracked *t)
{
    t->alert.key = t->key;
    t->alert.count = t->count;
    alert_explain(&t->alert);
    life->deliver(life->self, &t->alert);
}

void life_fire(struct life *life, struct tracked *t, int64_t time_ns)
{
    struct alert *a = &t->alert;
    memset(a, 0, sizeof(*a));
    copy_subject(a, &t->lead);
    copy_finding(a, &t->lead);
    list_voters(t, a);
    a->state = ALERT_FIRING;
    a->began_ns = onset_of(t);
    a->detected_ns = time_ns;
    a->id = hash_fnv(t->key, &time_ns, sizeof(time_ns));
    t->firing = true;
    t->new_normal = false;
    t->lost_told = a->lost;
    t->clean = 0;
    life->totals.fired++;
    life->totals.firing++;
    life_deliver(life, t);
}

void life_escalate(struct life *life, struct tracked *t)
{
    copy_finding(&t->alert, &t->lead);
    list_voters(t, &t->alert);
    life_deliver(life, t);
}

void life_resolve(struct life *life, struct tracked *t, int64_t time_ns, const char *why)
{
    t->alert.state = ALERT_RESOLVED;
    t->alert.resolved_ns = time_ns;
    if (why)
        text_copy(t->alert.detail, sizeof(t->alert.detail), why);
    t->firing = false;
    t->cool_until_ns = time_ns + life->config.cool_down.ns;
    t->cooled = t->alert.severity;
    life->totals.resolved++;
    life->totals.firing--;
    life_deliver(life, t);
    for (uint32_t i = 0; i < t->voter_count; i++)
        t->voters[i].history = 0;
    t->count = 0;
}
