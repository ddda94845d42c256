#include "collector/ctf_trace.h"
#include "base/bytes.h"
#include "base/text.h"
#include "collector/ctf_header.h"
#include "collector/ctf_metadata.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CLASS_IDS_MAX = 1 << 20, CLASS_SLOTS_MAX = 1 << 22 };

__extension__ typedef __int128 wide;

void ctf_class_ids_done(struct ctf_class_ids *ids)
{
    free(ids->free);
    *ids = (struct ctf_class_ids){ 0 };
}

static uint32_t take_id(struct ctf_class_ids *ids)
{
    return ids->free_count > 0 ? ids->free[--ids->free_count] : ids->next++;
}

static void give_id(struct ctf_class_ids *ids, uint32_t id)
{
    GROW(ids->free, ids->free_count, ids->free_capacity);
    ids->free[ids->free_count++] = id;
}

struct ctf_trace *ctf_trace_new(const struct event_consumer *consumer, struct ctf_class_ids *ids)
{
    struct ctf_trace *t = xcalloc(1, sizeof(*t));
    t->parser = tsdl_parser_new();
    t->metadata = tsdl_parser_metadata(t->parser);
    t->consumer = consumer;
    t->ids = ids;
    t->source = (struct trace_source){ "", "" };
    return t;
}

void ctf_trace_free(struct ctf_trace *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->class_count; i++) {
        if (t->all[i]->public_id != UINT32_MAX)
            give_id(t->ids, t->all[i]->public_id);
        ctf_plan_free(t->all[i]->plan);
        free(t->all[i]);
    }
    for (uint32_t i = 0; i < t->kind_count; i++) {
        free(t->kinds[i]->classes);
        free(t->kinds[i]);
    }
    free(t->all);
    free(t->kinds);
    tsdl_parser_free(t->parser);
    arena_done(&t->arena);
    free(t);
}

static const char *entry_text(const struct ctf_metadata *m, const char *name)
{
    for (uint32_t i = 0; i < m->entry_count; i++)
        if (strcmp(m->entries[i].name, name) == 0 && m->entries[i].text)
            return m->entries[i].text;
    return "";
}

static int64_t entry_number(const struct ctf_metadata *m, const char *name)
{
    for (uint32_t i = 0; i < m->entry_count; i++)
        if (strcmp(m->entries[i].name, name) == 0 && !m->entries[i].text)
            return m->entries[i].number;
    return 0;
}

/* ---- fields with a meaning ---- */

/* By these names one goes from packet to packet and from event to event: what they are must be beyond doubt. */
static int check_meanings(const struct ctf_node *structure, struct error *err)
{
    static const char *const known[] = { "magic", "stream_id", "stream_instance_id", "packet_size", "content_size", "timestamp_begin",
                                         "timestamp_end", "events_discarded", "packet_seq_num", "id" };
    for (uint32_t i = 0; structure && i < structure->child_count; i++) {
        const struct ctf_node *n = &structure->children[i];
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
            if (strcmp(n->declared, known[k]) == 0 && (n->type->kind != CTF_INTEGER || n->type->integer.is_signed))
                return error_set(err, -EINVAL, "metadata: %s: '%s' is no unsigned integer", structure->name, n->declared);
    }
    return 0;
}

static int check_packet_header(const struct ctf_node *header, struct error *err)
{
    int r = check_meanings(header, err);
    for (uint32_t i = 0; header && i < header->child_count && r == 0; i++) {
        const struct ctf_node *n = &header->children[i], *byte = n->type->kind == CTF_ARRAY ? &n->children[0] : NULL;
        if (strcmp(n->declared, "magic") == 0 && (i > 0 || n->type->integer.bits != 32))
            r = error_set(err, -EINVAL, "metadata: the magic number of packets is not the first thing in them, or not of 32 bits");
        if (strcmp(n->declared, "uuid") == 0 && (!byte || n->type->array.length != 16 || byte->type->kind != CTF_INTEGER ||
                                                 byte->type->integer.bits != 8 || byte->type->integer.is_signed || byte->type->align != 8))
            r = error_set(err, -EINVAL, "metadata: the uuid of packets is not 16 bytes");
    }
    return r;
}

int ctf_trace_metadata(struct ctf_trace *t, const void *data, size_t size, struct error *err)
{
    struct bytes text = { 0 };
    bool first = !t->metadata->has_trace;
    int r = ctf_metadata_text(data, size, &text, err);
    if (r == 0)
        r = tsdl_parser_feed(t->parser, text.data ? (const char *)text.data : "", text.size, err);
    bytes_done(&text);
    if (r == 0 && !t->metadata->has_trace)
        r = error_set(err, -EINVAL, "metadata: there is no trace block");
    if (r < 0 || !first)
        return r;
    t->source = (struct trace_source){ entry_text(t->metadata, "hostname"), entry_text(t->metadata, "trace_name") };
    snprintf(t->domain, sizeof(t->domain), "%s", entry_text(t->metadata, "domain"));
    t->bit_width = entry_number(t->metadata, "architecture_bit_width");
    t->per_process = strcmp(entry_text(t->metadata, "tracer_buffering_scheme"), "pid") == 0;
    if (t->metadata->clock_count > CTF_CLOCKS_MAX)
        return error_set(err, -E2BIG, "metadata: %u clocks: %d are possible", t->metadata->clock_count, CTF_CLOCKS_MAX);
    t->header.shared_slots = &t->header_slots;
    r = ctf_layout_add(&t->header, CTF_PACKET_HEADER, t->metadata->packet_header, t->metadata, &t->arena, err);
    return r < 0 ? r : check_packet_header(t->header.scopes[CTF_PACKET_HEADER], err);
}

int64_t ctf_clock_ns(const struct ctf_clock *clock, uint64_t cycles)
{
    wide ns = (wide)clock->offset_s * 1000000000;
    if (clock->frequency == 1000000000)
        ns += (wide)clock->offset + cycles;
    else /* as babeltrace2: the offset and the cycles apart */
        ns += (wide)clock->offset * 1000000000 / clock->frequency + (wide)cycles * 1000000000 / clock->frequency;
    return ns > INT64_MAX || ns < -(wide)INT64_MAX ? INT64_MIN : (int64_t)ns;
}

bool ctf_trace_share_clocks(struct ctf_trace *t, const struct ctf_trace *other)
{
    bool shared = false;
    for (uint32_t i = 0; i < t->metadata->clock_count; i++) {
        struct ctf_clock *own = &t->metadata->clocks[i];
        for (uint32_t j = 0; j < other->metadata->clock_count && own->uuid; j++) {
            const struct ctf_clock *theirs = &other->metadata->clocks[j];
            if (!theirs->uuid || strcasecmp(own->uuid, theirs->uuid) != 0 || own->frequency != theirs->frequency)
                continue;
            own->offset_s = theirs->offset_s;
            own->offset = theirs->offset;
            shared = true;
        }
    }
    return shared;
}

/* ---- stream classes ---- */

static const struct ctf_node *find_clocked(const struct ctf_node *n)
{
    if (n->clock >= 0)
        return n;
    for (uint32_t i = 0; i < n->child_count; i++) {
        const struct ctf_node *found = find_clocked(&n->children[i]);
        if (found)
            return found;
    }
    return NULL;
}

static bool is_timestamp(const struct ctf_node *n)
{
    return n->type->kind == CTF_INTEGER && !n->type->integer.is_signed && n->clock < 0 &&
           (strcmp(n->declared, "timestamp") == 0 || strcmp(n->declared, "timestamp_begin") == 0 || strcmp(n->declared, "timestamp_end") == 0);
}

/* Traces with one clock, or none, may leave out that their timestamps are mapped to it. */
static void map_timestamps(struct ctf_trace *t, struct ctf_node *n)
{
    if (is_timestamp(n) && t->metadata->clock_count == 0)
        tsdl_parser_add_clock(t->parser);
    if (is_timestamp(n) && t->metadata->clock_count == 1)
        n->clock = 0;
    for (uint32_t i = 0; i < n->child_count; i++)
        map_timestamps(t, &n->children[i]);
}

/* Scalars of a packet's context get places where they are kept while its events are read; not those of arrays and variants. */
static void place_scalars(struct ctf_node *n, int *next)
{
    switch (n->type->kind) {
    case CTF_STRUCTURE:
        for (uint32_t i = 0; i < n->child_count; i++)
            place_scalars(&n->children[i], next);
        return;
    case CTF_VARIANT:
        return;
    case CTF_ARRAY:
    case CTF_SEQUENCE:
        if (!ctf_is_text(n->children[0].type))
            return;
        break;
    default:
        break;
    }
    if (*next < PACKET_FIELDS_MAX)
        n->place = (*next)++;
}

static int lay_out_kind(struct ctf_trace *t, struct ctf_kind_of_stream *k, struct error *err)
{
    const struct ctf_stream_class *s = k->declared;
    k->layout = t->header;
    k->shared_slots = t->header_slots;
    k->layout.shared_slots = &k->shared_slots;
    int r = ctf_layout_add(&k->layout, CTF_PACKET_CONTEXT, s->packet_context, t->metadata, &t->arena, err);
    if (r == 0)
        r = ctf_layout_add(&k->layout, CTF_EVENT_HEADER, s->event_header, t->metadata, &t->arena, err);
    for (int scope = CTF_PACKET_CONTEXT; scope <= CTF_EVENT_HEADER && r == 0; scope++)
        r = check_meanings(k->layout.scopes[scope], err);
    if (r == 0 && t->metadata->stream_count > 1 && !ctf_node_member(k->layout.scopes[CTF_PACKET_HEADER], "stream_id"))
        r = error_set(err, -EINVAL, "metadata: there are %u streams, and packets do not say of which they are", t->metadata->stream_count);
    if (r < 0)
        return r;
    for (int scope = CTF_PACKET_CONTEXT; scope <= CTF_EVENT_HEADER; scope++)
        if (k->layout.scopes[scope])
            map_timestamps(t, k->layout.scopes[scope]);
    const struct ctf_node *header = k->layout.scopes[CTF_EVENT_HEADER];
    const struct ctf_node *clocked = header ? find_clocked(header) : NULL;
    if (!clocked && k->layout.scopes[CTF_PACKET_CONTEXT]) /* then events have the time of their packet */
        clocked = find_clocked(k->layout.scopes[CTF_PACKET_CONTEXT]);
    k->clock = clocked ? clocked->clock : -1;
    struct ctf_node *end = ctf_node_member(k->layout.scopes[CTF_PACKET_CONTEXT], "timestamp_end");
    int places = 0;
    if (k->layout.scopes[CTF_PACKET_CONTEXT])
        place_scalars(k->layout.scopes[CTF_PACKET_CONTEXT], &places);
    if (end)
        end->clock = -1; /* it is of later: events count on from the packet's beginning */
    const struct ctf_clock *clock = k->clock >= 0 ? &t->metadata->clocks[k->clock] : NULL;
    k->base_ns = clock ? ctf_clock_ns(clock, 0) : INT64_MIN;
    if (clock && clock->frequency == 1000000000 && k->base_ns != INT64_MIN)
        k->plain_limit = (uint64_t)INT64_MAX - (uint64_t)(k->base_ns > 0 ? k->base_ns : 0);
    k->header = ctf_header_form(header);
    return 0;
}

struct ctf_kind_of_stream *ctf_trace_kind(struct ctf_trace *t, uint64_t id, struct error *err)
{
    const struct ctf_metadata *m = t->metadata;
    for (uint32_t i = 0; i < t->kind_count; i++)
        if (t->kinds[i]->id == id)
            return t->kinds[i];
    static const struct ctf_stream_class bare; /* a trace without stream blocks has one stream class */
    const struct ctf_stream_class *declared = m->stream_count == 0 && id == 0 ? &bare : NULL;
    for (uint32_t i = 0; i < m->stream_count; i++)
        if (m->streams[i].id == id)
            declared = &m->streams[i];
    if (!declared) {
        error_set(err, -EINVAL, "the metadata has no stream with id %" PRIu64, id);
        return NULL;
    }
    struct ctf_kind_of_stream *k = xcalloc(1, sizeof(*k));
    k->id = id;
    k->declared = declared;
    int r = lay_out_kind(t, k, err);
    k->declared = NULL; /* it moves when more is declared */
    if (r < 0) {
        free(k);
        return NULL;
    }
    GROW(t->kinds, t->kind_count, t->kind_capacity);
    return t->kinds[t->kind_count++] = k;
}

/* ---- event classes ---- */

/* The fields of a class, flattened, while they are being collected. */
struct listing {
    uint32_t count;
    struct field fields[EVENT_FIELDS_MAX];
    struct ctf_node *nodes[EVENT_FIELDS_MAX];
};

/* Whose elements are bytes or addresses as this machine has them; not where plans walk: in variants, and beside what moves a clock. */
static bool is_bytes(const struct ctf_node *sequence)
{
    const struct ctf_node *element = &sequence->children[0], *top = sequence;
    const struct ctf_type *type = element->type;
    if (type->kind != CTF_INTEGER || type->integer.is_signed || type->align < 8 || type->align > type->integer.bits)
        return false;
    if (type->integer.bits != 8 && (type->integer.bits != 64 || element->big != (BYTE_ORDER == BIG_ENDIAN)))
        return false;
    while (top->parent && top->parent->type->kind == CTF_STRUCTURE)
        top = top->parent;
    return !top->parent && !find_clocked(top);
}

static enum value_kind value_kind_of(const struct ctf_node *n)
{
    switch (n->type->kind) {
    case CTF_INTEGER:
        return n->type->integer.is_signed ? VALUE_SIGNED : VALUE_UNSIGNED;
    case CTF_REAL:
        return VALUE_REAL;
    case CTF_STRING:
        return VALUE_TEXT;
    case CTF_SEQUENCE:
        if (!ctf_is_text(n->children[0].type))
            return is_bytes(n) ? VALUE_BYTES : VALUE_NONE;
        return VALUE_TEXT;
    case CTF_ARRAY:
        return ctf_is_text(n->children[0].type) ? VALUE_TEXT : VALUE_NONE;
    default:
        return VALUE_NONE;
    }
}

/* Members of a structure, options of a variant, elements of a short array; of a packet's context, what ctf_stream.c collects. */
static void list_members(struct listing *l, struct ctf_node *structure, enum field_scope scope, const char *prefix)
{
    for (uint32_t i = 0; structure && i < structure->child_count; i++) {
        struct ctf_node *n = &structure->children[i];
        char name[EVENT_NAME_MAX];
        int size = snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", n->name);
        enum value_kind kind = value_kind_of(n);
        if (size < 0 || (size_t)size >= sizeof(name))
            continue;
        if (n->type->kind == CTF_STRUCTURE || (n->type->kind == CTF_VARIANT && scope != SCOPE_PACKET_CONTEXT))
            list_members(l, n, scope, name);
        if (n->type->kind == CTF_ARRAY && ctf_has_elements(n->type) && scope != SCOPE_PACKET_CONTEXT)
            list_members(l, n, scope, name);
        if (kind == VALUE_NONE || (kind == VALUE_BYTES && scope == SCOPE_PACKET_CONTEXT) || l->count == EVENT_FIELDS_MAX)
            continue;
        l->fields[l->count] = (struct field){ .name = xstrdup(name), .scope = scope, .kind = kind };
        l->nodes[l->count++] = n;
    }
}

static void select_fields(struct ctf_class *c, const struct listing *l, const struct event_selection *sel)
{
    c->skip = sel->skip;
    c->value_count = sel->skip ? 0 : sel->count;
    for (uint32_t i = 0; i < c->value_count; i++) {
        struct ctf_node *n = l->nodes[sel->fields[i]];
        if (l->fields[sel->fields[i]].scope == SCOPE_PACKET_CONTEXT) {
            c->packet[c->packet_count].value = (uint16_t)i;
            c->packet[c->packet_count++].field = (uint16_t)(n->place >= 0 ? n->place : PACKET_FIELDS_MAX); /* beyond: it has no place */
        } else {
            n->load = (int)i;
        }
    }
}

static void announce(struct ctf_trace *t, struct ctf_class *c)
{
    struct listing *l = xcalloc(1, sizeof(*l));
    struct event_selection selection = { 0 };
    list_members(l, c->layout.scopes[CTF_FIELDS], SCOPE_PAYLOAD, "");
    list_members(l, c->layout.scopes[CTF_OWN_CONTEXT], SCOPE_SPECIFIC_CONTEXT, "");
    list_members(l, c->layout.scopes[CTF_EVENT_CONTEXT], SCOPE_COMMON_CONTEXT, "");
    list_members(l, c->layout.scopes[CTF_PACKET_CONTEXT], SCOPE_PACKET_CONTEXT, "");
    struct event_class public = { .id = c->public_id, .name = c->name, .source = t->source, .field_count = l->count, .fields = l->fields };
    t->consumer->select(t->consumer->self, &public, &selection);
    select_fields(c, l, &selection);
    for (uint32_t i = 0; i < l->count; i++)
        free((char *)(uintptr_t)l->fields[i].name);
    free(l);
}

static int add_class(struct ctf_trace *t, struct ctf_kind_of_stream *k, const struct ctf_stream_class *s, const struct ctf_event_class *e,
                     struct error *err)
{
    struct ctf_class *c = xcalloc(1, sizeof(*c));
    GROW(t->all, t->class_count, t->class_capacity);
    t->all[t->class_count++] = c;
    c->name = e->name ? e->name : "(unnamed)";
    c->id = e->id;
    c->public_id = UINT32_MAX;
    c->layout = k->layout;
    c->layout.own_slots = 0;
    if (e->id >= CLASS_IDS_MAX)
        return error_set(err, -E2BIG, "metadata: event '%s' has id %" PRIu64 ": up to %d are possible", c->name, e->id, CLASS_IDS_MAX - 1);
    int r = ctf_layout_add(&c->layout, CTF_EVENT_CONTEXT, s->event_context, t->metadata, &t->arena, err);
    if (r == 0)
        r = ctf_layout_add(&c->layout, CTF_OWN_CONTEXT, e->context, t->metadata, &t->arena, err);
    if (r == 0)
        r = ctf_layout_add(&c->layout, CTF_FIELDS, e->fields, t->metadata, &t->arena, err);
    if (r < 0)
        return error_wrap(err, r, "event '%s'", c->name);
    for (int scope = CTF_EVENT_CONTEXT; scope < CTF_SCOPES; scope++)
        if (k->header != CTF_HEADER_ANY && ctf_refers_to(c->layout.scopes[scope], k->layout.scopes[CTF_EVENT_HEADER]))
            k->header = CTF_HEADER_ANY; /* then it must be walked: what is read at one go is not remembered */
    c->public_id = take_id(t->ids);
    if (t->consumer)
        announce(t, c);
    c->plan = ctf_plan_new(&c->layout);
    c->quick = c->plan->quick;
    c->prepared = !c->plan->sure || c->packet_count > 0;
    c->plain = !c->prepared && c->quick.text_count == 0;
    if (e->id >= k->class_capacity) {
        uint64_t capacity = k->class_capacity ? k->class_capacity : 64;
        while (capacity <= e->id)
            capacity *= 2;
        if (capacity - k->class_capacity > CLASS_SLOTS_MAX - t->class_slots)
            return error_set(err, -E2BIG, "metadata: the ids of events reach too far in too many streams");
        t->class_slots += capacity - k->class_capacity;
        k->classes = xrealloc(k->classes, capacity, sizeof(*k->classes));
        memset(k->classes + k->class_capacity, 0, (capacity - k->class_capacity) * sizeof(*k->classes));
        k->class_capacity = capacity;
    }
    k->classes[e->id] = c;
    ctf_header_quick(k);
    return 0;
}

int ctf_trace_announce(struct ctf_trace *t, struct ctf_kind_of_stream *k, struct error *err)
{
    const struct ctf_metadata *m = t->metadata;
    static const struct ctf_stream_class bare;
    const struct ctf_stream_class *s = &bare;
    int r = 0;
    for (uint32_t i = 0; i < m->stream_count; i++)
        if (m->streams[i].id == k->id)
            s = &m->streams[i];
    for (; k->announced < m->event_count && r == 0; k->announced++) {
        if (m->events[k->announced].stream_id != k->id)
            continue;
        bool numbered = ctf_node_member(k->layout.scopes[CTF_EVENT_HEADER], "id");
        if (numbered && !m->events[k->announced].has_id)
            return error_set(err, -EINVAL, "metadata: event '%s' has no id", m->events[k->announced].name ? m->events[k->announced].name : "?");
        if (k->class_capacity > 0 && !numbered)
            return error_set(err, -EINVAL, "metadata: there are several events of stream %" PRIu64 ", and they do not say which they are", k->id);
        r = add_class(t, k, s, &m->events[k->announced], err);
    }
    return r;
}

int ctf_trace_announce_all(struct ctf_trace *t, struct error *err)
{
    const struct ctf_metadata *m = t->metadata;
    int r = 0;
    for (uint32_t i = 0; i < m->event_count && r == 0; i++) {
        struct ctf_kind_of_stream *kind = ctf_trace_kind(t, m->events[i].stream_id, err);
        r = kind ? ctf_trace_announce(t, kind, err) : -EINVAL;
    }
    return r;
}
