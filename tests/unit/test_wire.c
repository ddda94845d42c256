#include "base/text.h"
#include "base/wire.h"
#include "testing.h"
#include <msgpack.h>

static void test_round_trip(void **unused)
{
    (void)unused;
    struct bytes b = { 0 };
    wire_put_header(&b, WIRE_SAMPLES, UINT64_C(0xfedcba9876543210), 42);
    wire_put_array(&b, 9);
    wire_put_uint(&b, 0);
    wire_put_uint(&b, UINT64_MAX);
    wire_put_int(&b, -1);
    wire_put_int(&b, INT64_MIN);
    wire_put_double(&b, 0.25);
    wire_put_bool(&b, true);
    wire_put_nil(&b);
    wire_put_string(&b, "h\xc3\xa9");
    wire_put_map(&b, 0);

    struct wire_reader r;
    struct wire_header h;
    char text[8];
    assert_true(wire_open(&r, b.data, b.size, &h));
    assert_int_equal(h.type, WIRE_SAMPLES);
    assert_true(h.epoch == UINT64_C(0xfedcba9876543210) && h.sequence == 42);
    assert_int_equal(wire_get_array(&r, 9), 9);
    assert_true(wire_get_uint(&r) == 0 && wire_get_uint(&r) == UINT64_MAX);
    assert_true(wire_get_int(&r) == -1 && wire_get_int(&r) == INT64_MIN);
    assert_true(wire_get_double(&r) == 0.25 && wire_get_bool(&r));
    assert_true(wire_take_nil(&r));
    wire_get_string(&r, text, sizeof(text));
    assert_string_equal(text, "h\xc3\xa9");
    assert_int_equal(wire_get_map(&r, 0), 0);
    assert_true(wire_finished(&r));
    bytes_done(&b);
}

static void test_text_is_utf8(void **unused)
{
    (void)unused;
    static const struct {
        const char *in, *out, *why;
    } rows[] = {
        { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "valid" },
        { "a\xff" "b", "a?b", "a byte that never occurs" },
        { "ab\xc3", "ab?", "cut within a character" },
        { "\xed\xa0\x80", "???", "a surrogate" },
        { "\xc0\xaf", "??", "overlong" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes b = { 0 };
        char text[16];
        wire_put_string(&b, rows[i].in);
        struct wire_reader r = wire_reader_init(b.data, b.size);
        wire_get_string(&r, text, sizeof(text));
        assert_true(wire_finished(&r));
        assert_string_equal(text, rows[i].out);
        bytes_done(&b);
    }
}

/* msgpack-c itself reads what we write, and we read every form it can write. */
static void test_against_msgpack_c(void **unused)
{
    (void)unused;
    static const int64_t numbers[] = { 0, 1, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, -1, -32, -33, -128,
                                       -129, -32768, -32769, -2147483648, -2147483649, INT64_MAX, INT64_MIN };
    msgpack_sbuffer buffer;
    msgpack_packer pk;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&pk, &buffer, msgpack_sbuffer_write);
    for (size_t i = 0; i < COUNT(numbers); i++)
        msgpack_pack_int64(&pk, numbers[i]);
    msgpack_pack_float(&pk, 1.5f);
    struct wire_reader r = wire_reader_init(buffer.data, buffer.size);
    for (size_t i = 0; i < COUNT(numbers); i++)
        assert_true(wire_get_int(&r) == numbers[i]);
    assert_true(wire_get_double(&r) == 1.5);
    assert_true(wire_finished(&r));
    msgpack_sbuffer_destroy(&buffer);

    struct bytes b = { 0 };
    wire_put_map(&b, 1);
    wire_put_string(&b, "key");
    wire_put_uint(&b, 300);
    msgpack_unpacked result;
    msgpack_unpacked_init(&result);
    assert_int_equal(msgpack_unpack_next(&result, (const char *)b.data, b.size, NULL), MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(result.data.type, MSGPACK_OBJECT_MAP);
    assert_true(result.data.via.map.ptr[0].val.via.u64 == 300);
    msgpack_unpacked_destroy(&result);
    bytes_done(&b);
}

static const struct {
    const char *what;
    unsigned char bytes[24];
    size_t size;
} hostile[] = {
    { "nothing", { 0 }, 0 },
    { "not an array", { 0x01 }, 1 },
    { "an array of a billion", { 0xdd, 0x3b, 0x9a, 0xca, 0x00, 1 }, 6 },
    { "too few elements", { 0x94, 1, 3, 1, 1 }, 5 },
    { "cut in a number", { 0x95, 1, 3, 0xcf, 1, 2, 3 }, 7 },
    { "a version to come", { 0x95, 2, 3, 1, 1, 0xc0 }, 6 },
    { "a negative sequence", { 0x95, 1, 3, 1, 0xff, 0xc0 }, 6 },
    { "an extension type", { 0x95, 0xc7, 1, 1, 1, 1 }, 6 },
    { "the reserved byte", { 0x95, 0xc1, 1, 1, 1, 1 }, 6 },
    { "a map of four billion", { 0xdf, 0xff, 0xff, 0xff, 0xff, 0 }, 6 },
};

static void test_hostile_frames(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(hostile); i++) {
        struct wire_reader r;
        struct wire_header h;
        print_message("  %s\n", hostile[i].what);
        /* On the heap, to the byte: a sanitizer sees a read beyond the end. */
        unsigned char *copy = malloc(hostile[i].size + 1);
        memcpy(copy, hostile[i].bytes, hostile[i].size);
        assert_false(wire_open(&r, copy, hostile[i].size, &h));
        free(copy);
    }
}

static void test_limits(void **unused)
{
    (void)unused;
    struct bytes b = { 0 };
    wire_put_string(&b, "12345678");
    struct wire_reader r = wire_reader_init(b.data, b.size);
    char small[8];
    wire_get_string(&r, small, sizeof(small));
    assert_false(wire_ok(&r)); /* does not fit: refused, not cut */
    bytes_reset(&b);
    wire_put_text(&b, "a\0b", 3);
    r = wire_reader_init(b.data, b.size);
    wire_get_string(&r, small, sizeof(small));
    assert_false(wire_ok(&r)); /* a NUL inside would cut it silently */
    bytes_reset(&b);
    for (int i = 0; i < 64; i++)
        wire_put_array(&b, 1);
    wire_put_nil(&b);
    r = wire_reader_init(b.data, b.size);
    wire_skip(&r);
    assert_false(wire_ok(&r)); /* nested too deep */
    bytes_done(&b);
}

static void test_json(void **unused)
{
    (void)unused;
    struct bytes b = { 0 };
    char text[128];
    wire_put_map(&b, 2);
    wire_put_string(&b, "a");
    wire_put_array(&b, 4);
    wire_put_int(&b, -5);
    wire_put_double(&b, 0.1);
    wire_put_bool(&b, false);
    wire_put_nil(&b);
    wire_put_string(&b, "b");
    wire_put_string(&b, "x\"y");
    struct wire_reader r = wire_reader_init(b.data, b.size);
    struct text_out out = text_out_init(text, sizeof(text));
    wire_to_json(&r, &out);
    assert_true(wire_finished(&r));
    assert_string_equal(text, "{\"a\":[-5,0.1,false,null],\"b\":\"x\\\"y\"}");
    bytes_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_text_is_utf8), cmocka_unit_test(test_against_msgpack_c),
        cmocka_unit_test(test_hostile_frames), cmocka_unit_test(test_limits), cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
