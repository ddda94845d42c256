#include "stream/pairing.h"
#include "base/bytes.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

void pairing_init(struct pairing *p, const struct pairing_config *config, const struct pairing_ops *ops, void *self)
{
    *p = (struct pairing){ .config = *config, .ops = ops, .self = self, .loss_end_ns = INT64_MIN };
    p->stride = (config->data_size + 15) & ~(size_t)15;
    p->entries = xcalloc(config->max_pending, sizeof(*p->entries));
    p->data = xcalloc(config->max_pending, p->stride);
    p->free_list = p->oldest = p->newest = p->next_timeout = PAIRING_NONE;
    hash_index_init(&p->index, 64); /* grows with what is pending: small, it stays in the cache */
}

void pairing_done(struct pairing *p)
{
    free(p->entries);
    free(p->data);
    hash_index_done(&p->index);
    *p = (struct pairing){ 0 };
}

void *pairing_data(const struct pairing *p, const struct pending *entry)
{
    return p->data + (size_t)(entry - p->entries) * p->stride;
}

void pairing_key_add(struct pairing_key *key, uint64_t word)
{
    assert(key->count < PAIRING_KEY_MAX);
    key->words[key->count++] = word;
}

static uint64_t key_hash(const struct pairing_key *key)
{
    uint64_t hash = HASH_START;
    for (uint32_t i = 0; i < key->count; i++)
        hash = hash_mix(hash, key->words[i]);
    return hash;
}

static bool key_equal(const struct pairing_key *a, const struct pairing_key *b)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (a->words[i] != b->words[i])
            return false;
    return true;
}

/* The oldest pending with this key. */
static uint32_t find(const struct pairing *p, const struct pairing_key *key, uint64_t hash)
{
    uint32_t at;
    for (uint32_t s = hash_index_first(&p->index, hash, &at); s != HASH_NONE; s = hash_index_next(&p->index, hash, &at))
        if (key_equal(&p->entries[s].key, key))
            return s;
    return PAIRING_NONE;
}

/* Takes an entry out of the order, the ring of its key, and the index. */
static void unlink_entry(struct pairing *p, uint32_t slot)
{
    struct pending *e = &p->entries[slot];
    if (e->older != PAIRING_NONE)
        p->entries[e->older].newer = e->newer;
    else
        p->oldest = e->newer;
    if (e->newer != PAIRING_NONE)
        p->entries[e->newer].older = e->older;
    else
        p->newest = e->older;
    if (p->next_timeout == slot)
        p->next_timeout = e->newer;

    /* The index names the oldest of a key; alone in its ring, that is this one. */
    if (e->above == slot || find(p, &e->key, e->hash) == slot) {
        hash_index_remove(&p->index, e->hash, slot);
        if (e->above != slot)
            hash_index_insert(&p->index, e->hash, e->above);
    }
    p->entries[e->above].below = e->below;
    p->entries[e->below].above = e->above;
}

static void release(struct pairing *p, uint32_t slot)
{
    unlink_entry(p, slot);
    p->entries[slot].in_use = false;
    p->entries[slot].newer = p->free_list;
    p->free_list = slot;
    p->count--;
}

static void abandon(struct pairing *p, uint32_t slot, int64_t time_ns)
{
    if (p->entries[slot].timed_out)
        p->ops->abandoned(p->self, &p->entries[slot], time_ns);
    release(p, slot);
}

static uint32_t take_slot(struct pairing *p, int64_t time_ns)
{
    if (p->count == p->config.max_pending) {
        if (!p->config.evict) {
            p->counts.skipped++;
            return PAIRING_NONE;
        }
        p->counts.evicted++;
        abandon(p, p->oldest, time_ns);
    }
    uint32_t slot = p->free_list;
    if (slot != PAIRING_NONE)
        p->free_list = p->entries[slot].newer;
    else
        slot = p->used++;
    p->count++;
    return slot;
}

/* Puts a new entry at the end of the order and of its key's ring. */
static void link_entry(struct pairing *p, uint32_t slot, uint32_t head)
{
    struct pending *e = &p->entries[slot];
    e->older = p->newest;
    e->newer = PAIRING_NONE;
    if (p->newest != PAIRING_NONE)
        p->entries[p->newest].newer = slot;
    else
        p->oldest = slot;
    p->newest = slot;
    if (p->next_timeout == PAIRING_NONE)
        p->next_timeout = slot;

    e->above = e->below = slot;
    if (head == PAIRING_NONE) {
        hash_index_insert(&p->index, e->hash, slot);
        return;
    }
    struct pending *oldest = &p->entries[head];
    e->below = oldest->below;
    e->above = head;
    p->entries[e->below].above = slot;
    oldest->below = slot;
}

void *pairing_begin(struct pairing *p, const struct pairing_key *key, int64_t time_ns)
{
    uint64_t hash = key_hash(key);
    uint32_t head = find(p, key, hash);
    if (head != PAIRING_NONE && p->config.duplicates == PAIRING_IGNORE) {
        p->counts.replaced++;
        return NULL;
    }
    if (head != PAIRING_NONE && p->config.duplicates == PAIRING_REPLACE) {
        p->counts.replaced++;
        abandon(p, head, time_ns);
        head = PAIRING_NONE;
    }
    /* The order is by begin even when a clock goes back a little. */
    if (p->newest != PAIRING_NONE && p->entries[p->newest].begin_ns > time_ns)
        time_ns = p->entries[p->newest].begin_ns;
    uint32_t slot = take_slot(p, time_ns);
    if (slot == PAIRING_NONE)
        return NULL;
    if (p->config.evict)
        head = find(p, key, hash); /* it may be what was evicted */
    struct pending *e = &p->entries[slot];
    e->begin_ns = time_ns;
    e->hash = hash;
    e->timed_out = false;
    e->in_use = true;
    e->key = *key;
    link_entry(p, slot, head);
    p->counts.begun++;
    return pairing_data(p, e);
}

static void end_one(struct pairing *p, uint32_t slot, int64_t time_ns, const void *end_context)
{
    struct pending *e = &p->entries[slot];
    if (e->begin_ns < p->loss_end_ns) {
        p->counts.suspect++;
        abandon(p, slot, time_ns);
        return;
    }
    if (time_ns < e->begin_ns) {
        p->counts.backwards++;
        abandon(p, slot, time_ns);
        return;
    }
    p->counts.ended++;
    p->ops->ended(p->self, e, time_ns, end_context);
    release(p, slot);
}

void pairing_end(struct pairing *p, const struct pairing_key *key, int64_t time_ns, const void *end_context)
{
    uint64_t hash = key_hash(key);
    uint32_t head = find(p, key, hash);
    if (head == PAIRING_NONE) {
        p->counts.unmatched++;
        return;
    }
    switch (p->config.duplicates) {
    case PAIRING_NEWEST:
        end_one(p, p->entries[head].below, time_ns, end_context);
        break;
    case PAIRING_ALL:
        while (head != PAIRING_NONE) {
            uint32_t next = p->entries[head].above;
            bool last = next == head;
            end_one(p, head, time_ns, end_context);
            head = last ? PAIRING_NONE : next;
        }
        break;
    default:
        end_one(p, head, time_ns, end_context);
        break;
    }
}

static void run_timeouts(struct pairing *p, int64_t now_ns)
{
    while (p->next_timeout != PAIRING_NONE) {
        struct pending *e = &p->entries[p->next_timeout];
        int64_t deadline_ns = e->begin_ns + p->config.timeout_ns;
        if (deadline_ns >= now_ns)
            return;
        p->next_timeout = e->newer;
        if (e->begin_ns < p->loss_end_ns)
            continue; /* its end may be what was lost: nothing is certain about it */
        e->timed_out = true;
        p->counts.timed_out++;
        p->ops->timed_out(p->self, e, deadline_ns);
    }
}

void pairing_advance(struct pairing *p, int64_t now_ns)
{
    if (p->config.timeout_ns > 0)
        run_timeouts(p, now_ns);
    while (p->config.collect_ns > 0 && p->oldest != PAIRING_NONE &&
           p->entries[p->oldest].begin_ns + p->config.collect_ns < now_ns) {
        struct pending *e = &p->entries[p->oldest];
        if (e->begin_ns < p->loss_end_ns)
            p->counts.suspect++;
        else
            p->counts.collected++;
        abandon(p, p->oldest, e->begin_ns + p->config.collect_ns);
    }
}

int64_t pairing_due(const struct pairing *p)
{
    int64_t due_ns = INT64_MAX;
    if (p->config.timeout_ns > 0 && p->next_timeout != PAIRING_NONE)
        due_ns = p->entries[p->next_timeout].begin_ns + p->config.timeout_ns;
    if (p->config.collect_ns > 0 && p->oldest != PAIRING_NONE &&
        p->entries[p->oldest].begin_ns + p->config.collect_ns < due_ns)
        due_ns = p->entries[p->oldest].begin_ns + p->config.collect_ns;
    return due_ns;
}

void pairing_lost(struct pairing *p, int64_t end_ns)
{
    if (end_ns > p->loss_end_ns)
        p->loss_end_ns = end_ns;
}
