/* The metadata of CTF 1.8: what is understood, and what is said of mistakes. */
#include "collector/ctf_trace.h"
#include "testing.h"

static const char head[] = "trace { major = 1; minor = 8; byte_order = le; };\nclock { name = m; };\nstream { id = 0; };\n";

static int read_text(const char *text, struct ctf_trace **ret_trace, struct error *err)
{
    static struct ctf_class_ids ids;
    struct ctf_trace *t = *ret_trace = ctf_trace_new(NULL, &ids);
    int r = ctf_trace_metadata(t, text, strlen(text), err);
    for (uint32_t i = 0; i < t->metadata->event_count && r == 0; i++) {
        struct ctf_kind_of_stream *kind = ctf_trace_kind(t, t->metadata->events[i].stream_id, err);
        r = kind ? ctf_trace_announce(t, kind, err) : -1;
    }
    return r;
}

/* A type as text: what it takes, where. */
static void describe(const struct ctf_node *n, char *text)
{
    static const char *const names[] = { "int", "real", "string", "struct", "variant", "array", "sequence" };
    const struct ctf_type *t = n->type;
    sprintf(text + strlen(text), "%s:%s@%u", n->name, names[t->kind], t->align);
    if (t->kind == CTF_INTEGER)
        sprintf(text + strlen(text), "=%u%s%s", t->integer.bits, t->integer.is_signed ? "s" : "u", n->big ? "be" : "");
    if (t->kind == CTF_ARRAY)
        sprintf(text + strlen(text), "[%u]", (unsigned)t->array.length);
    if (n->child_count > 0)
        strcat(text, "{");
    for (uint32_t i = 0; i < n->child_count; i++) {
        strcat(text, i ? " " : "");
        describe(&n->children[i], text);
    }
    if (n->child_count > 0)
        strcat(text, "}");
}

static void test_types(void **unused)
{
    (void)unused;
    static const struct {
        const char *fields, *expected;
    } rows[] = {
        { "integer { size = 8; } a;", "a:int@8=8u" },
        { "integer { size = 5; } a;", "a:int@1=5u" }, /* not a whole number of bytes */
        { "integer { size = 16; signed = true; byte_order = network; align = 32; base = hex; } _a;", "a:int@32=16sbe" },
        { "integer { size = 0x20; encoding = ASCII; map = clock.m.value; } a;", "a:int@8=32u" },
        { "floating_point { exp_dig = 8; mant_dig = 24; } f; string { encoding = UTF8; } s; string t;", "f:real@8 s:string@8 t:string@8" },
        { "integer { size = 8; } a[2][3];", "a:array@8[2]{element:array@8[3]{0:int@8=8u 1:int@8=8u 2:int@8=8u}}" },
        { "integer { size = 8; } a[5];", "a:array@8[5]{element:int@8=8u}" },
        { "integer { size = 8; } n; integer { size = 4; } s[n];", "n:int@8=8u s:sequence@1{element:int@1=4u}" },
        { "struct { integer { size = 8; } x; } align(64) a;", "a:struct@64{x:int@8=8u}" },
        { "typedef integer { size = 8; } byte; typealias integer { size = 64; } := unsigned long; byte a, b; unsigned long c;",
          "a:int@8=8u b:int@8=8u c:int@8=64u" },
        { "enum : integer { size = 8; } { A, B = 5, \"C d\" = 6 ... 9, } e;", "e:int@8=8u" },
        { "enum k : integer { size = 8; } { A, B } e; variant <e> { string A; struct { } B; } v;", "e:int@8=8u v:variant@1{A:string@8 B:struct@1}" },
        { "enum : integer { size = 8; } { _A } _tag; variant <_tag> { string _A; } v;", "tag:int@8=8u v:variant@1{A:string@8}" },
        { "integer { size = 8; signed = 5; } _event; integer { size = 8; } a; string s[1];", "event:int@8=8s a:int@8=8u s:array@8[1]{element:string@8}" },
        { "typealias integer { size = 8; } := void *; void * p;", "p:int@8=8u" },
        { "/* c */ integer { size = 8; } // d\n a;", "a:int@8=8u" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[2048], got[1024] = "";
        struct error err = { "" };
        struct ctf_trace *t;
        snprintf(text, sizeof(text), "%sevent { name = e; id = 3; stream_id = 0; fields := struct { %s }; };", head, rows[i].fields);
        if (read_text(text, &t, &err) < 0)
            fail_msg("%s: %s", rows[i].fields, err.text);
        const struct ctf_node *fields = ctf_kind_class(t->kinds[0], 3)->layout.scopes[CTF_FIELDS];
        for (uint32_t k = 0; k < fields->child_count; k++) {
            strcat(got, k ? " " : "");
            describe(&fields->children[k], got);
        }
        assert_string_equal(got, rows[i].expected);
        ctf_trace_free(t);
    }
}

static void test_mistakes(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *error;
        bool whole; /* all of the metadata; else the fields of an event */
    } rows[] = {
        { "integer { size = 65; } a;", "metadata:4: an integer of 65 bits: 1 to 64 are possible", false },
        { "integer { align = 8; } a;", "an integer without size", false },
        { "integer { size = 8; align = 3; } a;", "an alignment of 3 bits: a power of two", false },
        { "integer { size = 8; map = clock.none.value; } a;", "'a' is mapped to clock 'none', which there is not", false },
        { "floating_point { exp_dig = 5; mant_dig = 11; } f;", "a floating point number of 16 bits", false },
        { "u32 a;", "there is no type 'u32'", false },
        { "string a; string a;", "two members have the name 'a'", false },
        { "string a[n];", "'a' refers to 'n', which is no integer before it", false },
        { "string s; string a[s];", "'a' refers to 's', which is no integer before it", false },
        { "integer { size = 8; signed = 1; } n; string a[n];", "the length of sequence 'a' is signed", false },
        { "integer { size = 8; } n; variant <n> { string x; } v;", "the tag of variant 'v' is no enumeration", false },
        { "variant { string x; } v;", "'v' refers to 'nothing'", false },
        { "typedef string text; enum : text { A } e;", "an enumeration needs an integer type", false },
        { "enum : integer { size = 8; } { A = 5 ... 4 } e;", "a range that ends before it begins", false },
        { "struct nobody a;", "'struct nobody' is not declared", false },
        { "string a", "';' was expected, not '}'", false },
        { "string event;", "'event' is a word of the language, and no name", false },
        { "struct int { string a; } b;", "'int' is a word of the language", false },
        { "integer { size = 8; size = 16; } a;", "'size' is said twice", false },
        { "integer { size = 8; } a[2]; string s[a.element];", "'s' refers to 'a.element', which is no integer before it", false },
        { "struct { struct { struct { string a[2]; } b[2]; } c[2]; } d; ;", "a name was expected, not ';'", false },
        { "trace { byte_order = le; }; stream { id = 0; id = 0; };", "'id' is said twice", true },
        { "trace { byte_order = le; packet.header := struct { integer { size = 16; } magic; }; }; event { id = 0; };", "the magic number of packets is not", true },
        { "trace { byte_order = le; packet.header := struct { integer { size = 8; } uuid[15]; }; }; event { id = 0; };", "the uuid of packets is not 16 bytes", true },
        { "trace { byte_order = le; packet.header := struct { string stream_id; }; }; event { id = 0; };", "'stream_id' is no unsigned integer", true },
        { "trace { byte_order = le; }; stream { id = 0; packet.context := struct { integer { size = 8; signed = 1; } packet_size; }; }; event { id = 0; };",
          "stream.packet.context: 'packet_size' is no unsigned integer", true },
        { "trace { byte_order = le; }; stream { id = 0; }; stream { id = 1; }; event { id = 0; stream_id = 1; };", "packets do not say of which they are", true },
        { "trace { byte_order = le; }; stream { id = 0; }; event { id = 0; }; event { id = 1; };", "they do not say which they are", true },
        { "/* CTF 1.9 */ trace { byte_order = le; };", "it begins with '/* CTF 1.9 */ trace { byte_orde': only CTF 1.8 is understood", true },
        { "trace { major = 2; minor = 0; byte_order = le; };", "metadata:1: CTF major version 2: only CTF 1.8 is understood", true },
        { "trace { major = 1; minor = 8; };", "does not say the byte order", true },
        { "\n\nnonsense { };", "metadata:3: 'nonsense': no declaration begins so", true },
        { "trace { byte_order = le; }; event { id = 1; stream_id = 9; };", "the metadata has no stream with id 9", true },
        { "trace { byte_order = le; }; stream { id = 1; }; stream { id = 1; };", "there are two streams with id 1", true },
        { "trace { byte_order = le; }; event { id = 1; }; event { id = 1; };", "there are two events with id 1 of stream 0", true },
        { "trace { byte_order = le; uuid = \"12\"; };", "the trace's uuid is none", true },
        { "trace { byte_order = le; }; stream { id = 0; event.header := struct { integer { size = 8; } id; }; }; event { name = a; };", "event 'a' has no id", true },
        { "trace { byte_order = le; }; clock { name = c; absolute = TREE; };", "'TREE' is neither true nor false", true },
        { "trace { byte_order = le; }; clock { name = c; uuid = \"2a6422d0-6cee-11e0-8c08-cb07d7b3a56l\"; };", "the uuid of a clock is none", true },
        { "trace { byte_order = le; }; /* never", "a comment has no end", true },
        { "trace { byte_order = le; }; env { a = \"b", "a text has no end", true },
        { "trace { byte_order = le; }; env { a = 99999999999999999999; };", "a number is too large", true },
        { "clock { name = a; };", "there is no trace block", true },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[2048];
        struct error err = { "" };
        struct ctf_trace *t;
        if (rows[i].whole)
            snprintf(text, sizeof(text), "%s", rows[i].text);
        else
            snprintf(text, sizeof(text), "%sevent { name = e; id = 3; stream_id = 0; fields := struct { %s }; };", head, rows[i].text);
        if (read_text(text, &t, &err) >= 0 || !strstr(err.text, rows[i].error))
            fail_msg("%s\n  said: %s\n  not:  %s", rows[i].text, err.text, rows[i].error);
        ctf_trace_free(t);
    }
}

static void test_it_grows(void **unused)
{
    (void)unused;
    struct ctf_trace *t;
    struct error err;
    static const char more[] = "event { name = b; id = 70000; stream_id = 0; fields := struct { string s; }; };";
    assert_int_equal(read_text("trace { byte_order = le; }; stream { id = 0; event.header := struct { integer { size = 32; } id; }; }; event { name = a; id = 0; stream_id = 0; };", &t, &err), 0);
    assert_null(ctf_kind_class(t->kinds[0], 70000));
    assert_int_equal(ctf_trace_metadata(t, more, strlen(more), &err), 0);
    assert_int_equal(ctf_trace_announce(t, t->kinds[0], &err), 0);
    assert_string_equal(ctf_kind_class(t->kinds[0], 70000)->name, "b");
    assert_string_equal(ctf_kind_class(t->kinds[0], 0)->name, "a");
    ctf_trace_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_types), cmocka_unit_test(test_mistakes), cmocka_unit_test(test_it_grows) };
    return cmocka_run_group_tests_name("tsdl", tests, NULL, NULL);
}
