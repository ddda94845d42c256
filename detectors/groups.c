#include "detectors/groups.h"
#include "base/hash.h"
#include "base/text.h"
#include "detectors/scale.h"
#include "detectors/verdict.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void groups_init(struct groups *g, const struct rules *rules)
{
    *g = (struct groups){ .rules = rules };
}

static uint32_t places_of(const struct group *x)
{
    return x->rule->settings.members;
}

static size_t rounded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

size_t groups_states_size(const struct group_rule *rule, uint32_t count)
{
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++)
        size += rounded(rule->use[i].detector->group.state_size(rule->use[i].config, rule->settings.members));
    return size;
}

static size_t group_bytes(const struct group_rule *rule, size_t description_size)
{
    return sizeof(struct group) + description_size + groups_states_size(rule, rule->count) +
           rule->settings.members * (sizeof(struct group_place) + sizeof(double));
}

void *group_state(const struct group *x, uint32_t i)
{
    return x->states + groups_states_size(x->rule, i);
}

static void free_group(struct groups *g, struct group *x)
{
    g->bytes -= group_bytes(x->rule, x->description_size);
    free(x->description);
    free(x->places);
    free(x->values);
    free(x->states);
    *x = (struct group){ 0 };
}

void groups_done(struct groups *g)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (g->list[i].rule)
            free_group(g, &g->list[i]);
    free(g->list);
}

/* ---- members ---- */

/* What a group that a meter would be a member of is called in verdicts. */
static void describe_group(const struct group_rule *rule, const struct meter_description *d, struct meter_description *ret_group)
{
    memset(ret_group, 0, sizeof(*ret_group));
    memcpy(ret_group->host, d->host, sizeof(d->host));
    memcpy(ret_group->session, d->session, sizeof(d->session));
    text_copy(ret_group->analysis, sizeof(ret_group->analysis), VERDICT_GROUP_ANALYSIS);
    text_copy(ret_group->metric, sizeof(ret_group->metric), rule->settings.name.s);
    ret_group->unit = UNIT_NONE;
    ret_group->kind = METRIC_VALUE;
    if (rule->settings.by.index != GROUP_BY_LABELS)
        return;
    ret_group->label_count = d->label_count;
    memcpy(ret_group->labels, d->labels, sizeof(d->labels));
}

static uint64_t source_of(const char *host, const char *session)
{
    return hash_fnv(hash_fnv(HASH_START, host, strlen(host) + 1), session, strlen(session) + 1);
}

static struct group *find_group(struct groups *g, uint64_t key)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (g->list[i].rule && g->list[i].key == key)
            return &g->list[i];
    return NULL;
}

static struct group *free_place(struct groups *g)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (!g->list[i].rule)
            return &g->list[i];
    if (g->count == GROUPS_MAX)
        return NULL;
    GROW(g->list, g->count, g->capacity);
    return &g->list[g->count++];
}

void groups_restart(struct group *x)
{
    memset(x->states, 0, groups_states_size(x->rule, x->rule->count));
    for (uint32_t i = 0; i < x->rule->count; i++)
        if (x->rule->use[i].detector->group.init)
            x->rule->use[i].detector->group.init(group_state(x, i), x->rule->use[i].config, places_of(x));
}

void groups_new(struct groups *g, struct group *x, const struct group_rule *rule, const uint8_t *description, size_t size)
{
    struct meter_description d;
    struct wire_reader r = wire_reader_init(description, size);
    bool valid = meter_description_get(&r, &d);
    assert(valid);
    *x = (struct group){ .key = hash_bytes(description, size), .rule = rule, .source = source_of(d.host, d.session), .description_size = (uint32_t)size };
    x->description = memcpy(xcalloc(1, size), description, size);
    x->places = xcalloc(places_of(x), sizeof(*x->places));
    x->values = xcalloc(places_of(x), sizeof(*x->values));
    x->states = xcalloc(1, groups_states_size(rule, rule->count));
    for (uint32_t i = 0; i < places_of(x); i++)
        x->places[i].owner = HASH_NONE;
    groups_restart(x);
    g->bytes += group_bytes(rule, size);
}

static struct group *group_for(struct groups *g, const struct group_rule *rule, const struct meter_description *d, uint64_t room)
{
    struct meter_description named;
    struct bytes b = { 0 };
    describe_group(rule, d, &named);
    meter_description_put(&b, &named);
    struct group *x = find_group(g, hash_bytes(b.data, b.size));
    if (!x && group_bytes(rule, b.size) <= room && (x = free_place(g)))
        groups_new(g, x, rule, b.data, b.size);
    bytes_done(&b);
    return x;
}

/* The place it had; else one that nobody had; else one whose series is not there any more. */
static uint32_t place_for(struct group *x, uint64_t series)
{
    uint32_t fresh = HASH_NONE, left = HASH_NONE;
    for (uint32_t i = 0; i < places_of(x); i++) {
        const struct group_place *p = &x->places[i];
        if (p->series == series)
            return p->owner == HASH_NONE && (!x->restored || p->returning) ? i : HASH_NONE;
        if (x->restored)
            continue;
        if (p->series == 0 && fresh == HASH_NONE)
            fresh = i;
        if (p->owner == HASH_NONE && left == HASH_NONE)
            left = i;
    }
    return fresh != HASH_NONE ? fresh : left;
}

static bool join(struct group *x, const struct meter_description *d, enum statistic statistic, uint64_t hash, uint32_t owner,
                 uint32_t *ret_place)
{
    uint64_t series = hash_mix(hash, statistic + 1);
    uint32_t place = place_for(x, series);
    if (place == HASH_NONE)
        return false;
    struct group_place *p = &x->places[place];
    for (uint32_t i = 0; i < x->rule->count && p->series != 0 && p->series != series; i++)
        x->rule->use[i].detector->group.forget(group_state(x, i), x->rule->use[i].config, places_of(x), place);
    bool returns = p->series == series;
    *p = (struct group_place){ .series = series, .owner = owner, .kind = (uint8_t)d->kind, .unit = (uint8_t)d->unit, .statistic = (uint8_t)statistic,
                               .sum = returns ? p->sum : 0, .count = returns ? p->count : 0 };
    x->members++;
    *ret_place = place;
    return true;
}

bool groups_join(struct groups *g, const struct meter_description *d, uint64_t hash, uint32_t owner, uint64_t room,
                 struct membership **ret_list, uint32_t *ret_count)
{
    struct membership found[GROUP_RULES_MAX * STATISTIC_KINDS];
    const enum statistic *list;
    uint32_t n = 0, place, statistics = metric_statistics(d->kind, &list);
    uint64_t before = g->bytes, refused = g->refused;
    char series[SERIES_NAME_MAX];
    for (uint32_t k = 0; k < g->rules->group_count && !d->detail; k++) {
        const struct group_rule *rule = &g->rules->groups[k];
        for (uint32_t s = 0; s < statistics; s++) {
            if (!auto_watches(d->kind, list[s]) || !text_matches(rule->settings.series.s, series_name(d, list[s], series)))
                continue;
            struct group *x = group_for(g, rule, d, room - (g->bytes - before));
            if (x && join(x, d, list[s], hash, owner, &place))
                found[n++] = (struct membership){ (uint16_t)(x - g->list), (uint16_t)place, (uint8_t)s };
            else
                g->refused++;
        }
    }
    *ret_list = n ? memcpy(xcalloc(n, sizeof(*found)), found, n * sizeof(*found)) : NULL;
    *ret_count = n;
    bool news = g->refused > refused && !g->refusal_told;
    g->refusal_told |= news;
    return news;
}

void groups_leave(struct groups *g, struct membership *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct group *x = &g->list[list[i].group];
        x->places[list[i].place].owner = HASH_NONE;
        if (--x->members == 0)
            free_group(g, x);
    }
    free(list);
}

void groups_settle(struct groups *g)
{
    for (uint32_t i = 0; i < g->count; i++) {
        g->list[i].restored = false;
        if (g->list[i].rule && g->list[i].members == 0)
            free_group(g, &g->list[i]);
    }
}

/* ---- windows ---- */

static struct observation member(const struct group_place *p, int64_t length_ns)
{
    return (struct observation){ .end_ns = length_ns, .kind = (enum metric_kind)p->kind, .statistic = (enum statistic)p->statistic,
                                 .unit = (enum unit)p->unit };
}

void groups_take(struct groups *g, const struct membership *list, uint32_t count, const struct meter_sample *sample, int64_t length_ns)
{
    for (uint32_t i = 0; i < count; i++) {
        struct group_place *p = &g->list[list[i].group].places[list[i].place];
        struct observation o = member(p, length_ns);
        o.count = sample->count;
        if (list[i].value >= sample->value_count || !isfinite(sample->values[list[i].value]) || !scale_enough(&o))
            continue;
        p->sum += sample->values[list[i].value];
        p->count++;
    }
}

void groups_next(struct group *x)
{
    x->begin_ns = 0;
    x->quality = 0;
    for (uint32_t i = 0; i < places_of(x); i++) {
        x->places[i].sum = 0;
        x->places[i].count = 0;
    }
}

double group_invert(const struct group *x, uint32_t place, int64_t length_ns, double value)
{
    struct observation o = member(&x->places[place], length_ns);
    struct scale scale = scale_for(&o);
    return scale_invert(&scale, value);
}

/* A window that was not observed whole breaks the period. Periods are whole numbers of windows, aligned to the
 * epoch; one that began in the middle is not judged. */
bool groups_window(struct group *x, const struct window_header *w, uint32_t quality, struct group_observation *ret_observation)
{
    int64_t window_ns = w->end_ns - w->begin_ns, period_ns = x->rule->settings.period.ns;
    period_ns = (period_ns + window_ns - 1) / window_ns * window_ns;
    if (quality & QUALITY_PARTIAL) {
        groups_next(x);
        return false;
    }
    if (x->begin_ns == 0)
        x->begin_ns = w->begin_ns;
    x->quality |= quality & (QUALITY_LOSSY | QUALITY_LATE);
    if (w->end_ns / period_ns == w->begin_ns / period_ns)
        return false;
    if (w->end_ns - x->begin_ns < period_ns) {
        groups_next(x);
        return false;
    }
    *ret_observation = (struct group_observation){ .begin_ns = x->begin_ns, .end_ns = w->end_ns, .quality = x->quality,
                                                   .places = places_of(x), .values = x->values };
    for (uint32_t i = 0; i < places_of(x); i++) {
        const struct group_place *p = &x->places[i];
        struct observation o = member(p, w->end_ns - x->begin_ns);
        struct scale scale = scale_for(&o);
        x->values[i] = p->count ? scale_apply(&scale, p->sum / p->count) : (double)NAN;
    }
    return true;
}
