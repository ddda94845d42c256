/* Metadata in packets, of either byte order, whole, growing and damaged. */
#include "collector/ctf_metadata.h"
#include "collector/ctf_trace.h"
#include "testing.h"
#include <errno.h>

enum { HEADER = 37 };

static void put_u32(struct bytes *b, uint32_t value, bool big)
{
    for (int i = 0; i < 4; i++) {
        uint8_t byte = (uint8_t)(value >> (big ? 24 - 8 * i : 8 * i));
        bytes_append(b, &byte, 1);
    }
}

/* A packet with so many bytes of padding. */
static void put_packet(struct bytes *b, const char *text, bool big, unsigned padding)
{
    static const uint8_t zeros[64], tail[] = { 0, 0, 0, 1, 8 };
    uint32_t content = (uint32_t)(HEADER + strlen(text));
    put_u32(b, 0x75D11D57, big);
    bytes_append(b, "0123456789abcdef", 16);
    put_u32(b, 0, big);
    put_u32(b, content * 8, big);
    put_u32(b, (content + padding) * 8, big);
    bytes_append(b, tail, sizeof(tail));
    bytes_append(b, text, strlen(text));
    bytes_append(b, zeros, padding);
}

/* What is got of it: the text, or "!" and the error. The copy ends where the data does. */
static int text_of(const struct bytes *b, char got[512])
{
    struct bytes text = { 0 };
    struct error err = { "" };
    uint8_t *copy = malloc(b->size ? b->size : 1);
    assert_non_null(copy);
    if (b->size > 0)
        memcpy(copy, b->data, b->size);
    int r = ctf_metadata_text(copy, b->size, &text, &err);
    snprintf(got, 512, "%s%.*s", r < 0 ? "!" : "", r < 0 ? (int)strlen(err.text) : (int)text.size, r < 0 ? err.text : text.data ? (char *)text.data : "");
    free(copy);
    bytes_done(&text);
    return r;
}

static void test_packets(void **unused)
{
    (void)unused;
    for (int big = 0; big <= 1; big++) {
        for (unsigned padding = 0; padding < 64; padding += 21) {
            struct bytes b = { 0 };
            char got[512];
            put_packet(&b, "one ", big, padding);
            put_packet(&b, "", big, 0);
            put_packet(&b, "two", big, padding);
            assert_int_equal(text_of(&b, got), 0);
            assert_string_equal(got, "one two");
            /* The beginning of a packet that is being written. */
            uint8_t part[HEADER - 1];
            memcpy(part, b.data, sizeof(part));
            bytes_append(&b, part, sizeof(part));
            assert_int_equal(text_of(&b, got), 0);
            assert_string_equal(got, "one two");
            bytes_done(&b);
        }
    }
}

static void test_plain_text(void **unused)
{
    (void)unused;
    static const struct {
        const char *data, *expected;
    } rows[] = {
        { "", "" },
        { "x", "x" },
        { "/* CTF 1.8 */ trace", "/* CTF 1.8 */ trace" },
        { "trace { };", "trace { };" },
        { "/* CTF 1.80 */", "!metadata: it begins with '/* CTF 1.80 */': only CTF 1.8 is understood" },
        { "/* CTF 2.0 */\nmore", "!metadata: it begins with '/* CTF 2.0 */': only CTF 1.8 is understood" },
        { "/* CTF two */", "!metadata: it begins with '/* CTF two */': only CTF 1.8 is understood" },
        { "\x1e{}", "!metadata: this is CTF 2, which is not understood; record with `lttng create --trace-format=ctf-1.8`" },
        { "\x57\x1d\xd1", "\x57\x1d\xd1" }, /* too little for a magic number */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes b = { 0 };
        char got[512];
        bytes_append(&b, rows[i].data, strlen(rows[i].data));
        text_of(&b, got);
        assert_string_equal(got, rows[i].expected);
        bytes_done(&b);
    }
}

/* One byte of the second packet is another. */
static void test_damage(void **unused)
{
    (void)unused;
    static const struct {
        unsigned at;
        uint8_t value;
        int result;
        const char *said;
    } rows[] = {
        { 0, 0, -EINVAL, "a packet of it has no header" },
        { 3, 0x76, -EINVAL, "a packet of it has no header" },
        { 4, 'x', -EINVAL, "its packets are of different traces" },
        { 24, 0, -EINVAL, "a packet of it says 32 bytes of" },        /* content ends within the header: 256 bits */
        { 28, 0x57, -EINVAL, "that is no number of bytes" },
        { 27, 1, -EINVAL, "a packet of it says" },                    /* more content than there is packet */
        { 31, 1, -EINVAL, "and 43 are there" },                       /* more packet than there is file */
        { 32, 1, -ENOTSUP, "compressed, encrypted or with checksums" },
        { 33, 1, -ENOTSUP, "compressed, encrypted or with checksums" },
        { 34, 1, -ENOTSUP, "compressed, encrypted or with checksums" },
        { 35, 2, -ENOTSUP, "CTF 2.8: only CTF 1.8" },
        { 36, 9, -ENOTSUP, "CTF 1.9: only CTF 1.8" },
        { 20, 9, 0, "" },                                             /* a checksum of no scheme */
        { 37, 'X', 0, "" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes b = { 0 };
        char got[512];
        put_packet(&b, "first", false, 0);
        size_t second = b.size;
        put_packet(&b, "second", false, 0);
        b.data[second + rows[i].at] = rows[i].value;
        if (rows[i].at == 24) /* 43 * 8 = 0x158 */
            b.data[second + 25] = 1;
        assert_int_equal(text_of(&b, got), rows[i].result);
        if (rows[i].result < 0 && !strstr(got, rows[i].said))
            fail_msg("byte %u: %s", rows[i].at, got);
        bytes_done(&b);
    }
}

/* Cut anywhere: an error or a whole number of packets, and nothing read beyond. */
static void test_cut_anywhere(void **unused)
{
    (void)unused;
    struct bytes b = { 0 };
    char got[512];
    put_packet(&b, "first", true, 3);
    size_t one = b.size;
    put_packet(&b, "second", true, 0);
    size_t all = b.size;
    for (b.size = 4; b.size < all; b.size++) {
        size_t rest = b.size % one;
        int r = text_of(&b, got);
        assert_int_equal(r, rest < HEADER ? 0 : -EINVAL);
        if (r == 0)
            assert_string_equal(got, b.size < one ? "" : "first");
    }
    bytes_done(&b);
}

static void test_it_grows(void **unused)
{
    (void)unused;
    static const char *const parts[] = { "/* CTF 1.8 */ trace { major = 1; minor = 8; byte_order = be; };",
                                         "stream { id = 0; event.header := struct { integer { size = 8; } id; }; };",
                                         "event { name = a; id = 0; stream_id = 0; };", "event { name = b; id = 1; stream_id = 0; };" };
    static struct ctf_class_ids ids;
    struct error err = { "" };
    struct ctf_trace *t = ctf_trace_new(NULL, &ids);
    for (size_t i = 0; i < COUNT(parts); i++) {
        struct bytes b = { 0 };
        put_packet(&b, parts[i], true, 5);
        if (ctf_trace_metadata(t, b.data, b.size, &err) < 0)
            fail_msg("%s", err.text);
        bytes_done(&b);
        assert_int_equal(t->metadata->event_count, i < 2 ? 0 : i - 1);
        if (i == 0)
            continue;
        struct ctf_kind_of_stream *kind = ctf_trace_kind(t, 0, &err);
        assert_non_null(kind);
        assert_int_equal(ctf_trace_announce(t, kind, &err), 0);
        assert_int_equal(ctf_kind_class(kind, 0) != NULL, i >= 2);
        assert_int_equal(ctf_kind_class(kind, 1) != NULL, i >= 3);
    }
    assert_true(t->metadata->order == CTF_BIG);
    ctf_trace_free(t);
}

/* A few lines that would be more fields than there is memory. */
static void test_what_would_not_fit(void **unused)
{
    (void)unused;
    struct bytes b = { 0 };
    char line[256];
    static struct ctf_class_ids ids;
    struct error err = { "" };
    static const char head[] = "trace { major = 1; minor = 8; byte_order = le; }; struct s0 { integer { size = 8; } a; };";
    bytes_append(&b, head, strlen(head));
    for (int i = 1; i < 12; i++) {
        int n = snprintf(line, sizeof(line), "struct s%d { struct s%d a, b, c, d, e, f, g, h; };", i, i - 1);
        bytes_append(&b, line, (size_t)n);
    }
    static const char tail[] = "event { name = bomb; id = 0; fields := struct s11; };";
    bytes_append(&b, tail, strlen(tail));
    struct ctf_trace *t = ctf_trace_new(NULL, &ids);
    assert_int_equal(ctf_trace_metadata(t, b.data, b.size, &err), 0);
    struct ctf_kind_of_stream *kind = ctf_trace_kind(t, 0, &err);
    assert_non_null(kind);
    assert_int_equal(ctf_trace_announce(t, kind, &err), -E2BIG);
    assert_non_null(strstr(err.text, "more fields, all together, than 128 MiB hold"));
    ctf_trace_free(t);
    bytes_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_packets), cmocka_unit_test(test_plain_text), cmocka_unit_test(test_damage),
                                        cmocka_unit_test(test_cut_anywhere), cmocka_unit_test(test_it_grows), cmocka_unit_test(test_what_would_not_fit) };
    return cmocka_run_group_tests_name("ctf_metadata", tests, NULL, NULL);
}
