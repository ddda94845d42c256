/* block_fields.h - what the block layer's events say, whichever kernel and tracer wrote them. */
#ifndef FT_STREAM_BLOCK_FIELDS_H
#define FT_STREAM_BLOCK_FIELDS_H
#include "stream/kernel_hooks.h"

enum { BLOCK_SECTOR_BYTES = 512 };

/* Fields of a hook, by number. */
#define BLOCK_FIELDS "dev", "sector", "nr_sector", "rwbs", "error|errors", "payload.tid", "comm"
enum { BLOCK_AT_DEV, BLOCK_AT_SECTOR, BLOCK_AT_SECTORS, BLOCK_AT_RWBS, BLOCK_AT_ERROR, BLOCK_AT_TID, BLOCK_AT_COMM };

enum block_direction { BLOCK_OTHER, BLOCK_READ, BLOCK_WRITE, BLOCK_DISCARD, BLOCK_FLUSH, BLOCK_DIRECTIONS };

struct block_event {
    uint64_t dev, sector; /* of a flush, which has none, UINT64_MAX */
    uint32_t sectors;
    int64_t error;        /* 0: none */
    enum block_direction direction;
    bool counts;          /* false: neither transfers anything nor flushes, as commands to the drive */
};

struct block_event block_event(const struct kernel_place *p, const struct event *event);
const char *block_direction_name(enum block_direction direction);
/* "254:16", major and minor number. */
void block_dev_text(char *buffer, size_t capacity, uint64_t dev);

#endif
