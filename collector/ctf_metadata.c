#include "collector/ctf_metadata.h"
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* (CTF 1.8.3, section 7.1.) 37 bytes, packed. */
enum { PACKET_HEADER = 37, CONTENT_SIZE = 24, PACKET_SIZE = 28, SCHEMES = 32, VERSION = 35 };
static const uint32_t magic = 0x75D11D57;

static uint32_t get_u32(const uint8_t *at, bool big)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return big ? be32toh(value) : le32toh(value);
}

static bool is_packed(const uint8_t *data, size_t size, bool *ret_big)
{
    if (size < sizeof(magic))
        return false;
    *ret_big = get_u32(data, true) == magic;
    return *ret_big || get_u32(data, false) == magic;
}

static int take_packet(const uint8_t *data, size_t size, bool big, struct bytes *text, size_t *ret_size, struct error *err)
{
    if (size < PACKET_HEADER || get_u32(data, big) != magic)
        return error_set(err, -EINVAL, "metadata: a packet of it has no header");
    uint32_t content = get_u32(data + CONTENT_SIZE, big) / 8, packet = get_u32(data + PACKET_SIZE, big) / 8;
    if (data[SCHEMES] || data[SCHEMES + 1] || data[SCHEMES + 2])
        return error_set(err, -ENOTSUP, "metadata: compressed, encrypted or with checksums: that is not understood");
    if (data[VERSION] != 1 || data[VERSION + 1] != 8)
        return error_set(err, -ENOTSUP, "metadata: CTF %u.%u: only CTF 1.8 is understood", data[VERSION], data[VERSION + 1]);
    if (content < PACKET_HEADER || content > packet || packet > size)
        return error_set(err, -EINVAL, "metadata: a packet of it says %u bytes of %u, and %zu are there", content, packet, size);
    bytes_append(text, data + PACKET_HEADER, content - PACKET_HEADER);
    *ret_size = packet;
    return 0;
}

int ctf_metadata_text(const void *data, size_t size, struct bytes *text, struct error *err)
{
    const uint8_t *at = data;
    bool big = false;
    size_t packet = 0;
    if (size > 0 && at[0] == 0x1e)
        return error_set(err, -ENOTSUP, "metadata: this is CTF 2, which is not understood; record with `lttng create --trace-format=ctf-1.8`");
    if (!is_packed(at, size, &big)) {
        bytes_append(text, data, size);
        return 0;
    }
    while (size > 0) {
        int r = take_packet(at, size, big, text, &packet, err);
        if (r < 0)
            return r;
        at += packet;
        size -= packet;
    }
    return 0;
}
