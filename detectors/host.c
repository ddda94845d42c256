#include "detectors/host.h"
#include "base/hash.h"
#include "base/text.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct option host_options[] = {
    OPTION(struct host_config, memory, 1048576, 1099511627776.0, "256MiB", "memory for detector states and descriptions of series"),
    OPTION_END
};

/* After a window that was not all right, so many more are reported even if they
 * are: alerts/ counts clean windows by them. */
enum { REPORT_CLEAN = 40 };

/* One meter that is watched: 100,000 of them are ordinary, so what they have in
 * common (the plan) is shared, and the description is kept as its encoding. */
struct watched {
    uint64_t hash;                  /* of the encoded description */
    const struct plan *plan;
    uint8_t *description;           /* meter_description_put() with id 0 */
    uint32_t description_size;
    uint32_t ids;                   /* of the sender's numbers that mean it */
    uint8_t kind, unit;             /* enum metric_kind, enum unit */
    uint64_t overdue;
    unsigned char *states;          /* all detectors' states, then a byte each: windows still to be reported */
};

struct host {
    struct host_config config;
    const struct rules *rules;
    struct link_sender *out;
    void (*complain)(void *self, const char *text);
    void *complain_self;
    struct watched **watched;
    uint32_t count, capacity;
    uint32_t *free_slots, free_count, free_capacity;
    uint32_t orphans, next_orphan;            /* in trouble, without a number; where to look for one to forget */
    struct hash_index by_name;
    uint32_t *by_id, id_count, id_capacity;   /* sender's meter id -> slot, HASH_NONE: unknown */
    struct plan **plans;                      /* distinct ones */
    uint32_t plan_count, plan_capacity;
    struct host_totals totals;
    uint64_t bytes;
    bool refusal_told;
    /* Scratch: large, and used for one message at a time. */
    struct window_header window;
    struct meter_sample sample;
    struct meter_description description;
    struct bytes encoded;
    struct plan plan;
    struct exceedance exceedance;
    struct loss_record loss;
    struct verdict verdict;
};

struct host *host_new(const struct host_config *config, const struct rules *rules, struct link_sender *out,
                      void (*complain)(void *self, const char *text), void *self)
{
    struct host *h = xcalloc(1, sizeof(*h));
    h->config = *config;
    h->rules = rules;
    h->out = out;
    h->complain = complain;
    h->complain_self = self;
    hash_index_init(&h->by_name, 256);
    return h;
}

void host_free(struct host *h)
{
    if (!h)
        return;
    for (uint32_t i = 0; i < h->count; i++) {
        free(h->watched[i]->states);
        free(h->watched[i]->description);
        free(h->watched[i]);
    }
    for (uint32_t i = 0; i < h->plan_count; i++)
        free(h->plans[i]);
    free(h->plans);
    free(h->watched);
    bytes_done(&h->encoded);
    free(h->free_slots);
    free(h->by_id);
    hash_index_done(&h->by_name);
    free(h);
}

/* ---- series ---- */

/* What identifies a meter: its description without the sender's number for it. */
static uint64_t encode_description(struct host *h)
{
    struct meter_description d = h->description;
    d.id = 0;
    bytes_reset(&h->encoded);
    meter_description_put(&h->encoded, &d);
    return hash_bytes(h->encoded.data, h->encoded.size);
}

static uint32_t find_encoded(const struct host *h, uint64_t hash)
{
    uint32_t at;
    for (uint32_t s = hash_index_first(&h->by_name, hash, &at); s != HASH_NONE;
         s = hash_index_next(&h->by_name, hash, &at)) {
        const struct watched *w = h->watched[s];
        if (w->hash == hash && w->description_size == h->encoded.size &&
            memcmp(w->description, h->encoded.data, h->encoded.size) == 0)
            return s;
    }
    return HASH_NONE;
}

/* There are few distinct plans: one per kind of metric and matching rules. */
static const struct plan *share_plan(struct host *h)
{
    for (uint32_t i = 0; i < h->plan_count; i++)
        if (memcmp(h->plans[i], &h->plan, sizeof(h->plan)) == 0)
            return h->plans[i];
    struct plan *plan = memcpy(xcalloc(1, sizeof(*plan)), &h->plan, sizeof(*plan)); /* padding too: plans are compared as bytes */
    GROW(h->plans, h->plan_count, h->plan_capacity);
    return h->plans[h->plan_count++] = plan;
}

static uint8_t *reports(const struct watched *w)
{
    return w->states + w->plan->state_size;
}

static size_t watched_bytes(const struct watched *w)
{
    return sizeof(*w) + sizeof(w) + w->plan->state_size + w->plan->count + w->description_size +
           2 * sizeof(struct hash_cell);
}

static uint32_t take_slot(struct host *h)
{
    if (h->free_count > 0)
        return h->free_slots[--h->free_count];
    GROW(h->watched, h->count, h->capacity);
    h->watched[h->count] = xcalloc(1, sizeof(struct watched));
    return h->count++;
}

static struct gathered *gathered(const struct watched *w, const struct plan_entry *e)
{
    return (struct gathered *)(void *)(w->states + e->state_offset);
}

static void *detector_state(const struct watched *w, const struct plan_entry *e)
{
    return w->states + e->state_offset + sizeof(struct gathered);
}

static void init_states(struct watched *w)
{
    w->states = xcalloc(1, w->plan->state_size + w->plan->count);
    for (uint32_t i = 0; i < w->plan->count; i++) {
        const struct plan_entry *e = &w->plan->entries[i];
        if (e->bound->detector->init)
            e->bound->detector->init(detector_state(w, e), e->bound->config);
    }
}

static void refuse(struct host *h)
{
    h->totals.refused++;
    if (!h->refusal_told)
        h->complain(h->complain_self, "the memory for detectors is used up: further series are not watched, and "
                                      "counted; raise detection.memory");
    h->refusal_told = true;
}

/* Watches what was described and encoded last. */
static uint32_t watch(struct host *h, uint64_t hash)
{
    rules_plan(h->rules, &h->description, &h->plan, h->complain, h->complain_self);
    struct watched fresh = { .hash = hash,
                             .plan = share_plan(h),
                             .description_size = (uint32_t)h->encoded.size,
                             .kind = (uint8_t)h->description.kind,
                             .unit = (uint8_t)h->description.unit };
    if (h->bytes + watched_bytes(&fresh) > h->config.memory.bytes) {
        refuse(h);
        return HASH_NONE;
    }
    uint32_t slot = take_slot(h);
    struct watched *w = h->watched[slot];
    *w = fresh;
    w->description = memcpy(xcalloc(1, h->encoded.size), h->encoded.data, h->encoded.size);
    init_states(w);
    h->bytes += watched_bytes(w);
    h->totals.series++;
    hash_index_insert(&h->by_name, hash, slot);
    return slot;
}

static void unwatch(struct host *h, uint32_t slot)
{
    struct watched *w = h->watched[slot];
    hash_index_remove(&h->by_name, w->hash, slot);
    h->bytes -= watched_bytes(w);
    h->totals.series--;
    free(w->states);
    free(w->description);
    *w = (struct watched){ 0 };
    GROW(h->free_slots, h->free_count, h->free_capacity);
    h->free_slots[h->free_count++] = slot;
}

static struct watched *find_id(struct host *h, uint32_t id)
{
    uint32_t slot = id < h->id_count ? h->by_id[id] : HASH_NONE;
    return slot == HASH_NONE ? NULL : h->watched[slot];
}

static bool in_trouble(const struct watched *w)
{
    for (uint32_t i = 0; i < w->plan->count; i++)
        if (reports(w)[i] > 0)
            return true;
    return w->overdue > 0;
}

/* A service that is down or its clients' labels come and go: such series are many, at worst. */
static void bound_orphans(struct host *h)
{
    if (h->orphans <= HOST_ORPHANS_MAX)
        return;
    for (uint32_t i = 0; i < h->count; i++) {
        uint32_t slot = h->next_orphan++ % h->count;
        if (h->watched[slot]->plan && h->watched[slot]->ids == 0) {
            unwatch(h, slot);
            h->orphans--;
            h->totals.forgotten++;
            return;
        }
    }
}

/* A number no longer means its series, which is forgotten with the last of them;
 * but one in trouble keeps its detectors' memory: when it comes back, it is known. */
static void forget_id(struct host *h, uint32_t id)
{
    struct watched *w = find_id(h, id);
    if (!w)
        return;
    uint32_t slot = h->by_id[id];
    h->by_id[id] = HASH_NONE;
    if (--w->ids > 0)
        return;
    if (!in_trouble(w)) {
        unwatch(h, slot);
        return;
    }
    h->orphans++;
    bound_orphans(h);
}

enum { METER_IDS_MAX = 1 << 24 };

static int on_series(struct host *h, struct wire_reader *body)
{
    struct meter_description *d = &h->description;
    if (!meter_description_get(body, d) || !wire_finished(body) || d->id >= METER_IDS_MAX)
        return -EBADMSG;
    while (h->id_count <= d->id) {
        GROW(h->by_id, h->id_count, h->id_capacity);
        h->by_id[h->id_count++] = HASH_NONE;
    }
    uint64_t hash = encode_description(h);
    uint32_t slot = find_encoded(h, hash);
    bool known = slot != HASH_NONE;
    if (!known)
        slot = watch(h, hash);
    if (slot != HASH_NONE) {
        h->orphans -= known && h->watched[slot]->ids == 0;
        h->watched[slot]->ids++;
    }
    forget_id(h, d->id);
    h->by_id[d->id] = slot;
    return 0;
}

static int on_retired(struct host *h, struct wire_reader *body)
{
    uint32_t id = wire_get_uint32(body);
    if (!wire_finished(body))
        return -EBADMSG;
    forget_id(h, id);
    return 0;
}

/* ---- verdicts ---- */

static int send_verdict(struct host *h)
{
    verdict_identify(&h->verdict);
    verdict_put(link_begin(h->out, WIRE_VERDICT), &h->verdict);
    h->totals.verdicts++;
    return link_send(h->out);
}

/* A verdict about a meter, with everything else unknown. */
static struct verdict *new_verdict(struct host *h, const struct meter_description *d)
{
    struct verdict *v = &h->verdict;
    *v = (struct verdict){ .unit = d->unit, .label_count = d->label_count, .statistic = STATISTIC_KINDS };
    text_copy(v->host, sizeof(v->host), d->host);
    text_copy(v->session, sizeof(v->session), d->session);
    text_copy(v->analysis, sizeof(v->analysis), d->analysis);
    text_copy(v->metric, sizeof(v->metric), d->metric);
    memcpy(v->labels, d->labels, sizeof(v->labels));
    v->value = v->expected = v->low = v->high = v->limit = v->magnitude = v->score = (double)NAN;
    return v;
}

static const struct meter_description *describe(struct host *h, const struct watched *w)
{
    struct wire_reader r = wire_reader_init(w->description, w->description_size);
    meter_description_get(&r, &h->description);
    return &h->description;
}

static int grade(struct host *h, struct watched *w, uint32_t entry, const struct observation *o, const struct judgement *j)
{
    const struct plan_entry *e = &w->plan->entries[entry];
    uint8_t *report = &reports(w)[entry];
    if (j->severity != SEVERITY_OK)
        *report = REPORT_CLEAN;
    else if (*report == 0)
        return 0;
    else
        (*report)--;

    struct verdict *v = new_verdict(h, describe(h, w));
    v->kind = VERDICT_GRADE;
    v->finding = j->finding;
    v->severity = j->severity;
    v->statistic = e->statistic;
    if (e->statistic == STATISTIC_RATE)
        v->unit = UNIT_PER_SECOND;
    else if (e->statistic == STATISTIC_COUNT)
        v->unit = UNIT_NONE;
    text_copy(v->detector, sizeof(v->detector), e->bound->detector->name);
    v->begin_ns = o->begin_ns;
    v->end_ns = o->end_ns;
    v->onset_ns = j->onset_ns ? j->onset_ns : o->begin_ns;
    v->value = o->value;
    v->expected = j->expected;
    v->low = j->low;
    v->high = j->high;
    v->limit = j->limit;
    v->magnitude = j->magnitude;
    v->score = j->score;
    v->quality = o->quality;
    v->lost = h->window.lost;
    v->evidence_count = h->sample.worst_count;
    memcpy(v->evidence, h->sample.worst, sizeof(v->evidence));
    return send_verdict(h);
}

/* Adds a window's count to those before it; true when the period, a whole number of
 * windows, is complete and the observation stands for all of it. Periods are
 * aligned to the epoch. */
static bool gather(struct gathered *g, int64_t period_ns, struct observation *o)
{
    int64_t window_ns = o->end_ns - o->begin_ns;
    period_ns = (period_ns + window_ns - 1) / window_ns * window_ns;
    if (g->begin_ns == 0)
        *g = (struct gathered){ .begin_ns = o->begin_ns };
    g->count += o->count;
    g->quality |= o->quality & ~(uint32_t)QUALITY_ZERO;
    if (o->end_ns / period_ns == o->begin_ns / period_ns)
        return false;
    struct gathered all = *g;
    *g = (struct gathered){ 0 };
    if (o->end_ns - all.begin_ns < period_ns)
        return false; /* the first one, begun in the middle */
    o->begin_ns = all.begin_ns;
    o->count = all.count;
    o->quality = all.quality | (all.count == 0 ? (uint32_t)QUALITY_ZERO : 0);
    o->value = (double)all.count;
    if (o->statistic == STATISTIC_RATE)
        o->value /= (double)(o->end_ns - o->begin_ns) / 1e9;
    return true;
}

static int judge_entry(struct host *h, struct watched *w, uint32_t entry)
{
    const struct plan_entry *e = &w->plan->entries[entry];
    struct judgement j;
    if (e->value >= h->sample.value_count || !isfinite(h->sample.values[e->value]))
        return 0;
    struct observation o = { .begin_ns = h->window.begin_ns,
                             .end_ns = h->window.end_ns,
                             .value = h->sample.values[e->value],
                             .count = h->sample.count,
                             .quality = meter_sample_quality(&h->window, &h->sample),
                             .kind = (enum metric_kind)w->kind,
                             .statistic = e->statistic,
                             .unit = (enum unit)w->unit };
    if (o.end_ns - o.begin_ns < e->period_ns && !gather(gathered(w, e), e->period_ns, &o))
        return 0;
    e->bound->detector->observe(detector_state(w, e), e->bound->config, &o, &j);
    if (j.abstains)
        return 0;
    return grade(h, w, entry, &o, &j);
}

/* A window that was not observed whole is not judged, and breaks what is being gathered. */
static int judge_sample(struct host *h, struct watched *w)
{
    bool partial = h->window.quality & QUALITY_PARTIAL;
    int r = 0;
    for (uint32_t i = 0; i < w->plan->count && r == 0; i++) {
        if (partial)
            *gathered(w, &w->plan->entries[i]) = (struct gathered){ 0 };
        else
            r = judge_entry(h, w, i);
    }
    return r;
}

static int window_done(struct host *h)
{
    struct window_done done = { .begin_ns = h->window.begin_ns, .end_ns = h->window.end_ns, .quality = h->window.quality };
    text_copy(done.host, sizeof(done.host), h->window.host);
    text_copy(done.session, sizeof(done.session), h->window.session);
    window_done_put(link_begin(h->out, WIRE_WINDOW), &done);
    return link_send(h->out);
}

/* Reads the whole message first, so that one that is malformed near its end has
 * no effect at all. */
static bool samples_valid(struct host *h, struct wire_reader body)
{
    if (wire_get_array(&body, 2) != 2 || !window_header_get(&body, &h->window))
        return false;
    for (uint32_t i = 0, n = wire_get_array(&body, SAMPLES_METERS_MAX); i < n; i++)
        if (!meter_sample_get(&body, &h->sample))
            return false;
    return wire_finished(&body);
}

static int on_samples(struct host *h, struct wire_reader *body)
{
    if (!samples_valid(h, *body))
        return -EBADMSG;
    wire_get_array(body, 2);
    window_header_get(body, &h->window);
    int r = 0;
    for (uint32_t i = 0, n = wire_get_array(body, SAMPLES_METERS_MAX); i < n && r == 0; i++) {
        meter_sample_get(body, &h->sample);
        struct watched *w = find_id(h, h->sample.id);
        h->totals.samples += h->sample.value_count;
        if (!w)
            h->totals.unknown += h->sample.value_count;
        else
            r = judge_sample(h, w);
    }
    return r == 0 && h->window.last ? window_done(h) : r;
}

static int on_exceedance(struct host *h, struct wire_reader *body)
{
    struct exceedance *x = &h->exceedance;
    if (!exceedance_get(body, x) || !wire_finished(body))
        return -EBADMSG;
    struct watched *w = find_id(h, x->meter);
    if (!w) {
        h->totals.unknown++;
        return 0;
    }
    bool over = x->kind == EXCEEDANCE_THRESHOLD, ended = x->kind == EXCEEDANCE_ENDED || x->kind == EXCEEDANCE_COLLECTED;
    struct verdict *v = new_verdict(h, describe(h, w));
    w->overdue = x->pending;
    v->kind = ended ? VERDICT_CLEAR : VERDICT_RAISE;
    v->finding = over ? FINDING_THRESHOLD : FINDING_TIMEOUT;
    v->severity = over ? SEVERITY_WARNING : SEVERITY_CRITICAL;
    text_copy(v->detector, sizeof(v->detector), over ? "threshold" : "timeout");
    v->begin_ns = x->operation.begin_ns;
    v->end_ns = x->time_ns;
    v->onset_ns = x->operation.begin_ns;
    v->value = x->value;
    v->limit = x->limit;
    v->score = x->limit > 0 ? x->value / (x->value + x->limit) : 1;
    v->pending = x->pending;
    v->evidence[0] = x->operation;
    v->evidence_count = 1;
    text_copy(v->detail, sizeof(v->detail), x->kind == EXCEEDANCE_COLLECTED ? "given up" : "");
    return send_verdict(h);
}

static int on_loss(struct host *h, struct wire_reader *body)
{
    struct loss_record *l = &h->loss;
    enum { EVENTS = 1, PACKETS = 2, OUTAGE = 3 };
    if (!loss_record_get(body, l) || !wire_finished(body) || l->kind < EVENTS || l->kind > OUTAGE)
        return -EBADMSG;
    struct meter_description d = { .unit = UNIT_NONE, .kind = METRIC_COUNTER };
    text_copy(d.host, sizeof(d.host), l->host);
    text_copy(d.session, sizeof(d.session), l->session);
    text_copy(d.analysis, sizeof(d.analysis), "foretrace");
    text_copy(d.metric, sizeof(d.metric), l->kind == OUTAGE ? "outage" : "loss");
    struct verdict *v = new_verdict(h, &d);
    v->finding = l->kind == OUTAGE ? FINDING_OUTAGE : FINDING_LOSS;
    v->kind = l->kind == OUTAGE && !l->ongoing ? VERDICT_CLEAR : VERDICT_RAISE;
    v->severity = l->kind == OUTAGE ? SEVERITY_CRITICAL : SEVERITY_WARNING;
    text_copy(v->detector, sizeof(v->detector), "reader");
    v->begin_ns = l->begin_ns;
    v->end_ns = l->end_ns;
    v->onset_ns = l->begin_ns;
    v->value = (double)l->count;
    v->score = 1;
    v->lost = l->count;
    v->quality = QUALITY_LOSSY;
    struct text_out out = text_out_init(v->detail, sizeof(v->detail));
    if (l->kind == OUTAGE)
        text_puts(&out, l->reason);
    else
        text_printf(&out, "%s%" PRIu64 " %s%s", l->at_least ? "at least " : "", l->count,
                    l->kind == EVENTS ? "event" : "packet", l->count == 1 ? "" : "s");
    return send_verdict(h);
}

static int on_end(struct host *h)
{
    wire_put_nil(link_begin(h->out, WIRE_END));
    return link_send(h->out);
}

int host_message(struct host *h, const struct wire_header *header, struct wire_reader body)
{
    switch (header->type) {
    case WIRE_SERIES:
        return on_series(h, &body);
    case WIRE_RETIRED:
        return on_retired(h, &body);
    case WIRE_SAMPLES:
        return on_samples(h, &body);
    case WIRE_EXCEEDANCE:
        return on_exceedance(h, &body);
    case WIRE_LOSS:
        return on_loss(h, &body);
    case WIRE_END:
        return on_end(h);
    default:
        return -EBADMSG;
    }
}

void host_totals(const struct host *h, struct host_totals *ret_totals)
{
    *ret_totals = h->totals;
    ret_totals->state_bytes = h->bytes;
}
