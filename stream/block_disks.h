/* block_disks.h - the disks that requests go to: their names, and how many requests are in flight to each. */
#ifndef FT_STREAM_BLOCK_DISKS_H
#define FT_STREAM_BLOCK_DISKS_H
#include "stream/block_fields.h"
#include "stream/kernel.h"

enum { BLOCK_DISKS_MAX = 1024, BLOCK_DEV_TEXT = 24 };

struct block_disk {
    uint64_t dev;
    char number[BLOCK_DEV_TEXT]; /* "254:16" */
    uint32_t in_flight[BLOCK_DIRECTIONS];
    int64_t since_ns;            /* so many; event time */
};

struct block_disks {
    struct stream *stream;
    struct kernel *kernel;
    struct observer *mean, *depth; /* fields of both: name, number; of mean: direction */
    struct block_disk *disks;      /* they stay where they are */
    uint32_t count;
    struct block_disk other;       /* all beyond BLOCK_DISKS_MAX; its dev says nothing */
    uint64_t refused;              /* events of those */
};

/* mean is of MEASURE_SHARE: requests in flight times ns; depth of MEASURE_STATE: each number of requests in flight. */
void block_disks_init(struct block_disks *d, struct stream *stream, struct kernel *kernel, struct observer *mean, struct observer *depth);
void block_disks_done(struct block_disks *d);
/* Made on first use. */
struct block_disk *block_disk(struct block_disks *d, uint64_t dev);
/* As the statedump has it, else the number. */
struct value block_disk_name(const struct block_disks *d, const struct block_disk *disk);
/* One more (1) or one less (-1) is in flight. */
void block_disk_fly(struct block_disks *d, struct block_disk *disk, enum block_direction direction, int change, int64_t now_ns);
/* What is in flight was so up to now: at a window's end. */
void block_disks_account(struct block_disks *d, int64_t now_ns);
/* From now on it is not known to be. */
void block_disks_forget(struct block_disks *d, int64_t now_ns);

#endif
