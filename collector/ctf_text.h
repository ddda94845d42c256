/* ctf_text.h - event_text.h's events out of any stream of our own readers, recorded or live. */
#ifndef FT_COLLECTOR_CTF_TEXT_H
#define FT_COLLECTOR_CTF_TEXT_H
#include "collector/ctf_delivery.h"
#include "collector/event_text.h"

struct ctf_text;

/* consumer stays valid. */
struct ctf_text *ctf_text_new(const struct event_text_consumer *consumer);
void ctf_text_free(struct ctf_text *t);
/* What a reader is given: the consumer of events, and, unless they are only counted, where events go; its self is t. */
const struct event_consumer *ctf_text_events(const struct ctf_text *t);
ctf_raw_fn ctf_text_raw(const struct ctf_text *t);

#endif
