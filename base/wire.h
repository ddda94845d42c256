/* wire.h - the frame every message between stages and to subscribers has, and
 * the reading and writing of msgpack inside it (docs/wire.md).
 *
 * Writing goes through msgpack-c. Reading is a cursor of our own, for two
 * reasons: nothing is allocated per message, and every length is checked
 * against what is left before anybody believes it. A reader's first mistake
 * sticks: getters return zero from then on and wire_ok() tells. */
#ifndef FT_BASE_WIRE_H
#define FT_BASE_WIRE_H
#include "base/bytes.h"
#include <stdbool.h>
#include <stdint.h>

enum { WIRE_VERSION = 1, WIRE_MESSAGE_MAX = 1 << 20, WIRE_DEPTH_MAX = 16 };

/* The numbers are on the wire: append only. */
enum wire_type {
    WIRE_HEARTBEAT = 1,
    WIRE_SERIES = 2,     /* descriptions of series */
    WIRE_SAMPLES = 3,    /* one window of one source */
    WIRE_EXCEEDANCE = 4, /* one fact that must not wait for the window */
    WIRE_LOSS = 5,
    WIRE_END = 6,
    WIRE_VERDICT = 7,
    WIRE_WINDOW = 8,     /* a window is over: what alerts count clean windows by */
    WIRE_ALERT = 9,
    WIRE_RETIRED = 10,   /* a series was purged as idle */
    WIRE_REQUEST = 11,   /* a subscriber asks for what it missed, or for what fires now */
    /* Of the links between stages (base/link_wire.h): */
    WIRE_HELLO = 12,
    WIRE_WELCOME = 13,
    WIRE_ACK = 14,
    WIRE_RESYNC = 15,
    WIRE_REFUSED = 16,
};

struct wire_header {
    uint32_t version;
    uint32_t type;
    uint64_t epoch;    /* chosen by the sender when it starts */
    uint64_t sequence; /* 1, 2, 3 ... within the epoch */
};

void wire_put_uint(struct bytes *b, uint64_t value);
void wire_put_int(struct bytes *b, int64_t value);
void wire_put_double(struct bytes *b, double value);
void wire_put_bool(struct bytes *b, bool value);
void wire_put_nil(struct bytes *b);
/* Bytes that are not UTF-8 become '?'. */
void wire_put_text(struct bytes *b, const char *text, size_t size);
void wire_put_string(struct bytes *b, const char *text);
void wire_put_array(struct bytes *b, uint32_t count);
void wire_put_map(struct bytes *b, uint32_t count);
/* Starts a message: array [version, type, epoch, sequence, body]; the body follows. */
void wire_put_header(struct bytes *b, enum wire_type type, uint64_t epoch, uint64_t sequence);

struct wire_reader {
    const uint8_t *at, *end;
    bool failed;
};

struct wire_reader wire_reader_init(const void *data, size_t size);
/* Well-formed so far. */
bool wire_ok(const struct wire_reader *r);
/* Well-formed and read to the last byte. */
bool wire_finished(const struct wire_reader *r);

/* Integers are accepted in any msgpack integer form that has the value. */
uint64_t wire_get_uint(struct wire_reader *r);
uint32_t wire_get_uint32(struct wire_reader *r);
int64_t wire_get_int(struct wire_reader *r);
/* A time or a duration in ns; beyond 146 years it is a failure, so that
 * differences of times never overflow. */
int64_t wire_get_time(struct wire_reader *r);
double wire_get_double(struct wire_reader *r); /* integers are accepted too */
bool wire_get_bool(struct wire_reader *r);
/* Not NUL-terminated; points into the message. *ret_size is at most max. */
const char *wire_get_text(struct wire_reader *r, size_t max, size_t *ret_size);
/* Into a buffer of the caller's, NUL-terminated; fails when it does not fit or holds a NUL. */
void wire_get_string(struct wire_reader *r, char *buffer, size_t capacity);
/* Number of elements, at most max (more is a failure, and so is more than the bytes left could hold). */
uint32_t wire_get_array(struct wire_reader *r, uint32_t max);
uint32_t wire_get_map(struct wire_reader *r, uint32_t max);
/* Takes a nil if the next thing is one. */
bool wire_take_nil(struct wire_reader *r);
/* Skips one value of any kind, nested at most WIRE_DEPTH_MAX deep. */
void wire_skip(struct wire_reader *r);

/* Appends one value of any kind as JSON: map keys must be text, numbers are as
 * short as reads back the same, those JSON cannot say are null. */
struct text_out;
void wire_to_json(struct wire_reader *r, struct text_out *out);

/* Reads the frame. False when it is malformed, too large, or of another version
 * (then ret_header has what could be read). The reader stands at the body. */
bool wire_open(struct wire_reader *r, const void *data, size_t size, struct wire_header *ret_header);

#endif
