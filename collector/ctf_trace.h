/* ctf_trace.h - the classes of one trace, as its metadata has them so far: which event a
 * number means, where its fields are, and who wants which of them. */
#ifndef FT_COLLECTOR_CTF_TRACE_H
#define FT_COLLECTOR_CTF_TRACE_H
#include "collector/ctf_plan.h"
#include "collector/tsdl_parser.h"

struct ctf_class;

enum { PACKET_FIELDS_MAX = 64 };

/* How an event begins. The two forms of LTTng are read with a load or two, others are walked. */
enum ctf_header_form { CTF_HEADER_ANY, CTF_HEADER_COMPACT, CTF_HEADER_LARGE, CTF_HEADER_NONE };

/* The short form of LTTng's headers: a number and a timestamp in at most 8 bytes. */
struct ctf_quick_header {
    uint64_t id_mask, time_mask;
    uint64_t count;                      /* ids below are no escape, and have a place among the classes; 0: no such header */
    uint32_t id_bits, size;              /* size: bytes */
    uint32_t clock;
};

/* A stream class with its trees; packets and headers are the same for all its events. */
struct ctf_kind_of_stream {
    const struct ctf_stream_class *declared; /* changes its place as metadata grows: by id */
    uint64_t id;
    struct ctf_layout layout;            /* up to the event's header */
    int shared_slots;
    enum ctf_header_form header;
    struct ctf_quick_header quick;
    int clock;                           /* of events; -1: they have none */
    uint64_t plain_limit;                /* up to so many cycles the time is base_ns and the cycles; 0: the clock does not count ns */
    int64_t base_ns;
    struct ctf_class **classes;          /* by event id, as far as they fit */
    uint32_t class_count, announced;     /* events of the metadata that were looked at */
    uint64_t class_capacity;
};

/* An event class. */
struct ctf_class {
    struct ctf_quick quick;          /* the plan's: what is looked at for each event stands together */
    uint32_t public_id;              /* of struct event_class; UINT32_MAX: not announced */
    bool skip;
    bool prepared;                   /* some values the plan does not set, or not always */
    bool plain;                      /* it does, and there are no texts among what is quick */
    const char *name;
    uint64_t id;                     /* in its stream class */
    struct ctf_layout layout;
    struct ctf_plan *plan;
    uint32_t value_count;
    /* Values that come from the packet: */
    uint32_t packet_count;
    struct {
        uint16_t value, field;
    } packet[EVENT_VALUES_MAX];
};

/* Numbers for event classes, shared by all traces of a reader. Those of a trace that is gone are given again. */
struct ctf_class_ids {
    uint32_t next, *free, free_count, free_capacity;
};
void ctf_class_ids_done(struct ctf_class_ids *ids);

struct ctf_trace {
    struct tsdl_parser *parser;
    const struct ctf_metadata *metadata;
    struct arena arena;
    struct trace_source source;      /* host and session, from the environment */
    char domain[32];
    int64_t bit_width;           /* of the traced programs; 0: it does not say */
    bool per_process;            /* a trace of one program, whose streams end with it */
    struct ctf_layout header;        /* the packet's */
    int header_slots;
    struct ctf_kind_of_stream **kinds;
    uint32_t kind_count, kind_capacity;
    struct ctf_class **all;
    uint32_t class_count, class_capacity;
    uint64_t class_slots;            /* of the tables by id, all together */
    struct ctf_class_ids *ids;
    const struct event_consumer *consumer; /* NULL: nobody selects; plans pass over everything */
};

/* ids and consumer stay valid. */
struct ctf_trace *ctf_trace_new(const struct event_consumer *consumer, struct ctf_class_ids *ids);
void ctf_trace_free(struct ctf_trace *t);
/* Metadata, packed or plain, the whole of it or what has been added: whole declarations, the trace block among the first. -ENOTSUP: a format of another kind, which err names. */
int ctf_trace_metadata(struct ctf_trace *t, const void *data, size_t size, struct error *err);

/* Clocks that are one clock, by their uuid, have been given one offset for each trace, measured at different instants: this
 * trace takes the other's, so that both are in one order, that of the clock. Before any stream class is asked for. False: they
 * have none in common. */
bool ctf_trace_share_clocks(struct ctf_trace *t, const struct ctf_trace *other);

/* NULL with err when the metadata has none such, or one that cannot be. */
struct ctf_kind_of_stream *ctf_trace_kind(struct ctf_trace *t, uint64_t id, struct error *err);
/* Shows all event classes of a stream class to the consumer that it has not seen. */
int ctf_trace_announce(struct ctf_trace *t, struct ctf_kind_of_stream *kind, struct error *err);
/* The same for all of the trace: a class that cannot be is refused whether or not there are such events. */
int ctf_trace_announce_all(struct ctf_trace *t, struct error *err);
static inline struct ctf_class *ctf_kind_class(const struct ctf_kind_of_stream *kind, uint64_t id)
{
    return id < kind->class_capacity ? kind->classes[id] : NULL;
}

/* ns since the epoch of the cycles of a stream class's clock; INT64_MIN as below. */
static inline int64_t ctf_kind_ns(const struct ctf_trace *t, const struct ctf_kind_of_stream *kind, uint64_t cycles);
/* ns since the epoch of a clock's cycles; INT64_MIN when that is beyond what 64 bits hold. */
int64_t ctf_clock_ns(const struct ctf_clock *clock, uint64_t cycles);

static inline int64_t ctf_kind_ns(const struct ctf_trace *t, const struct ctf_kind_of_stream *kind, uint64_t cycles)
{
    if (cycles < kind->plain_limit)
        return kind->base_ns + (int64_t)cycles;
    return kind->clock < 0 ? INT64_MIN : ctf_clock_ns(&t->metadata->clocks[kind->clock], cycles);
}

#endif
