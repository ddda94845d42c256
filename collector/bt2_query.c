#include "collector/bt2_query.h"
#include "collector/bt2_error.h"
#include <errno.h>

int bt2_query(const char *class_name, const char *object, bt_value *params, const bt_value **ret_answer,
              struct error *err)
{
    const bt_plugin *ctf = NULL;
    bt_query_executor *executor = NULL;
    int r = -ENOENT;
    if (bt_plugin_find("ctf", BT_TRUE, BT_TRUE, BT_TRUE, BT_TRUE, BT_FALSE, &ctf) != BT_PLUGIN_FIND_STATUS_OK)
        error_set(err, r, "babeltrace2's plugin 'ctf' is not installed (Debian: package libbabeltrace2-0)");
    const bt_component_class_source *class =
        ctf ? bt_plugin_borrow_source_component_class_by_name_const(ctf, class_name) : NULL;
    if (ctf && !class)
        error_set(err, r, "babeltrace2 has no source.ctf.%s", class_name);
    if (class) {
        executor = bt_query_executor_create(bt_component_class_source_as_component_class_const(class), object, params);
        bt_query_executor_set_logging_level(executor, BT_LOGGING_LEVEL_ERROR);
        r = bt_query_executor_query(executor, ret_answer) == BT_QUERY_EXECUTOR_QUERY_STATUS_OK
                ? 0
                : bt2_take_error(err, -EIO);
    }
    bt_query_executor_put_ref(executor);
    bt_plugin_put_ref(ctf);
    bt_value_put_ref(params);
    return r;
}
