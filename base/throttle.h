/* throttle.h - how often one more refusal is worth a sentence: the first of each
 * address, then one a second for all of them together, with the number of those that were kept back.
 * Plain bytes, zeroed to begin with; the time is handed in. */
#ifndef FT_BASE_THROTTLE_H
#define FT_BASE_THROTTLE_H
#include <stdbool.h>
#include <stdint.h>

enum { THROTTLE_ADDRESSES = 32, ADDRESS_MAX = 64 };

struct throttle {
    char known[THROTTLE_ADDRESSES][ADDRESS_MAX]; /* once full, nobody is new any more */
    uint32_t known_count;
    int64_t next_ns;
    uint64_t withheld;
};

/* True when a sentence about this address should be said now; *ret_withheld is then the number of those kept back before it. */
bool throttle_pass(struct throttle *t, const char *address, int64_t now_ns, uint64_t *ret_withheld);
/* True when some were kept back and their number may be said now. */
bool throttle_due(struct throttle *t, int64_t now_ns, uint64_t *ret_withheld);

#endif
