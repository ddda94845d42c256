/* ctf_type.h - what the metadata of a CTF 1.8 trace declares: types, and the classes
 * of streams, events and clocks made of them. (CTF 1.8.3: diamon.org/ctf, sections 4 to 7.) */
#ifndef FT_COLLECTOR_CTF_TYPE_H
#define FT_COLLECTOR_CTF_TYPE_H
#include "base/arena.h"
#include <stdbool.h>
#include <stdint.h>

enum ctf_kind { CTF_INTEGER, CTF_REAL, CTF_STRING, CTF_STRUCTURE, CTF_VARIANT, CTF_ARRAY, CTF_SEQUENCE };
enum ctf_order { CTF_NATIVE, CTF_LITTLE, CTF_BIG }; /* native: the trace's own */

enum { CTF_DEPTH_MAX = 16, CTF_ALIGN_MAX = 1 << 20 };

/* Values from low to high, as the integer's sign has it. */
struct ctf_range {
    const char *label;
    uint64_t low, high;
};

struct ctf_type;

struct ctf_member {
    const char *name;
    const struct ctf_type *type;
};

struct ctf_type {
    enum ctf_kind kind;
    uint32_t align; /* bits, a power of two */
    union {
        struct {
            uint8_t bits;
            bool is_signed, is_text, is_enumeration;
            uint8_t base;
            enum ctf_order order;
            const char *clock; /* that it is mapped to, or NULL */
            uint32_t range_count;
            const struct ctf_range *ranges;
        } integer;
        struct {
            uint8_t bits; /* 32 or 64 */
            enum ctf_order order;
        } real;
        struct {
            uint32_t count;
            const struct ctf_member *members;
        } structure;
        struct {
            const char *tag; /* path of the field that chooses; NULL: declared without */
            uint32_t count;
            const struct ctf_member *options;
        } variant;
        struct {
            const struct ctf_type *element;
            uint64_t length;
        } array;
        struct {
            const struct ctf_type *element;
            const char *length; /* path of the field that counts */
        } sequence;
    };
};

struct ctf_clock {
    const char *name;
    const char *uuid;     /* as text, or NULL */
    uint64_t frequency;   /* Hz */
    int64_t offset_s;
    int64_t offset;       /* in cycles, besides offset_s */
    bool absolute;
};

struct ctf_event_class {
    uint64_t id, stream_id;
    bool has_id, has_stream_id;
    const char *name;
    const struct ctf_type *context, *fields; /* structures, or NULL */
};

struct ctf_stream_class {
    uint64_t id;
    bool has_id;
    const struct ctf_type *packet_context, *event_header, *event_context; /* structures, or NULL */
};

struct ctf_entry {
    const char *name, *text; /* text: NULL for a number */
    int64_t number;
};

/* All that the metadata says. Everything is in the arena. */
struct ctf_metadata {
    struct arena arena;
    bool has_trace, has_uuid;
    uint8_t uuid[16];
    enum ctf_order order;
    const struct ctf_type *packet_header;
    uint32_t clock_count, clock_capacity;
    struct ctf_clock *clocks;
    uint32_t stream_count, stream_capacity;
    struct ctf_stream_class *streams;
    uint32_t event_count, event_capacity;
    struct ctf_event_class *events;
    uint32_t entry_count, entry_capacity;
    struct ctf_entry *entries;        /* env */
};

#endif
