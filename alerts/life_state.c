/* life_state.c - what is known of alerts, as bytes that outlive the process: by value,
 * and checked, so that what another build wrote is taken or refused, never believed. */
#include "alerts/life_private.h"
#include "base/text.h"
#include <stdlib.h>

enum { STATE_VERSION = 2 };

static void save_voter(const struct voter *v, struct bytes *b)
{
    wire_put_uint(b, v->statistic);
    wire_put_string(b, v->detector);
    wire_put_uint(b, v->history);
    wire_put_int(b, v->end_ns);
    wire_put_int(b, v->window_ns);
    wire_put_int(b, v->onset_ns);
    wire_put_uint(b, v->finding);
    wire_put_uint(b, v->severity);
    wire_put_bool(b, v->clean);
}

static uint32_t get_enum(struct wire_reader *r, uint32_t most)
{
    uint32_t value = wire_get_uint32(r);
    r->failed |= value > most;
    return r->failed ? 0 : value;
}

static void load_voter(struct voter *v, struct wire_reader *r)
{
    v->statistic = (enum statistic)get_enum(r, STATISTIC_KINDS);
    wire_get_string(r, v->detector, sizeof(v->detector));
    v->history = wire_get_uint32(r);
    v->end_ns = wire_get_time(r);
    v->window_ns = wire_get_time(r);
    v->onset_ns = wire_get_time(r);
    v->finding = (enum finding)get_enum(r, FINDING_TIMEOUT);
    v->severity = (enum severity)get_enum(r, SEVERITY_CRITICAL);
    v->clean = wire_get_bool(r);
}

static void save_tracked(const struct tracked *t, struct bytes *b)
{
    wire_put_uint(b, t->key);
    wire_put_uint(b, t->source);
    wire_put_uint(b, t->aspect);
    wire_put_bool(b, t->firing);
    wire_put_bool(b, t->raised);
    wire_put_bool(b, t->new_normal);
    wire_put_uint(b, t->lost_told);
    wire_put_uint(b, t->clean);
    wire_put_int(b, t->heard_ns);
    wire_put_int(b, t->cool_until_ns);
    wire_put_uint(b, t->cooled);
    wire_put_uint(b, t->count);
    wire_put_bool(b, t->lead_convinced);
    verdict_put(b, &t->lead);
    wire_put_array(b, t->voter_count);
    for (uint32_t i = 0; i < t->voter_count; i++)
        save_voter(&t->voters[i], b);
    wire_put_bool(b, t->alert.state != 0);
    if (t->alert.state != 0)
        alert_put(b, &t->alert);
}

static bool load_tracked(struct tracked *t, struct wire_reader *r)
{
    t->key = wire_get_uint(r);
    t->source = wire_get_uint(r);
    t->aspect = (enum aspect)get_enum(r, ASPECT_OUTAGE);
    t->firing = wire_get_bool(r);
    t->raised = wire_get_bool(r);
    t->new_normal = wire_get_bool(r);
    t->lost_told = wire_get_uint(r);
    t->clean = wire_get_uint32(r);
    t->heard_ns = wire_get_time(r);
    t->cool_until_ns = wire_get_int(r); /* INT64_MIN: never */
    t->cooled = (enum severity)get_enum(r, SEVERITY_CRITICAL);
    t->count = wire_get_uint(r);
    t->lead_convinced = wire_get_bool(r);
    if (!verdict_get(r, &t->lead))
        return false;
    t->voter_count = wire_get_array(r, VOTERS_MAX);
    for (uint32_t i = 0; i < t->voter_count; i++)
        load_voter(&t->voters[i], r);
    bool told = wire_get_bool(r);
    if (told && !alert_get(r, &t->alert))
        return false;
    return wire_ok(r) && (told || !t->firing);
}

void life_save(const struct life *life, struct bytes *b)
{
    const struct life_totals *totals = &life->totals;
    wire_put_array(b, 6);
    wire_put_uint(b, STATE_VERSION);
    wire_put_uint(b, totals->fired);
    wire_put_uint(b, totals->resolved);
    wire_put_uint(b, totals->suppressed);
    wire_put_uint(b, totals->refused);
    wire_put_array(b, life->count);
    for (uint32_t i = 0; i < life->count; i++)
        save_tracked(life->tracked[i], b);
}

bool life_load(struct life *life, struct wire_reader *r)
{
    struct life_totals *totals = &life->totals;
    if (wire_get_array(r, 6) != 6 || wire_get_uint(r) != STATE_VERSION)
        return false;
    totals->fired = wire_get_uint(r);
    totals->resolved = wire_get_uint(r);
    totals->suppressed = wire_get_uint(r);
    totals->refused = wire_get_uint(r);
    for (uint32_t i = 0, n = wire_get_array(r, UINT32_MAX); i < n; i++) {
        struct tracked *t = xcalloc(1, sizeof(*t));
        if (!load_tracked(t, r)) {
            free(t);
            return false;
        }
        totals->firing += t->firing;
        life_insert(life, t);
    }
    return wire_ok(r);
}
