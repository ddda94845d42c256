/* Integers of every size at every bit, against a model that looks at one bit after the other. */
#include "collector/ctf_bits.h"
#include "seed.h"

enum { BYTES = 10 };

/* Bit number `at` of the packet, as CTF counts them. */
static unsigned one_bit(const uint8_t *data, unsigned at, bool big)
{
    return (unsigned)(data[at / 8] >> (big ? 7 - at % 8 : at % 8)) & 1u;
}

/* Little-endian: the first bit is worth 1; big-endian: the last. */
static uint64_t model(const uint8_t *data, unsigned at, unsigned bits, bool big)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bits; i++)
        value += (uint64_t)one_bit(data, at + i, big) << (big ? bits - 1 - i : i);
    return value;
}

static int64_t signed_model(uint64_t value, unsigned bits)
{
    return (value >> (bits - 1)) & 1 ? -(int64_t)(~value & ctf_mask(bits)) - 1 : (int64_t)value;
}

static void compare(const uint8_t *data, unsigned at, unsigned bits, bool big)
{
    uint64_t expected = model(data, at, bits, big), got = ctf_bits(data, at, bits, big), any = ctf_bits_any(data, at, bits, big);
    if (got != expected || any != expected)
        fail_msg("%u bits at %u, %s: %llx and %llx, not %llx", bits, at, big ? "big" : "little", (unsigned long long)got, (unsigned long long)any,
                 (unsigned long long)expected);
    assert_int_equal(ctf_sign_extend(got, bits), signed_model(expected, bits));
}

/* The buffer ends where the field does: nothing may be read beyond it. */
static void compare_all(const uint8_t *bytes)
{
    for (unsigned bits = 1; bits <= 64; bits++) {
        for (unsigned at = 0; at < 16; at++) {
            unsigned size = (at + bits + 7) / 8;
            uint8_t *data = malloc(size);
            assert_non_null(data);
            memcpy(data, bytes, size);
            compare(data, at, bits, false);
            compare(data, at, bits, true);
            free(data);
        }
    }
}

static void test_random_bytes(void **unused)
{
    (void)unused;
    uint64_t seed = seed_of_test();
    uint8_t bytes[BYTES];
    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < BYTES; i++)
            bytes[i] = (uint8_t)random_next(&seed);
        compare_all(bytes);
    }
}

static void test_edges(void **unused)
{
    (void)unused;
    static const uint8_t patterns[] = { 0x00, 0xff, 0x80, 0x01, 0x7f, 0xfe, 0xaa };
    uint8_t bytes[BYTES];
    for (size_t i = 0; i < COUNT(patterns); i++) {
        memset(bytes, patterns[i], sizeof(bytes));
        compare_all(bytes);
    }
    assert_int_equal(ctf_mask(1), 1);
    assert_true(ctf_mask(64) == UINT64_MAX);
    assert_int_equal(ctf_sign_extend(1, 1), -1);
    assert_true(ctf_sign_extend(UINT64_C(1) << 63, 64) == INT64_MIN);
    assert_int_equal(ctf_sign_extend(0xf5, 4), 5); /* what is above is not part of it */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_bytes), cmocka_unit_test(test_edges) };
    return cmocka_run_group_tests_name("ctf_bits", tests, NULL, NULL);
}
