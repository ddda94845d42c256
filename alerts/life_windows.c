#include "alerts/life_private.h"
#include <string.h>

uint32_t life_recent(const struct life *life, const struct voter *v)
{
    return v->history & (uint32_t)((UINT64_C(1) << life->config.of_windows) - 1);
}

static bool convinced(const struct life *life, const struct voter *v)
{
    return (uint32_t)__builtin_popcount(life_recent(life, v)) >= life->config.bad_windows;
}

/* A voter that is new takes the place of the one that was bad least recently when there is no other. */
static struct voter *find_voter(struct tracked *t, const struct verdict *v)
{
    struct voter *fresh = t->voters;
    for (uint32_t i = 0; i < t->voter_count; i++) {
        struct voter *old = &t->voters[i];
        if (old->statistic == v->statistic && strcmp(old->detector, v->detector) == 0)
            return old;
        if (old->history == 0 ? fresh->history != 0 : fresh->history != 0 && old->onset_ns < fresh->onset_ns)
            fresh = old;
    }
    if (t->voter_count < VOTERS_MAX)
        fresh = &t->voters[t->voter_count++];
    *fresh = (struct voter){ .statistic = v->statistic, .end_ns = v->begin_ns };
    memcpy(fresh->detector, v->detector, sizeof(fresh->detector));
    return fresh;
}

/* Windows without a word from the voter are not bad ones. */
static void shift_history(struct voter *v, int64_t end_ns, int64_t window_ns)
{
    int64_t windows = window_ns > 0 ? (end_ns - v->end_ns) / window_ns : 1;
    if (windows <= 0)
        return;
    v->history = windows >= 32 ? 0 : v->history << windows;
    v->end_ns = end_ns;
}

void life_take_grade(struct life *life, struct tracked *t, const struct verdict *v)
{
    struct voter *voter = find_voter(t, v);
    double clear = life->config.hysteresis / (1 + life->config.hysteresis);
    bool bad = v->severity != SEVERITY_OK;
    t->heard_ns = v->end_ns;
    voter->window_ns = v->end_ns - v->begin_ns;
    shift_history(voter, v->end_ns, voter->window_ns);
    voter->clean = !bad && !(v->score > clear);
    voter->severity = v->severity;
    voter->finding = v->finding;
    if (!bad)
        return;
    if (life_recent(life, voter) == 0 || v->onset_ns < voter->onset_ns)
        voter->onset_ns = v->onset_ns;
    voter->history |= 1;
    bool is_convinced = convinced(life, voter), newer = v->end_ns > t->lead.end_ns;
    t->new_normal = (t->new_normal && !newer) || strcmp(v->detail, VERDICT_NEW_NORMAL) == 0;
    if (newer || (is_convinced && !t->lead_convinced) ||
        (is_convinced == t->lead_convinced && (v->severity > t->lead.severity ||
                                               (v->severity == t->lead.severity && v->score > t->lead.score)))) {
        t->lead = *v;
        t->lead_convinced = is_convinced;
    }
    t->count += newer;
}

/* Silence says more than "the rate is low". */
static void prefer_silence(const struct life *life, struct tracked *t)
{
    for (uint32_t i = 0; i < t->voter_count; i++)
        if (t->voters[i].finding == FINDING_SILENCE && convinced(life, &t->voters[i]))
            t->lead.finding = FINDING_SILENCE;
}

static bool any_convinced(const struct life *life, const struct tracked *t, int64_t end_ns)
{
    for (uint32_t i = 0; i < t->voter_count; i++)
        if (t->voters[i].end_ns == end_ns && convinced(life, &t->voters[i]))
            return true;
    return false;
}

/* What this window says of an alert that fires. Clean needs every voter that
 * spoke to speak well, and at least one to speak; an alert that came from single
 * operations has no voters and needs none. */
enum verdict_of_window { WINDOW_UNDECIDED, WINDOW_CLEAN, WINDOW_BAD };

static enum verdict_of_window weigh_window(const struct tracked *t, int64_t end_ns)
{
    enum verdict_of_window result = t->voter_count == 0 ? WINDOW_CLEAN : WINDOW_UNDECIDED;
    bool undecided = false;
    if (t->raised)
        return WINDOW_BAD;
    for (uint32_t i = 0; i < t->voter_count; i++) {
        const struct voter *v = &t->voters[i];
        if (v->end_ns != end_ns) {
            undecided |= (v->history & 1) && end_ns - v->end_ns < v->window_ns; /* its next word is still to come */
            continue;
        }
        if (v->history & 1)
            return WINDOW_BAD;
        undecided |= !v->clean;
        result = WINDOW_CLEAN;
    }
    return undecided ? WINDOW_UNDECIDED : result;
}

bool life_cooling(const struct tracked *t, int64_t time_ns)
{
    return time_ns < t->cool_until_ns && t->lead.severity <= t->cooled;
}

void life_step_firing(struct life *life, struct tracked *t, const struct window_done *w)
{
    if (t->aspect == ASPECT_TIMEOUT || t->aspect == ASPECT_OUTAGE)
        return; /* these end when what they are about ends */
    if (t->lead.end_ns == w->end_ns && t->lead_convinced && t->lead.severity > t->alert.severity)
        life_escalate(life, t);
    enum verdict_of_window now = weigh_window(t, w->end_ns);
    if (now == WINDOW_BAD)
        t->clean = 0;
    else if (now == WINDOW_CLEAN && !(w->quality & (QUALITY_PARTIAL | QUALITY_LOSSY)))
        t->clean++;
    if (t->clean >= life->config.clean_windows)
        life_resolve(life, t, w->end_ns, t->new_normal ? VERDICT_NEW_NORMAL : NULL);
    else if (t->alert.kind != FINDING_SILENCE && w->end_ns - t->heard_ns >= life->config.stale_after.ns)
        /* Which for a silence is no end. At the same instant whether windows followed in the gap or not. */
        life_resolve(life, t, t->heard_ns + life->config.stale_after.ns, "nothing more is heard of it");
}

void life_step_quiet(struct life *life, struct tracked *t, const struct window_done *w)
{
    if (!any_convinced(life, t, w->end_ns))
        return;
    if (life_cooling(t, w->end_ns)) {
        life->totals.suppressed++;
        return;
    }
    prefer_silence(life, t);
    life_fire(life, t, w->end_ns);
}
