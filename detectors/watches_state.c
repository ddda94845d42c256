/* watches_state.c - what the detectors remember, as bytes that outlive the process.
 *
 * A state belongs to a series, a statistic and a detector under a configuration: one
 * that is configured differently now, or has another size, starts anew. The bytes of the
 * states themselves are believed: that they are ours is for the journal's checksum to say,
 * and STATE_VERSION must change with what they mean. */
#include "detectors/raw.h"
#include "detectors/watches.h"
#include <stdlib.h>
#include <string.h>

enum { STATE_VERSION = 6 };

/* Options are plain bytes, zeroed before they are set: equal bytes are equal options. */
static uint64_t entry_hash(const struct plan_entry *e)
{
    const struct detector *d = e->bound->detector;
    uint64_t hash = hash_fnv(HASH_START, d->name, strlen(d->name) + 1);
    hash = hash_fnv(hash, e->bound->config, d->config_size);
    hash = hash_fnv(hash, &e->period_ns, sizeof(e->period_ns));
    return hash_fnv(hash, &e->statistic, sizeof(e->statistic));
}

static size_t entry_size(const struct plan *plan, uint32_t entry)
{
    size_t end = entry + 1 < plan->count ? plan->entries[entry + 1].state_offset : plan->state_size;
    return end - plan->entries[entry].state_offset;
}

static void save_watched(const struct watched *x, struct bytes *b)
{
    raw_put(b, x->description, x->description_size);
    wire_put_uint(b, x->overdue);
    wire_put_int(b, x->window_ns);
    wire_put_uint(b, x->plan->count);
    for (uint32_t i = 0; i < x->plan->count; i++) {
        const struct plan_entry *e = &x->plan->entries[i];
        wire_put_uint(b, entry_hash(e));
        wire_put_uint(b, watched_reports(x)[i]);
        raw_put(b, x->states + e->state_offset, entry_size(x->plan, i));
    }
}

static void save_ids(const struct watch_ids *ids, struct bytes *b)
{
    wire_put_uint(b, ids->anew);
    wire_put_int(b, ids->old_until_ns);
    raw_put(b, ids->slots, ids->count * sizeof(ids->slots[0]));
    raw_put(b, ids->old, ids->old_count * sizeof(ids->old[0]));
}

/* Places are saved as they are, empty ones too, so that numbers go on meaning them. */
void watches_save(const struct watches *w, struct bytes *b)
{
    uint32_t senders = WATCHES_SENDERS_MAX;
    while (senders > 0 && w->ids[senders - 1].count == 0 && w->ids[senders - 1].old_count == 0)
        senders--;
    wire_put_uint(b, STATE_VERSION);
    groups_save(&w->groups, b);
    wire_put_uint(b, w->count);
    for (uint32_t i = 0; i < w->count; i++) {
        wire_put_bool(b, w->list[i]->plan != NULL);
        if (w->list[i]->plan)
            save_watched(w->list[i], b);
    }
    raw_put(b, w->free_slots, w->free_count * sizeof(w->free_slots[0]));
    wire_put_uint(b, w->next_orphan);
    wire_put_uint(b, senders);
    for (uint32_t i = 0; i < senders; i++)
        save_ids(&w->ids[i], b);
}

static void load_entry(struct watched *x, uint64_t hash, uint8_t reports, const uint8_t *state, size_t size, uint64_t *restarted)
{
    for (uint32_t i = 0; i < x->plan->count; i++) {
        const struct plan_entry *e = &x->plan->entries[i];
        if (entry_hash(e) != hash || entry_size(x->plan, i) != size)
            continue;
        memcpy(x->states + e->state_offset, state, size);
        watched_reports(x)[i] = reports;
        return;
    }
    ++*restarted;
}

/* Returns where it is now; HASH_NONE when it is no longer watched. */
static uint32_t load_watched(struct watches *w, struct wire_reader *r, uint64_t *restarted)
{
    struct meter_description d;
    size_t size;
    const uint8_t *encoded = raw_get(r, &size);
    struct wire_reader inner = wire_reader_init(encoded, size);
    uint64_t overdue = wire_get_uint(r);
    int64_t window_ns = wire_get_time(r);
    uint64_t entries = wire_get_uint(r);
    if (!wire_ok(r) || entries > PLAN_MAX || !meter_description_get(&inner, &d) || !wire_finished(&inner)) {
        r->failed = true;
        return HASH_NONE;
    }
    uint32_t slot = watches_add(w, &d);
    struct watched *x = slot == HASH_NONE ? NULL : w->list[slot];
    if (x) {
        x->overdue = overdue;
        x->window_ns = window_ns;
        x->ids--; /* its numbers come with the senders */
    }
    for (uint64_t i = 0; i < entries && wire_ok(r); i++) {
        uint64_t hash = wire_get_uint(r), reports = wire_get_uint(r);
        const uint8_t *state = raw_get(r, &size);
        if (wire_ok(r) && x)
            load_entry(x, hash, (uint8_t)reports, state, size, restarted);
    }
    return slot;
}

/* Free places are taken in the same order as before, or other series would be forgotten first. */
static void load_free(struct watches *w, struct wire_reader *r)
{
    size_t size;
    const uint8_t *raw = raw_get(r, &size);
    uint32_t slot;
    for (size_t i = 0; i + sizeof(slot) <= size && i / sizeof(slot) < w->count; i += sizeof(slot)) {
        memcpy(&slot, raw + i, sizeof(slot));
        if (slot >= w->count || w->list[slot]->plan || w->list[slot]->ids > 0)
            continue;
        w->list[slot]->ids = 1; /* it is in the list by now */
        GROW(w->free_slots, w->free_count, w->free_capacity);
        w->free_slots[w->free_count++] = slot;
    }
    for (slot = 0; slot < w->count; slot++) {
        if (!w->list[slot]->plan && w->list[slot]->ids == 0) {
            GROW(w->free_slots, w->free_count, w->free_capacity);
            w->free_slots[w->free_count++] = slot;
        } else if (!w->list[slot]->plan) {
            w->list[slot]->ids = 0;
        }
    }
}

static void load_ids(struct watches *w, struct wire_reader *r, uint32_t **ret_slots, uint32_t *ret_count, const uint32_t *places,
                     uint32_t place_count)
{
    size_t size;
    const uint8_t *raw = raw_get(r, &size);
    r->failed |= size / sizeof(uint32_t) > WATCHES_IDS_MAX;
    uint32_t count = r->failed ? 0 : (uint32_t)(size / sizeof(uint32_t)), old;
    *ret_slots = count ? xcalloc(count, sizeof(uint32_t)) : NULL;
    *ret_count = count;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(&old, raw + i * sizeof(old), sizeof(old));
        uint32_t slot = old < place_count ? places[old] : HASH_NONE;
        (*ret_slots)[i] = slot;
        if (slot != HASH_NONE)
            w->list[slot]->ids++;
    }
}

bool watches_load(struct watches *w, struct wire_reader *r, uint64_t *ret_restarted)
{
    *ret_restarted = 0;
    if (wire_get_uint(r) != STATE_VERSION || !groups_load(&w->groups, r, ret_restarted))
        return false;
    uint64_t count = wire_get_uint(r);
    if (!wire_ok(r) || count > (uint64_t)(r->end - r->at))
        return false;
    uint32_t *places = xcalloc((size_t)count, sizeof(*places));
    for (uint64_t i = 0; i < count && wire_ok(r); i++) {
        places[i] = wire_get_bool(r) ? load_watched(w, r, ret_restarted) : HASH_NONE;
        if (w->count == i)
            watches_add_empty(w);
    }
    load_free(w, r);
    w->next_orphan = wire_get_uint32(r);
    uint64_t senders = wire_get_uint(r);
    r->failed |= senders > WATCHES_SENDERS_MAX;
    for (uint64_t i = 0; i < senders && wire_ok(r); i++) {
        struct watch_ids *ids = &w->ids[i];
        ids->anew = wire_get_uint(r);
        ids->old_until_ns = wire_get_int(r);
        load_ids(w, r, &ids->slots, &ids->count, places, (uint32_t)count);
        ids->capacity = ids->count;
        w->bytes += ids->count * sizeof(ids->slots[0]);
        load_ids(w, r, &ids->old, &ids->old_count, places, (uint32_t)count);
        ids->old_capacity = ids->old_count;
    }
    watches_settle(w);
    groups_settle(&w->groups);
    free(places);
    return wire_ok(r);
}
