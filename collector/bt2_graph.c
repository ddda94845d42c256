#include "collector/bt2_graph.h"
#include "base/bytes.h"
#include "collector/bt2_error.h"
#include "collector/bt2_sink.h"
#include <babeltrace2/babeltrace.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct bt2_graph {
    bt_graph *graph;
    struct bt2_sink *sink;
    const bt_component_sink *sink_component;
    const bt_plugin *ctf, *utils;
    /* Of the components; never leave it out: zero would log everything, at 15 to
     * 35 times the cost. A live reader's errors go to standard error, where its
     * supervisor reads them; a replay tells causes from the library's errors. */
    bt_logging_level log_level;
};

static int find_plugin(const char *name, const bt_plugin **ret_plugin, struct error *err)
{
    bt_plugin_find_status status = bt_plugin_find(name, BT_TRUE, BT_TRUE, BT_TRUE, BT_TRUE, BT_FALSE, ret_plugin);
    if (status == BT_PLUGIN_FIND_STATUS_OK)
        return 0;
    if (status == BT_PLUGIN_FIND_STATUS_NOT_FOUND)
        return error_set(err, -ENOENT, "babeltrace2's plugin '%s' is not installed (Debian: package libbabeltrace2-0)",
                         name);
    return bt2_take_error(err, -EIO);
}

static int new_graph(const struct event_consumer *consumer, bt_logging_level log_level, struct bt2_graph **ret_graph,
                     struct error *err)
{
    struct bt2_graph *g = xcalloc(1, sizeof(*g));
    g->log_level = log_level;
    int r = find_plugin("ctf", &g->ctf, err);
    if (r == 0)
        r = find_plugin("utils", &g->utils, err);
    if (r == 0) {
        g->graph = bt_graph_create(0);
        g->sink = bt2_sink_new(consumer);
        r = g->graph ? bt2_sink_add(g->sink, g->graph, &g->sink_component, err) : bt2_take_error(err, -ENOMEM);
    }
    if (r < 0) {
        bt2_graph_free(g);
        return r;
    }
    *ret_graph = g;
    return 0;
}

/* Adds a source with `inputs`, and whether a missing session ends the graph. */
static int add_source(struct bt2_graph *g, const char *class_name, const char *name, const char *const *inputs,
                      size_t count, const char *not_found_action, const bt_component_source **ret_source,
                      struct error *err)
{
    const bt_component_class_source *class = bt_plugin_borrow_source_component_class_by_name_const(g->ctf, class_name);
    if (!class)
        return error_set(err, -ENOENT, "babeltrace2 has no source.ctf.%s", class_name);
    bt_value *params = bt_value_map_create(), *list = NULL;
    bool ok = params && bt_value_map_insert_empty_array_entry(params, "inputs", &list) == BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK;
    for (size_t i = 0; ok && i < count; i++)
        ok = bt_value_array_append_string_element(list, inputs[i]) == BT_VALUE_ARRAY_APPEND_ELEMENT_STATUS_OK;
    if (ok && not_found_action)
        ok = bt_value_map_insert_string_entry(params, "session-not-found-action", not_found_action) ==
             BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK;
    if (ok)
        ok = bt_graph_add_source_component(g->graph, class, name, params, g->log_level, ret_source) ==
             BT_GRAPH_ADD_COMPONENT_STATUS_OK;
    bt_value_put_ref(params);
    return ok ? 0 : bt2_take_error(err, -EIO);
}

static int connect(struct bt2_graph *g, const bt_port_output *from, const bt_port_input *to, struct error *err)
{
    if (bt_graph_connect_ports(g->graph, from, to, NULL) != BT_GRAPH_CONNECT_PORTS_STATUS_OK)
        return bt2_take_error(err, -EIO);
    return 0;
}

static const bt_port_input *sink_port(const struct bt2_graph *g)
{
    return bt_component_sink_borrow_input_port_by_index_const(g->sink_component, 0);
}

static int add_muxer(struct bt2_graph *g, const bt_component_filter **ret_muxer, struct error *err)
{
    const bt_component_class_filter *class = bt_plugin_borrow_filter_component_class_by_name_const(g->utils, "muxer");
    if (!class)
        return error_set(err, -ENOENT, "babeltrace2 has no filter.utils.muxer");
    if (bt_graph_add_filter_component(g->graph, class, "muxer", NULL, g->log_level, ret_muxer) !=
        BT_GRAPH_ADD_COMPONENT_STATUS_OK)
        return bt2_take_error(err, -EIO);
    return connect(g, bt_component_filter_borrow_output_port_by_index_const(*ret_muxer, 0), sink_port(g), err);
}

/* A muxer always has one free input port: it adds the next as one is taken. */
static int feed_muxer(struct bt2_graph *g, const bt_component_source *source, const bt_component_filter *muxer,
                      struct error *err)
{
    uint64_t ports = bt_component_source_get_output_port_count(source);
    for (uint64_t i = 0; i < ports; i++) {
        uint64_t last = bt_component_filter_get_input_port_count(muxer) - 1;
        int r = connect(g, bt_component_source_borrow_output_port_by_index_const(source, i),
                        bt_component_filter_borrow_input_port_by_index_const(muxer, last), err);
        if (r < 0)
            return r;
    }
    return 0;
}

int bt2_graph_open_traces(const struct bt2_trace *traces, size_t count, const struct event_consumer *consumer,
                          struct bt2_graph **ret_graph, struct error *err)
{
    struct bt2_graph *g;
    const bt_component_filter *muxer = NULL;
    int r = new_graph(consumer, BT_LOGGING_LEVEL_NONE, &g, err);
    if (r < 0)
        return r;
    r = add_muxer(g, &muxer, err);
    for (size_t i = 0; i < count && r == 0; i++) {
        const bt_component_source *source = NULL;
        char name[32];
        snprintf(name, sizeof(name), "trace-%zu", i);
        r = add_source(g, "fs", name, traces[i].paths, traces[i].path_count, NULL, &source, err);
        if (r == 0)
            r = feed_muxer(g, source, muxer, err);
        if (r < 0)
            error_wrap(err, r, "%s", traces[i].paths[0]);
    }
    if (r < 0) {
        bt2_graph_free(g);
        return r;
    }
    *ret_graph = g;
    return 0;
}

int bt2_graph_open_live(const char *url, const struct event_consumer *consumer, struct bt2_graph **ret_graph,
                        struct error *err)
{
    struct bt2_graph *g;
    const bt_component_source *source = NULL;
    int r = new_graph(consumer, BT_LOGGING_LEVEL_ERROR, &g, err);
    if (r < 0)
        return r;
    r = add_source(g, "lttng-live", "live", &url, 1, "end", &source, err);
    if (r == 0)
        r = connect(g, bt_component_source_borrow_output_port_by_index_const(source, 0), sink_port(g), err);
    if (r < 0) {
        bt2_graph_free(g);
        return r;
    }
    *ret_graph = g;
    return 0;
}

void bt2_graph_free(struct bt2_graph *g)
{
    if (!g)
        return;
    bt_graph_put_ref(g->graph);
    bt2_sink_free(g->sink);
    bt_plugin_put_ref(g->ctf);
    bt_plugin_put_ref(g->utils);
    free(g);
}

int bt2_graph_run_once(struct bt2_graph *g, struct error *err)
{
    switch (bt_graph_run_once(g->graph)) {
    case BT_GRAPH_RUN_ONCE_STATUS_OK:
        return BT2_RUN_MORE;
    case BT_GRAPH_RUN_ONCE_STATUS_AGAIN:
        return BT2_RUN_AGAIN;
    case BT_GRAPH_RUN_ONCE_STATUS_END:
        return BT2_RUN_END;
    default:
        return bt2_take_error(err, -EIO);
    }
}

int64_t bt2_graph_time_ns(const struct bt2_graph *g)
{
    return bt2_sink_time_ns(g->sink);
}

uint64_t bt2_graph_untimed(const struct bt2_graph *g)
{
    return bt2_sink_untimed(g->sink);
}

void bt2_graph_set_raw(struct bt2_graph *graph, void (*raw)(void *self, const void *message, const struct event *event), void *self)
{
    bt2_sink_set_raw(graph->sink, raw, self);
}
