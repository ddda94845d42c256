/* Any bytes as packets of a trace with every kind of field: taken by plan with everything wanted, walked, and in bursts. */
#include "collector/ctf_burst.h"
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
    "clock { name = n; freq = 1000000000; };"
    "stream { id = 2; event.header := struct { enum : integer { size = 16; align = 8; } { compact = 0 ... 65534, extended = 65535 } id;"
    "  variant <id> { struct { integer { size = 32; align = 8; map = clock.n.value; } timestamp; } compact;"
    "   struct { integer { size = 32; align = 8; } id; integer { size = 64; align = 8; map = clock.n.value; } timestamp; } extended; } v; } align(8);"
    " event.context := struct { integer { size = 32; signed = true; } tid; integer { size = 8; encoding = UTF8; } name[4]; }; };"
    "event { name = f; id = 0; stream_id = 2; fields := struct { integer { size = 64; } a; integer { size = 24; signed = true; } b; }; };"
    "event { name = g; id = 1; stream_id = 2; fields := struct { string s; integer { size = 8; } n; integer { size = 16; } q[n]; }; };"
    "event { name = h; id = 256; stream_id = 2; };"
    "event { name = e; id = 0; stream_id = 1; fields := struct { integer { size = 11; align = 1; byte_order = be; } w; }; };";

static void want_all(void *self, const struct event_class *class, struct event_selection *sel)
{
    (void)self;
    for (uint32_t i = 0; i < class->field_count && sel->count < EVENT_VALUES_MAX; i++)
        sel->fields[sel->count++] = (uint16_t)i;
}

/* What was read, in one number: of each event its class, its time and its values. */
struct reading {
    uint64_t sum, events;
    const struct ctf_trace *trace;
};

static void see(struct reading *r, uint32_t class_id, int64_t time_ns, const struct value *values)
{
    uint64_t sum = r->sum + class_id * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)time_ns;
    for (uint32_t i = 0; i < r->trace->all[class_id]->value_count; i++) {
        const struct value *v = &values[i];
        sum = sum * 31 + v->kind;
        for (uint32_t k = 0; v->kind == VALUE_TEXT && k < v->size; k++)
            sum = sum * 31 + (unsigned char)v->text[k];
        sum += v->kind != VALUE_TEXT && v->kind != VALUE_NONE ? v->u : 0;
    }
    r->sum = sum;
    r->events++;
}

static void on_event(void *self, const struct event *event)
{
    see(self, event->class_id, event->time_ns, event->values);
}

/* A packet once more, in bursts of a few: the same events until the same end. */
static void read_bursts(struct ctf_stream s, const struct reading *plainly, int plain_result)
{
    struct value values[EVENT_VALUES_MAX];
    struct reading reading = { .trace = s.trace };
    const struct event_consumer consumer = { .self = &reading, .event = on_event };
    struct error err;
    int r = ctf_stream_next(&s, &err);
    if (!ctf_burst_can(&s))
        return;
    while (r == 1) {
        struct ctf_burst b = { .consumer = &consumer, .values = values, .bound_ns = INT64_MAX, .budget = 1 + (uint32_t)(reading.events % 5) };
        r = ctf_burst(&b, &s, &err);
        if (r == 0)
            r = ctf_stream_next(&s, &err);
    }
    if (reading.sum != plainly->sum || reading.events != plainly->events || (r < 0) != (plain_result < 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct event_consumer consumer = { .select = want_all };
    static struct ctf_trace *trace;
    static struct ctf_class_ids ids;
    struct value values[EVENT_VALUES_MAX];
    struct error err;
    if (!trace) {
        trace = ctf_trace_new(&consumer, &ids);
        if (ctf_trace_metadata(trace, metadata, sizeof(metadata) - 1, &err) < 0)
            abort();
    }
    uint8_t *copy = malloc(size ? size : 1); /* so that reading beyond is noticed */
    if (!copy)
        abort();
    memcpy(copy, data, size);
    struct ctf_stream s = { .trace = trace };
    for (size_t at = 0; at < size && ctf_stream_packet(&s, copy + at, size - at, &err) == 0; at += s.packet.packet_bits / 8) {
        const struct ctf_stream at_packet = s;
        struct reading reading = { .trace = trace };
        int r;
        while ((r = ctf_stream_next(&s, &err)) == 1) {
            struct ctf_cursor cursor = s.cursor;
            struct ctf_state state = s.state;
            int walked = 0, taken = ctf_stream_take(&s, values, &err);
            for (int scope = CTF_EVENT_CONTEXT; scope < CTF_SCOPES && walked == 0; scope++)
                if (s.class->layout.scopes[scope])
                    walked = ctf_walk(&cursor, &state, s.class->layout.scopes[scope], NULL, NULL);
            if ((walked < 0) != (taken < 0) && s.cursor.at != s.event_at)
                abort(); /* plan and walk must agree */
            r = taken;
            if (taken < 0)
                break;
            if (cursor.at != s.cursor.at)
                abort();
            see(&reading, s.class->public_id, s.time_ns, values);
        }
        read_bursts(at_packet, &reading, r);
        if (s.packet.packet_bits < 8)
            break;
    }
    free(copy);
    return 0;
}
