/* bt2_query.h - questions to babeltrace2's ctf plug-in. They may wait for ever or
 * abort the process: for helpers only. */
#ifndef FT_COLLECTOR_BT2_QUERY_H
#define FT_COLLECTOR_BT2_QUERY_H
#include "base/error.h"
#include <babeltrace2/babeltrace.h>

/* Puts query `object` to source class `class_name`; params is taken over. The
 * answer is the caller's to put. */
int bt2_query(const char *class_name, const char *object, bt_value *params, const bt_value **ret_answer,
              struct error *err);

#endif
