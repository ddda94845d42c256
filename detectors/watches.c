#include "detectors/watches.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void watches_init(struct watches *w, uint64_t memory, const struct rules *rules,
                  void (*complain)(void *self, const char *text), void *self)
{
    *w = (struct watches){ .memory = memory, .rules = rules, .complain = complain, .complain_self = self };
    hash_index_init(&w->by_name, 256);
    groups_init(&w->groups, rules);
}

void watches_done(struct watches *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        free(w->list[i]->states);
        free(w->list[i]->description);
        free(w->list[i]->memberships);
        free(w->list[i]);
    }
    groups_done(&w->groups);
    for (uint32_t i = 0; i < w->plan_count; i++)
        free(w->plans[i]);
    free(w->plans);
    free(w->list);
    bytes_done(&w->encoded);
    free(w->free_slots);
    for (uint32_t i = 0; i < WATCHES_SENDERS_MAX; i++) {
        free(w->ids[i].slots);
        free(w->ids[i].old);
    }
    hash_index_done(&w->by_name);
}

/* What identifies a meter: its description without the sender's number for it. */
static uint64_t encode(struct watches *w, const struct meter_description *description)
{
    struct meter_description d = *description;
    d.id = 0;
    bytes_reset(&w->encoded);
    meter_description_put(&w->encoded, &d);
    return hash_bytes(w->encoded.data, w->encoded.size);
}

static uint32_t find_encoded(const struct watches *w, uint64_t hash)
{
    uint32_t at;
    for (uint32_t s = hash_index_first(&w->by_name, hash, &at); s != HASH_NONE;
         s = hash_index_next(&w->by_name, hash, &at)) {
        const struct watched *x = w->list[s];
        if (x->hash == hash && x->description_size == w->encoded.size &&
            memcmp(x->description, w->encoded.data, w->encoded.size) == 0)
            return s;
    }
    return HASH_NONE;
}

/* There are few distinct plans: one per kind of metric and matching rules. */
static const struct plan *share_plan(struct watches *w)
{
    for (uint32_t i = 0; i < w->plan_count; i++)
        if (memcmp(w->plans[i], &w->plan, sizeof(w->plan)) == 0)
            return w->plans[i];
    struct plan *plan = memcpy(xcalloc(1, sizeof(*plan)), &w->plan, sizeof(*plan)); /* padding too: plans are compared as bytes */
    GROW(w->plans, w->plan_count, w->plan_capacity);
    return w->plans[w->plan_count++] = plan;
}

static size_t watched_bytes(const struct watched *x)
{
    return sizeof(*x) + sizeof(x) + x->plan->state_size + x->plan->count + x->description_size +
           2 * sizeof(struct hash_cell) + x->membership_count * sizeof(*x->memberships);
}

static uint64_t all_bytes(const struct watches *w)
{
    return w->bytes + w->groups.bytes;
}

static uint32_t take_slot(struct watches *w)
{
    if (w->free_count > 0)
        return w->free_slots[--w->free_count];
    watches_add_empty(w);
    return w->count - 1;
}

void watches_restart(struct watched *x)
{
    memset(x->states, 0, x->plan->state_size);
    for (uint32_t i = 0; i < x->plan->count; i++) {
        const struct plan_entry *e = &x->plan->entries[i];
        if (e->bound->detector->init)
            e->bound->detector->init(watched_state(x, e), e->bound->config);
    }
}

static void refuse(struct watches *w)
{
    w->refused++;
    if (!w->refusal_told)
        w->complain(w->complain_self, "the memory for detectors is used up: further series are not watched, and "
                                      "counted; raise detection.memory");
    w->refusal_told = true;
}

static void join_groups(struct watches *w, struct watched *x, uint32_t slot, const struct meter_description *d)
{
    uint64_t used = all_bytes(w) + watched_bytes(x), room = w->memory > used ? w->memory - used : 0;
    if (groups_join(&w->groups, d, x->hash, slot, room, &x->memberships, &x->membership_count))
        w->complain(w->complain_self, "a group has more series than it may have members, or there is no memory for it: further "
                                      "ones are left out, and counted; raise its members, or detection.memory");
}

/* Watches what was encoded last. */
static uint32_t watch(struct watches *w, const struct meter_description *d, uint64_t hash)
{
    rules_plan(w->rules, d, &w->plan, w->rules_used, w->complain, w->complain_self);
    struct watched fresh = { .hash = hash,
                             .plan = share_plan(w),
                             .description_size = (uint32_t)w->encoded.size,
                             .kind = (uint8_t)d->kind,
                             .unit = (uint8_t)d->unit };
    if (all_bytes(w) + watched_bytes(&fresh) > w->memory) {
        refuse(w);
        return HASH_NONE;
    }
    uint32_t slot = take_slot(w);
    struct watched *x = w->list[slot];
    *x = fresh;
    x->description = memcpy(xcalloc(1, w->encoded.size), w->encoded.data, w->encoded.size);
    x->states = xcalloc(1, x->plan->state_size + x->plan->count);
    watches_restart(x);
    join_groups(w, x, slot, d);
    w->bytes += watched_bytes(x);
    w->series++;
    hash_index_insert(&w->by_name, hash, slot);
    return slot;
}

static void unwatch(struct watches *w, uint32_t slot)
{
    struct watched *x = w->list[slot];
    hash_index_remove(&w->by_name, x->hash, slot);
    w->bytes -= watched_bytes(x);
    w->series--;
    groups_leave(&w->groups, x->memberships, x->membership_count);
    free(x->states);
    free(x->description);
    *x = (struct watched){ 0 };
    GROW(w->free_slots, w->free_count, w->free_capacity);
    w->free_slots[w->free_count++] = slot;
}

struct watched *watches_find(const struct watches *w, uint32_t sender, uint32_t id)
{
    const struct watch_ids *ids = &w->ids[sender];
    uint32_t slot = id < ids->count ? ids->slots[id] : HASH_NONE;
    return slot == HASH_NONE ? NULL : w->list[slot];
}

static bool in_trouble(const struct watched *x)
{
    for (uint32_t i = 0; i < x->plan->count; i++)
        if (watched_reports(x)[i] > 0)
            return true;
    return x->overdue > 0;
}

void watches_add_empty(struct watches *w)
{
    GROW(w->list, w->count, w->capacity);
    w->list[w->count++] = xcalloc(1, sizeof(struct watched));
}

/* Where labels come and go, series that end in trouble are many. */
static void bound_orphans(struct watches *w)
{
    while (w->orphans > WATCHES_ORPHANS_MAX) {
        uint32_t slot = w->next_orphan++ % w->count;
        if (!w->list[slot]->plan || w->list[slot]->ids > 0)
            continue;
        unwatch(w, slot);
        w->orphans--;
        w->forgotten++;
    }
}

/* A series is forgotten with the last of its numbers; but one in trouble keeps its
 * detectors' memory: when it comes back, it is known. */
static void release(struct watches *w, uint32_t slot)
{
    struct watched *x = w->list[slot];
    if (--x->ids > 0)
        return;
    if (!in_trouble(x)) {
        unwatch(w, slot);
        return;
    }
    w->orphans++;
    bound_orphans(w);
}

void watches_forget(struct watches *w, uint32_t sender, uint32_t id)
{
    if (!watches_find(w, sender, id))
        return;
    uint32_t slot = w->ids[sender].slots[id];
    w->ids[sender].slots[id] = HASH_NONE;
    release(w, slot);
}

uint32_t watches_add(struct watches *w, const struct meter_description *d)
{
    uint64_t hash = encode(w, d);
    uint32_t slot = find_encoded(w, hash);
    if (slot != HASH_NONE)
        w->orphans -= w->list[slot]->ids == 0;
    else
        slot = watch(w, d, hash);
    if (slot != HASH_NONE)
        w->list[slot]->ids++;
    return slot;
}

int watches_describe(struct watches *w, uint32_t sender, const struct meter_description *d)
{
    struct watch_ids *ids = &w->ids[sender];
    uint64_t more = d->id < ids->count ? 0 : (d->id + 1 - ids->count) * sizeof(ids->slots[0]);
    if (d->id >= WATCHES_IDS_MAX)
        return -EBADMSG;
    if (more > 0 && all_bytes(w) + more > w->memory) {
        refuse(w);
        return 0;
    }
    w->bytes += more;
    while (ids->count <= d->id) {
        GROW(ids->slots, ids->count, ids->capacity);
        ids->slots[ids->count++] = HASH_NONE;
    }
    uint32_t slot = watches_add(w, d);
    watches_forget(w, sender, d->id);
    ids->slots[d->id] = slot;
    return 0;
}

static void release_old(struct watches *w, struct watch_ids *ids)
{
    for (uint32_t i = 0; i < ids->old_count; i++)
        if (ids->old[i] != HASH_NONE)
            release(w, ids->old[i]);
    free(ids->old);
    ids->old = NULL;
    ids->old_count = ids->old_capacity = 0;
}

void watches_recall(struct watches *w, uint32_t sender, bool anew)
{
    struct watch_ids *ids = &w->ids[sender];
    ids->anew = anew || (ids->anew && ids->old_count > 0);
    ids->old_until_ns = INT64_MIN;
    for (uint32_t i = 0; i < ids->count; i++) {
        uint32_t slot = ids->slots[i];
        if (slot == HASH_NONE)
            continue;
        if (w->list[slot]->ids > 1) { /* known by another number, or from a recall that was not finished */
            release(w, slot);
            continue;
        }
        GROW(ids->old, ids->old_count, ids->old_capacity);
        ids->old[ids->old_count++] = slot;
    }
    w->bytes -= ids->count * sizeof(ids->slots[0]);
    free(ids->slots);
    ids->slots = NULL;
    ids->count = ids->capacity = 0;
}

void watches_recalled(struct watches *w, uint32_t sender)
{
    if (!w->ids[sender].anew)
        release_old(w, &w->ids[sender]);
}

void watches_advance(struct watches *w, uint32_t sender, int64_t end_ns)
{
    struct watch_ids *ids = &w->ids[sender];
    if (ids->old_count == 0)
        return;
    if (ids->old_until_ns == INT64_MIN)
        ids->old_until_ns = end_ns + WATCHES_OLD_NS;
    else if (end_ns > ids->old_until_ns)
        release_old(w, ids);
}

void watches_settle(struct watches *w)
{
    w->orphans = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct watched *x = w->list[i];
        if (!x->plan || x->ids > 0)
            continue;
        if (in_trouble(x))
            w->orphans++;
        else
            unwatch(w, i);
    }
    bound_orphans(w);
}

void watches_tell_unused(const struct watches *w)
{
    for (uint32_t i = 0; i < w->rules->count && w->count > 0; i++) {
        char text[TEXT_MAX + 64];
        if (w->rules_used[i])
            continue;
        snprintf(text, sizeof(text), "detectors: there was no series for the rule '%s'", w->rules->list[i].pattern.s);
        w->complain(w->complain_self, text);
    }
}
