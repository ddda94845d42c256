/* Any bytes as packets of a trace with every kind of field: taken by plan with everything wanted, and walked. */
#include "collector/ctf_stream.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char metadata[] =
    "/* CTF 1.8 */ trace { major = 1; minor = 8; byte_order = le;"
    " packet.header := struct { integer { size = 8; } magic8; integer { size = 8; } stream_id; }; };"
    "clock { name = c; freq = 1000; offset_s = 5; };"
    "typealias integer { size = 27; align = 1; map = clock.c.value; } := t27;"
    "typealias integer { size = 64; align = 8; map = clock.c.value; } := t64;"
    "stream { id = 0; packet.context := struct { integer { size = 16; } content_size; integer { size = 16; } packet_size;"
    " integer { size = 16; } events_discarded; string s; };"
    " event.header := struct { enum : integer { size = 5; align = 1; } { compact = 0 ... 30, extended = 31 } id;"
    "  variant <id> { struct { t27 timestamp; } compact; struct { integer { size = 32; align = 8; } id; t64 timestamp; } extended; } v; } align(8);"
    " event.context := struct { integer { size = 8; encoding = UTF8; } procname[5]; integer { size = 3; align = 1; signed = true; } odd; }; };"
    "stream { id = 1; event.header := struct { integer { size = 7; align = 1; byte_order = be; } id; integer { size = 13; align = 4; } timestamp; }; };"
    "event { name = a; id = 0; stream_id = 0; fields := struct { integer { size = 8; } n; integer { size = 16; byte_order = be; } q[n];"
    "  string s; floating_point { exp_dig = 8; mant_dig = 24; } f; floating_point { exp_dig = 11; mant_dig = 53; byte_order = be; } d; }; };"
    "event { name = b; id = 1; stream_id = 0; fields := struct { enum : integer { size = 8; signed = true; } { x = -2 ... 1, y, z = 9 } tag;"
    "  variant <tag> { string x; integer { size = 33; align = 1; } y; struct { integer { size = 5; align = 2; } k; string m[2]; } z; } u; "
    "  integer { size = 64; align = 32; byte_order = be; } big; struct { integer { size = 1; align = 1; } bit; } bits[9]; }; };"
    "event { name = c; id = 2; stream_id = 0; };"
    "event { name = d; id = 31; stream_id = 0; fields := struct { integer { size = 8; } len; integer { size = 8; encoding = UTF8; } text[len];"
    "  integer { size = 8; } n2; struct { integer { size = 4; align = 1; } a; integer { size = 8; align = 8; } b; } pairs[n2]; }; };"
    "event { name = e; id = 0; stream_id = 1; fields := struct { integer { size = 11; align = 1; byte_order = be; } w; }; };";

static void want_all(void *self, const struct event_class *class, struct event_selection *sel)
{
    (void)self;
    for (uint32_t i = 0; i < class->field_count && sel->count < EVENT_VALUES_MAX; i++)
        sel->fields[sel->count++] = (uint16_t)i;
}

static uint64_t sum;

static void see(const struct value *v)
{
    for (uint32_t i = 0; v->kind == VALUE_TEXT && i < v->size; i++)
        sum += (uint64_t)(unsigned char)v->text[i];
    sum += v->kind == VALUE_UNSIGNED ? v->u : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct event_consumer consumer = { .select = want_all };
    static struct ctf_trace *trace;
    static uint32_t next_id;
    struct value values[EVENT_VALUES_MAX];
    struct error err;
    if (!trace) {
        trace = ctf_trace_new(&consumer, &next_id);
        if (ctf_trace_metadata(trace, metadata, sizeof(metadata) - 1, &err) < 0)
            abort();
    }
    uint8_t *copy = malloc(size ? size : 1); /* so that reading beyond is noticed */
    if (!copy)
        abort();
    memcpy(copy, data, size);
    struct ctf_stream s = { .trace = trace };
    for (size_t at = 0; at < size && ctf_stream_packet(&s, copy + at, size - at, &err) == 0; at += s.packet.packet_bits / 8) {
        while (ctf_stream_next(&s, &err) == 1) {
            struct ctf_cursor cursor = s.cursor;
            struct ctf_state state = s.state;
            int walked = 0, taken = ctf_stream_take(&s, values, &err);
            for (int scope = CTF_EVENT_CONTEXT; scope < CTF_SCOPES && walked == 0; scope++)
                if (s.class->layout.scopes[scope])
                    walked = ctf_walk(&cursor, &state, s.class->layout.scopes[scope], NULL, NULL);
            if ((walked < 0) != (taken < 0) && s.cursor.at != s.event_at)
                abort(); /* plan and walk must agree */
            if (taken < 0)
                break;
            if (cursor.at != s.cursor.at)
                abort();
            for (uint32_t i = 0; i < s.class->value_count; i++)
                see(&values[i]);
        }
        if (s.packet.packet_bits < 8)
            break;
    }
    free(copy);
    return 0;
}
