#include "stream/block_fields.h"
#include "base/text.h"
#include <inttypes.h>

/* lttng-modules' bits of rwbs (instrumentation/events/block.h). */
enum { RWBS_WRITE = 1 << 0, RWBS_DISCARD = 1 << 1, RWBS_READ = 1 << 2, RWBS_SECURE = 1 << 7, RWBS_FLUSH = 1 << 8, RWBS_PREFLUSH = 1 << 10 };

/* The kernel's own text, as in "WS", "FWS", "D": a flush stands before what is written behind it. */
static uint64_t bits_of_text(const struct value *v)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < v->size; i++)
        bits |= v->text[i] == 'W' ? RWBS_WRITE : v->text[i] == 'R' ? RWBS_READ : v->text[i] == 'D' ? RWBS_DISCARD : v->text[i] == 'F' ? RWBS_FLUSH : 0;
    return bits;
}

static enum block_direction direction_of(uint64_t bits, uint32_t sectors)
{
    if (sectors == 0)
        return bits & (RWBS_FLUSH | RWBS_PREFLUSH) ? BLOCK_FLUSH : BLOCK_OTHER;
    if (bits & (RWBS_DISCARD | RWBS_SECURE))
        return BLOCK_DISCARD;
    return bits & RWBS_WRITE ? BLOCK_WRITE : bits & RWBS_READ ? BLOCK_READ : BLOCK_OTHER;
}

struct block_event block_event(const struct kernel_place *p, const struct event *event)
{
    struct value rwbs = place_value(p, event, BLOCK_AT_RWBS);
    struct block_event e = { .dev = (uint64_t)place_int(p, event, BLOCK_AT_DEV, 0), .sector = (uint64_t)place_int(p, event, BLOCK_AT_SECTOR, 0) };
    e.sectors = (uint32_t)place_int(p, event, BLOCK_AT_SECTORS, 0);
    e.error = place_int(p, event, BLOCK_AT_ERROR, 0);
    e.direction = direction_of(rwbs.kind == VALUE_TEXT ? bits_of_text(&rwbs) : rwbs.kind == VALUE_NONE ? 0 : rwbs.u, e.sectors);
    e.counts = e.sectors > 0 || e.direction == BLOCK_FLUSH;
    if (e.direction == BLOCK_FLUSH)
        e.sector = UINT64_MAX; /* issue says 0, complete -1 */
    return e;
}

const char *block_direction_name(enum block_direction direction)
{
    static const char *const names[] = { "other", "read", "write", "discard", "flush" };
    return names[direction];
}

/* The kernel's numbers have 20 bits of minor. There is no disk of major 0, so a small one is of the older layout of 8 and 8. */
void block_dev_text(char *buffer, size_t capacity, uint64_t dev)
{
    struct text_out out = text_out_init(buffer, capacity);
    if (dev >> 20)
        text_printf(&out, "%" PRIu64 ":%" PRIu64, dev >> 20, dev & 0xfffff);
    else
        text_printf(&out, "%" PRIu64 ":%" PRIu64, dev >> 8, dev & 0xff);
}
