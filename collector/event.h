/* event.h - what the collector hands on: events in time order, how far time
 * has come, and every loss. A reader calls the functions of its consumer, all
 * from one thread. Everything passed is a view, valid during the call. */
#ifndef FT_COLLECTOR_EVENT_H
#define FT_COLLECTOR_EVENT_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* VALUE_BYTES: unsigned integers of 8 or 64 bits one behind the other, in this machine's order, at any address: call stacks, build
 * ids. Only the native reader has them, and only event_class_bytes() finds them: no option names such a field. */
enum value_kind { VALUE_NONE, VALUE_SIGNED, VALUE_UNSIGNED, VALUE_REAL, VALUE_TEXT, VALUE_BYTES };

/* A field's value. VALUE_NONE: this event does not have the field. */
struct value {
    uint32_t kind;
    uint32_t size; /* VALUE_TEXT, VALUE_BYTES: bytes, without a NUL; at most VALUE_TEXT_MAX, what is longer is cut */
    union {
        int64_t i;
        uint64_t u;
        double d;
        const char *text; /* not NUL-terminated; of VALUE_BYTES too */
    };
};

enum field_scope {
    SCOPE_PAYLOAD,
    SCOPE_SPECIFIC_CONTEXT, /* of the event class */
    SCOPE_COMMON_CONTEXT,   /* of the channel: what `lttng add-context` adds */
    SCOPE_PACKET_CONTEXT,   /* cpu_id and the like */
    SCOPE_COUNT
};

/* A scalar or text that events of a class have. Names are as babeltrace2 shows
 * them; members of nested structures and options of variants are "outer.inner". */
struct field {
    const char *name;
    enum field_scope scope;
    enum value_kind kind;
};

/* Where events come from: one LTTng session on one host, all its domains. */
struct trace_source {
    const char *host;    /* "" when the trace does not say */
    const char *session; /* likewise */
};

enum { EVENT_FIELDS_MAX = 256, EVENT_VALUES_MAX = 32, EVENT_NAME_MAX = 256, VALUE_TEXT_MAX = 4096 };

struct event_class {
    uint32_t id;         /* 0, 1, 2 ... within a reader */
    const char *name;
    struct trace_source source;
    uint32_t field_count;
    const struct field *fields; /* in the order in which they are to be looked for: that of the scopes */
};

/* How people name a field: "NAME" is looked for in payload, event context, channel context and packet
 * context, in this order; "payload.NAME" and "ctx.NAME" look in one of them. Returns NAME. */
static inline const char *field_name_split(const char *name, enum field_scope *ret_first, enum field_scope *ret_last)
{
    static const char payload[] = "payload.", context[] = "ctx.";
    bool in_payload = strncmp(name, payload, sizeof(payload) - 1) == 0, in_context = strncmp(name, context, sizeof(context) - 1) == 0;
    *ret_first = in_context ? SCOPE_SPECIFIC_CONTEXT : SCOPE_PAYLOAD;
    *ret_last = in_payload ? SCOPE_PAYLOAD : SCOPE_PACKET_CONTEXT;
    return name + (in_payload ? sizeof(payload) - 1 : in_context ? sizeof(context) - 1 : 0);
}

static inline int event_class_find(const struct event_class *class, const char *name, bool bytes)
{
    enum field_scope first, last;
    name = field_name_split(name, &first, &last);
    for (uint32_t i = 0; i < class->field_count; i++)
        if (class->fields[i].scope >= first && class->fields[i].scope <= last && (class->fields[i].kind == VALUE_BYTES) == bytes &&
            strcmp(class->fields[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* The place of the scalar or text that is named so; -1: there is none. */
static inline int event_class_field(const struct event_class *class, const char *name)
{
    return event_class_find(class, name, false);
}

/* The same of VALUE_BYTES. */
static inline int event_class_bytes(const struct event_class *class, const char *name)
{
    return event_class_find(class, name, true);
}

struct event {
    uint32_t class_id;
    int64_t time_ns;             /* since the epoch, UTC */
    const struct value *values;  /* in the order in which select() asked for them */
};

/* Which fields of a class somebody reads; the reader extracts these and no others. */
struct event_selection {
    bool skip;                   /* nobody wants these events at all: they are only counted */
    uint32_t count;              /* of fields */
    uint16_t fields[EVENT_VALUES_MAX];
};

enum loss_kind {
    LOSS_EVENTS = 1,  /* the tracer had no room: `count` events discarded */
    LOSS_PACKETS = 2, /* whole packets are missing: `count` of them */
    LOSS_OUTAGE = 3,  /* nothing could be read for a while, or not all; count is 1, or 0 where all of it could be read after all */
    LOSS_SUSPECTED = 6 /* something may be missing, or nothing; count is 0 */
};

struct loss {
    enum loss_kind kind;
    struct trace_source source;  /* empty texts: everything the reader reads */
    uint64_t count;
    bool at_least;             /* the true count is not known, only that it is no less */
    bool ongoing;              /* LOSS_OUTAGE: it has begun, and its end is not known yet */
    bool partly;               /* LOSS_OUTAGE: something comes meanwhile, and is not all */
    int64_t begin_ns, end_ns;  /* event time; end_ns is begin_ns while ongoing */
    char reason[160];          /* LOSS_OUTAGE: for people */
};

struct event_consumer {
    void *self;
    /* Once per class before its first event (again after a reader started anew,
     * with ids from 0). */
    void (*select)(void *self, const struct event_class *class, struct event_selection *ret_selection);
    void (*event)(void *self, const struct event *event);
    /* Events of classes that were skipped. */
    void (*skipped)(void *self, uint64_t count);
    /* No event before time_ns will come any more. */
    void (*watermark)(void *self, int64_t time_ns);
    /* Comes when the order of events reaches its beginning. */
    void (*loss)(void *self, const struct loss *loss);
};

#endif
