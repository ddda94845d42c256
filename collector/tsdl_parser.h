/* tsdl_parser.h - from the text of a CTF 1.8 trace's metadata to classes and types. */
#ifndef FT_COLLECTOR_TSDL_PARSER_H
#define FT_COLLECTOR_TSDL_PARSER_H
#include "base/error.h"
#include "collector/ctf_type.h"

struct tsdl_parser;

struct tsdl_parser *tsdl_parser_new(void);
void tsdl_parser_free(struct tsdl_parser *p);
/* Reads on: metadata grows while a trace is made, by whole declarations. -EINVAL with err
 * "metadata:LINE: ..."; what was read before the mistake stays. */
int tsdl_parser_feed(struct tsdl_parser *p, const char *text, size_t size, struct error *err);
/* What has been read so far; grows with the next feed, types keep their places. */
const struct ctf_metadata *tsdl_parser_metadata(const struct tsdl_parser *p);

/* Traces may have timestamps and no clock: one of 1 GHz from the epoch on is meant then. */
void tsdl_parser_add_clock(struct tsdl_parser *p);

#endif
