/* live_set_private.h - the parts of live_set.c: a stream's packets (live_stream.c), traces and their metadata (live_trace.c). */
#ifndef FT_COLLECTOR_LIVE_SET_PRIVATE_H
#define FT_COLLECTOR_LIVE_SET_PRIVATE_H
#include "base/bytes.h"
#include "collector/live_set.h"
#include <stdlib.h>
#include <string.h>

void live_set_tell(const struct live_set *set, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Frees it, too. */
void live_set_remove_stream(struct live_set *set, uint32_t number);

/* ---- live_stream.c ---- */

struct live_stream *live_stream_new(struct live_set *set, struct live_trace *trace, uint64_t id, const char *channel, int64_t now_ns);
void live_stream_free(struct live_stream *s);
/* Its trace is known. One that was had before goes on as what it was: false, and the new one is not needed. */
bool live_stream_bind(struct live_stream *s, int64_t now_ns);
/* The first packet that waits has been read, or given up. */
void live_stream_drop_packet(struct live_stream *s);
/* The packet that was to be passed over does not come. */
void live_stream_forget_passing(struct live_stream *s);
/* Nothing is left of it, and nothing will come. */
bool live_stream_is_over(const struct live_stream *s);
/* No packet came after those that were gone, whose number would have told of them. */
void live_stream_tell_gone(struct live_stream *s);

/* ---- live_trace.c ---- */

void live_trace_free(struct live_trace *t);
/* It has no streams left, and there are none that nobody was told of: its metadata will not be sent again. Losses that are still
 * to be told have its names. */
bool live_trace_is_done(const struct live_trace *t, const struct live_set *set);
/* What is left of an earlier connection may come again with a trace of which nothing is known yet. */
bool live_set_has_unknown_trace(const struct live_set *set);

#endif
