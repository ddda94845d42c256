/* What is left of a history on disk: any bytes. What loads saves and loads again to
 * the same, in ascending order; what does not leaves nothing. */
#include "alerts/history.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bytes once, twice;
    struct history_entry e;
    struct history *h = history_new(8, 1 << 16);
    bool loaded = history_load(h, data, size);
    uint64_t after = 0;
    while (history_next(h, after, &e)) {
        if (!loaded || e.sequence <= after || e.sequence > history_newest(h))
            abort();
        after = e.sequence;
    }
    bytes_reset(&once);
    bytes_reset(&twice);
    history_save(h, &once);
    if (!history_load(h, once.data, once.size))
        abort();
    history_save(h, &twice);
    if (once.size != twice.size || memcmp(once.data, twice.data, once.size) != 0)
        abort();
    history_free(h);
    return 0;
}
