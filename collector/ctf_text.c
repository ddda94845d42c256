/* ctf_text.c - events with all their fields as text, by our own reader. */
#include "collector/ctf_text.h"
#include "collector/ctf_reader.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ctf_text {
    const struct event_text_consumer *consumer;
    struct event_consumer events;
    struct event_text event;
    struct value values[EVENT_VALUES_MAX]; /* for the filter */
    struct bytes *to;
    bool comma;        /* before the next thing */
    unsigned depth;    /* 0: the scope's own structure, which several scopes may share */
};

static void before(struct ctf_text *w, const struct ctf_node *n)
{
    if (w->comma)
        event_text_puts(w->to, ",");
    w->comma = true;
    if (n->parent && n->parent->type->kind == CTF_STRUCTURE) {
        event_text_put_string(w->to, n->name, strlen(n->name));
        event_text_puts(w->to, ":");
    }
}

static void on_integer(void *self, const struct ctf_node *n, uint64_t value)
{
    struct ctf_text *w = self;
    before(w, n);
    event_text_put_integer(w->to, value, n->type->integer.is_signed);
}

static void on_real(void *self, const struct ctf_node *n, double value)
{
    struct ctf_text *w = self;
    before(w, n);
    event_text_put_real(w->to, value);
}

static void on_text(void *self, const struct ctf_node *n, const char *text, size_t size)
{
    struct ctf_text *w = self;
    before(w, n);
    event_text_put_string(w->to, text, size);
}

static void on_begin(void *self, const struct ctf_node *n, bool is_list)
{
    struct ctf_text *w = self;
    if (w->depth++ == 0)
        return;
    before(w, n);
    event_text_puts(w->to, is_list ? "[" : "{");
    w->comma = false;
}

static void on_end(void *self, const struct ctf_node *n, bool is_list)
{
    struct ctf_text *w = self;
    (void)n;
    if (--w->depth == 0)
        return;
    event_text_puts(w->to, is_list ? "]" : "}");
    w->comma = true;
}

static void on_choose(void *self, const struct ctf_node *variant, const struct ctf_node *option)
{
    struct ctf_text *w = self;
    before(w, variant);
    event_text_puts(w->to, "{");
    event_text_put_string(w->to, option->name, strlen(option->name));
    event_text_puts(w->to, ":");
    w->comma = false;
}

static void on_chosen(void *self, const struct ctf_node *variant)
{
    struct ctf_text *w = self;
    (void)variant;
    event_text_puts(w->to, "}");
    w->comma = true;
}

static const struct ctf_visitor writer = { .integer = on_integer, .real = on_real, .text = on_text, .begin = on_begin,
                                           .end = on_end, .choose = on_choose, .chosen = on_chosen };

static int write_scopes(struct ctf_text *w, struct ctf_stream *s, enum ctf_scope first, enum ctf_scope last, struct bytes *to)
{
    int r = 0;
    bytes_reset(to);
    w->to = to;
    w->comma = false;
    event_text_puts(to, "{");
    for (int scope = (int)first; scope <= (int)last && r == 0; scope++)
        if (s->class->layout.scopes[scope])
            r = ctf_walk(&s->cursor, &s->state, s->class->layout.scopes[scope], &writer, w);
    event_text_puts(to, "}");
    return r;
}

static void find_cpu(struct event_text *e, const struct ctf_stream *s)
{
    const struct ctf_node *cpu = ctf_node_member(s->kind->layout.scopes[CTF_PACKET_CONTEXT], "cpu_id");
    e->has_cpu = cpu && cpu->place >= 0 && s->packet.fields[cpu->place].kind == VALUE_UNSIGNED;
    e->cpu = e->has_cpu ? s->packet.fields[cpu->place].u : 0;
}

static int on_raw(void *self, struct ctf_stream *s, struct error *err)
{
    struct ctf_text *w = self;
    w->depth = 0;
    int r = write_scopes(w, s, CTF_EVENT_CONTEXT, CTF_OWN_CONTEXT, &w->event.context);
    if (r == 0)
        r = write_scopes(w, s, CTF_FIELDS, CTF_FIELDS, &w->event.fields);
    if (r < 0)
        return error_set(err, r, "event '%s' at byte %llu of its packet: %s", s->class->name, (unsigned long long)s->event_at / 8,
                         r == -ENODATA ? "the packet ends in the middle of it" : s->state.reason);
    if (s->cursor.at == s->event_at)
        return error_set(err, -EINVAL, "event '%s' takes no bytes: there would be no end of them", s->class->name);
    w->event.time_ns = s->time_ns;
    w->event.name = s->class->name;
    find_cpu(&w->event, s);
    w->consumer->event(w->consumer->self, &w->event);
    return 0;
}

/* Reads what the filter asked for, and what passes once more: fields that are clocks must not move them twice. */
static int on_filtered(void *self, struct ctf_stream *s, struct error *err)
{
    struct ctf_text *w = self;
    const struct event_text_consumer *consumer = w->consumer;
    const struct ctf_cursor begin = s->cursor;
    uint64_t clocks[CTF_CLOCKS_MAX];
    memcpy(clocks, s->state.clocks, sizeof(clocks));
    int r = ctf_stream_take(s, w->values, err);
    if (r < 0 || s->class->skip || !event_filter_matches(consumer->filter, s->class->public_id, w->values))
        return r;
    if (!consumer->event) {
        consumer->count(consumer->self, 1);
        return 0;
    }
    s->cursor = begin;
    memcpy(s->state.clocks, clocks, sizeof(clocks));
    return on_raw(w, s, err);
}

struct ctf_text *ctf_text_new(const struct event_text_consumer *consumer)
{
    struct ctf_text *t = xcalloc(1, sizeof(*t));
    t->consumer = consumer;
    t->events = event_text_events(consumer);
    return t;
}

void ctf_text_free(struct ctf_text *t)
{
    if (!t)
        return;
    bytes_done(&t->event.context);
    bytes_done(&t->event.fields);
    free(t);
}

const struct event_consumer *ctf_text_events(const struct ctf_text *t)
{
    return &t->events;
}

ctf_raw_fn ctf_text_raw(const struct ctf_text *t)
{
    return t->consumer->filter ? on_filtered : t->consumer->event ? on_raw : NULL;
}

int event_text_native(const char *const *paths, size_t count, const struct event_text_consumer *consumer, struct error *err)
{
    struct ctf_text *t = ctf_text_new(consumer);
    struct ctf_reader_setup setup = { .paths = paths, .count = count, .consumer = &t->events, .raw = ctf_text_raw(t), .self = t };
    struct ctf_reader *reader = NULL;
    int r = ctf_reader_open(&setup, &reader, err);
    if (r < 0 && r != -ENOTSUP)
        r = -ENOEXEC;
    while (r >= 0 && (r = ctf_reader_step(reader, err)) > 0)
        ;
    ctf_reader_free(reader);
    ctf_text_free(t);
    return r;
}
