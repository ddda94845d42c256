/* ctf_stream.h - one stream: its packets one after the other, and the events in them. The
 * bytes are the caller's, and stay where they are while a packet is read. */
#ifndef FT_COLLECTOR_CTF_STREAM_H
#define FT_COLLECTOR_CTF_STREAM_H
#include "collector/ctf_trace.h"

/* What a packet says of itself. */
struct ctf_packet {
    uint64_t stream_class, instance;
    bool has_stream_class, has_instance;
    uint64_t packet_bits, content_bits;
    bool has_content, has_begin, has_end, has_discarded, has_sequence;
    uint64_t begin, end;           /* cycles */
    uint64_t discarded, sequence;  /* counted since the stream began */
    struct value fields[PACKET_FIELDS_MAX]; /* scalars of its context, by node->place; texts point into the packet */
};

struct ctf_stream {
    struct ctf_trace *trace;
    struct ctf_kind_of_stream *kind;
    struct ctf_cursor cursor;
    uint64_t consumed;     /* events of this stream */
    /* The event that ctf_stream_next() found: */
    struct ctf_class *class;
    uint64_t event_at;     /* bits */
    int64_t time_ns;       /* INT64_MIN: it has none, or one that 64 bits do not hold */
    struct ctf_state state;
    struct ctf_packet packet;
};

/* Reads the header and context of the packet at data, of which size bytes are there. 0, or -EINVAL, -ENODATA with err; -ENOENT:
 * of a class that the metadata does not have (yet). A stream must be of one class. */
int ctf_stream_packet(struct ctf_stream *s, const uint8_t *data, size_t size, struct error *err);
/* Finds the next event. 1: class and time are set; 0: the packet is over; negative with err: damaged, or, -ENOENT, of a class
 * that the metadata does not have (yet: then it may be tried again). */
int ctf_stream_next(struct ctf_stream *s, struct error *err);
/* Reads that event's fields; values has room for EVENT_VALUES_MAX. 0, or negative with err. */
int ctf_stream_take(struct ctf_stream *s, struct value *values, struct error *err);
/* Sets the values of that event which its plan does not set, or not always. */
void ctf_stream_prepare(const struct ctf_stream *s, const struct ctf_class *c, struct value *values);

#endif
