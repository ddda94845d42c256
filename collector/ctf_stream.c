#include "collector/ctf_stream.h"
#include "collector/ctf_bits.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { HEADER_ALIGN = 8 };
static const uint32_t packet_magic = 0xC1FC1FC1;

/* ---- a packet's beginning ---- */

/* While header and context are walked. */
struct collecting {
    struct ctf_packet *packet;
    const struct ctf_state *state;
    bool header, in_uuid;
    const char *mistake;
};

static void collect_value(struct collecting *c, const struct ctf_node *n, struct value value)
{
    if (!c->header && n->place >= 0)
        c->packet->fields[n->place] = value;
}

static void header_integer(struct collecting *c, const struct ctf_node *n, uint64_t value)
{
    struct ctf_packet *p = c->packet;
    if (c->in_uuid) {
        return; /* babeltrace2 does not hold another trace's against a packet either */
    } else if (strcmp(n->declared, "magic") == 0 && value != packet_magic) {
        c->mistake = "it has no magic number";
    } else if (strcmp(n->declared, "stream_id") == 0) {
        p->stream_class = value;
        p->has_stream_class = true;
    } else if (strcmp(n->declared, "stream_instance_id") == 0) {
        p->instance = value;
        p->has_instance = true;
    }
}

static void context_integer(struct ctf_packet *p, const struct ctf_node *n, uint64_t value)
{
    static const struct {
        const char *name;
        size_t value, has;
    } known[] = { { "packet_size", offsetof(struct ctf_packet, packet_bits), 0 },
                  { "content_size", offsetof(struct ctf_packet, content_bits), offsetof(struct ctf_packet, has_content) },
                  { "timestamp_begin", offsetof(struct ctf_packet, begin), offsetof(struct ctf_packet, has_begin) },
                  { "timestamp_end", offsetof(struct ctf_packet, end), offsetof(struct ctf_packet, has_end) },
                  { "events_discarded", offsetof(struct ctf_packet, discarded), offsetof(struct ctf_packet, has_discarded) },
                  { "packet_seq_num", offsetof(struct ctf_packet, sequence), offsetof(struct ctf_packet, has_sequence) } };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(n->declared, known[i].name) != 0)
            continue;
        *(uint64_t *)(void *)((char *)p + known[i].value) = value;
        if (known[i].has)
            *(bool *)((char *)p + known[i].has) = true;
    }
}

static void on_integer(void *self, const struct ctf_node *n, uint64_t value)
{
    struct collecting *c = self;
    if (c->header) {
        header_integer(c, n, value);
        return;
    }
    if (n->parent && !n->parent->parent) /* a timestamp of fewer bits goes on from the packet before */
        context_integer(c->packet, n, n->clock >= 0 ? c->state->clocks[n->clock] : value);
    collect_value(c, n, (struct value){ .kind = n->type->integer.is_signed ? VALUE_SIGNED : VALUE_UNSIGNED, .u = value });
}

static void on_real(void *self, const struct ctf_node *n, double value)
{
    struct collecting *c = self;
    collect_value(c, n, (struct value){ .kind = VALUE_REAL, .d = value });
}

static void on_text(void *self, const struct ctf_node *n, const char *text, size_t size)
{
    struct collecting *c = self;
    collect_value(c, n, (struct value){ .kind = VALUE_TEXT, .size = (uint32_t)(size < VALUE_TEXT_MAX ? size : VALUE_TEXT_MAX), .text = text });
}

static void on_begin(void *self, const struct ctf_node *n, bool is_list)
{
    struct collecting *c = self;
    c->in_uuid = c->header && is_list && strcmp(n->declared, "uuid") == 0;
}

static void on_end(void *self, const struct ctf_node *n, bool is_list)
{
    struct collecting *c = self;
    (void)n;
    (void)is_list;
    c->in_uuid = false;
}

static const struct ctf_visitor collector = { .integer = on_integer, .real = on_real, .text = on_text, .begin = on_begin, .end = on_end };

static int fail(const struct ctf_stream *s, int r, const char *what, struct error *err)
{
    const char *why = r == -ENODATA ? "the packet ends in the middle of it" : s->state.reason ? s->state.reason : "it cannot be so";
    return error_set(err, r, "byte %" PRIu64 " of the packet: %s: %s", s->cursor.at / 8, what, why);
}

static bool is_declared(const struct ctf_metadata *m, uint64_t stream_class)
{
    for (uint32_t i = 0; i < m->stream_count; i++)
        if (m->streams[i].id == stream_class)
            return true;
    return false;
}

static int walk_header(struct ctf_stream *s, struct collecting *c, struct error *err)
{
    const struct ctf_node *header = s->trace->header.scopes[CTF_PACKET_HEADER];
    c->header = true;
    int r = header ? ctf_walk(&s->cursor, &s->state, header, &collector, c) : 0;
    c->header = false;
    if (r < 0)
        return fail(s, r, "its header", err);
    if (c->mistake)
        return error_set(err, -EINVAL, "a packet's header: %s", c->mistake);
    uint64_t id = s->packet.has_stream_class ? s->packet.stream_class : s->trace->metadata->stream_count ? s->trace->metadata->streams[0].id : 0;
    struct ctf_kind_of_stream *kind = ctf_trace_kind(s->trace, id, err);
    if (!kind)
        return is_declared(s->trace->metadata, id) ? -EINVAL : -ENOENT;
    if (s->kind && s->kind != kind)
        return error_set(err, -EINVAL, "a packet is of stream class %" PRIu64 ", the one before of %" PRIu64, kind->id, s->kind->id);
    s->kind = kind;
    return 0;
}

static int check_sizes(struct ctf_stream *s, size_t size, struct error *err)
{
    struct ctf_packet *p = &s->packet;
    uint64_t there = (uint64_t)size * 8;
    if (p->packet_bits == 0)
        p->packet_bits = p->content_bits ? p->content_bits : there;
    if (!p->has_content)
        p->content_bits = p->packet_bits;
    if (p->packet_bits % 8 != 0 || p->content_bits > p->packet_bits || p->content_bits < s->cursor.at)
        return error_set(err, -EINVAL, "a packet says %" PRIu64 " bits of content in %" PRIu64 ": its header and context take %" PRIu64, p->content_bits,
                         p->packet_bits, s->cursor.at);
    if (p->packet_bits > there)
        return error_set(err, -ENODATA, "a packet says %" PRIu64 " bytes, and %zu are there", p->packet_bits / 8, size);
    return 0;
}

int ctf_stream_packet(struct ctf_stream *s, const uint8_t *data, size_t size, struct error *err)
{
    struct collecting c = { .packet = &s->packet, .state = &s->state };
    s->packet = (struct ctf_packet){ 0 };
    s->cursor = (struct ctf_cursor){ .data = data, .end = (uint64_t)size * 8 };
    s->state.reason = NULL;
    int r = walk_header(s, &c, err);
    if (r < 0)
        return r;
    const struct ctf_node *context = s->kind->layout.scopes[CTF_PACKET_CONTEXT];
    r = context ? ctf_walk(&s->cursor, &s->state, context, &collector, &c) : 0;
    if (r < 0)
        return fail(s, r, "its context", err);
    r = check_sizes(s, size, err);
    if (r < 0)
        return r;
    s->cursor.end = s->packet.content_bits;
    return 0;
}

/* ---- events ---- */

static void on_header_integer(void *self, const struct ctf_node *n, uint64_t value)
{
    uint64_t *id = self;
    if (strcmp(n->declared, "id") == 0)
        *id = value;
}

static const struct ctf_visitor header_visitor = { .integer = on_header_integer };

/* Any header: fields named id, the last of which decides, and timestamps. */
static int walk_event_header(struct ctf_stream *s, uint64_t *ret_id, struct error *err)
{
    const struct ctf_node *header = s->kind->layout.scopes[CTF_EVENT_HEADER];
    int r = header ? ctf_walk(&s->cursor, &s->state, header, &header_visitor, ret_id) : 0;
    return r < 0 ? fail(s, r, "an event's header", err) : 0;
}

/* LTTng's two headers: a little one most of the time, and after an escape the whole. */
static int lttng_header(struct ctf_stream *s, uint64_t *ret_id)
{
    bool compact = s->kind->header == CTF_HEADER_COMPACT;
    const uint8_t *at = s->cursor.data + s->cursor.at / 8;
    uint64_t left = (s->cursor.end - s->cursor.at) / 8, *clock = &s->state.clocks[s->kind->clock], time;
    unsigned small = compact ? 4 : 6, prefix = compact ? 1 : 2;
    uint32_t word, id32;
    uint16_t id16;
    if (left < prefix)
        return -ENODATA;
    memcpy(&id16, at, compact ? 1 : 2);
    uint32_t id = compact ? at[0] & 31u : le16toh(id16);
    if (id != (compact ? 31u : 65535u)) {
        if (left < small)
            return -ENODATA;
        memcpy(&word, at + (compact ? 0 : 2), sizeof(word));
        word = le32toh(word);
        ctf_clock_set(clock, compact ? word >> 5 : word, compact ? 27 : 32);
        s->cursor.at += small * 8;
        *ret_id = id;
        return 0;
    }
    if (left < prefix + 12)
        return -ENODATA;
    memcpy(&id32, at + prefix, sizeof(id32));
    memcpy(&time, at + prefix + 4, sizeof(time));
    *clock = le64toh(time);
    *ret_id = le32toh(id32);
    s->cursor.at += (uint64_t)(prefix + 12) * 8;
    return 0;
}

static int find_class(struct ctf_stream *s, uint64_t id, struct error *err)
{
    s->class = ctf_kind_class(s->kind, id);
    if (s->class)
        return 0;
    int r = ctf_trace_announce(s->trace, s->kind, err);
    if (r < 0)
        return r;
    s->class = ctf_kind_class(s->kind, id);
    return s->class ? 0 : error_set(err, -ENOENT, "byte %" PRIu64 " of the packet: there is no event class %" PRIu64 " of stream class %" PRIu64,
                                    s->event_at / 8, id, s->kind->id);
}

int ctf_stream_next(struct ctf_stream *s, struct error *err)
{
    uint64_t id = 0;
    bool lttng = s->kind->header == CTF_HEADER_COMPACT || s->kind->header == CTF_HEADER_LARGE;
    s->event_at = s->cursor.at;
    if (s->cursor.at >= s->cursor.end)
        return 0;
    if (lttng && BYTE_ORDER == LITTLE_ENDIAN) {
        s->cursor.at = (s->cursor.at + HEADER_ALIGN - 1) & ~(uint64_t)(HEADER_ALIGN - 1);
        int r = s->cursor.at > s->cursor.end ? -ENODATA : lttng_header(s, &id);
        if (r < 0)
            return fail(s, r, "an event's header", err);
    } else {
        int r = walk_event_header(s, &id, err);
        if (r < 0)
            return r;
        if (s->cursor.at == s->event_at && !s->kind->layout.scopes[CTF_EVENT_HEADER] && s->cursor.at >= s->cursor.end)
            return 0;
    }
    int r = s->class && s->class->id == id ? 0 : find_class(s, id, err);
    if (r < 0) {
        s->cursor.at = s->event_at; /* it may be tried again: the clock stands where it is already */
        return r;
    }
    s->time_ns = s->kind->clock >= 0 ? ctf_kind_ns(s->trace, s->kind, s->state.clocks[s->kind->clock]) : INT64_MIN;
    return 1;
}

void ctf_stream_prepare(const struct ctf_stream *s, const struct ctf_class *c, struct value *values)
{
    for (uint32_t i = 0; i < c->value_count; i++)
        values[i].kind = VALUE_NONE;
    for (uint32_t i = 0; i < c->packet_count; i++)
        if (c->packet[i].field < PACKET_FIELDS_MAX)
            values[c->packet[i].value] = s->packet.fields[c->packet[i].field];
}

int ctf_stream_take(struct ctf_stream *s, struct value *values, struct error *err)
{
    const struct ctf_class *c = s->class;
    if (c->prepared)
        ctf_stream_prepare(s, c, values);
    int r = ctf_plan_run(c->plan, &s->cursor, &s->state, values);
    if (r < 0)
        return error_wrap(err, fail(s, r, c->name, err), "event %" PRIu64 " of the stream", s->consumed);
    if (s->cursor.at == s->event_at)
        return error_set(err, -EINVAL, "event '%s' takes no bytes: there would be no end of them", c->name);
    s->consumed++;
    return 0;
}
