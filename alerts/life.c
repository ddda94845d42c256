#include "alerts/life_private.h"
#include <errno.h>
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

void life_insert(struct life *life, struct tracked *t)
{
    GROW(life->tracked, life->count, life->capacity);
    hash_index_insert(&life->by_key, t->key, life->count);
    life->tracked[life->count++] = t;
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
    life_insert(life, t);
    return t;
}

/* ---- what comes in ---- */

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
                life_step_firing(life, t, w);
            else
                life_step_quiet(life, t, w);
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
        life_take_grade(life, t, v);
        break;
    case VERDICT_RAISE:
        life_raise(life, t, v);
        break;
    case VERDICT_CLEAR:
        if (t->firing && v->pending == 0)
            life_resolve(life, t, v->end_ns, v->detail[0] ? v->detail : NULL);
        break;
    }
}

void life_totals(const struct life *life, struct life_totals *ret_totals)
{
    *ret_totals = life->totals;
}
