#include "stream/block_disks.h"
#include "base/bytes.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

void block_disks_init(struct block_disks *d, struct stream *stream, struct kernel *kernel, struct observer *mean, struct observer *depth)
{
    *d = (struct block_disks){ .stream = stream, .kernel = kernel, .mean = mean, .depth = depth };
    d->disks = xcalloc(BLOCK_DISKS_MAX, sizeof(*d->disks));
    text_copy(d->other.number, sizeof(d->other.number), "(other)");
}

void block_disks_done(struct block_disks *d)
{
    free(d->disks);
}

struct block_disk *block_disk(struct block_disks *d, uint64_t dev)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->disks[i].dev == dev)
            return &d->disks[i];
    if (d->count == BLOCK_DISKS_MAX) {
        d->refused++;
        return &d->other;
    }
    struct block_disk *disk = &d->disks[d->count++];
    disk->dev = dev;
    block_dev_text(disk->number, sizeof(disk->number), dev);
    return disk;
}

struct value block_disk_name(const struct block_disks *d, const struct block_disk *disk)
{
    const char *name = disk == &d->other ? NULL : kernel_disk(d->kernel, disk->dev);
    return value_of_text(name ? name : disk->number);
}

static void account(struct block_disks *d, struct block_disk *disk, int64_t now_ns)
{
    int64_t begin_ns, end_ns;
    stream_span(d->stream, &begin_ns, &end_ns);
    if (disk->since_ns > begin_ns)
        begin_ns = disk->since_ns;
    disk->since_ns = now_ns;
    if (now_ns <= begin_ns)
        return;
    for (uint32_t i = 0; i < BLOCK_DIRECTIONS; i++) {
        if (disk->in_flight[i] == 0)
            continue;
        struct value fields[] = { block_disk_name(d, disk), value_of_text(disk->number), value_of_text(block_direction_name((enum block_direction)i)) };
        observe(d->mean, &(struct observed){ begin_ns, now_ns, (now_ns - begin_ns) * disk->in_flight[i], fields });
    }
}

void block_disk_fly(struct block_disks *d, struct block_disk *disk, enum block_direction direction, int change, int64_t now_ns)
{
    int64_t all = 0;
    account(d, disk, now_ns);
    if (change > 0 || disk->in_flight[direction] > 0)
        disk->in_flight[direction] += (uint32_t)change;
    for (uint32_t i = 0; i < BLOCK_DIRECTIONS; i++)
        all += disk->in_flight[i];
    struct value fields[] = { block_disk_name(d, disk), value_of_text(disk->number) };
    observe(d->depth, &(struct observed){ now_ns, now_ns, all, fields });
}

void block_disks_account(struct block_disks *d, int64_t now_ns)
{
    for (uint32_t i = 0; i < d->count; i++)
        account(d, &d->disks[i], now_ns);
    account(d, &d->other, now_ns);
}

void block_disks_forget(struct block_disks *d, int64_t now_ns)
{
    block_disks_account(d, now_ns);
    for (uint32_t i = 0; i < d->count; i++)
        memset(d->disks[i].in_flight, 0, sizeof(d->disks[i].in_flight));
    memset(d->other.in_flight, 0, sizeof(d->other.in_flight));
}
