/* recall.h - what a collector must tell a detect stage that starts from nothing, or that
 * missed messages which are no longer kept: the descriptions of the series that the
 * messages still kept speak of, and which windows are lost. It is exactly what the
 * messages that have left the link (base/link_sender.h) would have told. */
#ifndef FT_STREAM_RECALL_H
#define FT_STREAM_RECALL_H
#include "base/link_sender.h"
#include "stream/sample.h"

struct recall;

struct recall *recall_new(void);
void recall_free(struct recall *recall);

/* For struct link_owner; self is the struct recall. */
void recall_left(void *self, const struct wire_header *header, struct wire_reader body, enum link_left why);
void recall_tell(void *self, struct link_sender *link, uint64_t position, bool restarted);

/* Windows lost of one source since the last call; false when there are none left. Those of LINK_LEFT_SENT count once
 * a receiver was told that they are lost. */
bool recall_take_dropped(struct recall *recall, const char **ret_host, const char **ret_session, uint64_t *ret_windows);
/* No receiver will ask any more: whatever was dropped is lost. */
void recall_give_up(struct recall *recall);

#endif
