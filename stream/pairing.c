#include "stream/pairing.h"
#include "base/bytes.h"
#include "stream/pairing_inline.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

void pairing_init(struct pairing *p, const struct pairing_config *config, const struct pairing_ops *ops, void *self)
{
    assert(config->key_count >= 1 && config->key_count <= PAIRING_KEY_MAX);
    *p = (struct pairing){ .config = *config, .ops = ops, .self = self, .loss_end_ns = INT64_MIN };
    p->data_at = sizeof(struct pending) + config->key_count * sizeof(uint64_t);
    p->stride = (p->data_at + config->data_size + 15) & ~(size_t)15;
    p->entries = xcalloc(config->max_pending, p->stride);
    hash_index_init(&p->index, 64); /* grows with what is pending: small, it stays in the cache */
}

void pairing_done(struct pairing *p)
{
    free(p->entries);
    hash_index_done(&p->index);
    *p = (struct pairing){ 0 };
}

/* ---- what few begins and ends come to (pairing_inline.h) ---- */

/* Out of its ring. The index names the oldest of a key. */
static void release(struct pairing *p, struct pending *e)
{
    uint32_t at;
    if (pairing_find(p, e->key, e->hash, p->config.key_count, &at) == e) {
        hash_index_remove(&p->index, e->hash, e->slot);
        if (e->above != e)
            hash_index_insert(&p->index, e->hash, e->above->slot);
    }
    e->above->below = e->below;
    e->below->above = e->above;
    pairing_drop(p, e);
}

static void abandon(struct pairing *p, struct pending *e, int64_t time_ns)
{
    if (e->timed_out)
        p->ops->abandoned(p->self, e, time_ns);
    if (p->ops->dropped)
        p->ops->dropped(p->self, e);
    release(p, e);
}

/* A key that is pending already. False: the new one is ignored. */
static bool admit_duplicate(struct pairing *p, struct pending *head, int64_t time_ns)
{
    if (p->config.duplicates != PAIRING_IGNORE && p->config.duplicates != PAIRING_REPLACE)
        return true;
    p->counts.replaced++;
    if (p->config.duplicates == PAIRING_IGNORE)
        return false;
    abandon(p, head, time_ns);
    return true;
}

/* A full table: whether there is room now. */
static bool make_room(struct pairing *p, int64_t time_ns)
{
    if (!p->config.evict) {
        p->counts.skipped++;
        return false;
    }
    p->counts.evicted++;
    abandon(p, p->oldest, p->newest->begin_ns > time_ns ? p->newest->begin_ns : time_ns);
    return true;
}

void *pairing_begin_rarely(struct pairing *p, const uint64_t *key, uint64_t hash, struct pending *head, int64_t time_ns)
{
    uint32_t at;
    if (head && !admit_duplicate(p, head, time_ns))
        return NULL;
    if (p->count == p->config.max_pending && !make_room(p, time_ns))
        return NULL;
    head = pairing_find(p, key, hash, p->config.key_count, &at); /* it may be what has left */
    struct pending *e = pairing_take_entry(p);
    void *data = pairing_fill(p, e, key, p->config.key_count, hash, time_ns);
    if (!head) {
        hash_index_insert(&p->index, hash, e->slot);
        return data;
    }
    e->below = head->below;
    e->above = head;
    e->below->above = e;
    head->below = e;
    return data;
}

static void end_one(struct pairing *p, struct pending *e, int64_t time_ns, pairing_ended ended, const void *context)
{
    if (e->begin_ns >= p->loss_end_ns && time_ns >= e->begin_ns) {
        p->counts.ended++;
        ended(p->self, e, time_ns, context);
        release(p, e);
        return;
    }
    if (e->begin_ns < p->loss_end_ns)
        p->counts.suspect++;
    else
        p->counts.backwards++;
    abandon(p, e, time_ns);
}

void pairing_end_rarely(struct pairing *p, struct pending *head, int64_t time_ns, pairing_ended ended, const void *context)
{
    if (p->config.duplicates != PAIRING_ALL) {
        end_one(p, p->config.duplicates == PAIRING_NEWEST ? head->below : head, time_ns, ended, context);
        return;
    }
    for (bool last = false; !last;) {
        struct pending *next = head->above;
        last = next == head;
        end_one(p, head, time_ns, ended, context);
        head = next;
    }
}

void *pairing_begin(struct pairing *p, const uint64_t *key, int64_t time_ns)
{
    return pairing_begin_inline(p, key, p->config.key_count, time_ns);
}

void pairing_end(struct pairing *p, const uint64_t *key, int64_t time_ns, pairing_ended ended, const void *context)
{
    pairing_end_inline(p, key, p->config.key_count, time_ns, ended, context);
}

/* ---- as time goes on ---- */

static void run_timeouts(struct pairing *p, int64_t now_ns)
{
    while (p->next_timeout) {
        struct pending *e = p->next_timeout;
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
    while (p->config.collect_ns > 0 && p->oldest &&
           p->oldest->begin_ns + p->config.collect_ns < now_ns) {
        struct pending *e = p->oldest;
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
    if (p->config.timeout_ns > 0 && p->next_timeout)
        due_ns = p->next_timeout->begin_ns + p->config.timeout_ns;
    if (p->config.collect_ns > 0 && p->oldest &&
        p->oldest->begin_ns + p->config.collect_ns < due_ns)
        due_ns = p->oldest->begin_ns + p->config.collect_ns;
    return due_ns;
}

uint32_t pairing_forget(struct pairing *p, int64_t time_ns)
{
    uint32_t n = p->count;
    while (p->oldest)
        abandon(p, p->oldest, p->oldest->begin_ns > time_ns ? p->oldest->begin_ns : time_ns);
    return n;
}

void pairing_lost(struct pairing *p, int64_t end_ns)
{
    if (end_ns > p->loss_end_ns)
        p->loss_end_ns = end_ns;
}
