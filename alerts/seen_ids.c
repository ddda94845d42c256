#include "alerts/seen_ids.h"
#include <stdlib.h>

void seen_ids_init(struct seen_ids *seen)
{
    *seen = (struct seen_ids){ .ids = xcalloc(SEEN_IDS_MAX, sizeof(uint64_t)) };
    hash_index_init(&seen->index, SEEN_IDS_MAX);
}

void seen_ids_done(struct seen_ids *seen)
{
    free(seen->ids);
    hash_index_done(&seen->index);
}

bool seen_ids_add(struct seen_ids *seen, uint64_t id)
{
    uint64_t hash = hash_mix(HASH_START, id);
    uint32_t at;
    for (uint32_t s = hash_index_first(&seen->index, hash, &at); s != HASH_NONE; s = hash_index_next(&seen->index, hash, &at))
        if (seen->ids[s] == id)
            return false;
    if (seen->count == SEEN_IDS_MAX)
        hash_index_remove(&seen->index, hash_mix(HASH_START, seen->ids[seen->next]), seen->next);
    else
        seen->count++;
    seen->ids[seen->next] = id;
    hash_index_insert(&seen->index, hash, seen->next);
    seen->next = (seen->next + 1) % SEEN_IDS_MAX;
    return true;
}

/* Oldest first. */
void seen_ids_save(const struct seen_ids *seen, struct bytes *b)
{
    wire_put_array(b, seen->count);
    for (uint32_t i = 0; i < seen->count; i++)
        wire_put_uint(b, seen->ids[(seen->next + SEEN_IDS_MAX - seen->count + i) % SEEN_IDS_MAX]);
}

bool seen_ids_load(struct seen_ids *seen, struct wire_reader *r)
{
    for (uint32_t i = 0, n = wire_get_array(r, SEEN_IDS_MAX); i < n && wire_ok(r); i++)
        seen_ids_add(seen, wire_get_uint(r));
    return wire_ok(r);
}
