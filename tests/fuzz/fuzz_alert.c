/* A subscriber: any bytes as an alert; what decodes encodes and decodes again to the same. */
#include "alerts/format.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct alert a, b;
    static struct bytes once, twice;
    static char text[ALERT_JSON_MAX];
    struct wire_reader r;
    struct wire_header h;
    if (!wire_open(&r, data, size, &h) || !alert_get(&r, &a))
        return 0;
    struct text_out out = text_out_init(text, sizeof(text));
    alert_format_text(&a, false, &out);
    bytes_reset(&once);
    bytes_reset(&twice);
    alert_put(&once, &a);
    r = wire_reader_init(once.data, once.size);
    if (!alert_get(&r, &b))
        abort();
    alert_put(&twice, &b);
    if (once.size != twice.size || memcmp(once.data, twice.data, once.size) != 0)
        abort();
    return 0;
}
