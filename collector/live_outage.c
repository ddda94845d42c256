#include "collector/live_outage.h"
#include "base/text.h"

/* missed: something was; else all of it has come late. */
static void report(const struct live_outage *o, bool ongoing, bool missed, int64_t end_ns)
{
    struct loss loss = { .kind = LOSS_OUTAGE,
                         .source = { .host = "", .session = "" },
                         .count = missed,
                         .at_least = missed,
                         .ongoing = ongoing,
                         .partly = o->cause >= OUTAGE_STALL,
                         .begin_ns = o->begin_ns,
                         .end_ns = end_ns };
    text_copy(loss.reason, sizeof(loss.reason), o->reason);
    o->consumer->loss(o->consumer->self, &loss);
}

void live_outage_tell(struct live_outage *o, int64_t now_ns)
{
    if (o->tell_at_ns == 0)
        return;
    o->tell_at_ns = 0;
    report(o, true, true, now_ns);
}

void live_outage_tick(struct live_outage *o, int64_t monotonic_ns, int64_t now_ns)
{
    if (o->tell_at_ns && monotonic_ns > o->tell_at_ns)
        live_outage_tell(o, now_ns);
}

/* A partial one that an earlier process told is over; the outage that it left behind has an end of its own. */
static void clear_inherited(struct live_outage *o, int64_t now_ns)
{
    struct live_outage partial = *o;
    if (!o->inherited)
        return;
    o->inherited = false;
    partial.cause = OUTAGE_STALL;
    report(&partial, false, false, now_ns);
}

void live_outage_end(struct live_outage *o, int64_t end_ns, int64_t now_ns)
{
    live_outage_tell(o, now_ns);
    clear_inherited(o, now_ns);
    if (o->cause != OUTAGE_NONE)
        report(o, false, true, end_ns);
    o->cause = OUTAGE_NONE;
}

static void begin(struct live_outage *o, enum outage cause, const char *reason, int64_t begin_ns)
{
    o->cause = cause;
    o->begin_ns = begin_ns;
    o->count++;
    text_copy(o->reason, sizeof(o->reason), reason);
}

void live_outage_open(struct live_outage *o, enum outage cause, const char *reason, int64_t now_ns)
{
    if (o->cause == OUTAGE_LACKING)
        live_outage_end(o, now_ns, now_ns);
    if (o->cause == OUTAGE_SILENCE && cause == OUTAGE_STALL)
        live_outage_excuse(o, false, now_ns);
    if (o->cause != OUTAGE_NONE || now_ns == INT64_MIN)
        return;
    begin(o, cause, reason, now_ns);
    report(o, true, true, now_ns);
}

void live_outage_go_on(struct live_outage *o, const char *reason, int64_t window_ns, int64_t tell_at_ns)
{
    begin(o, OUTAGE_FAILURE, reason, window_ns);
    o->inherited = true;
    o->tell_at_ns = tell_at_ns;
}

void live_outage_break_off(struct live_outage *o, const char *reason, int64_t now_ns)
{
    if (o->cause == OUTAGE_SILENCE)
        o->cause = OUTAGE_FAILURE;
    if (o->cause == OUTAGE_STALL)
        live_outage_end(o, now_ns, now_ns);
    live_outage_open(o, OUTAGE_FAILURE, reason, now_ns);
}

enum outage_excuse live_outage_excuse(struct live_outage *o, bool lacking, int64_t now_ns)
{
    if (o->cause != OUTAGE_FAILURE && o->cause != OUTAGE_SILENCE)
        return OUTAGE_STANDS;
    const bool told = o->tell_at_ns == 0 || o->inherited;
    o->tell_at_ns = 0;
    clear_inherited(o, now_ns);
    if (lacking) {
        if (told)
            report(o, false, false, now_ns);
        o->cause = OUTAGE_LACKING;
        report(o, true, true, o->begin_ns);
        return OUTAGE_ADMITTED;
    }
    o->count--;
    o->delays++;
    if (told)
        report(o, false, false, now_ns);
    o->cause = OUTAGE_NONE;
    return OUTAGE_EXCUSED;
}
