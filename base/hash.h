/* hash.h - hashing of bytes, and an open-addressing index from hashes to slot
 * numbers of an array that the caller keeps. */
#ifndef FT_BASE_HASH_H
#define FT_BASE_HASH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* FNV-1a, 64 bits: what goes on the wire as an identity (docs/wire.md). Start
 * with HASH_START and feed pieces. (Fowler, Noll, Vo; isthe.com/chongo/tech/comp/fnv) */
#define HASH_START UINT64_C(0xcbf29ce484222325)
static inline uint64_t hash_fnv(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Fast mixing of words, for tables within one process (murmur3's finaliser). */
static inline uint64_t hash_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ (hash >> 29);
}

/* One word to the low 32 bits that an index uses: its upper half is what multiplication mixed best. */
static inline uint64_t hash_spread(uint64_t word)
{
    word *= UINT64_C(0x9e3779b97f4a7c15);
    return word ^ (word >> 32);
}

static inline uint64_t hash_bytes(const void *data, size_t size)
{
    const unsigned char *p = data;
    uint64_t hash = hash_mix(HASH_START, size), word;
    for (; size >= sizeof(word); size -= sizeof(word), p += sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        hash = hash_mix(hash, word);
    }
    word = 0;
    memcpy(&word, p, size);
    return hash_mix(hash, word);
}

/* Linear probing, a power of two of cells, at most 3/4 full; deletion shifts
 * back, so there are no tombstones and a table may live for ever. */
struct hash_cell {
    uint32_t hash;
    uint32_t slot; /* HASH_NONE: empty */
};

#define HASH_NONE UINT32_MAX

struct hash_index {
    struct hash_cell *cells;
    uint32_t mask, count, limit; /* limit: grows beyond */
};

void hash_index_init(struct hash_index *ix, uint32_t expected);
void hash_index_done(struct hash_index *ix);
void hash_index_clear(struct hash_index *ix);
void hash_index_grow(struct hash_index *ix);
/* Of a cell that others were pushed away by, or that was pushed away. */
void hash_index_remove_shifting(struct hash_index *ix, uint64_t hash, uint32_t slot);

/* The pair must be there. */
static inline void hash_index_remove(struct hash_index *ix, uint64_t hash, uint32_t slot)
{
    uint32_t at = (uint32_t)hash & ix->mask;
    if (ix->cells[at].slot != slot || ix->cells[(at + 1) & ix->mask].slot != HASH_NONE) {
        hash_index_remove_shifting(ix, hash, slot);
        return;
    }
    ix->cells[at].slot = HASH_NONE;
    ix->count--;
}

/* At the empty cell where hash_index_first() or _next() ended. */
static inline void hash_index_insert_at(struct hash_index *ix, uint64_t hash, uint32_t slot, uint32_t at);

/* Grows (allocates) when more than 3/4 full. */
static inline void hash_index_insert(struct hash_index *ix, uint64_t hash, uint32_t slot)
{
    if (ix->count >= ix->limit)
        hash_index_grow(ix);
    uint32_t at = (uint32_t)hash & ix->mask;
    while (ix->cells[at].slot != HASH_NONE)
        at = (at + 1) & ix->mask;
    ix->cells[at] = (struct hash_cell){ .hash = (uint32_t)hash, .slot = slot };
    ix->count++;
}

/* Visits the slots filed under a hash; the caller compares keys:
 *   uint32_t at;
 *   for (uint32_t s = hash_index_first(ix, h, &at); s != HASH_NONE; s = hash_index_next(ix, h, &at)) */
static inline uint32_t hash_index_next(const struct hash_index *ix, uint64_t hash, uint32_t *at)
{
    for (;; (*at)++) {
        const struct hash_cell *c = &ix->cells[*at & ix->mask];
        if (c->slot == HASH_NONE)
            return HASH_NONE;
        if (c->hash == (uint32_t)hash) {
            (*at)++;
            return c->slot;
        }
    }
}

static inline uint32_t hash_index_first(const struct hash_index *ix, uint64_t hash, uint32_t *at)
{
    *at = (uint32_t)hash & ix->mask;
    return hash_index_next(ix, hash, at);
}

static inline void hash_index_insert_at(struct hash_index *ix, uint64_t hash, uint32_t slot, uint32_t at)
{
    if (ix->count >= ix->limit) {
        hash_index_insert(ix, hash, slot);
        return;
    }
    struct hash_cell *c = &ix->cells[at & ix->mask];
    c->hash = (uint32_t)hash;
    c->slot = slot;
    ix->count++;
}

#endif
