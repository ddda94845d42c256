/* Metadata in pieces: wherever they are cut, the same whole declarations come out, in order, and nothing before it is of use. */
#include "collector/live_metadata.h"
#include "testing.h"
#include <endian.h>
#include <errno.h>

static const char text[] =
    "/* CTF 1.8 */\n"
    "trace { major = 1; minor = 8; byte_order = le; uuid = \"2a6422d0-6cee-11e0-8c08-cb07d7b3a564\"; };\n"
    "env { hostname = \"h;}{\"; path = \"C:\\\\\"; quoted = \"a \\\"b;\\\" c\"; };\n"
    "clock { name = \"monotonic\"; description = \"/* no comment\"; freq = 1000000000; };\n"
    "typealias integer { size = 27; align = 1; signed = false; map = clock.monotonic.value; } := uint27_clock_monotonic_t;\n"
    "struct packet_context { uint64_t begin; }; /*/ ; } \" */\n"
    "// a line; with } and \" in it\n"
    "stream { id = 0; event.header := struct event_header_compact; };\n\n"
    "event { name = \"a:b\"; id = 0; stream_id = 0; fields := struct { integer { size = 8; } _x; }; };\n"
    "/* between ; */ event\n{ name = \"c\"; id = 1; stream_id = 0; };\n";

/* Where the declarations end: the first that is given goes up to the stream's end. */
static size_t end_of(const char *declaration)
{
    const char *at = strstr(text, declaration);
    assert_non_null(at);
    return (size_t)(strchr(strstr(at, "};\n"), ';') + 1 - text);
}

static void packet(struct bytes *out, const char *part, size_t size, size_t padding, bool big)
{
    uint8_t head[37] = { [35] = 1, [36] = 8 };
    const uint32_t numbers[] = { 0x75D11D57, (uint32_t)(sizeof(head) + size) * 8, (uint32_t)(sizeof(head) + size + padding) * 8 };
    static const size_t places[] = { 0, 24, 28 };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        uint32_t value = big ? htobe32(numbers[i]) : htole32(numbers[i]);
        memcpy(head + places[i], &value, sizeof(value));
    }
    bytes_append(out, head, sizeof(head));
    bytes_append(out, part, size);
    memset(bytes_reserve(out, padding), 0, padding);
    out->size += padding;
}

static void packed(struct bytes *out, size_t piece, size_t padding, bool big)
{
    const size_t size = sizeof(text) - 1;
    for (size_t at = 0; at < size; at += piece)
        packet(out, text + at, size - at < piece ? size - at : piece, padding, big);
}

/* Takes what has come; checks that it goes on where it was, ends at a declaration's end, and does not begin too early. */
static void take(struct live_metadata *m, size_t *taken)
{
    const char *got;
    size_t size;
    if (!live_metadata_take(m, &got, &size))
        return;
    assert_in_range(size, 1, sizeof(text) - 1 - *taken);
    assert_memory_equal(got, text + *taken, size);
    *taken += size;
    assert_int_equal(text[*taken - 1], ';');
    assert_true(*taken == end_of("\nstream {") || *taken == end_of("event { name = \"a:b\"") || *taken == end_of("event\n{"));
    assert_false(live_metadata_take(m, &got, &size));
}

static void add(struct live_metadata *m, const uint8_t *data, size_t size, size_t *taken)
{
    struct error err = { "" };
    if (live_metadata_add(m, data, size, &err) != 0)
        fail_msg("%s", err.text);
    take(m, taken);
}

/* In two pieces, cut anywhere, and byte by byte. */
static void check_cuts(const struct bytes *all)
{
    for (size_t cut = 0; cut <= all->size; cut++) {
        struct live_metadata m = { 0 };
        size_t taken = 0;
        add(&m, all->data, cut, &taken);
        add(&m, all->data + cut, all->size - cut, &taken);
        assert_int_equal(taken, end_of("event\n{"));
        live_metadata_done(&m);
    }
    struct live_metadata m = { 0 };
    size_t taken = 0;
    for (size_t i = 0; i < all->size; i++)
        add(&m, all->data + i, 1, &taken);
    assert_int_equal(taken, end_of("event\n{"));
    live_metadata_done(&m);
}

static void test_plain(void **unused)
{
    (void)unused;
    const struct bytes all = { .data = (uint8_t *)text, .size = sizeof(text) - 1 };
    check_cuts(&all);
}

static void test_packed(void **unused)
{
    (void)unused;
    static const struct {
        size_t piece, padding;
        bool big;
    } rows[] = { { sizeof(text), 0, false }, { 100, 0, false }, { 64, 27, true }, { 7, 1, false } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes all = { 0 };
        packed(&all, rows[i].piece, rows[i].padding, rows[i].big);
        check_cuts(&all);
        bytes_done(&all);
    }
}

/* What is whole, though it looks as if it were not, or is not, though it looks so. */
static const struct {
    const char *what, *text;
    size_t whole; /* SIZE_MAX: all of it */
} rows[] = {
    { "no stream and no event yet", "trace { a = 1; };\nclock { };\n", 0 },
    { "a stream", "trace { };\nstream { };", SIZE_MAX },
    { "an event alone: of a trace with one stream", "trace { };\nevent { };", SIZE_MAX },
    { "behind it the beginning of another", "stream { };\nevent { name = ", 11 },
    { "only what is outside of braces ends", "stream { a; b; c; ", 0 },
    { "braces within braces", "stream { struct { x; } y; };", SIZE_MAX },
    { "a string with what would end it", "stream { a = \"}; {\"; };", SIZE_MAX },
    { "an escaped quotation mark", "stream { a = \"\\\"};\"; };", SIZE_MAX },
    { "an escaped escape", "stream { a = \"\\\\\"; };", SIZE_MAX },
    { "a string without an end", "stream { a = \"; };", 0 },
    { "a comment with an end in it", "stream { /* }; */ };", SIZE_MAX },
    { "a comment that begins like one that ends", "stream { /*/ }; */ };", SIZE_MAX },
    { "stars before a comment's end", "stream { /***/ };", SIZE_MAX },
    { "a comment without an end", "stream { /* };", 0 },
    { "a line of comment", "stream { // };\n };", SIZE_MAX },
    { "a quotation mark in a comment", "stream { /* \" */ };", SIZE_MAX },
    { "a comment in a string", "stream { a = \"/*\"; };", SIZE_MAX },
    { "a division is no comment", "stream { a = b / c; };", SIZE_MAX },
    { "a brace too many", "} stream { };", SIZE_MAX },
};

static void test_ends(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct live_metadata m = { 0 };
        struct error err = { "" };
        const char *got;
        size_t size = 0, whole = rows[i].whole == SIZE_MAX ? strlen(rows[i].text) + 1 : rows[i].whole;
        char line[128];
        int n = snprintf(line, sizeof(line), "\n%s", rows[i].text); /* the first line can be judged */
        print_message("  %s\n", rows[i].what);
        assert_int_equal(live_metadata_add(&m, line, (size_t)n, &err), 0);
        if (rows[i].whole != 0 && rows[i].whole != SIZE_MAX)
            whole++;
        assert_int_equal(live_metadata_take(&m, &got, &size), whole > 0);
        assert_int_equal(size, whole);
        live_metadata_done(&m);
    }
}

static const struct {
    const char *what;
    uint8_t head[40];
    int r;
} lies[] = {
    { "a packet that is smaller than its header", { 0x57, 0x1D, 0xD1, 0x75, [24] = 0, 1, [28] = 8, 0, [35] = 1, 8 }, -EINVAL },
    { "more content than packet", { 0x57, 0x1D, 0xD1, 0x75, [24] = 0x40, 2, [28] = 0x28, 1, [35] = 1, 8 }, -EINVAL },
    { "another version", { 0x57, 0x1D, 0xD1, 0x75, [24] = 0x28, 1, [28] = 0x28, 1, [35] = 2, 0 }, -ENOTSUP },
    { "compressed", { 0x57, 0x1D, 0xD1, 0x75, [24] = 0x28, 1, [28] = 0x28, 1, [32] = 1, [35] = 1, 8 }, -ENOTSUP },
    { "text of another version", "/* CTF 2.0 */                          ", -ENOTSUP },
    { "CTF 2", "\x1e{\"type\":\"preamble\",\"version\":2}      ", -ENOTSUP },
};

static void test_lies(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(lies); i++) {
        struct live_metadata m = { 0 };
        struct error err = { "" };
        print_message("  %s\n", lies[i].what);
        assert_int_equal(live_metadata_add(&m, lies[i].head, sizeof(lies[i].head), &err), lies[i].r);
        assert_string_not_equal(err.text, "");
        live_metadata_done(&m);
    }
}

/* What never ends is not kept for ever. */
static void test_bounds(void **unused)
{
    (void)unused;
    enum { PIECE = 8 << 20 };
    struct live_metadata m = { 0 };
    struct error err = { "" };
    char *piece = malloc(PIECE);
    int r = 0, n;
    assert_non_null(piece);
    memset(piece, ' ', PIECE);
    for (n = 0; r == 0 && n < 100; n++)
        r = live_metadata_add(&m, piece, PIECE, &err);
    assert_int_equal(r, -E2BIG);
    assert_in_range(n, LIVE_METADATA_MAX / PIECE, LIVE_METADATA_MAX / PIECE + 3);
    live_metadata_done(&m);
    free(piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_plain), cmocka_unit_test(test_packed), cmocka_unit_test(test_ends), cmocka_unit_test(test_lies),
                                        cmocka_unit_test(test_bounds) };
    return cmocka_run_group_tests_name("live_metadata", tests, NULL, NULL);
}
