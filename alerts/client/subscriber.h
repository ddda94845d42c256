/* subscriber.h - the other end of the publish sink: connect, choose topics,
 * take alerts. */
#ifndef FT_ALERTS_CLIENT_SUBSCRIBER_H
#define FT_ALERTS_CLIENT_SUBSCRIBER_H
#include "alerts/alert.h"
#include "base/security.h"

struct subscriber;

/* Connects (and goes on trying in the background). topic is a prefix, as
 * "alert.critical."; "" or NULL is everything. security
 * (NULL: no keys) must outlive the subscriber. -EACCES, and -EINVAL for a malformed endpoint. */
int subscriber_open(const char *endpoint, const char *topic, struct security *security, struct subscriber **ret_subscriber,
                    struct error *err);
void subscriber_close(struct subscriber *s);

enum subscriber_event { SUBSCRIBER_NOTHING, SUBSCRIBER_ALERT, SUBSCRIBER_HEARTBEAT, SUBSCRIBER_REFUSED };

/* Waits at most timeout_ms (-1: for ever) for one message. SUBSCRIBER_REFUSED:
 * it was malformed or of another version. */
int subscriber_take(struct subscriber *s, int timeout_ms, struct alert *ret_alert);
/* For a subscriber of everything: alerts known to have been missed since it connected. */
uint64_t subscriber_missed(const struct subscriber *s);

#endif
