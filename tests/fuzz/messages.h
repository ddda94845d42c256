/* messages.h - an input as a sequence of messages, one value of msgpack after the
 * other: what one leaves behind, the next one meets. */
#ifndef FT_TESTS_MESSAGES_H
#define FT_TESTS_MESSAGES_H
#include "base/wire.h"

/* Bytes of the first message; all of them when it is none. */
static inline size_t message_size(const uint8_t *data, size_t size)
{
    struct wire_reader r = wire_reader_init(data, size);
    wire_skip(&r);
    return wire_ok(&r) && r.at > data ? (size_t)(r.at - data) : size;
}

#endif
