/* groups_state.c - what the detectors of groups remember, as bytes that outlive the process: as watches_state.c does for those
 * of series. The members are not saved but their places, which they find again when they are watched again. */
#include "base/hash.h"
#include "detectors/groups.h"
#include "detectors/raw.h"
#include <string.h>

static uint64_t use_hash(const struct group_rule *rule, uint32_t i)
{
    const struct detector *d = rule->use[i].detector;
    uint64_t hash = hash_fnv(HASH_START, d->name, strlen(d->name) + 1);
    hash = hash_fnv(hash, rule->use[i].config, d->config_size);
    hash = hash_fnv(hash, &rule->settings.period, sizeof(rule->settings.period));
    return hash_fnv(hash, &rule->settings.members, sizeof(rule->settings.members));
}

static size_t use_size(const struct group_rule *rule, uint32_t i)
{
    return groups_states_size(rule, i + 1) - groups_states_size(rule, i);
}

static void save_group(const struct group *x, struct bytes *b)
{
    raw_put(b, x->description, x->description_size);
    wire_put_int(b, x->begin_ns);
    wire_put_int(b, x->length_ns);
    wire_put_uint(b, x->quality);
    raw_put(b, x->places, x->rule->settings.members * sizeof(*x->places));
    wire_put_uint(b, x->rule->count);
    for (uint32_t i = 0; i < x->rule->count; i++) {
        wire_put_uint(b, use_hash(x->rule, i));
        wire_put_uint(b, x->reports[i]);
        raw_put(b, group_state(x, i), use_size(x->rule, i));
    }
}

/* Places are saved as they are, free ones too: what they are judged in order of must not change. */
void groups_save(const struct groups *g, struct bytes *b)
{
    wire_put_uint(b, g->count);
    for (uint32_t i = 0; i < g->count; i++) {
        wire_put_bool(b, g->list[i].rule != NULL);
        if (g->list[i].rule)
            save_group(&g->list[i], b);
    }
}

static const struct group_rule *rule_named(const struct rules *rules, const char *name)
{
    for (uint32_t i = 0; i < rules->group_count; i++)
        if (strcmp(rules->groups[i].settings.name.s, name) == 0)
            return &rules->groups[i];
    return NULL;
}

static void load_use(struct group *x, uint64_t hash, uint64_t reports, const uint8_t *state, size_t size, uint64_t *restarted)
{
    for (uint32_t i = 0; x && i < x->rule->count; i++) {
        if (use_hash(x->rule, i) != hash || use_size(x->rule, i) != size)
            continue;
        memcpy(group_state(x, i), state, size);
        x->reports[i] = (uint8_t)reports;
        return;
    }
    ++*restarted;
}

static void load_group(struct groups *g, struct group *x, struct wire_reader *r, uint64_t *restarted)
{
    size_t size, places_size;
    struct meter_description d;
    const uint8_t *description = raw_get(r, &size);
    struct wire_reader inner = wire_reader_init(description, size);
    int64_t begin_ns = wire_get_int(r), length_ns = wire_get_time(r);
    uint32_t quality = wire_get_uint32(r);
    const uint8_t *places = raw_get(r, &places_size);
    uint64_t uses = wire_get_uint(r);
    if (!wire_ok(r) || !meter_description_get(&inner, &d) || !wire_finished(&inner)) {
        r->failed = true;
        return;
    }
    const struct group_rule *rule = rule_named(g->rules, d.metric);
    bool fits = rule && places_size == rule->settings.members * sizeof(*x->places);
    if (fits) {
        groups_new(g, x, rule, description, size);
        memcpy(x->places, places, places_size);
        x->begin_ns = begin_ns;
        x->length_ns = length_ns;
        x->quality = quality;
        x->restored = true;
        for (uint32_t i = 0; i < x->rule->settings.members; i++) {
            x->places[i].returning = x->places[i].owner != HASH_NONE;
            x->places[i].owner = HASH_NONE;
        }
    }
    for (uint64_t i = 0; i < uses && wire_ok(r); i++) {
        uint64_t hash = wire_get_uint(r), reports = wire_get_uint(r);
        const uint8_t *state = raw_get(r, &size);
        if (wire_ok(r))
            load_use(fits ? x : NULL, hash, reports, state, size, restarted);
    }
}

bool groups_load(struct groups *g, struct wire_reader *r, uint64_t *restarted)
{
    uint64_t count = wire_get_uint(r);
    if (!wire_ok(r) || count > GROUPS_MAX)
        return false;
    for (uint64_t i = 0; i < count && wire_ok(r); i++) {
        GROW(g->list, g->count, g->capacity);
        g->list[g->count++] = (struct group){ 0 };
        if (wire_get_bool(r))
            load_group(g, &g->list[g->count - 1], r, restarted);
    }
    return wire_ok(r);
}
