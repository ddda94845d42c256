#include "collector/ctf_metadata.h"
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* (CTF 1.8.3, section 7.1.) 37 bytes, packed. */
enum { SIGNATURE_LINE = 32, PACKET_HEADER = 37, UUID = 4, UUID_SIZE = 16, CONTENT_SIZE = 24, PACKET_SIZE = 28, SCHEMES = 32, VERSION = 35 };
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
    if (get_u32(data, big) != magic)
        return error_set(err, -EINVAL, "metadata: a packet of it has no header");
    uint32_t content_bits = get_u32(data + CONTENT_SIZE, big), packet_bits = get_u32(data + PACKET_SIZE, big);
    uint32_t content = content_bits / 8, packet = packet_bits / 8;
    if (data[SCHEMES] || data[SCHEMES + 1] || data[SCHEMES + 2])
        return error_set(err, -ENOTSUP, "metadata: compressed, encrypted or with checksums: that is not understood");
    if (data[VERSION] != 1 || data[VERSION + 1] != 8)
        return error_set(err, -ENOTSUP, "metadata: CTF %u.%u: only CTF 1.8 is understood", data[VERSION], data[VERSION + 1]);
    if (content_bits % 8 != 0 || packet_bits % 8 != 0)
        return error_set(err, -EINVAL, "metadata: a packet of it says %u bits of %u: that is no number of bytes", content_bits, packet_bits);
    if (content < PACKET_HEADER || content > packet || packet > size)
        return error_set(err, -EINVAL, "metadata: a packet of it says %u bytes of %u, and %zu are there", content, packet, size);
    bytes_append(text, data + PACKET_HEADER, content - PACKET_HEADER);
    *ret_size = packet;
    return 0;
}

/* A comment that names the version: text may say so before anything else. What does not is judged by its trace block. */
static int check_signature(const uint8_t *data, size_t size, struct error *err)
{
    static const char mark[] = "/* CTF ";
    char line[SIGNATURE_LINE] = "";
    unsigned major, minor;
    memcpy(line, data, size < sizeof(line) - 1 ? size : sizeof(line) - 1);
    if (sscanf(line, "/* CTF %10u.%10u", &major, &minor) == 2 ? major == 1 && minor == 8 : strncmp(line, mark, strlen(mark)) != 0)
        return 0;
    return error_set(err, -ENOTSUP, "metadata: it begins with '%.*s': only CTF 1.8 is understood", (int)strcspn(line, "\r\n"), line);
}

int ctf_metadata_text(const void *data, size_t size, struct bytes *text, struct error *err)
{
    const uint8_t *at = data;
    bool big = false;
    size_t packet = 0;
    if (size > 0 && at[0] == 0x1e)
        return error_set(err, -ENOTSUP, "metadata: this is CTF 2, which is not understood; record with `lttng create --trace-format=ctf-1.8`");
    if (!is_packed(at, size, &big)) {
        int r = check_signature(at, size, err);
        if (r == 0)
            bytes_append(text, data, size);
        return r;
    }
    /* What is shorter than a header is a packet that was being written. */
    while (size >= PACKET_HEADER) {
        int r = take_packet(at, size, big, text, &packet, err);
        if (r < 0)
            return r;
        if (memcmp(at + UUID, (const uint8_t *)data + UUID, UUID_SIZE) != 0)
            return error_set(err, -EINVAL, "metadata: its packets are of different traces");
        at += packet;
        size -= packet;
    }
    return 0;
}

size_t ctf_metadata_whole(const void *data, size_t size, bool *ret_packed)
{
    const uint8_t *at = data;
    size_t whole = 0;
    bool big = false;
    *ret_packed = size < sizeof(magic) || is_packed(at, size, &big);
    if (!*ret_packed)
        return size >= SIGNATURE_LINE || memchr(data, '\n', size) ? size : 0;
    while (size - whole >= PACKET_HEADER) {
        size_t packet = get_u32(at + whole + PACKET_SIZE, big) / 8;
        if (packet < PACKET_HEADER) /* ctf_metadata_text() says what is wrong */
            return size;
        if (packet > size - whole)
            break;
        whole += packet;
    }
    return whole;
}
