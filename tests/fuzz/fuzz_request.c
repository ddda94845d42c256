/* A replay socket: any bytes as a request; what is accepted encodes and decodes again to the same. */
#include "alerts/replay.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bytes b;
    struct replay_request q, again;
    char text[256], where[REPLAY_ENDPOINT_MAX];
    if (size < sizeof(text)) {
        memcpy(text, data, size);
        text[size] = '\0';
        replay_endpoint(text, where, sizeof(where));
    }
    if (!replay_request_get(data, size, &q))
        return 0;
    if (!q.firing && (q.first == 0 || q.first > q.last))
        abort();
    bytes_reset(&b);
    replay_request_put(&b, &q);
    if (!replay_request_get(b.data, b.size, &again) || again.firing != q.firing || again.first != q.first ||
        again.last != q.last || again.epoch != q.epoch || again.number != q.number)
        abort();
    return 0;
}
