/* tsdl_blocks.c - trace, env, clock, stream, event and callsite. (CTF 1.8.3, section 7 and appendix C.) */
#include "base/bytes.h"
#include "collector/tsdl_inner.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* PATH = VALUE ; or PATH := TYPE ; the path is taken. False: nobody knows it. */
typedef bool entry_fn(struct tsdl_parser *p, void *self, const char *path);

/* Of which nothing depends: all 64 bits are possible, signed or not. */
static int64_t any_number(struct tsdl_parser *p)
{
    bool negative = tsdl_take_sign(p, '-');
    uint64_t number = tsdl_expect_number(p);
    return (int64_t)(negative ? 0 - number : number);
}

static void skip_value(struct tsdl_parser *p)
{
    if (p->lexer.token == TSDL_TEXT)
        tsdl_expect_text(p);
    else if (p->lexer.token == TSDL_NAME)
        tsdl_expect_path(p);
    else
        any_number(p);
}

static void entries(struct tsdl_parser *p, entry_fn *take, void *self, bool once)
{
    struct tsdl_said said = { .count = 0 };
    struct tsdl_scope scope;
    tsdl_expect_sign(p, '{');
    tsdl_push(p, &scope);
    while (!p->failed && !tsdl_take_sign(p, '}')) {
        if (tsdl_declaration(p))
            continue;
        const char *path = tsdl_expect_path(p);
        if (once)
            tsdl_once(p, &said, path);
        if (p->failed || take(p, self, path)) {
            tsdl_expect_sign(p, ';');
            continue;
        }
        if (tsdl_take_sign(p, TSDL_ASSIGN_TYPE)) {
            tsdl_type(p);
        } else {
            tsdl_expect_sign(p, '=');
            skip_value(p);
        }
        tsdl_expect_sign(p, ';');
    }
    tsdl_pop(p);
}

static const struct ctf_type *expect_structure(struct tsdl_parser *p, const char *what)
{
    tsdl_expect_sign(p, TSDL_ASSIGN_TYPE);
    const struct ctf_type *t = tsdl_type(p);
    if (!p->failed && t->kind != CTF_STRUCTURE)
        tsdl_fail(p, "%s is no structure", what);
    return t;
}

static uint64_t expect_assigned_number(struct tsdl_parser *p)
{
    tsdl_expect_sign(p, '=');
    return tsdl_expect_number(p);
}

static bool parse_uuid(const char *text, uint8_t uuid[16])
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", digits[] = "0123456789abcdefABCDEF";
    unsigned n = 0;
    for (size_t i = 0; i < sizeof(form); i++) {
        const char *at = form[i] == 'x' ? strchr(digits, text[i]) : NULL;
        if (form[i] == 'x' ? !at || !*at : text[i] != form[i])
            return false;
        if (form[i] != 'x')
            continue;
        unsigned value = (unsigned)(at - digits) < 16 ? (unsigned)(at - digits) : (unsigned)(at - digits) - 6;
        uuid[n / 2] = (uint8_t)(n % 2 ? uuid[n / 2] | value : value << 4);
        n++;
    }
    return true;
}

/* ---- trace ---- */

static bool trace_entry(struct tsdl_parser *p, void *self, const char *path)
{
    struct ctf_metadata *m = self;
    if (strcmp(path, "major") == 0 || strcmp(path, "minor") == 0) {
        uint64_t number = expect_assigned_number(p);
        if (number != (path[1] == 'a' ? 1 : 8))
            tsdl_fail(p, "CTF %s version %" PRIu64 ": only CTF 1.8 is understood", path, number);
    } else if (strcmp(path, "byte_order") == 0) {
        tsdl_expect_sign(p, '=');
        m->order = tsdl_expect_order(p);
        if (m->order == CTF_NATIVE)
            tsdl_fail(p, "the trace's byte order must be le or be");
    } else if (strcmp(path, "uuid") == 0) {
        tsdl_expect_sign(p, '=');
        m->has_uuid = true;
        if (!parse_uuid(tsdl_expect_text(p), m->uuid))
            tsdl_fail(p, "the trace's uuid is none");
    } else if (strcmp(path, "packet.header") == 0) {
        m->packet_header = expect_structure(p, path);
    } else {
        return false;
    }
    return true;
}

static void trace_block(struct tsdl_parser *p)
{
    struct ctf_metadata *m = &p->metadata;
    if (m->has_trace)
        tsdl_fail(p, "there are two trace blocks");
    m->has_trace = true;
    entries(p, trace_entry, m, true);
    if (m->order == CTF_NATIVE)
        tsdl_fail(p, "the trace block does not say the byte order");
}

/* ---- env ---- */

static bool env_entry(struct tsdl_parser *p, void *self, const char *path)
{
    struct ctf_metadata *m = self;
    struct ctf_entry entry = { .name = path };
    tsdl_expect_sign(p, '=');
    if (p->lexer.token == TSDL_TEXT)
        entry.text = tsdl_expect_text(p);
    else if (p->lexer.token == TSDL_NAME)
        entry.text = tsdl_expect_path(p);
    else
        entry.number = any_number(p);
    GROW(m->entries, m->entry_count, m->entry_capacity);
    m->entries[m->entry_count++] = entry;
    return true;
}

/* ---- clock ---- */

static bool clock_entry(struct tsdl_parser *p, void *self, const char *path)
{
    struct ctf_clock *c = self;
    if (strcmp(path, "name") == 0) {
        tsdl_expect_sign(p, '=');
        c->name = p->lexer.token == TSDL_TEXT ? tsdl_expect_text(p) : tsdl_expect_name(p);
    } else if (strcmp(path, "uuid") == 0) {
        tsdl_expect_sign(p, '=');
        c->uuid = tsdl_expect_text(p);
        if (!parse_uuid(c->uuid, (uint8_t[16]){ 0 }))
            tsdl_fail(p, "the uuid of a clock is none");
    } else if (strcmp(path, "freq") == 0) {
        c->frequency = expect_assigned_number(p);
        if (c->frequency == 0 || c->frequency == UINT64_MAX)
            tsdl_fail(p, "a clock's frequency is %s", c->frequency ? "too high" : "0");
    } else if (strcmp(path, "offset_s") == 0 || strcmp(path, "offset") == 0) {
        tsdl_expect_sign(p, '=');
        *(path[6] ? &c->offset_s : &c->offset) = tsdl_expect_signed(p);
    } else if (strcmp(path, "absolute") == 0) {
        tsdl_expect_sign(p, '=');
        c->absolute = tsdl_expect_bool(p);
    } else {
        return false;
    }
    return true;
}

static void clock_block(struct tsdl_parser *p)
{
    struct ctf_metadata *m = &p->metadata;
    struct ctf_clock clock = { .frequency = 1000000000 };
    entries(p, clock_entry, &clock, true);
    if (!clock.name)
        tsdl_fail(p, "a clock without a name");
    for (uint32_t i = 0; i < m->clock_count && !p->failed; i++)
        if (strcmp(m->clocks[i].name, clock.name) == 0)
            tsdl_fail(p, "there are two clocks '%s'", clock.name);
    if (p->failed)
        return;
    GROW(m->clocks, m->clock_count, m->clock_capacity);
    m->clocks[m->clock_count++] = clock;
}

/* ---- stream ---- */

static bool stream_entry(struct tsdl_parser *p, void *self, const char *path)
{
    struct ctf_stream_class *s = self;
    if (strcmp(path, "id") == 0) {
        s->id = expect_assigned_number(p);
        s->has_id = true;
    } else if (strcmp(path, "packet.context") == 0) {
        s->packet_context = expect_structure(p, path);
    } else if (strcmp(path, "event.header") == 0) {
        s->event_header = expect_structure(p, path);
    } else if (strcmp(path, "event.context") == 0) {
        s->event_context = expect_structure(p, path);
    } else {
        return false;
    }
    return true;
}

static void stream_block(struct tsdl_parser *p)
{
    struct ctf_metadata *m = &p->metadata;
    struct ctf_stream_class stream = { 0 };
    entries(p, stream_entry, &stream, true);
    for (uint32_t i = 0; i < m->stream_count && !p->failed; i++)
        if (m->streams[i].id == stream.id)
            tsdl_fail(p, "there are two streams with id %" PRIu64, stream.id);
    if (p->failed)
        return;
    GROW(m->streams, m->stream_count, m->stream_capacity);
    m->streams[m->stream_count++] = stream;
}

/* ---- event ---- */

static bool event_entry(struct tsdl_parser *p, void *self, const char *path)
{
    struct ctf_event_class *e = self;
    if (strcmp(path, "name") == 0) {
        tsdl_expect_sign(p, '=');
        e->name = p->lexer.token == TSDL_TEXT ? tsdl_expect_text(p) : tsdl_expect_path(p);
    } else if (strcmp(path, "id") == 0) {
        e->id = expect_assigned_number(p);
        e->has_id = true;
    } else if (strcmp(path, "stream_id") == 0) {
        e->stream_id = expect_assigned_number(p);
        e->has_stream_id = true;
    } else if (strcmp(path, "context") == 0) {
        e->context = expect_structure(p, path);
    } else if (strcmp(path, "fields") == 0) {
        e->fields = expect_structure(p, path);
    } else {
        return false;
    }
    return true;
}

static void event_block(struct tsdl_parser *p)
{
    struct ctf_metadata *m = &p->metadata;
    struct ctf_event_class event = { 0 };
    entries(p, event_entry, &event, true);
    if (!p->failed && !event.has_stream_id && m->stream_count > 1)
        tsdl_fail(p, "event '%s' does not say of which stream it is", event.name ? event.name : "?");
    if (!p->failed && !event.has_stream_id && m->stream_count == 1)
        event.stream_id = m->streams[0].id;
    for (uint32_t i = 0; i < m->event_count && !p->failed; i++)
        if (m->events[i].id == event.id && m->events[i].stream_id == event.stream_id)
            tsdl_fail(p, "there are two events with id %" PRIu64 " of stream %" PRIu64, event.id, event.stream_id);
    if (p->failed)
        return;
    GROW(m->events, m->event_count, m->event_capacity);
    m->events[m->event_count++] = event;
}

/* ---- all ---- */

static bool any_entry(struct tsdl_parser *p, void *self, const char *path)
{
    (void)p;
    (void)self;
    (void)path;
    return false;
}

bool tsdl_block(struct tsdl_parser *p)
{
    if (p->failed)
        return false;
    if (tsdl_take_name(p, "trace"))
        trace_block(p);
    else if (tsdl_take_name(p, "env"))
        entries(p, env_entry, &p->metadata, false);
    else if (tsdl_take_name(p, "clock"))
        clock_block(p);
    else if (tsdl_take_name(p, "stream"))
        stream_block(p);
    else if (tsdl_take_name(p, "event"))
        event_block(p);
    else if (tsdl_take_name(p, "callsite"))
        entries(p, any_entry, NULL, false);
    else
        return false;
    tsdl_expect_sign(p, ';');
    return true;
}
