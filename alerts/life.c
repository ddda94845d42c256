#include "alerts/life.h"
#include "base/hash.h"
#include "base/text.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct option life_options[] = {
    OPTION(struct life_config, bad_windows, 1, 32, "2", "fire when this many windows ..."),
    OPTION(struct life_config, of_windows, 1, 32, "3", "... of so many are bad"),
    OPTION(struct life_config, clean_windows, 1, 32, "3", "resolve after so many clean windows in a row"),
    OPTION(struct life_config, hysteresis, 0.1, 1, "0.8", "share of the alert threshold below which a window is clean"),
    OPTION(struct life_config, cool_down, 0, 86400, "10s", "after resolving, do not fire again for this long"),
    OPTION(struct life_config, stale_after, 1, 604800, "5m", "resolve an alert about which nothing more is heard"),
    OPTION(struct life_config, max_alerts, 1, 1000000, "2000", "alerts at a time; what is beyond is counted"),
    OPTION_END
};

int life_config_check(const struct life_config *c, struct error *err)
{
    if (c->bad_windows > c->of_windows)
        return error_set(err, -EINVAL, "bad_windows (%u) is more than of_windows (%u)", c->bad_windows, c->of_windows);
    return 0;
}

/* What an alert is about, besides metric and labels: a crossed limit and odd
 * behaviour are two things; anomaly, change and silence are one. */
enum aspect { ASPECT_BEHAVIOUR, ASPECT_LIMIT, ASPECT_TIMEOUT, ASPECT_LOSS, ASPECT_OUTAGE };

/* One detector on one statistic. */
struct voter {
    enum statistic statistic;
    char detector[DETECTOR_NAME_MAX];
    uint32_t history;      /* of windows: bit 0 the latest, set when bad */
    int64_t end_ns, window_ns; /* of the latest; windows are longer where counts are gathered */
    int64_t onset_ns;      /* of the current trouble */
    enum finding finding;
    enum severity severity;
    bool clean;            /* the latest was well below the threshold */
};

struct tracked {
    uint64_t key, source;
    enum aspect aspect;
    bool firing, raised;   /* raised: in the open window */
    bool new_normal;       /* in the last bad window a voter has taken the trouble for normal */
    uint64_t lost_told;    /* of a loss that goes on: as delivered last */
    uint32_t clean;        /* windows in a row */
    uint32_t voter_count;
    struct voter voters[VOTERS_MAX];
    int64_t heard_ns, cool_until_ns;
    enum severity cooled;  /* severity of the episode that is cooling down */
    uint64_t count;
    struct verdict lead;   /* the clearest verdict of the latest bad window */
    bool lead_convinced;
    struct alert alert;    /* as last delivered */
};

struct life {
    struct life_config config;
    void (*deliver)(void *self, struct alert *a);
    void *self;
    struct tracked **tracked;
    uint32_t count, capacity;
    struct hash_index by_key;
    struct life_totals totals;
};

struct life *life_new(const struct life_config *config, void (*deliver)(void *self, struct alert *a), void *self)
{
    struct life *life = xcalloc(1, sizeof(*life));
    life->config = *config;
    life->deliver = deliver;
    life->self = self;
    hash_index_init(&life->by_key, 64);
    return life;
}

void life_free(struct life *life)
{
    if (!life)
        return;
    for (uint32_t i = 0; i < life->count; i++)
        free(life->tracked[i]);
    free(life->tracked);
    hash_index_done(&life->by_key);
    free(life);
}

/* ---- identity ---- */

static enum aspect aspect_of(enum finding finding)
{
    switch (finding) {
    case FINDING_THRESHOLD:
        return ASPECT_LIMIT;
    case FINDING_TIMEOUT:
        return ASPECT_TIMEOUT;
    case FINDING_LOSS:
        return ASPECT_LOSS;
    case FINDING_OUTAGE:
        return ASPECT_OUTAGE;
    default:
        return ASPECT_BEHAVIOUR;
    }
}

static uint64_t hash_word(uint64_t hash, const char *text)
{
    return hash_fnv(hash, text, strlen(text) + 1);
}

static uint64_t source_hash(const char *host, const char *session)
{
    return hash_word(hash_word(HASH_START, host), session);
}

/* FNV-1a over the texts, each with its NUL, and the aspect as one byte. */
static uint64_t identity(const struct verdict *v)
{
    unsigned char aspect = (unsigned char)aspect_of(v->finding);
    uint64_t hash = hash_word(hash_word(source_hash(v->host, v->session), v->analysis), v->metric);
    for (uint32_t i = 0; i < v->label_count; i++)
        hash = hash_word(hash_word(hash, v->labels[i].name), v->labels[i].value);
    return hash_fnv(hash, &aspect, 1);
}

static struct tracked *find(const struct life *life, uint64_t key)
{
    uint32_t at;
    for (uint32_t s = hash_index_first(&life->by_key, key, &at); s != HASH_NONE;
         s = hash_index_next(&life->by_key, key, &at))
        if (life->tracked[s]->key == key)
            return life->tracked[s];
    return NULL;
}

static struct tracked *track(struct life *life, uint64_t key, const struct verdict *v)
{
    if (life->count >= life->config.max_alerts) { /* a snapshot may have more than a new configuration */
        life->totals.refused++;
        return NULL;
    }
    struct tracked *t = xcalloc(1, sizeof(*t));
    t->key = key;
    t->source = source_hash(v->host, v->session);
    t->aspect = aspect_of(v->finding);
    t->cool_until_ns = INT64_MIN;
    GROW(life->tracked, life->count, life->capacity);
    hash_index_insert(&life->by_key, key, life->count);
    life->tracked[life->count++] = t;
    return t;
}

/* ---- what is delivered ---- */

static uint32_t recent(const struct life *life, const struct voter *v)
{
    return v->history & (uint32_t)((UINT64_C(1) << life->config.of_windows) - 1);
}

/* As the voter says that leads: the first of its recent bad windows, or when it says the change was. */
static int64_t onset_of(const struct tracked *t)
{
    for (uint32_t i = 0; i < t->voter_count; i++)
        if (t->voters[i].statistic == t->lead.statistic && strcmp(t->voters[i].detector, t->lead.detector) == 0)
            return t->voters[i].onset_ns < t->lead.onset_ns ? t->voters[i].onset_ns : t->lead.onset_ns;
    return t->lead.onset_ns;
}

static void copy_subject(struct alert *a, const struct verdict *v)
{
    memcpy(a->host, v->host, sizeof(a->host));
    memcpy(a->session, v->session, sizeof(a->session));
    memcpy(a->analysis, v->analysis, sizeof(a->analysis));
    memcpy(a->metric, v->metric, sizeof(a->metric));
    memcpy(a->labels, v->labels, sizeof(a->labels));
    memcpy(a->detail, v->detail, sizeof(a->detail));
    a->label_count = v->label_count;
}

static void copy_finding(struct alert *a, const struct verdict *v)
{
    a->kind = v->finding;
    a->severity = v->severity;
    a->statistic = v->statistic;
    a->unit = v->unit;
    a->window_begin_ns = v->begin_ns;
    a->window_end_ns = v->end_ns;
    a->value = v->value;
    a->expected = v->expected;
    a->low = v->low;
    a->high = v->high;
    a->limit = v->limit;
    a->magnitude = v->magnitude;
    a->score = v->score;
    a->quality = v->quality;
    a->lost = v->lost;
    a->pending = v->pending;
    a->evidence_count = v->evidence_count;
    memcpy(a->evidence, v->evidence, sizeof(a->evidence));
}

static void list_voters(const struct tracked *t, struct alert *a)
{
    a->voter_count = 0;
    for (uint32_t i = 0; i < t->voter_count; i++) {
        const struct voter *v = &t->voters[i];
        if (v->history == 0)
            continue;
        snprintf(a->voters[a->voter_count++], VOTER_TEXT_MAX, "%s(%s)", v->detector, statistic_name(v->statistic));
    }
    if (a->voter_count == 0)
        text_copy(a->voters[a->voter_count++], VOTER_TEXT_MAX, t->lead.detector);
}

static void deliver(struct life *life, struct tracked *t)
{
    t->alert.key = t->key;
    t->alert.count = t->count;
    alert_explain(&t->alert);
    life->deliver(life->self, &t->alert);
}

static void fire(struct life *life, struct tracked *t, int64_t time_ns)
{
    struct alert *a = &t->alert;
    memset(a, 0, sizeof(*a));
    copy_subject(a, &t->lead);
    copy_finding(a, &t->lead);
    list_voters(t, a);
    a->state = ALERT_FIRING;
    a->began_ns = onset_of(t);
    a->detected_ns = time_ns;
    a->id = hash_fnv(t->key, &time_ns, sizeof(time_ns));
    t->firing = true;
    t->new_normal = false;
    t->lost_told = a->lost;
    t->clean = 0;
    life->totals.fired++;
    life->totals.firing++;
    deliver(life, t);
}

static void escalate(struct life *life, struct tracked *t)
{
    copy_finding(&t->alert, &t->lead);
    list_voters(t, &t->alert);
    deliver(life, t);
}

static void resolve(struct life *life, struct tracked *t, int64_t time_ns, const char *why)
{
    t->alert.state = ALERT_RESOLVED;
    t->alert.resolved_ns = time_ns;
    if (why)
        text_copy(t->alert.detail, sizeof(t->alert.detail), why);
    t->firing = false;
    t->cool_until_ns = time_ns + life->config.cool_down.ns;
    t->cooled = t->alert.severity;
    life->totals.resolved++;
    life->totals.firing--;
    deliver(life, t);
    for (uint32_t i = 0; i < t->voter_count; i++)
        t->voters[i].history = 0;
    t->count = 0;
}

/* ---- window by window ---- */

static bool convinced(const struct life *life, const struct voter *v)
{
    return (uint32_t)__builtin_popcount(recent(life, v)) >= life->config.bad_windows;
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

static void take_grade(struct life *life, struct tracked *t, const struct verdict *v)
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
    if (recent(life, voter) == 0 || v->onset_ns < voter->onset_ns)
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

static bool cooling(const struct tracked *t, int64_t time_ns)
{
    return time_ns < t->cool_until_ns && t->lead.severity <= t->cooled;
}

static void step_firing(struct life *life, struct tracked *t, const struct window_done *w)
{
    if (t->aspect == ASPECT_TIMEOUT || t->aspect == ASPECT_OUTAGE)
        return; /* these end when what they are about ends */
    if (t->lead.end_ns == w->end_ns && t->lead_convinced && t->lead.severity > t->alert.severity)
        escalate(life, t);
    enum verdict_of_window now = weigh_window(t, w->end_ns);
    if (now == WINDOW_BAD)
        t->clean = 0;
    else if (now == WINDOW_CLEAN && !(w->quality & (QUALITY_PARTIAL | QUALITY_LOSSY)))
        t->clean++;
    if (t->clean >= life->config.clean_windows)
        resolve(life, t, w->end_ns, t->new_normal ? VERDICT_NEW_NORMAL : NULL);
    else if (t->alert.kind != FINDING_SILENCE && w->end_ns - t->heard_ns >= life->config.stale_after.ns)
        /* Which for a silence is no end. At the same instant whether windows followed in the gap or not. */
        resolve(life, t, t->heard_ns + life->config.stale_after.ns, "nothing more is heard of it");
}

static void step_quiet(struct life *life, struct tracked *t, const struct window_done *w)
{
    if (!any_convinced(life, t, w->end_ns))
        return;
    if (cooling(t, w->end_ns)) {
        life->totals.suppressed++;
        return;
    }
    prefer_silence(life, t);
    fire(life, t, w->end_ns);
}

/* Whether nothing about it need be remembered. */
static bool forgettable(const struct life *life, const struct tracked *t, const struct window_done *w)
{
    int64_t window_ns = w->end_ns - w->begin_ns, lead_ns = t->lead.end_ns - t->lead.begin_ns;
    int64_t memory_ns = (lead_ns > window_ns ? lead_ns : window_ns) * life->config.of_windows;
    return !t->firing && w->end_ns >= t->cool_until_ns && w->end_ns - t->lead.end_ns > memory_ns;
}

void life_window(struct life *life, const struct window_done *w)
{
    uint64_t source = source_hash(w->host, w->session);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < life->count; i++) {
        struct tracked *t = life->tracked[i];
        if (t->source == source) {
            if (t->firing)
                step_firing(life, t, w);
            else
                step_quiet(life, t, w);
            t->raised = false;
            if (forgettable(life, t, w)) {
                free(t);
                continue;
            }
        }
        life->tracked[kept++] = t;
    }
    if (kept == life->count)
        return;
    life->count = kept;
    hash_index_clear(&life->by_key);
    for (uint32_t i = 0; i < kept; i++)
        hash_index_insert(&life->by_key, life->tracked[i]->key, i);
}

/* ---- at once ---- */

/* A loss that goes on is one alert, told again whenever it has doubled. */
static void add_loss(struct life *life, struct tracked *t, const struct verdict *v)
{
    struct alert *a = &t->alert;
    bool at_least = strncmp(a->detail, "at least", 8) == 0 || strncmp(v->detail, "at least", 8) == 0;
    a->lost += v->lost;
    a->value = (double)a->lost;
    a->window_end_ns = v->end_ns;
    snprintf(a->detail, sizeof(a->detail), "%s%" PRIu64 " %s", at_least ? "at least " : "", a->lost,
             strcmp(v->metric, "lost_packets") == 0 ? "packets" : strcmp(v->metric, VERDICT_DROPPED_METRIC) == 0 ? "windows" : "events");
    if (a->lost < 2 * t->lost_told)
        return;
    t->lost_told = a->lost;
    deliver(life, t);
}

static void raise_now(struct life *life, struct tracked *t, const struct verdict *v)
{
    bool states = t->aspect == ASPECT_TIMEOUT || t->aspect == ASPECT_OUTAGE;
    t->raised = true;
    t->heard_ns = v->end_ns;
    t->count++;
    if (!t->firing) {
        t->lead = *v;
        if (!states && cooling(t, v->end_ns))
            life->totals.suppressed++;
        else
            fire(life, t, v->end_ns);
        return;
    }
    t->clean = 0;
    t->lead = *v;
    if (t->aspect == ASPECT_LOSS)
        add_loss(life, t, v);
    if (v->pending > t->alert.pending)
        t->alert.pending = v->pending;
    if (v->severity > t->alert.severity)
        escalate(life, t);
}

void life_verdict(struct life *life, const struct verdict *v)
{
    uint64_t key = identity(v);
    struct tracked *t = find(life, key);
    bool trouble = v->kind == VERDICT_RAISE || (v->kind == VERDICT_GRADE && v->severity != SEVERITY_OK);
    if (!t && trouble)
        t = track(life, key, v);
    if (!t)
        return;
    switch (v->kind) {
    case VERDICT_GRADE:
        take_grade(life, t, v);
        break;
    case VERDICT_RAISE:
        raise_now(life, t, v);
        break;
    case VERDICT_CLEAR:
        if (t->firing && v->pending == 0)
            resolve(life, t, v->end_ns, v->detail[0] ? v->detail : NULL);
        break;
    }
}

void life_totals(const struct life *life, struct life_totals *ret_totals)
{
    *ret_totals = life->totals;
}

/* ---- snapshots ---- */

enum { STATE_VERSION = 1 };

/* Plain bytes: a build with another layout starts fresh. */
void life_save(const struct life *life, struct bytes *b)
{
    wire_put_uint(b, STATE_VERSION);
    wire_put_uint(b, sizeof(struct tracked));
    wire_put_uint(b, life->count);
    bytes_append(b, &life->totals, sizeof(life->totals));
    for (uint32_t i = 0; i < life->count; i++)
        bytes_append(b, life->tracked[i], sizeof(struct tracked));
}

bool life_load(struct life *life, struct wire_reader *r)
{
    uint64_t version = wire_get_uint(r), size = wire_get_uint(r), count = wire_get_uint(r);
    if (!wire_ok(r) || version != STATE_VERSION || size != sizeof(struct tracked) || r->end < r->at ||
        (uint64_t)(r->end - r->at) < sizeof(life->totals) || count > ((uint64_t)(r->end - r->at) - sizeof(life->totals)) / size)
        return false;
    memcpy(&life->totals, r->at, sizeof(life->totals));
    r->at += sizeof(life->totals);
    for (uint64_t i = 0; i < count; i++, r->at += size) {
        struct tracked *t = memcpy(xcalloc(1, sizeof(*t)), r->at, sizeof(*t));
        GROW(life->tracked, life->count, life->capacity);
        hash_index_insert(&life->by_key, t->key, life->count);
        life->tracked[life->count++] = t;
    }
    return true;
}
