/* futex_addresses.h - the addresses at which threads wait, how many do, and who woke them last. */
#ifndef FT_STREAM_FUTEX_ADDRESSES_H
#define FT_STREAM_FUTEX_ADDRESSES_H
#include "base/hash.h"
#include "stream/kernel.h"

/* One at which at least one thread waits. */
struct futex_address {
    uint64_t process, place;
    uint32_t number, waiting;
    struct futex_address *next; /* of the free ones */
    int64_t wake_ns;            /* of the latest wake of it; INT64_MIN: none */
    int32_t waker_tid;
    uint32_t waker_size;
    char waker[COMM_MAX];
};

struct futex_addresses {
    struct futex_address *all, *free_list;
    uint32_t used;
    uint32_t generation; /* a loss makes a new one: pointers that were kept before are stale */
    struct hash_index by_place;
};

/* No more than `most` waits are pending at a time, so there is always an address for one. */
void futex_addresses_init(struct futex_addresses *a, uint32_t most);
void futex_addresses_done(struct futex_addresses *a);
/* NULL: nobody waits there. */
struct futex_address *futex_address_find(const struct futex_addresses *a, uint64_t process, uint64_t place);
/* One more waits there; returns its address, made if needed. */
struct futex_address *futex_address_wait(struct futex_addresses *a, uint64_t process, uint64_t place);
/* One less; without any it is forgotten. */
void futex_address_leave(struct futex_addresses *a, struct futex_address *address);
/* Nobody is known to wait. */
void futex_addresses_forget(struct futex_addresses *a);

#endif
