/* pair_report.c - a pair in `foretrace report`: its operations as observations, with labels, key and evidence as fields. They are the
 * user's, so what other analyses declare as constants is made here, and belongs to the observer. */
#include "base/bytes.h"
#include "base/text.h"
#include "stream/kernel.h"
#include "stream/pair_private.h"
#include "stream/stream.h"
#include <stdlib.h>
#include <string.h>

struct face {
    struct observable what;
    struct metric_info emits[3];
    char analysis[NAME_TEXT_MAX];
    char names[OBSERVED_FIELDS_MAX][FIELD_NAME_MAX];
    uint32_t count;
};

/* The field's place; OBSERVED_FIELDS_MAX where there is no room. One that is there already is not taken again. */
static uint32_t add_field(struct face *f, const char *name)
{
    uint32_t i = 0;
    name = field_plain_name(name);
    while (i < f->count && strcmp(f->names[i], name) != 0)
        i++;
    if (i < f->count || i == OBSERVED_FIELDS_MAX)
        return i;
    text_copy(f->names[i], sizeof(f->names[i]), name);
    f->what.fields[i] = f->names[i];
    f->count++;
    return i;
}

static void add_fields(struct face *f, const struct pair_spec *s)
{
    if (s->constant_label)
        add_field(f, s->constant_label);
    for (uint32_t i = 0; i < s->label_count; i++)
        add_field(f, s->labels[i]);
    for (uint32_t i = 0; i < f->count && i < LABELS_MAX; i++)
        f->emits[0].by[i] = f->names[i];
    for (uint32_t i = 0; i < s->key_count; i++)
        add_field(f, s->begin_key[i]);
    for (uint32_t i = 0; i < s->evidence_count; i++)
        add_field(f, s->evidence[i]);
}

struct observer *pair_report_new(const struct pair *pair)
{
    if (!stream_report(pair->stream))
        return NULL;
    struct face *f = xcalloc(1, sizeof(*f));
    text_copy(f->analysis, sizeof(f->analysis), pair->spec.analysis);
    f->what = (struct observable){ .name = "operation", .measure = MEASURE_DURATION, .unit = UNIT_NANOSECONDS };
    f->emits[0] = (struct metric_info)METRIC_OF("operation", "duration", "time from in to out, by labels", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, NULL);
    add_fields(f, &pair->spec);
    if (pair->spec.label_count > 0)
        f->emits[1] = (struct metric_info)METRIC_OF("operation", "all_durations", "the same of all", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, NULL);
    struct observer *o = observer_new(pair->stream, &(struct observer_spec){ .analysis = f->analysis, .what = &f->what, .emits = f->emits });
    o->owned = f;
    return o;
}

/* Of the fields of that name the first that has a value. */
static void put_value(const struct face *f, struct value *fields, const char *name, struct value v)
{
    name = field_plain_name(name);
    for (uint32_t i = 0; i < f->count; i++)
        if (fields[i].kind == VALUE_NONE && strcmp(f->names[i], name) == 0)
            fields[i] = v;
}

/* As in series: of the begin event, or else of the end. */
static struct value either(const struct slot *slot, int place, const struct event *end)
{
    return slot->value.kind == VALUE_NONE && place >= 0 ? end->values[place] : slot->value;
}

void pair_report(const struct pair *pair, const struct kept *kept, int64_t begin_ns, int64_t end_ns, const struct pair_side *side, const struct event *end)
{
    const struct pair_spec *s = &pair->spec;
    const struct face *f = pair->report->owned;
    const struct slot *slot = kept->slots;
    struct value fields[OBSERVED_FIELDS_MAX];
    for (uint32_t i = 0; i < OBSERVED_FIELDS_MAX; i++)
        fields[i].kind = VALUE_NONE;
    if (s->constant_label)
        put_value(f, fields, s->constant_label, value_of_text(s->constant_value));
    for (uint32_t i = 0; i < s->label_count; i++, slot++)
        put_value(f, fields, s->labels[i], either(slot, side->labels[i], end));
    for (uint32_t i = 0; i < s->key_count; i++, slot++)
        put_value(f, fields, s->begin_key[i], slot->value);
    for (uint32_t i = 0; i < s->evidence_count; i++, slot++)
        put_value(f, fields, s->evidence[i], either(slot, side->evidence[i], end));
    observe(pair->report, &(struct observed){ begin_ns, end_ns, end_ns - begin_ns, fields });
}
