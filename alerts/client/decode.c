#include "alerts/client/decode.h"
#include "base/text.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum field_type { FIELD_HEX, FIELD_UINT, FIELD_TIME, FIELD_NUMBER, FIELD_TEXT };

#define AT(field) offsetof(struct foretrace_alert, field)
static const struct client_field {
    const char *name;
    enum field_type type;
    size_t offset;
} fields[] = {
    { "id", FIELD_HEX, AT(id) },
    { "key", FIELD_HEX, AT(key) },
    { "sequence", FIELD_UINT, AT(sequence) },
    { "state", FIELD_TEXT, AT(state_text) },
    { "kind", FIELD_TEXT, AT(kind_text) },
    { "severity", FIELD_TEXT, AT(severity_text) },
    { "host", FIELD_TEXT, AT(host) },
    { "session", FIELD_TEXT, AT(session) },
    { "analysis", FIELD_TEXT, AT(analysis) },
    { "metric", FIELD_TEXT, AT(metric) },
    { "series", FIELD_TEXT, AT(series) },
    { "statistic", FIELD_TEXT, AT(statistic) },
    { "unit", FIELD_TEXT, AT(unit) },
    { "window_begin_ns", FIELD_TIME, AT(window_begin_ns) },
    { "window_end_ns", FIELD_TIME, AT(window_end_ns) },
    { "began_ns", FIELD_TIME, AT(began_ns) },
    { "detected_ns", FIELD_TIME, AT(detected_ns) },
    { "resolved_ns", FIELD_TIME, AT(resolved_ns) },
    { "value", FIELD_NUMBER, AT(value) },
    { "expected", FIELD_NUMBER, AT(expected) },
    { "low", FIELD_NUMBER, AT(low) },
    { "high", FIELD_NUMBER, AT(high) },
    { "limit", FIELD_NUMBER, AT(limit) },
    { "magnitude", FIELD_NUMBER, AT(magnitude) },
    { "spread", FIELD_NUMBER, AT(spread) },
    { "changed", FIELD_TEXT, AT(changed) },
    { "score", FIELD_NUMBER, AT(score) },
    { "lost", FIELD_UINT, AT(lost) },
    { "pending", FIELD_UINT, AT(pending) },
    { "count", FIELD_UINT, AT(count) },
    { "quality", FIELD_TEXT, AT(quality) },
    { "detail", FIELD_TEXT, AT(detail) },
    { "summary", FIELD_TEXT, AT(summary) },
    { "advice", FIELD_TEXT, AT(advice) },
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static const char *const state_names[] = { "unknown", "pending", "firing", "resolved" };
static const char *const severity_names[] = { "unknown", "ok", "warning", "critical" };
static const char *const kind_names[] = { "unknown", "threshold", "anomaly", "change", "silence", "loss", "outage", "timeout" };
enum {
    STATES = sizeof(state_names) / sizeof(state_names[0]),
    SEVERITIES = sizeof(severity_names) / sizeof(severity_names[0]),
    KINDS = sizeof(kind_names) / sizeof(kind_names[0])
};

const char *foretrace_state_name(enum foretrace_state state)
{
    return state_names[(size_t)state < STATES ? (size_t)state : 0];
}

const char *foretrace_severity_name(enum foretrace_severity severity)
{
    return severity_names[(size_t)severity < SEVERITIES ? (size_t)severity : 0];
}

const char *foretrace_kind_name(enum foretrace_kind kind)
{
    return kind_names[(size_t)kind < KINDS ? (size_t)kind : 0];
}

static unsigned find_word(const char *const *names, unsigned count, const char *word)
{
    for (unsigned i = 1; i < count; i++)
        if (strcmp(names[i], word) == 0)
            return i;
    return 0;
}

/* A text takes at least a byte more in the message than its own: what was reserved
 * for the whole of it is enough for all, and nothing moves. */
static const char *take_text(struct decoded *d, struct wire_reader *r)
{
    size_t size;
    if (wire_take_nil(r))
        return "";
    const char *from = wire_get_text(r, WIRE_MESSAGE_MAX, &size);
    if (memchr(from, '\0', size))
        r->failed = true;
    if (!wire_ok(r) || size == 0)
        return "";
    char *to = (char *)d->texts.data + d->texts.size;
    memcpy(to, from, size);
    to[size] = '\0';
    d->texts.size += size + 1;
    return to;
}

static uint64_t take_hex(struct decoded *d, struct wire_reader *r)
{
    const char *text = take_text(d, r);
    char *end;
    if (strlen(text) != 16 || strspn(text, "0123456789abcdefABCDEF") != 16)
        r->failed = true;
    return wire_ok(r) ? strtoull(text, &end, 16) : 0;
}

static double take_number(struct wire_reader *r)
{
    return wire_take_nil(r) ? (double)NAN : wire_get_double(r);
}

static int64_t take_time(struct wire_reader *r)
{
    return wire_take_nil(r) ? 0 : wire_get_time(r);
}

static void take_field(struct decoded *d, struct wire_reader *r, const struct client_field *f)
{
    void *at = (char *)&d->alert + f->offset;
    switch (f->type) {
    case FIELD_HEX:
        *(uint64_t *)at = take_hex(d, r);
        break;
    case FIELD_UINT:
        *(uint64_t *)at = wire_get_uint(r);
        break;
    case FIELD_TIME:
        *(int64_t *)at = take_time(r);
        break;
    case FIELD_NUMBER:
        *(double *)at = take_number(r);
        break;
    case FIELD_TEXT:
        *(const char **)at = take_text(d, r);
        break;
    }
}

static size_t take_pairs(struct decoded *d, struct wire_reader *r, struct foretrace_text_pair *pairs, uint32_t max)
{
    uint32_t n = wire_get_map(r, max);
    for (uint32_t i = 0; i < n; i++) {
        pairs[i].name = take_text(d, r);
        pairs[i].value = take_text(d, r);
    }
    return n;
}

static void take_operation(struct decoded *d, struct wire_reader *r, uint32_t at)
{
    struct foretrace_operation *op = &d->operations[at];
    *op = (struct foretrace_operation){ .value = (double)NAN, .fields = d->fields[at] };
    d->evidence[at] = op;
    for (uint32_t i = 0, n = wire_get_map(r, CLIENT_MAP_MAX); i < n && wire_ok(r); i++) {
        char name[64];
        wire_get_string(r, name, sizeof(name));
        if (strcmp(name, "begin_ns") == 0)
            op->begin_ns = take_time(r);
        else if (strcmp(name, "end_ns") == 0)
            op->end_ns = take_time(r);
        else if (strcmp(name, "value") == 0)
            op->value = take_number(r);
        else if (strcmp(name, "fields") == 0)
            op->field_count = take_pairs(d, r, d->fields[at], CLIENT_FIELDS_MAX);
        else
            wire_skip(r);
    }
}

static void take_other(struct decoded *d, struct wire_reader *r, const char *name)
{
    struct foretrace_alert *a = &d->alert;
    if (strcmp(name, "labels") == 0) {
        a->label_count = take_pairs(d, r, d->labels, CLIENT_LABELS_MAX);
    } else if (strcmp(name, "detectors") == 0) {
        uint32_t n = wire_get_array(r, CLIENT_DETECTORS_MAX);
        for (uint32_t i = 0; i < n; i++)
            d->detectors[i] = take_text(d, r);
        a->detector_count = n;
    } else if (strcmp(name, "evidence") == 0) {
        uint32_t n = wire_get_array(r, CLIENT_EVIDENCE_MAX);
        for (uint32_t i = 0; i < n && wire_ok(r); i++)
            take_operation(d, r, i);
        a->evidence_count = n;
    } else {
        wire_skip(r);
    }
}

static void begin(struct decoded *d, const struct wire_reader *r)
{
    size_t size = (size_t)(r->end - r->at);
    d->alert = (struct foretrace_alert){ .labels = d->labels, .detectors = d->detectors, .evidence = d->evidence };
    bytes_reset(&d->body);
    bytes_append(&d->body, r->at, size);
    bytes_reset(&d->texts);
    bytes_reserve(&d->texts, size + 1);
    free(d->json);
    d->json = NULL;
    for (size_t i = 0; i < FIELDS; i++) {
        void *at = (char *)&d->alert + fields[i].offset;
        if (fields[i].type == FIELD_TEXT)
            *(const char **)at = "";
        else if (fields[i].type == FIELD_NUMBER)
            *(double *)at = (double)NAN;
    }
}

bool decoded_read(struct decoded *d, struct wire_reader *r)
{
    struct foretrace_alert *a = &d->alert;
    begin(d, r);
    for (uint32_t i = 0, n = wire_get_map(r, CLIENT_MAP_MAX); i < n && wire_ok(r); i++) {
        char name[64];
        size_t f = 0;
        wire_get_string(r, name, sizeof(name));
        while (f < FIELDS && strcmp(fields[f].name, name) != 0)
            f++;
        if (f < FIELDS)
            take_field(d, r, &fields[f]);
        else
            take_other(d, r, name);
    }
    a->state = (enum foretrace_state)find_word(state_names, STATES, a->state_text);
    a->kind = (enum foretrace_kind)find_word(kind_names, KINDS, a->kind_text);
    a->severity = (enum foretrace_severity)find_word(severity_names, SEVERITIES, a->severity_text);
    return wire_finished(r) && *a->state_text && *a->kind_text && *a->severity_text;
}

void decoded_done(struct decoded *d)
{
    bytes_done(&d->body);
    bytes_done(&d->texts);
    free(d->json);
    d->json = NULL;
}

const void *foretrace_alert_body(const struct foretrace_alert *alert, size_t *ret_size)
{
    const struct decoded *d = (const struct decoded *)alert;
    *ret_size = d->body.size;
    return d->body.data;
}

const char *foretrace_alert_json(const struct foretrace_alert *alert)
{
    /* Alerts come from the library, which has them within one of these. */
    struct decoded *d = (struct decoded *)(uintptr_t)alert;
    for (size_t room = d->body.size * 2 + 256; !d->json; room *= 2) {
        d->json = xcalloc(1, room);
        struct text_out out = text_out_init(d->json, room);
        struct wire_reader r = wire_reader_init(d->body.data, d->body.size);
        wire_to_json(&r, &out);
        if (!wire_ok(&r)) /* a field of a later version that JSON cannot say */
            text_copy(d->json, room, "null");
        else if (out.truncated) {
            free(d->json);
            d->json = NULL;
        }
    }
    return d->json;
}
