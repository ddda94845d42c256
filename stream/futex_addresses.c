#include "stream/futex_addresses.h"
#include "base/bytes.h"
#include <stdlib.h>

enum { FIRST_PLACES = 64 };

void futex_addresses_init(struct futex_addresses *a, uint32_t most)
{
    *a = (struct futex_addresses){ .all = xcalloc(most, sizeof(*a->all)) };
    hash_index_init(&a->by_place, FIRST_PLACES);
}

void futex_addresses_done(struct futex_addresses *a)
{
    hash_index_done(&a->by_place);
    free(a->all);
}

static uint64_t place_hash(uint64_t process, uint64_t place)
{
    return hash_mix(hash_mix(HASH_START, process), place);
}

struct futex_address *futex_address_find(const struct futex_addresses *a, uint64_t process, uint64_t place)
{
    uint32_t at;
    uint64_t hash = place_hash(process, place);
    for (uint32_t i = hash_index_first(&a->by_place, hash, &at); i != HASH_NONE; i = hash_index_next(&a->by_place, hash, &at))
        if (a->all[i].process == process && a->all[i].place == place)
            return &a->all[i];
    return NULL;
}

static struct futex_address *add(struct futex_addresses *a, uint64_t process, uint64_t place)
{
    struct futex_address *address = a->free_list;
    if (address) {
        a->free_list = address->next;
    } else {
        address = &a->all[a->used];
        address->number = a->used++;
    }
    *address = (struct futex_address){ .process = process, .place = place, .number = address->number, .wake_ns = INT64_MIN, .waker_tid = -1 };
    hash_index_insert(&a->by_place, place_hash(process, place), address->number);
    return address;
}

struct futex_address *futex_address_wait(struct futex_addresses *a, uint64_t process, uint64_t place)
{
    struct futex_address *address = futex_address_find(a, process, place);
    if (!address)
        address = add(a, process, place);
    address->waiting++;
    return address;
}

void futex_address_leave(struct futex_addresses *a, struct futex_address *address)
{
    if (--address->waiting > 0)
        return;
    hash_index_remove(&a->by_place, place_hash(address->process, address->place), address->number);
    address->next = a->free_list;
    a->free_list = address;
}

void futex_addresses_forget(struct futex_addresses *a)
{
    hash_index_done(&a->by_place);
    hash_index_init(&a->by_place, FIRST_PLACES);
    a->free_list = NULL;
    a->used = 0;
    a->generation++;
}
