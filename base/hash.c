#include "base/hash.h"
#include "base/bytes.h"
#include <assert.h>
#include <stdlib.h>

static struct hash_cell *new_cells(uint32_t count)
{
    struct hash_cell *cells = xcalloc(count, sizeof(*cells));
    for (uint32_t i = 0; i < count; i++)
        cells[i].slot = HASH_NONE;
    return cells;
}

void hash_index_init(struct hash_index *ix, uint32_t expected)
{
    uint32_t cells = 16;
    while (cells / 4 * 3 < expected && cells < UINT32_C(1) << 31)
        cells *= 2;
    *ix = (struct hash_index){ .cells = new_cells(cells), .mask = cells - 1, .limit = cells / 4 * 3 };
}

void hash_index_done(struct hash_index *ix)
{
    free(ix->cells);
    *ix = (struct hash_index){ 0 };
}

void hash_index_clear(struct hash_index *ix)
{
    for (uint32_t i = 0; i <= ix->mask; i++)
        ix->cells[i].slot = HASH_NONE;
    ix->count = 0;
}

void hash_index_grow(struct hash_index *ix)
{
    uint32_t cells = (ix->mask + 1) * 2;
    struct hash_index bigger = { .cells = new_cells(cells), .mask = cells - 1, .limit = cells / 4 * 3 };
    for (uint32_t i = 0; i <= ix->mask; i++)
        if (ix->cells[i].slot != HASH_NONE)
            hash_index_insert(&bigger, ix->cells[i].hash, ix->cells[i].slot);
    free(ix->cells);
    *ix = bigger;
}

void hash_index_remove_shifting(struct hash_index *ix, uint64_t hash, uint32_t slot)
{
    uint32_t hole = (uint32_t)hash & ix->mask;
    while (ix->cells[hole].slot != slot) {
        assert(ix->cells[hole].slot != HASH_NONE);
        hole = (hole + 1) & ix->mask;
    }
    /* Pull back every later cell of the run that may live at the hole. */
    for (uint32_t at = (hole + 1) & ix->mask; ix->cells[at].slot != HASH_NONE; at = (at + 1) & ix->mask) {
        uint32_t home = ix->cells[at].hash & ix->mask;
        if (((at - home) & ix->mask) >= ((at - hole) & ix->mask)) {
            ix->cells[hole] = ix->cells[at];
            hole = at;
        }
    }
    ix->cells[hole].slot = HASH_NONE;
    ix->count--;
}
