/* bt2_sink.h - turns libbabeltrace2's messages into calls of an event consumer. */
#ifndef FT_COLLECTOR_BT2_SINK_H
#define FT_COLLECTOR_BT2_SINK_H
#include "base/error.h"
#include "collector/event.h"
#include <babeltrace2/babeltrace.h>

struct bt2_sink;

struct bt2_sink *bt2_sink_new(const struct event_consumer *consumer);
void bt2_sink_free(struct bt2_sink *sink);

/* Adds the sink component to a graph. */
int bt2_sink_add(struct bt2_sink *sink, bt_graph *graph, const bt_component_sink **ret_component, struct error *err);

/* Where event time stands (INT64_MIN: nowhere yet). */
int64_t bt2_sink_time_ns(const struct bt2_sink *sink);

/* As bt2_graph_set_raw(). */
void bt2_sink_set_raw(struct bt2_sink *sink, void (*raw)(void *self, const void *message, const struct event *event), void *self);
/* Events of streams without a clock: they can only be counted. */
uint64_t bt2_sink_untimed(const struct bt2_sink *sink);

#endif
