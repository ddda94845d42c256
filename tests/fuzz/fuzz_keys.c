/* Any text as a key file: what is taken is well-formed, what is refused leaves nothing. */
#include "base/keys.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct keys keys = { "", "" };
    struct error err;
    uint8_t raw[KEY_SIZE];
    int r = keys_parse((const char *)data, size, &keys, &err);
    if (r < 0 && (*keys.public_key || *keys.secret_key || !memchr(err.text, '\0', sizeof(err.text))))
        abort();
    if (r == 0 && (!keys_decode(keys.public_key, raw) || (*keys.secret_key && !keys_decode(keys.secret_key, raw))))
        abort();
    return 0;
}
