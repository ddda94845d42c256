/* bt2_graph.h - a libbabeltrace2 graph: sources, a muxer, and a sink that calls
 * an event consumer. A graph belongs to the thread that made it. */
#ifndef FT_COLLECTOR_BT2_GRAPH_H
#define FT_COLLECTOR_BT2_GRAPH_H
#include "base/error.h"
#include "collector/event.h"
#include <stddef.h>

struct bt2_graph;

/* One source.ctf.fs component: directories that belong to one trace (a rotated
 * session has several). */
struct bt2_trace {
    const char *const *paths;
    size_t path_count;
};

/* A graph over recorded traces. */
int bt2_graph_open_traces(const struct bt2_trace *traces, size_t count, const struct event_consumer *consumer,
                          struct bt2_graph **ret_graph, struct error *err);
/* A graph over one live session, net://HOST[:PORT]/host/HOSTNAME/SESSION; it
 * ends when the session does, or at once when there is no such session. */
int bt2_graph_open_live(const char *url, const struct event_consumer *consumer, struct bt2_graph **ret_graph,
                        struct error *err);
void bt2_graph_free(struct bt2_graph *graph);

enum bt2_run { BT2_RUN_MORE, BT2_RUN_AGAIN, BT2_RUN_END };

/* Handles one batch of messages. BT2_RUN_AGAIN: nothing there now (live only);
 * the library does not wait, so the caller must. Negative: the graph is dead. */
int bt2_graph_run_once(struct bt2_graph *graph, struct error *err);
/* Events go there instead of the consumer, with time or without: the library's message, a bt_message, and the values that
 * select() asked for. Those of classes that were skipped are only counted, as ever. */
void bt2_graph_set_raw(struct bt2_graph *graph, void (*raw)(void *self, const void *message, const struct event *event), void *self);
int64_t bt2_graph_time_ns(const struct bt2_graph *graph);
uint64_t bt2_graph_untimed(const struct bt2_graph *graph);

#endif
