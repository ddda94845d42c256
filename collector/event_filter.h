/* event_filter.h - which events somebody wants to see: by their names, and by what is in their
 * fields, "FIELD OP VALUE". It asks a reader for these fields as an analysis does, and decides before anything else is read. */
#ifndef FT_COLLECTOR_EVENT_FILTER_H
#define FT_COLLECTOR_EVENT_FILTER_H
#include "base/error.h"
#include "collector/event.h"
#include <stddef.h>

struct event_filter;

/* Events with one of these names (patterns with wildcards; none: any name) for which all of the conditions hold.
 * Names stay the caller's, valid as long as the filter. -EINVAL with err, which says what is wrong with which condition and where. */
int event_filter_new(const char *const *names, size_t name_count, const char *const *conditions, size_t condition_count,
                     struct event_filter **ret_filter, struct error *err);
void event_filter_free(struct event_filter *f);

/* For struct event_consumer: the fields that decide; skip when events of the class can never be wanted. */
void event_filter_select(struct event_filter *f, const struct event_class *class, struct event_selection *ret_selection);
/* Whether an event of such a class, with the values asked for, is wanted. */
bool event_filter_matches(struct event_filter *f, uint32_t class_id, const struct value *values);

/* Afterwards: why a condition could hold for no class of events, as a sentence in err; false: it could, or there were
 * no events by these names at all. */
bool event_filter_explain(const struct event_filter *f, size_t condition, struct error *err);

#endif
