/* sentence.c - an alert in words: what, how much, since when, the worst of it. */
#include "alerts/alert.h"
#include "base/text.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *amount(char buffer[UNIT_TEXT_MAX], double value, enum unit unit)
{
    return isfinite(value) ? unit_format(buffer, value, unit) : "?";
}

static void put_subject(struct text_out *out, const struct alert *a)
{
    char series[SERIES_NAME_MAX];
    text_puts(out, alert_series(a, series));
}

/* "+180 %", "x12". */
static void put_ratio(struct text_out *out, double value, double expected)
{
    double ratio = expected > 0 ? value / expected : 0;
    if (!isfinite(ratio) || ratio <= 0)
        return;
    if (ratio >= 5)
        text_printf(out, " (x%.*f)", ratio < 10 ? 1 : 0, ratio);
    else
        text_printf(out, " (%+.0f %%)", (ratio - 1) * 100);
}

static void put_deviation(struct text_out *out, const struct alert *a)
{
    char value[UNIT_TEXT_MAX], expected[UNIT_TEXT_MAX], low[UNIT_TEXT_MAX], high[UNIT_TEXT_MAX];
    put_subject(out, a);
    text_printf(out, " %s %s", a->value >= a->expected ? "rose to" : "fell to", amount(value, a->value, a->unit));
    if (isfinite(a->expected)) {
        text_printf(out, ", expected %s", amount(expected, a->expected, a->unit));
        put_ratio(out, a->value, a->expected);
    }
    if (isfinite(a->low) && isfinite(a->high))
        text_printf(out, ", normal is %s to %s", amount(low, a->low, a->unit), amount(high, a->high, a->unit));
}

static void put_since(struct text_out *out, const struct alert *a)
{
    char since[TIME_TEXT_MAX];
    text_printf(out, " since %.12s", time_format(since, a->began_ns) + 11);
}

static void put_spread(struct text_out *out, const struct alert *a)
{
    text_printf(out, "varies %.*f times as much as before", a->spread < 10 ? 1 : 0, a->spread);
}

/* A change is a matter of levels, not of the one value that happens to be the last. */
static void put_change(struct text_out *out, const struct alert *a)
{
    char before[UNIT_TEXT_MAX], after[UNIT_TEXT_MAX];
    double level = a->expected + a->magnitude;
    if (a->changed == CHANGE_SPREAD) {
        put_subject(out, a);
        text_puts(out, " ");
        put_spread(out, a);
        put_since(out, a);
        text_printf(out, ", about %s", amount(before, a->expected, a->unit));
        return;
    }
    if (!isfinite(level)) {
        put_deviation(out, a);
        return;
    }
    put_subject(out, a);
    text_printf(out, " %s from %s to %s", level >= a->expected ? "rose" : "fell", amount(before, a->expected, a->unit),
                amount(after, level, a->unit));
    put_ratio(out, level, a->expected);
    if (a->changed == CHANGE_BOTH) {
        text_puts(out, " and ");
        put_spread(out, a);
    }
    put_since(out, a);
}

static void put_limit(struct text_out *out, const struct alert *a)
{
    char value[UNIT_TEXT_MAX], limit[UNIT_TEXT_MAX];
    put_subject(out, a);
    text_printf(out, " is %s, %s the limit of %s", amount(value, a->value, a->unit),
                a->value >= a->limit ? "above" : "below", amount(limit, a->limit, a->unit));
}

static void put_timeout(struct text_out *out, const struct alert *a)
{
    char limit[UNIT_TEXT_MAX];
    put_subject(out, a);
    text_printf(out, ": %" PRIu64 " operation%s still pending after %s", a->pending, a->pending == 1 ? "" : "s",
                amount(limit, a->limit, a->unit));
}

static void put_silence(struct text_out *out, const struct alert *a)
{
    char expected[UNIT_TEXT_MAX];
    put_subject(out, a);
    text_printf(out, " went silent, expected about %s", amount(expected, a->expected, a->unit));
}

/* Of many series together there is no one value. */
static void put_group(struct text_out *out, const struct alert *a)
{
    bool moved = a->kind == FINDING_CHANGE;
    put_subject(out, a);
    if (strcmp(a->analysis, VERDICT_GROUP_ANALYSIS) != 0) {
        bool told = *a->detail && strcmp(a->detail, VERDICT_NEW_NORMAL) != 0;
        text_printf(out, " is distributed otherwise%s%s", told ? ": " : "", told ? a->detail : "");
        return;
    }
    text_printf(out, moved ? " moved" : " is unlike what it usually is");
    if (*a->detail && strcmp(a->detail, VERDICT_NEW_NORMAL) != 0)
        text_printf(out, moved ? ", most of all %s" : "; most outside: %s", a->detail);
}

/* About foretrace itself. */
static bool is_own(const struct alert *a, const char *metric)
{
    return strcmp(a->analysis, VERDICT_OWN_ANALYSIS) == 0 && strcmp(a->metric, metric) == 0;
}

/* foretrace run, which has no stages that anybody could start again. */
static bool is_run(const struct alert *a)
{
    return is_own(a, VERDICT_STAGE_METRIC) && a->label_count > 0 && strcmp(a->labels[0].value, VERDICT_RUN_STAGE) == 0;
}

static void put_what(struct text_out *out, const struct alert *a)
{
    bool group = (a->kind == FINDING_CHANGE || a->kind == FINDING_ANOMALY) && !isfinite(a->value);
    if (group) {
        put_group(out, a);
        return;
    }
    switch (a->kind) {
    case FINDING_CHANGE:
        put_change(out, a);
        break;
    case FINDING_THRESHOLD:
        put_limit(out, a);
        break;
    case FINDING_SILENCE:
        put_silence(out, a);
        break;
    case FINDING_TIMEOUT:
        put_timeout(out, a);
        break;
    case FINDING_LOSS:
        text_printf(out, is_own(a, VERDICT_DROPPED_METRIC) ? "%s of session %s could not be delivered to the detectors"
                                                           : "the tracer lost %s of session %s",
                    a->detail, *a->session ? a->session : "?");
        break;
    case FINDING_OUTAGE:
        if (is_run(a))
            text_printf(out, "foretrace did not watch for a while: %s", a->detail);
        else if (is_own(a, VERDICT_STAGE_METRIC) && a->label_count == 2)
            text_printf(out, "stage %s of foretrace, %s, is gone: %s", a->labels[0].value, a->labels[1].value, a->detail);
        else if (is_own(a, VERDICT_PARTIAL_METRIC))
            text_printf(out, "session %s is observed in part: %s", *a->session ? a->session : "?", a->detail);
        else
            text_printf(out, "session %s cannot be observed: %s", *a->session ? a->session : "?", a->detail);
        break;
    default:
        put_deviation(out, a);
        break;
    }
}

static void put_worst(struct text_out *out, const struct alert *a)
{
    char value[UNIT_TEXT_MAX];
    if (a->evidence_count == 0 || a->kind == FINDING_SILENCE)
        return;
    const struct operation *op = &a->evidence[0];
    text_printf(out, "; worst: %s", amount(value, op->value, UNIT_NANOSECONDS));
    for (uint32_t i = 0; i < op->field_count; i++)
        text_printf(out, "%s%s=%s", i ? ", " : " with ", op->fields[i].name, op->fields[i].value);
}

static const char *advice_for(const struct alert *a)
{
    switch (a->kind) {
    case FINDING_TIMEOUT:
        return "Look at the named operations: they may hang. The alert resolves when they end.";
    case FINDING_LOSS:
        if (is_own(a, VERDICT_DROPPED_METRIC))
            return "The detect stage was away, or too slow, for longer than delivery.buffer holds. These windows were judged by nobody.";
        return "Windows of that time are marked lossy. Use larger or more sub-buffers (session.subbuffer_size, "
               "subbuffer_count), or trace fewer events.";
    case FINDING_OUTAGE:
        if (is_run(a))
            return "Ask who killed it, or whether memory ran out. What lttng-relayd still had of that time is judged now.";
        if (is_own(a, VERDICT_STAGE_METRIC))
            return "Start it again, or look at the network between. What it watches is not judged meanwhile.";
        if (is_own(a, VERDICT_PARTIAL_METRIC))
            return "Windows of that time are marked lossy: what they say is of the rest. A stream stalls when its program is stopped, or was killed while it wrote: of that CPU only a new session records again.";
        return "Check lttng-relayd and the session; foretrace goes on trying. Nothing is known of the time in between.";
    case FINDING_SILENCE:
        return "Check whether the program still runs and is still asked to do this.";
    case FINDING_CHANGE:
        return "Ask what changed at the time it began: a deployment, a configuration, a load.";
    default:
        return a->evidence_count > 0 ? "Start with the worst operations, given as evidence."
                                     : "Compare with related series at the time it began.";
    }
}

void alert_explain(struct alert *a)
{
    struct text_out out = text_out_init(a->summary, sizeof(a->summary));
    char length[UNIT_TEXT_MAX];
    bool normal = strcmp(a->detail, VERDICT_NEW_NORMAL) == 0;
    if (a->state == ALERT_RESOLVED)
        text_printf(&out, "%s after %s: ", normal ? "not over, but taken for normal" : "over",
                    unit_format(length, (double)(a->resolved_ns - a->began_ns), UNIT_NANOSECONDS));
    put_what(&out, a);
    if (a->state != ALERT_RESOLVED)
        put_worst(&out, a);
    text_copy(a->advice, sizeof(a->advice),
              a->state != ALERT_RESOLVED ? advice_for(a)
              : normal ? "It has lasted so long that the detectors learn it (relearn). If it is not acceptable, give the series a threshold."
                       : "");
}
