/* raw.h - plain bytes in a snapshot, with their length before them. */
#ifndef FT_DETECTORS_RAW_H
#define FT_DETECTORS_RAW_H
#include "base/bytes.h"
#include "base/wire.h"

static inline void raw_put(struct bytes *b, const void *data, size_t size)
{
    wire_put_uint(b, size);
    bytes_append(b, data, size);
}

/* Not aligned. The reader fails when it has not so many. */
static inline const uint8_t *raw_get(struct wire_reader *r, size_t *ret_size)
{
    uint64_t size = wire_get_uint(r);
    const uint8_t *at = r->at;
    if (!wire_ok(r) || size > (uint64_t)(r->end - r->at)) {
        r->failed = true;
        size = 0;
    }
    r->at += size;
    *ret_size = (size_t)size;
    return at;
}

#endif
