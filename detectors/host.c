#include "detectors/host_private.h"
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

struct host *host_new(const struct host_config *config, const struct rules *rules, struct outlet *out,
                      void (*complain)(void *self, const char *text), void *self)
{
    struct host *h = xcalloc(1, sizeof(*h));
    h->out = out;
    had_init(&h->had);
    watches_init(&h->watches, config->memory.bytes, rules, complain, self);
    return h;
}

void host_free(struct host *h)
{
    if (!h)
        return;
    watches_done(&h->watches);
    free(h);
}

/* ---- series ---- */

static int on_series(struct host *h, struct wire_reader *body)
{
    if (!meter_description_get(body, &h->description) || !wire_finished(body))
        return -EBADMSG;
    return watches_describe(&h->watches, h->sender, &h->description);
}

static int on_retired(struct host *h, struct wire_reader *body)
{
    uint32_t id = wire_get_uint32(body);
    if (!wire_finished(body))
        return -EBADMSG;
    watches_forget(&h->watches, h->sender, id);
    return 0;
}

/* ---- verdicts ---- */

int host_send_verdict(struct host *h)
{
    verdict_identify(&h->verdict);
    verdict_put(outlet_begin(h->out), &h->verdict);
    h->totals.verdicts++;
    return outlet_send(h->out, WIRE_VERDICT);
}

struct verdict *host_new_verdict(struct host *h, const struct meter_description *d)
{
    struct verdict *v = &h->verdict;
    *v = (struct verdict){ .unit = d->unit, .label_count = d->label_count, .statistic = STATISTIC_KINDS };
    text_copy(v->host, sizeof(v->host), d->host);
    text_copy(v->session, sizeof(v->session), d->session);
    text_copy(v->analysis, sizeof(v->analysis), d->analysis);
    text_copy(v->metric, sizeof(v->metric), d->metric);
    memcpy(v->labels, d->labels, sizeof(v->labels));
    v->value = v->expected = v->low = v->high = v->limit = v->magnitude = v->spread = v->score = (double)NAN;
    return v;
}

const struct meter_description *host_describe(struct host *h, const struct watched *w)
{
    struct wire_reader r = wire_reader_init(w->description, w->description_size);
    meter_description_get(&r, &h->description);
    return &h->description;
}

bool host_reports(uint8_t *windows, const struct judgement *j)
{
    if (j->severity != SEVERITY_OK)
        *windows = REPORT_CLEAN;
    else if (*windows == 0)
        return false;
    else
        (*windows)--;
    return true;
}

void host_take_judgement(struct verdict *v, const struct judgement *j)
{
    v->kind = VERDICT_GRADE;
    v->finding = j->finding;
    v->severity = j->severity;
    v->expected = j->expected;
    v->low = j->low;
    v->high = j->high;
    v->limit = j->limit;
    v->magnitude = j->magnitude;
    v->spread = j->spread;
    v->changed = j->changed;
    v->score = j->score;
    if (j->new_normal)
        text_copy(v->detail, sizeof(v->detail), VERDICT_NEW_NORMAL);
}

/* ---- samples ---- */

static uint64_t source_hash(const char *host, const char *session)
{
    return hash_fnv(hash_fnv(HASH_START, host, strlen(host) + 1), session, strlen(session) + 1);
}

static int window_done(struct host *h)
{
    struct window_done done = { .begin_ns = h->window.begin_ns, .end_ns = h->window.end_ns, .quality = h->window.quality };
    text_copy(done.host, sizeof(done.host), h->window.host);
    text_copy(done.session, sizeof(done.session), h->window.session);
    int r = host_judge_groups(h, source_hash(done.host, done.session));
    if (r < 0)
        return r;
    watches_advance(&h->watches, h->sender, done.end_ns);
    had_whole(&h->had, source_hash(done.host, done.session), h->sender, done.end_ns);
    window_done_put(outlet_begin(h->out), &done);
    return outlet_send(h->out, WIRE_WINDOW);
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

/* A window that lost a part of itself on the way is not whole. */
static void mark_gap(struct host *h)
{
    uint64_t source = source_hash(h->window.host, h->window.session);
    for (uint32_t i = 0; i < GAPS_MAX; i++)
        if (h->gaps[i].source == source && h->window.begin_ns < h->gaps[i].end_ns)
            h->window.quality |= QUALITY_LOSSY | QUALITY_PARTIAL;
}

static void add_gap(struct host *h, const struct loss_record *l)
{
    uint64_t source = source_hash(l->host, l->session);
    uint32_t at = 0;
    while (at < GAPS_MAX && h->gaps[at].source != source)
        at++;
    if (at == GAPS_MAX)
        at = h->next_gap++ % GAPS_MAX;
    if (h->gaps[at].source != source || l->end_ns > h->gaps[at].end_ns)
        h->gaps[at] = (struct gap){ source, l->end_ns };
    h->totals.undelivered += l->count;
}

static int on_samples(struct host *h, struct wire_reader *body)
{
    if (!samples_valid(h, *body))
        return -EBADMSG;
    wire_get_array(body, 2);
    window_header_get(body, &h->window);
    uint64_t source = source_hash(h->window.host, h->window.session);
    if (had_window(&h->had, source, h->sender, h->window.end_ns)) {
        h->totals.again++;
        return 0;
    }
    mark_gap(h);
    int r = 0;
    for (uint32_t i = 0, n = wire_get_array(body, SAMPLES_METERS_MAX); i < n && r == 0; i++) {
        meter_sample_get(body, &h->sample);
        if (had_sample(&h->had, source, h->sender))
            continue;
        struct watched *w = watches_find(&h->watches, h->sender, h->sample.id);
        h->totals.samples += h->sample.value_count;
        if (!w)
            h->totals.unknown += h->sample.value_count;
        else
            r = host_judge_sample(h, w);
    }
    return r == 0 && h->window.last ? window_done(h) : r;
}

/* ---- single operations, losses ---- */

static int on_exceedance(struct host *h, struct wire_reader *body)
{
    struct exceedance *x = &h->exceedance;
    if (!exceedance_get(body, x) || !wire_finished(body))
        return -EBADMSG;
    struct watched *w = watches_find(&h->watches, h->sender, x->meter);
    if (!w) {
        h->totals.unknown++;
        return 0;
    }
    bool over = x->kind == EXCEEDANCE_THRESHOLD, ended = x->kind == EXCEEDANCE_ENDED || x->kind == EXCEEDANCE_COLLECTED;
    struct verdict *v = host_new_verdict(h, host_describe(h, w));
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
    verdict_identify(v);
    if (!had_operation(&h->had, source_hash(v->host, v->session), h->sender, x->time_ns, v->id))
        return host_send_verdict(h);
    h->totals.again++;
    return 0;
}

static int on_loss(struct host *h, struct wire_reader *body)
{
    struct loss_record *l = &h->loss;
    enum { EVENTS = 1, PACKETS = 2, OUTAGE = 3, WINDOWS = LOSS_RECORD_WINDOWS, PARTIAL = LOSS_RECORD_PARTIAL };
    static const char *const metrics[] = { "", "discarded_events", "lost_packets", "outage", VERDICT_DROPPED_METRIC, VERDICT_PARTIAL_METRIC };
    static const char *const words[] = { "", "event", "packet", "", "window" };
    if (!loss_record_get(body, l) || !wire_finished(body) || l->kind < EVENTS || l->kind > PARTIAL)
        return -EBADMSG;
    const bool outage = l->kind == OUTAGE || l->kind == PARTIAL;
    struct meter_description d = { .unit = UNIT_NONE, .kind = METRIC_COUNTER };
    text_copy(d.host, sizeof(d.host), l->host);
    text_copy(d.session, sizeof(d.session), l->session);
    text_copy(d.analysis, sizeof(d.analysis), VERDICT_OWN_ANALYSIS);
    text_copy(d.metric, sizeof(d.metric), metrics[l->kind]);
    struct verdict *v = host_new_verdict(h, &d);
    v->finding = outage ? FINDING_OUTAGE : FINDING_LOSS;
    v->kind = outage && !l->ongoing ? VERDICT_CLEAR : VERDICT_RAISE;
    v->severity = l->kind == OUTAGE ? SEVERITY_CRITICAL : SEVERITY_WARNING;
    text_copy(v->detector, sizeof(v->detector), l->kind == WINDOWS ? "delivery" : "reader");
    v->begin_ns = l->begin_ns;
    v->end_ns = l->end_ns;
    v->onset_ns = l->begin_ns;
    v->value = (double)l->count;
    v->score = 1;
    v->lost = l->count;
    v->quality = QUALITY_LOSSY;
    struct text_out out = text_out_init(v->detail, sizeof(v->detail));
    if (outage)
        text_puts(&out, l->reason);
    else
        text_printf(&out, "%s%" PRIu64 " %s%s", l->at_least ? "at least " : "", l->count,
                    words[l->kind], l->count == 1 ? "" : "s");
    if (l->kind == WINDOWS) {
        text_printf(&out, "%s%s", l->reason[0] ? ", " : "", l->reason);
        add_gap(h, l);
        return host_send_verdict(h);
    }
    verdict_identify(v);
    if (!had_loss(&h->had, hash_mix(v->id, l->count + l->ongoing)))
        return host_send_verdict(h);
    h->totals.again++;
    return 0;
}

int host_end(struct host *h)
{
    watches_tell_unused(&h->watches);
    wire_put_nil(outlet_begin(h->out));
    return outlet_send(h->out, WIRE_END);
}

int host_message(struct host *h, uint32_t sender, const struct wire_header *header, struct wire_reader body)
{
    h->sender = sender;
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
    default:
        return -EBADMSG;
    }
}

int64_t host_window_end(const struct wire_header *header, struct wire_reader body)
{
    static _Thread_local struct window_header window;
    if (header->type != WIRE_SAMPLES || wire_get_array(&body, 2) != 2 || !window_header_get(&body, &window))
        return INT64_MIN;
    return window.end_ns;
}

void host_recall(struct host *h, uint32_t sender, bool anew)
{
    if (anew)
        had_began(&h->had, sender);
    watches_recall(&h->watches, sender, anew);
}

void host_recalled(struct host *h, uint32_t sender)
{
    watches_recalled(&h->watches, sender);
}

int host_presence(struct host *h, const char *stage, const char *name, bool silent, int64_t time_ns)
{
    verdict_of_stage(&h->verdict, stage, name, silent, time_ns);
    return host_send_verdict(h);
}

/* ---- snapshots ---- */

void host_save(const struct host *h, struct bytes *b)
{
    watches_save(&h->watches, b);
    wire_put_uint(b, h->next_gap);
    wire_put_array(b, GAPS_MAX);
    for (uint32_t i = 0; i < GAPS_MAX; i++) {
        wire_put_uint(b, h->gaps[i].source);
        wire_put_int(b, h->gaps[i].end_ns);
    }
    had_save(&h->had, b);
}

bool host_load(struct host *h, struct wire_reader *r)
{
    if (!watches_load(&h->watches, r, &h->totals.restarted))
        return false;
    h->next_gap = wire_get_uint32(r);
    for (uint32_t i = 0, n = wire_get_array(r, GAPS_MAX); i < n; i++) {
        h->gaps[i].source = wire_get_uint(r);
        h->gaps[i].end_ns = wire_get_int(r);
    }
    had_load(&h->had, r);
    return wire_ok(r);
}

void host_totals(const struct host *h, struct host_totals *ret_totals)
{
    *ret_totals = h->totals;
    ret_totals->refused = h->watches.refused;
    ret_totals->forgotten = h->watches.forgotten;
    ret_totals->series = h->watches.series;
    ret_totals->groups = 0;
    for (uint32_t i = 0; i < h->watches.groups.count; i++)
        ret_totals->groups += h->watches.groups.list[i].rule != NULL;
    ret_totals->left_out = h->watches.groups.refused;
    ret_totals->state_bytes = h->watches.bytes + h->watches.groups.bytes;
}
