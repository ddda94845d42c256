/* seen_ids.h - the ids of the latest verdicts, so that one which comes again, from a
 * detect stage that had to begin anew, is known. Bounded; the oldest is forgotten. */
#ifndef FT_ALERTS_SEEN_IDS_H
#define FT_ALERTS_SEEN_IDS_H
#include "base/bytes.h"
#include "base/hash.h"
#include "base/wire.h"

enum { SEEN_IDS_MAX = 1 << 15 };

struct seen_ids {
    uint64_t *ids; /* a ring */
    uint32_t count, next;
    struct hash_index index;
};

void seen_ids_init(struct seen_ids *seen);
void seen_ids_done(struct seen_ids *seen);
/* True when it is new, and then remembered. */
bool seen_ids_add(struct seen_ids *seen, uint64_t id);
void seen_ids_save(const struct seen_ids *seen, struct bytes *b);
bool seen_ids_load(struct seen_ids *seen, struct wire_reader *r);

#endif
