/* event_text.h - every event of recorded traces with all it has, as text: the same whichever
 * reader reads. */
#ifndef FT_COLLECTOR_EVENT_TEXT_H
#define FT_COLLECTOR_EVENT_TEXT_H
#include "base/bytes.h"
#include "base/error.h"
#include "collector/event.h"
#include "collector/event_filter.h"
#include <stddef.h>

/* One event; valid during the call. Contexts and fields are JSON objects; texts in them have bytes that are no
 * UTF-8 as \udcXX (as Python's surrogateescape). */
struct event_text {
    int64_t time_ns;     /* INT64_MIN: it has no time */
    const char *name;
    bool has_cpu;
    uint64_t cpu;
    struct bytes context, fields;
};

struct event_text_consumer {
    void *self;
    struct event_filter *filter;                        /* which events; NULL: all */
    void (*event)(void *self, const struct event_text *event);
    void (*count)(void *self, uint64_t events);         /* where event is NULL: how many more, which is much faster */
    void (*loss)(void *self, const struct loss *loss);  /* NULL: nobody asks */
};

/* Reads all of the traces in these directories. 0, or negative with err; what came before was delivered. -ENOEXEC: nothing
 * did, as the metadata is not understood. */
int event_text_native(const char *const *paths, size_t count, const struct event_text_consumer *consumer, struct error *err);
int event_text_babeltrace2(const char *const *paths, size_t count, const struct event_text_consumer *consumer, struct error *err);

/* For both: a consumer that asks for what the filter needs, and hands on counts and losses; consumer stays valid. */
struct event_consumer event_text_events(const struct event_text_consumer *consumer);
/* For both: a text in quotes, a number. */
void event_text_put_string(struct bytes *b, const char *text, size_t size);
void event_text_put_real(struct bytes *b, double value);
void event_text_put_integer(struct bytes *b, uint64_t value, bool is_signed);
void event_text_puts(struct bytes *b, const char *text);

#endif
