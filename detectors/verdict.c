#include "detectors/verdict.h"
#include "base/text.h"
#include "base/hash.h"
#include <math.h>
#include <string.h>

const char *finding_name(enum finding finding)
{
    static const char *const names[] = { "?",    "threshold", "anomaly", "change", "silence",
                                         "loss", "outage",    "timeout" };
    return (size_t)finding < sizeof(names) / sizeof(names[0]) ? names[finding] : "?";
}

const char *change_name(enum change change)
{
    static const char *const names[] = { "", "mean", "spread", "both" };
    return change <= CHANGE_BOTH ? names[change] : "";
}

const char *severity_name(enum severity severity)
{
    static const char *const names[] = { "ok", "warning", "critical" };
    return severity <= SEVERITY_CRITICAL ? names[severity] : "?";
}

static void put_number(struct bytes *b, double value)
{
    if (isfinite(value))
        wire_put_double(b, value);
    else
        wire_put_nil(b);
}

static double get_number(struct wire_reader *r)
{
    return wire_take_nil(r) ? (double)NAN : wire_get_double(r);
}

/* Of a change that tells them there are spread and changed behind these; what a later version adds stands behind that. */
enum { VERDICT_FIELDS = 27, VERDICT_FIELDS_MAX = 64 };

void verdict_put(struct bytes *b, const struct verdict *v)
{
    const double numbers[] = { v->value, v->expected, v->low, v->high, v->limit, v->magnitude, v->score };
    wire_put_array(b, VERDICT_FIELDS + (v->changed ? 2 : 0));
    wire_put_uint(b, v->id);
    wire_put_uint(b, v->kind);
    wire_put_uint(b, v->finding);
    wire_put_uint(b, v->severity);
    wire_put_string(b, v->host);
    wire_put_string(b, v->session);
    wire_put_string(b, v->analysis);
    wire_put_string(b, v->metric);
    wire_put_map(b, v->label_count);
    for (uint32_t i = 0; i < v->label_count; i++) {
        wire_put_string(b, v->labels[i].name);
        wire_put_string(b, v->labels[i].value);
    }
    wire_put_uint(b, v->unit);
    wire_put_uint(b, v->statistic);
    wire_put_string(b, v->detector);
    wire_put_int(b, v->begin_ns);
    wire_put_int(b, v->end_ns);
    wire_put_int(b, v->onset_ns);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        put_number(b, numbers[i]);
    wire_put_uint(b, v->quality);
    wire_put_uint(b, v->lost);
    wire_put_uint(b, v->pending);
    wire_put_string(b, v->detail);
    wire_put_array(b, v->evidence_count);
    for (uint32_t i = 0; i < v->evidence_count; i++)
        operation_put(b, &v->evidence[i]);
    if (!v->changed)
        return;
    put_number(b, v->spread);
    wire_put_uint(b, v->changed);
}

static uint32_t get_enum(struct wire_reader *r, uint32_t least, uint32_t most)
{
    uint32_t value = wire_get_uint32(r);
    if (value < least || value > most)
        r->failed = true;
    return r->failed ? least : value;
}

bool verdict_get(struct wire_reader *r, struct verdict *v)
{
    double *const numbers[] = { &v->value, &v->expected, &v->low, &v->high, &v->limit, &v->magnitude, &v->score };
    uint32_t given = wire_get_array(r, VERDICT_FIELDS_MAX);
    r->failed |= given < VERDICT_FIELDS;
    v->id = wire_get_uint(r);
    v->kind = (enum verdict_kind)get_enum(r, VERDICT_GRADE, VERDICT_CLEAR);
    v->finding = (enum finding)get_enum(r, FINDING_THRESHOLD, FINDING_TIMEOUT);
    v->severity = (enum severity)get_enum(r, SEVERITY_OK, SEVERITY_CRITICAL);
    wire_get_string(r, v->host, sizeof(v->host));
    wire_get_string(r, v->session, sizeof(v->session));
    wire_get_string(r, v->analysis, sizeof(v->analysis));
    wire_get_string(r, v->metric, sizeof(v->metric));
    v->label_count = wire_get_map(r, LABELS_MAX);
    for (uint32_t i = 0; i < v->label_count; i++) {
        wire_get_string(r, v->labels[i].name, sizeof(v->labels[i].name));
        wire_get_string(r, v->labels[i].value, sizeof(v->labels[i].value));
    }
    v->unit = (enum unit)get_enum(r, UNIT_NONE, UNIT_KINDS - 1);
    v->statistic = (enum statistic)get_enum(r, 0, STATISTIC_KINDS);
    wire_get_string(r, v->detector, sizeof(v->detector));
    v->begin_ns = wire_get_time(r);
    v->end_ns = wire_get_time(r);
    v->onset_ns = wire_get_time(r);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        *numbers[i] = get_number(r);
    v->quality = wire_get_uint32(r);
    v->lost = wire_get_uint(r);
    v->pending = wire_get_uint(r);
    wire_get_string(r, v->detail, sizeof(v->detail));
    v->evidence_count = wire_get_array(r, WORST_MAX);
    for (uint32_t i = 0; i < v->evidence_count; i++)
        operation_get(r, &v->evidence[i]);
    bool tells = given >= VERDICT_FIELDS + 2;
    v->spread = tells ? get_number(r) : (double)NAN;
    v->changed = tells ? (enum change)get_enum(r, CHANGE_NONE, CHANGE_BOTH) : CHANGE_NONE;
    for (uint32_t i = VERDICT_FIELDS + (tells ? 2 : 0); i < given; i++)
        wire_skip(r);
    return wire_ok(r);
}

static uint64_t hash_field(uint64_t hash, const char *text)
{
    return hash_fnv(hash, text, strlen(text) + 1);
}

void verdict_identify(struct verdict *v)
{
    uint64_t hash = hash_field(hash_field(HASH_START, v->host), v->session);
    hash = hash_field(hash_field(hash, v->analysis), v->metric);
    for (uint32_t i = 0; i < v->label_count; i++)
        hash = hash_field(hash_field(hash, v->labels[i].name), v->labels[i].value);
    const int64_t numbers[] = { (int64_t)v->statistic, (int64_t)v->kind, v->begin_ns, v->end_ns };
    hash = hash_fnv(hash_field(hash, v->detector), numbers, sizeof(numbers));
    v->id = hash;
}

void verdict_of_stage(struct verdict *v, const char *stage, const char *name, bool silent, int64_t time_ns)
{
    *v = (struct verdict){ .kind = silent ? VERDICT_RAISE : VERDICT_CLEAR,
                           .finding = FINDING_OUTAGE,
                           .severity = SEVERITY_CRITICAL,
                           .statistic = STATISTIC_KINDS,
                           .label_count = 2,
                           .begin_ns = time_ns,
                           .end_ns = time_ns,
                           .onset_ns = time_ns,
                           .score = 1,
                           .quality = QUALITY_LOSSY };
    v->value = v->expected = v->low = v->high = v->limit = v->magnitude = v->spread = (double)NAN;
    text_copy(v->analysis, sizeof(v->analysis), VERDICT_OWN_ANALYSIS);
    text_copy(v->metric, sizeof(v->metric), VERDICT_STAGE_METRIC);
    text_copy(v->labels[0].name, sizeof(v->labels[0].name), "stage");
    text_copy(v->labels[0].value, sizeof(v->labels[0].value), stage);
    text_copy(v->labels[1].name, sizeof(v->labels[1].name), "name");
    text_copy(v->labels[1].value, sizeof(v->labels[1].value), name);
    text_copy(v->detector, sizeof(v->detector), "heartbeat");
    text_copy(v->detail, sizeof(v->detail), !silent ? "" : strcmp(stage, VERDICT_RUN_STAGE) == 0 ? "it was killed, and goes on" : "nothing is heard of it");
    verdict_identify(v);
}

void window_done_put(struct bytes *b, const struct window_done *w)
{
    wire_put_array(b, 5);
    wire_put_string(b, w->host);
    wire_put_string(b, w->session);
    wire_put_int(b, w->begin_ns);
    wire_put_int(b, w->end_ns);
    wire_put_uint(b, w->quality);
}

uint64_t window_done_id(const struct window_done *w)
{
    const int64_t times[] = { w->begin_ns, w->end_ns };
    return hash_fnv(hash_field(hash_field(HASH_START, w->host), w->session), times, sizeof(times));
}

bool window_done_get(struct wire_reader *r, struct window_done *w)
{
    if (wire_get_array(r, 5) != 5)
        r->failed = true;
    wire_get_string(r, w->host, sizeof(w->host));
    wire_get_string(r, w->session, sizeof(w->session));
    w->begin_ns = wire_get_time(r);
    w->end_ns = wire_get_time(r);
    w->quality = wire_get_uint32(r);
    if (w->end_ns <= w->begin_ns || w->end_ns - w->begin_ns > WINDOW_NS_MAX)
        r->failed = true;
    return wire_ok(r);
}
