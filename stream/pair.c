#include "stream/pair_private.h"
#include "base/text.h"
#include "stream/pairing_inline.h"
#include <string.h>

/* Single operations reported per series and window; what is beyond is counted,
 * unless it is the worst yet. */
enum { EXCEEDANCES_PER_WINDOW = 4 };

/* What most operations do not meet: it would take registers from what all do. */
#define OUT_OF_LINE __attribute__((noinline))

struct end_context {
    const struct pair_side *side;
    const struct event *event;
};

/* ---- the key ---- */

static OUT_OF_LINE uint64_t hash_text(const struct value *v)
{
    return hash_bytes(v->text, v->size);
}

PAIRING_INLINE bool make_key(struct pair *pair, const struct pair_side *side, const struct event *event, uint64_t *key, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct value *v = &event->values[side->key[i]];
        if (v->kind == VALUE_NONE) {
            pair->unkeyed++;
            return false;
        }
        uint64_t word = v->kind == VALUE_TEXT ? hash_text(v) : v->u;
        /* A thread is (host, pid namespace, vtid): two containers both have a 1. */
        if ((int)i == pair->thread_item && pair->use_pid_ns)
            word = hash_mix(hash_mix(HASH_START, event->values[side->pid_ns].u), word);
        key[i] = word;
    }
    return true;
}

/* ---- what is kept of a beginning ---- */

static OUT_OF_LINE void slot_keep_text(struct slot *slot)
{
    if (value_shorten(&slot->value, slot->text, SLOT_TEXT))
        return;
    memcpy(slot->text, slot->value.text, slot->value.size);
    slot->value.text = slot->text;
}

PAIRING_INLINE void slot_set(struct slot *slot, const struct event *event, int place)
{
    if (place < 0) {
        slot->value.kind = VALUE_NONE;
        return;
    }
    slot->value = event->values[place];
    if (slot->value.kind == VALUE_TEXT)
        slot_keep_text(slot);
}

static const struct slot *label_slots(const struct kept *kept)
{
    return kept->slots;
}

static const struct slot *key_slots(const struct pair *pair, const struct kept *kept)
{
    return kept->slots + pair->spec.label_count;
}

static const struct slot *evidence_slots(const struct pair *pair, const struct kept *kept)
{
    return key_slots(pair, kept) + pair->spec.key_count;
}

static bool labels_complete(const struct pair *pair, const struct kept *kept)
{
    for (uint32_t i = 0; i < pair->spec.label_count; i++)
        if (label_slots(kept)[i].value.kind == VALUE_NONE)
            return false;
    return true;
}

static OUT_OF_LINE void keep_all(const struct pair *pair, const struct pair_side *side, const struct event *event, struct kept *kept)
{
    struct slot *slot = kept->slots;
    for (uint32_t i = 0; i < pair->spec.label_count; i++)
        slot_set(slot++, event, side->labels[i]);
    for (uint32_t i = 0; i < pair->spec.key_count; i++)
        slot_set(slot++, event, side->key[i]);
    for (uint32_t i = 0; i < pair->spec.evidence_count; i++)
        slot_set(slot++, event, side->evidence[i]);
    kept->labelled = labels_complete(pair, kept);
}

PAIRING_INLINE void keep(const struct pair *pair, const struct pair_side *side, const struct event *event, struct kept *kept, uint32_t n)
{
    if (!pair->bare) {
        keep_all(pair, side, event, kept);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        slot_set(&kept->slots[i], event, side->key[i]);
    kept->labelled = true;
}

/* ---- meters and evidence ---- */

/* The labels: constant, then each from the beginning or else from the end. */
static OUT_OF_LINE struct meter *look_up_meter(struct pair *pair, const struct kept *kept, const struct end_context *end)
{
    struct label_key key;
    char cut[LABELS_MAX][SLOT_TEXT];
    key.count = 0;
    if (pair->spec.constant_label)
        key.values[key.count++] = (struct value){ .kind = VALUE_TEXT,
                                                  .size = (uint32_t)strlen(pair->spec.constant_value),
                                                  .text = pair->spec.constant_value };
    for (uint32_t i = 0; i < pair->spec.label_count; i++) {
        struct value v = label_slots(kept)[i].value;
        if (v.kind == VALUE_NONE && end && end->side->labels[i] >= 0)
            v = end->event->values[end->side->labels[i]];
        value_shorten(&v, cut[i], SLOT_TEXT);
        key.values[key.count++] = v;
    }
    return family_meter(pair->family, &key);
}

static inline struct meter *find_meter(struct pair *pair, const struct kept *kept, const struct end_context *end)
{
    struct meter *m = meter_get(pair->only);
    if (m)
        return m;
    m = look_up_meter(pair, kept, end);
    if (pair->spec.label_count == 0)
        pair->only = meter_ref(m);
    return m;
}

static void put_field(struct operation *op, const char *name, const struct value *v)
{
    name = field_plain_name(name);
    for (uint32_t i = 0; i < op->field_count; i++)
        if (strcmp(op->fields[i].name, name) == 0)
            return;
    if (v->kind == VALUE_NONE || op->field_count == OPERATION_FIELDS_MAX)
        return;
    struct operation_field *f = &op->fields[op->field_count++];
    text_copy(f->name, sizeof(f->name), name);
    value_text(v, f->value, sizeof(f->value));
}

static OUT_OF_LINE void describe_operation(const struct pair *pair, const struct kept *kept, int64_t begin_ns, int64_t end_ns,
                               const struct end_context *end, struct operation *op)
{
    op->begin_ns = begin_ns;
    op->end_ns = end_ns;
    op->field_count = 0;
    for (uint32_t i = 0; i < pair->spec.key_count; i++)
        put_field(op, pair->spec.begin_key[i], &key_slots(pair, kept)[i].value);
    for (uint32_t i = 0; i < pair->spec.evidence_count; i++) {
        const struct value *v = &evidence_slots(pair, kept)[i].value;
        if (v->kind == VALUE_NONE && end && end->side->evidence[i] >= 0)
            v = &end->event->values[end->side->evidence[i]];
        put_field(op, pair->spec.evidence[i], v);
    }
}

/* ---- exceedances ---- */

static OUT_OF_LINE void exceed(struct pair *pair, struct meter *m, enum exceedance_kind kind, const struct kept *kept,
                   const struct pending *p, int64_t time_ns, double limit, const struct end_context *end)
{
    struct exceedance x = { .kind = kind, .time_ns = time_ns, .value = (double)(time_ns - p->begin_ns), .limit = limit };
    bool over = kind == EXCEEDANCE_THRESHOLD;
    /* The first overdue and the last to end are the alert's beginning and end. */
    bool matters = over ? x.value > m->worst_exceedance : m->overdue == (kind == EXCEEDANCE_TIMEOUT);
    if (m->exceedances >= EXCEEDANCES_PER_WINDOW && !matters) {
        pair->suppressed++;
        return;
    }
    m->exceedances++;
    if (over && x.value > m->worst_exceedance)
        m->worst_exceedance = x.value;
    describe_operation(pair, kept, p->begin_ns, kind == EXCEEDANCE_TIMEOUT ? 0 : time_ns, end, &x.operation);
    x.operation.value = x.value;
    stream_exceed(pair->stream, m, &x);
}

/* ---- the pairing engine's calls ---- */

PAIRING_INLINE void on_ended(void *self, struct pending *p, int64_t end_ns, const void *context)
{
    struct pair *pair = self;
    const struct end_context *end = context;
    struct kept *kept = pairing_data(&pair->pairing, p);
    if (pair->report) {
        pair_report(pair, kept, p->begin_ns, end_ns, end->side, end->event);
        return;
    }
    struct meter *overdue = p->timed_out ? meter_get(kept->meter) : NULL;
    struct meter *m = kept->labelled ? meter_get(kept->meter) : NULL;
    if (overdue) { /* under the labels that were known when it timed out */
        overdue->overdue--;
        exceed(pair, overdue, EXCEEDANCE_ENDED, kept, p, end_ns, (double)pair->spec.timeout_ns, end);
    }
    if (!m)
        m = find_meter(pair, kept, end);
    if (!m)
        return; /* refused for lack of room, and counted */
    double latency = (double)(end_ns - p->begin_ns);
    meter_observe(m, latency);
    if (meter_wants_operation(m, latency))
        describe_operation(pair, kept, p->begin_ns, end_ns, end, meter_worst(m, latency));
    if (pair->spec.threshold_ns > 0 && latency > (double)pair->spec.threshold_ns && latency > pair->worst_ns) {
        if (pair->spec.worst_only)
            pair->worst_ns = latency;
        exceed(pair, m, EXCEEDANCE_THRESHOLD, kept, p, end_ns, (double)pair->spec.threshold_ns, end);
    }
}

static void on_timed_out(void *self, struct pending *p, int64_t deadline_ns)
{
    struct pair *pair = self;
    struct kept *kept = pairing_data(&pair->pairing, p);
    struct meter *m = meter_get(kept->meter);
    if (!m)
        m = find_meter(pair, kept, NULL);
    if (!m) {
        p->timed_out = false; /* nobody was told, so nobody need be told of its end */
        return;
    }
    kept->meter = meter_ref(m);
    m->overdue++;
    exceed(pair, m, EXCEEDANCE_TIMEOUT, kept, p, deadline_ns, (double)pair->spec.timeout_ns, NULL);
}

static void on_abandoned(void *self, struct pending *p, int64_t time_ns)
{
    struct pair *pair = self;
    struct kept *kept = pairing_data(&pair->pairing, p);
    struct meter *m = meter_get(kept->meter);
    if (!m)
        return;
    m->overdue--;
    exceed(pair, m, EXCEEDANCE_COLLECTED, kept, p, time_ns, (double)pair->spec.timeout_ns, NULL);
}

const struct pairing_ops pair_ops = { .timed_out = on_timed_out, .abandoned = on_abandoned };

/* ---- events ---- */

PAIRING_INLINE void begin_operation(struct pair *pair, const struct pair_side *side, const struct event *event, uint32_t n)
{
    uint64_t key[PAIRING_KEY_MAX];
    key[0] = 0;
    if (!make_key(pair, side, event, key, n))
        return;
    struct kept *kept = pairing_begin_inline(&pair->pairing, key, n, event->time_ns);
    if (!kept)
        return;
    keep(pair, side, event, kept, n);
    kept->meter = meter_ref(kept->labelled ? find_meter(pair, kept, NULL) : NULL);
    if (event->time_ns < pair->armed_from_ns) {
        pair->armed_from_ns = event->time_ns;
        stream_timer_due(pair->stream, pair->timer, event->time_ns + pair->soonest_ns);
    }
}

PAIRING_INLINE void end_operation(struct pair *pair, const struct pair_side *side, const struct event *event, uint32_t n)
{
    struct end_context end = { .side = side, .event = event };
    uint64_t key[PAIRING_KEY_MAX];
    key[0] = 0;
    if (make_key(pair, side, event, key, n))
        pairing_end_inline(&pair->pairing, key, n, event->time_ns, on_ended, &end);
}

static OUT_OF_LINE void begin_by_many(struct pair *pair, const struct pair_side *side, const struct event *event)
{
    begin_operation(pair, side, event, pair->spec.key_count);
}

static OUT_OF_LINE void end_by_many(struct pair *pair, const struct pair_side *side, const struct event *event)
{
    end_operation(pair, side, event, pair->spec.key_count);
}

/* Most keys are one word. */
void pair_begin(struct pair *pair, const struct pair_side *side, const struct event *event)
{
    if (pair->spec.key_count > 1)
        begin_by_many(pair, side, event);
    else
        begin_operation(pair, side, event, 1);
}

void pair_end(struct pair *pair, const struct pair_side *side, const struct event *event)
{
    if (pair->spec.key_count > 1)
        end_by_many(pair, side, event);
    else
        end_operation(pair, side, event, 1);
}

int64_t pair_on_due(void *self, int64_t now_ns)
{
    struct pair *pair = self;
    pairing_advance(&pair->pairing, now_ns);
    int64_t due_ns = pairing_due(&pair->pairing);
    pair->armed_from_ns = due_ns == INT64_MAX ? INT64_MAX : due_ns - pair->soonest_ns;
    return due_ns;
}
