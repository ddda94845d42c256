/* live_metadata.h - metadata as it comes over a network: in pieces that may end anywhere, in a packet of it or in a
 * declaration. */
#ifndef FT_COLLECTOR_LIVE_METADATA_H
#define FT_COLLECTOR_LIVE_METADATA_H
#include "base/bytes.h"
#include "base/error.h"
#include <stdbool.h>

enum { LIVE_METADATA_MAX = 64 << 20 }; /* bytes that wait for the end of a declaration */

struct live_metadata {
    struct bytes packed;   /* the beginning of a packet, or of a text that is in none */
    bool unpacked;         /* it is in none */
    struct bytes text;
    size_t taken;          /* of text: given to the caller */
    size_t scanned, whole; /* of text: looked at; whole declarations */
    unsigned depth;        /* of braces */
    enum { LIVE_PLAIN, LIVE_STRING, LIVE_COMMENT, LIVE_LINE } in;
    char before;           /* the character before */
    bool stream_begun;     /* the declaration under way is a stream's or an event's */
    bool streams;          /* one such is whole: trace, environment and clocks are known */
};

void live_metadata_done(struct live_metadata *m);
/* 0, or negative with err: it is no metadata, or too much. */
int live_metadata_add(struct live_metadata *m, const void *data, size_t size, struct error *err);
/* The whole declarations that have come since, when there are any: true. They stay valid until the next call. Nothing is given
 * before the first stream or event is declared. */
bool live_metadata_take(struct live_metadata *m, const char **ret_text, size_t *ret_size);

#endif
