/* had.h - what was had of each source, so that a collector which was killed may tell some of it again: in its next life it
 * makes everything anew of which it had not heard that it arrived. Within one life nothing is ever taken for told again. */
#ifndef FT_DETECTORS_HAD_H
#define FT_DETECTORS_HAD_H
#include "base/bytes.h"
#include "base/wire.h"
#include <stdbool.h>
#include <stdint.h>

enum { HAD_SOURCES_MAX = 1024, HAD_LOSSES_MAX = 256 };

/* What is older than this is another clock's, and no repetition. */
#define HAD_AGAIN_NS INT64_C(86400000000000)

/* Of one source, as one sender tells it. In order of event time. */
struct had_source {
    uint64_t source;           /* a hash */
    uint32_t sender;
    int64_t end_ns;            /* of the last window that was whole */
    int64_t part_end_ns;       /* of the window that is under way */
    uint64_t parts;            /* samples of it so far */
    int64_t told_ns;           /* of the last operation that was told */
    uint64_t told_id;
    /* As it was when the sender began anew: up to there it may tell it again. */
    int64_t again_end_ns, again_told_ns;
    uint64_t again_id;
    uint64_t again_parts;      /* of the window part_end_ns, still to come */
};

struct had {
    struct had_source sources[HAD_SOURCES_MAX];
    uint32_t count, next, found;
    uint64_t losses[HAD_LOSSES_MAX];
    uint32_t next_loss;
};

void had_init(struct had *h);
/* The sender begins another life. */
void had_began(struct had *h, uint32_t sender);
/* A window, or a part of it, comes. True: it was had. */
bool had_window(struct had *h, uint64_t source, uint32_t sender, int64_t end_ns);
/* One more sample of it, after had_window(). True: it was had. */
bool had_sample(struct had *h, uint64_t source, uint32_t sender);
/* That was its last one. */
void had_whole(struct had *h, uint64_t source, uint32_t sender, int64_t end_ns);
/* An operation of that time comes, which has that id. True: it was had. */
bool had_operation(struct had *h, uint64_t source, uint32_t sender, int64_t time_ns, uint64_t id);
/* A loss comes: those that were had are known by their ids. */
bool had_loss(struct had *h, uint64_t id);

void had_save(const struct had *h, struct bytes *b);
void had_load(struct had *h, struct wire_reader *r);

#endif
