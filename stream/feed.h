/* feed.h - one reader's events on their way to the streams of their sources:
 * an event consumer (collector/event.h) over the stream stage. */
#ifndef FT_STREAM_FEED_H
#define FT_STREAM_FEED_H
#include "collector/event.h"
#include "stream/stream.h"

struct feed;

/* What a session is called in its series: without what makes the name of one of ours unique. */
void feed_session_label(const char *session, char label[NAME_TEXT_MAX]);

/* setup stays valid until the feed is freed. */
struct feed *feed_new(const struct stream_setup *setup);
void feed_free(struct feed *feed);

/* What a reader is given. */
struct event_consumer feed_consumer(struct feed *feed);
/* Makes the stream of a source before any of its events is seen, so that an
 * outage of it has a place. */
void feed_expect(struct feed *feed, const char *host, const char *session);
/* stream_hold() for a source, that of feed_expect(). */
void feed_hold(struct feed *feed, const char *host, const char *session, int64_t until_ns);
/* stream_window() of a source; INT64_MIN when nothing was seen of it yet. */
int64_t feed_window(struct feed *feed, const char *host, const char *session);
/* Counts something of foretrace's own about a source, if it is one of this feed's. */
void feed_count(struct feed *feed, const char *host, const char *session, const char *counter, uint64_t n);
/* How far event time has come in the stream that is least far; INT64_MIN: none has begun. */
int64_t feed_watermark(const struct feed *feed);
/* Closes the last window of every stream. */
void feed_finish(struct feed *feed);
void feed_add_totals(const struct feed *feed, struct stream_totals *totals);

#endif
