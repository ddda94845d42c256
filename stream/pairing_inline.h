/* pairing_inline.h - what the pairing engine does for each begin and each end, to be made part of its caller: a latency
 * is two of these for each operation, and the rest of it is not much more. n is the number of words of a key,
 * p->config.key_count: where it is known to be 1, the loops over it are none. */
#ifndef FT_STREAM_PAIRING_INLINE_H
#define FT_STREAM_PAIRING_INLINE_H
#include "stream/pairing.h"

#define PAIRING_INLINE static inline __attribute__((always_inline))

/* What few of them come to: a key that is pending already, a full table; an end of several, or one that is not trusted.
 * head: the oldest pending with the key, or NULL. */
void *pairing_begin_rarely(struct pairing *p, const uint64_t *key, uint64_t hash, struct pending *head, int64_t time_ns);
void pairing_end_rarely(struct pairing *p, struct pending *head, int64_t time_ns, pairing_ended ended, const void *context);

PAIRING_INLINE uint64_t pairing_key_hash(const uint64_t *key, uint32_t n)
{
    uint64_t hash = HASH_START;
    if (n == 1)
        return hash_spread(key[0]);
    for (uint32_t i = 0; i < n; i++)
        hash = hash_mix(hash, key[i]);
    return hash;
}

PAIRING_INLINE bool pairing_key_equal(const uint64_t *a, const uint64_t *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

PAIRING_INLINE struct pending *pairing_entry(const struct pairing *p, uint32_t slot)
{
    return (struct pending *)(void *)(p->entries + slot * p->stride);
}

/* The oldest pending with this key, or NULL; then at is where the index has room for it. */
PAIRING_INLINE struct pending *pairing_find(const struct pairing *p, const uint64_t *key, uint64_t hash, uint32_t n, uint32_t *ret_at)
{
    for (uint32_t s = hash_index_first(&p->index, hash, ret_at); s != HASH_NONE; s = hash_index_next(&p->index, hash, ret_at)) {
        struct pending *e = pairing_entry(p, s);
        if (pairing_key_equal(e->key, key, n))
            return e;
    }
    return NULL;
}

PAIRING_INLINE struct pending *pairing_take_entry(struct pairing *p)
{
    struct pending *e = p->free_list;
    if (e) {
        p->free_list = e->newer;
    } else {
        e = pairing_entry(p, p->used);
        e->slot = p->used++;
    }
    p->count++;
    return e;
}

/* A new entry, last in the order and alone in its ring. */
PAIRING_INLINE void *pairing_fill(struct pairing *p, struct pending *e, const uint64_t *key, uint32_t n, uint64_t hash, int64_t time_ns)
{
    struct pending *before = p->newest;
    *(before ? &before->newer : &p->oldest) = e;
    /* The order is by begin even when a clock goes back a little. */
    e->begin_ns = before && before->begin_ns > time_ns ? before->begin_ns : time_ns;
    e->hash = hash;
    e->older = before;
    e->newer = NULL;
    e->above = e->below = e;
    e->timed_out = false;
    for (uint32_t i = 0; i < n; i++)
        e->key[i] = key[i];
    p->newest = e;
    if (!p->next_timeout)
        p->next_timeout = e;
    p->counts.begun++;
    return pairing_data(p, e);
}

PAIRING_INLINE void *pairing_begin_inline(struct pairing *p, const uint64_t *key, uint32_t n, int64_t time_ns)
{
    uint32_t at;
    uint64_t hash = pairing_key_hash(key, n);
    struct pending *head = pairing_find(p, key, hash, n, &at);
    if (head || p->count == p->config.max_pending)
        return pairing_begin_rarely(p, key, hash, head, time_ns);
    struct pending *e = pairing_take_entry(p);
    hash_index_insert_at(&p->index, hash, e->slot, at);
    return pairing_fill(p, e, key, n, hash, time_ns);
}

/* Out of the order, and free. */
PAIRING_INLINE void pairing_drop(struct pairing *p, struct pending *e)
{
    *(e->older ? &e->older->newer : &p->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &p->newest) = e->older;
    if (p->next_timeout == e)
        p->next_timeout = e->newer;
    e->newer = p->free_list;
    p->free_list = e;
    p->count--;
}

PAIRING_INLINE void pairing_end_inline(struct pairing *p, const uint64_t *key, uint32_t n, int64_t time_ns, pairing_ended ended, const void *context)
{
    uint32_t at;
    struct pending *e = pairing_find(p, key, pairing_key_hash(key, n), n, &at);
    if (!e) {
        p->counts.unmatched++;
        return;
    }
    if (e->above != e || e->begin_ns < p->loss_end_ns || time_ns < e->begin_ns) {
        pairing_end_rarely(p, e, time_ns, ended, context);
        return;
    }
    p->counts.ended++;
    ended(p->self, e, time_ns, context);
    hash_index_remove(&p->index, e->hash, e->slot);
    pairing_drop(p, e);
}

#endif
