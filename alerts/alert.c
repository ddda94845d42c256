#include "alerts/alert.h"
#include "base/text.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const state_names[] = { "?", "pending", "firing", "resolved" };

const char *alert_state_name(enum alert_state state)
{
    return (size_t)state < sizeof(state_names) / sizeof(state_names[0]) ? state_names[state] : "?";
}

const char *alert_topic(const struct alert *a, char buffer[TOPIC_TEXT_MAX])
{
    struct text_out out = text_out_init(buffer, TOPIC_TEXT_MAX);
    text_printf(&out, "alert.%s.%s", severity_name(a->severity), a->analysis);
    return buffer;
}

const char *alert_series(const struct alert *a, char buffer[SERIES_NAME_MAX])
{
    struct meter_description d = { .label_count = a->label_count };
    memcpy(d.analysis, a->analysis, sizeof(d.analysis));
    memcpy(d.metric, a->metric, sizeof(d.metric));
    memcpy(d.labels, a->labels, sizeof(d.labels));
    return series_name(&d, a->statistic, buffer);
}

/* ---- encoding: one table names every field once ---- */

enum field_type { FIELD_HEX, FIELD_UINT, FIELD_INT, FIELD_TIME, FIELD_NUMBER, FIELD_TEXT, FIELD_WORD };

typedef const char *(*word_fn)(uint32_t number);

static const char *state_word(uint32_t n)
{
    return alert_state_name((enum alert_state)n);
}
static const char *kind_word(uint32_t n)
{
    return finding_name((enum finding)n);
}
static const char *severity_word(uint32_t n)
{
    return severity_name((enum severity)n);
}
static const char *statistic_word(uint32_t n)
{
    return n < STATISTIC_KINDS ? statistic_name((enum statistic)n) : "";
}
static const char *changed_word(uint32_t n)
{
    return change_name((enum change)n);
}
static const char *unit_word(uint32_t n)
{
    return unit_name((enum unit)n);
}

#define AT(field) offsetof(struct alert, field)
static const struct alert_field {
    const char *name;
    enum field_type type;
    size_t offset, size;
    word_fn word;             /* FIELD_WORD: number to text, for numbers below `most` */
    uint32_t least, most;
} fields[] = {
    { "id", FIELD_HEX, AT(id), 0, NULL, 0, 0 },
    { "key", FIELD_HEX, AT(key), 0, NULL, 0, 0 },
    { "sequence", FIELD_UINT, AT(sequence), 0, NULL, 0, 0 },
    { "state", FIELD_WORD, AT(state), 0, state_word, ALERT_PENDING, ALERT_RESOLVED + 1 },
    { "kind", FIELD_WORD, AT(kind), 0, kind_word, FINDING_THRESHOLD, FINDING_TIMEOUT + 1 },
    { "severity", FIELD_WORD, AT(severity), 0, severity_word, SEVERITY_OK, SEVERITY_CRITICAL + 1 },
    { "host", FIELD_TEXT, AT(host), NAME_TEXT_MAX, NULL, 0, 0 },
    { "session", FIELD_TEXT, AT(session), NAME_TEXT_MAX, NULL, 0, 0 },
    { "analysis", FIELD_TEXT, AT(analysis), NAME_TEXT_MAX, NULL, 0, 0 },
    { "metric", FIELD_TEXT, AT(metric), NAME_TEXT_MAX, NULL, 0, 0 },
    { "statistic", FIELD_WORD, AT(statistic), 0, statistic_word, 0, STATISTIC_KINDS + 1 },
    { "unit", FIELD_WORD, AT(unit), 0, unit_word, 0, UNIT_KINDS },
    { "window_begin_ns", FIELD_INT, AT(window_begin_ns), 0, NULL, 0, 0 },
    { "window_end_ns", FIELD_INT, AT(window_end_ns), 0, NULL, 0, 0 },
    { "began_ns", FIELD_INT, AT(began_ns), 0, NULL, 0, 0 },
    { "detected_ns", FIELD_INT, AT(detected_ns), 0, NULL, 0, 0 },
    { "resolved_ns", FIELD_TIME, AT(resolved_ns), 0, NULL, 0, 0 },
    { "value", FIELD_NUMBER, AT(value), 0, NULL, 0, 0 },
    { "expected", FIELD_NUMBER, AT(expected), 0, NULL, 0, 0 },
    { "low", FIELD_NUMBER, AT(low), 0, NULL, 0, 0 },
    { "high", FIELD_NUMBER, AT(high), 0, NULL, 0, 0 },
    { "limit", FIELD_NUMBER, AT(limit), 0, NULL, 0, 0 },
    { "magnitude", FIELD_NUMBER, AT(magnitude), 0, NULL, 0, 0 },
    { "spread", FIELD_NUMBER, AT(spread), 0, NULL, 0, 0 },
    { "changed", FIELD_WORD, AT(changed), 0, changed_word, CHANGE_NONE, CHANGE_BOTH + 1 },
    { "score", FIELD_NUMBER, AT(score), 0, NULL, 0, 0 },
    { "lost", FIELD_UINT, AT(lost), 0, NULL, 0, 0 },
    { "pending", FIELD_UINT, AT(pending), 0, NULL, 0, 0 },
    { "count", FIELD_UINT, AT(count), 0, NULL, 0, 0 },
    { "detail", FIELD_TEXT, AT(detail), NAME_TEXT_MAX, NULL, 0, 0 },
    { "summary", FIELD_TEXT, AT(summary), SUMMARY_TEXT_MAX, NULL, 0, 0 },
    { "advice", FIELD_TEXT, AT(advice), ADVICE_TEXT_MAX, NULL, 0, 0 },
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]), OTHER_FIELDS = 6, ALERT_MAP_MAX = 128 };

static void put_field(struct bytes *b, const struct alert *a, const struct alert_field *f)
{
    const void *at = (const char *)a + f->offset;
    char hex[20];
    switch (f->type) {
    case FIELD_HEX:
        snprintf(hex, sizeof(hex), "%016" PRIx64, *(const uint64_t *)at);
        wire_put_string(b, hex);
        break;
    case FIELD_UINT:
        wire_put_uint(b, *(const uint64_t *)at);
        break;
    case FIELD_TIME:
        if (*(const int64_t *)at == 0) {
            wire_put_nil(b);
            break;
        }
        /* fall through */
    case FIELD_INT:
        wire_put_int(b, *(const int64_t *)at);
        break;
    case FIELD_NUMBER:
        if (isfinite(*(const double *)at))
            wire_put_double(b, *(const double *)at);
        else
            wire_put_nil(b);
        break;
    case FIELD_TEXT:
        wire_put_string(b, at);
        break;
    case FIELD_WORD:
        wire_put_string(b, f->word(*(const uint32_t *)at));
        break;
    }
}

/* Subscribers are anybody's programs: evidence goes out by name, too. */
static void put_evidence(struct bytes *b, const struct operation *op)
{
    wire_put_map(b, 4);
    wire_put_string(b, "begin_ns");
    wire_put_int(b, op->begin_ns);
    wire_put_string(b, "end_ns");
    if (op->end_ns)
        wire_put_int(b, op->end_ns);
    else
        wire_put_nil(b);
    wire_put_string(b, "value");
    wire_put_double(b, op->value);
    wire_put_string(b, "fields");
    wire_put_map(b, op->field_count);
    for (uint32_t i = 0; i < op->field_count; i++) {
        wire_put_string(b, op->fields[i].name);
        wire_put_string(b, op->fields[i].value);
    }
}

void alert_put(struct bytes *b, const struct alert *a)
{
    char text[QUALITY_TEXT_MAX], series[SERIES_NAME_MAX];
    wire_put_map(b, FIELDS + OTHER_FIELDS);
    wire_put_string(b, "version");
    wire_put_uint(b, ALERT_VERSION);
    for (size_t i = 0; i < FIELDS; i++) {
        wire_put_string(b, fields[i].name);
        put_field(b, a, &fields[i]);
    }
    wire_put_string(b, "series");
    wire_put_string(b, alert_series(a, series));
    wire_put_string(b, "labels");
    wire_put_map(b, a->label_count);
    for (uint32_t i = 0; i < a->label_count; i++) {
        wire_put_string(b, a->labels[i].name);
        wire_put_string(b, a->labels[i].value);
    }
    wire_put_string(b, "detectors");
    wire_put_array(b, a->voter_count);
    for (uint32_t i = 0; i < a->voter_count; i++)
        wire_put_string(b, a->voters[i]);
    wire_put_string(b, "quality");
    wire_put_string(b, quality_text(a->quality, text));
    wire_put_string(b, "evidence");
    wire_put_array(b, a->evidence_count);
    for (uint32_t i = 0; i < a->evidence_count; i++)
        put_evidence(b, &a->evidence[i]);
}

/* ---- decoding ---- */

static void get_hex(struct wire_reader *r, uint64_t *value)
{
    char hex[20];
    int used = 0;
    wire_get_string(r, hex, sizeof(hex));
    if (sscanf(hex, "%16" SCNx64 "%n", value, &used) != 1 || used != 16 || hex[16] != '\0')
        r->failed = true;
}

static void get_word(struct wire_reader *r, const struct alert_field *f, uint32_t *value)
{
    char word[64];
    wire_get_string(r, word, sizeof(word));
    for (uint32_t n = f->least; n < f->most; n++) {
        if (strcmp(f->word(n), word) == 0) {
            *value = n;
            return;
        }
    }
    r->failed = true;
}

static void get_field(struct wire_reader *r, struct alert *a, const struct alert_field *f)
{
    void *at = (char *)a + f->offset;
    switch (f->type) {
    case FIELD_HEX:
        get_hex(r, at);
        break;
    case FIELD_UINT:
        *(uint64_t *)at = wire_get_uint(r);
        break;
    case FIELD_INT:
    case FIELD_TIME:
        *(int64_t *)at = wire_take_nil(r) ? 0 : wire_get_time(r);
        break;
    case FIELD_NUMBER:
        *(double *)at = wire_take_nil(r) ? (double)NAN : wire_get_double(r);
        break;
    case FIELD_TEXT:
        wire_get_string(r, at, f->size);
        break;
    case FIELD_WORD:
        get_word(r, f, at);
        break;
    }
}

static void get_quality(struct wire_reader *r, uint32_t *ret_quality)
{
    char word[QUALITY_TEXT_MAX], known[QUALITY_TEXT_MAX];
    wire_get_string(r, word, sizeof(word));
    for (uint32_t q = 0; q < 16; q++) {
        if (strcmp(quality_text(q, known), word) == 0) {
            *ret_quality = q;
            return;
        }
    }
    r->failed = true;
}

static void get_evidence(struct wire_reader *r, struct operation *op)
{
    for (uint32_t i = 0, n = wire_get_map(r, ALERT_MAP_MAX); i < n && wire_ok(r); i++) {
        char name[64];
        wire_get_string(r, name, sizeof(name));
        if (strcmp(name, "begin_ns") == 0)
            op->begin_ns = wire_get_time(r);
        else if (strcmp(name, "end_ns") == 0)
            op->end_ns = wire_take_nil(r) ? 0 : wire_get_time(r);
        else if (strcmp(name, "value") == 0)
            op->value = wire_get_double(r);
        else if (strcmp(name, "fields") == 0) {
            op->field_count = wire_get_map(r, OPERATION_FIELDS_MAX);
            for (uint32_t f = 0; f < op->field_count; f++) {
                wire_get_string(r, op->fields[f].name, sizeof(op->fields[f].name));
                wire_get_string(r, op->fields[f].value, sizeof(op->fields[f].value));
            }
        } else {
            wire_skip(r);
        }
    }
}

static void get_other(struct wire_reader *r, struct alert *a, const char *name)
{
    if (strcmp(name, "labels") == 0) {
        a->label_count = wire_get_map(r, LABELS_MAX);
        for (uint32_t i = 0; i < a->label_count; i++) {
            wire_get_string(r, a->labels[i].name, sizeof(a->labels[i].name));
            wire_get_string(r, a->labels[i].value, sizeof(a->labels[i].value));
        }
    } else if (strcmp(name, "detectors") == 0) {
        a->voter_count = wire_get_array(r, VOTERS_MAX);
        for (uint32_t i = 0; i < a->voter_count; i++)
            wire_get_string(r, a->voters[i], sizeof(a->voters[i]));
    } else if (strcmp(name, "quality") == 0) {
        get_quality(r, &a->quality);
    } else if (strcmp(name, "evidence") == 0) {
        a->evidence_count = wire_get_array(r, WORST_MAX);
        for (uint32_t i = 0; i < a->evidence_count; i++)
            get_evidence(r, &a->evidence[i]);
    } else {
        wire_skip(r);
    }
}

bool alert_get(struct wire_reader *r, struct alert *a)
{
    memset(a, 0, sizeof(*a));
    a->statistic = STATISTIC_KINDS;
    a->spread = (double)NAN;
    for (uint32_t i = 0, n = wire_get_map(r, ALERT_MAP_MAX); i < n && wire_ok(r); i++) {
        char name[64];
        size_t f = 0;
        wire_get_string(r, name, sizeof(name));
        while (f < FIELDS && strcmp(fields[f].name, name) != 0)
            f++;
        if (f < FIELDS)
            get_field(r, a, &fields[f]);
        else
            get_other(r, a, name);
    }
    return wire_ok(r) && a->state != 0 && a->kind != 0;
}
