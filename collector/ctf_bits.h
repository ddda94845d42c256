/* ctf_bits.h - reading integers of any size from any bit of a buffer. Bits of a little-endian
 * field are counted from the least significant bit of each byte, of a big-endian one from the most
 * significant. (CTF 1.8.3, section 4.1.5.) */
#ifndef FT_COLLECTOR_CTF_BITS_H
#define FT_COLLECTOR_CTF_BITS_H
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t ctf_mask(unsigned bits)
{
    return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

static inline int64_t ctf_sign_extend(uint64_t value, unsigned bits)
{
    uint64_t sign = UINT64_C(1) << (bits - 1);
    return (int64_t)(((value & ctf_mask(bits)) ^ sign) - sign);
}

/* at: in bits; all of the bits must be there. */
static inline uint64_t ctf_bits_any(const uint8_t *data, uint64_t at, unsigned bits, bool big)
{
    uint64_t value = 0;
    for (unsigned done = 0; done < bits;) {
        unsigned skip = (unsigned)(at & 7), take = 8 - skip < bits - done ? 8 - skip : bits - done;
        uint64_t byte = data[at >> 3];
        if (big)
            value = value << take | ((byte >> (8 - skip - take)) & ctf_mask(take));
        else
            value |= ((byte >> skip) & ctf_mask(take)) << done;
        at += take;
        done += take;
    }
    return value;
}

static inline uint64_t ctf_bits(const uint8_t *data, uint64_t at, unsigned bits, bool big)
{
    uint64_t value = 0;
    if ((at & 7) != 0 || (bits & 7) != 0 || (bits & (bits - 1)) != 0)
        return ctf_bits_any(data, at, bits, big);
    if (big) {
        memcpy((uint8_t *)&value + (64 - bits) / 8, data + (at >> 3), bits / 8);
        return be64toh(value);
    }
    memcpy(&value, data + (at >> 3), bits / 8);
    return le64toh(value);
}

#endif
