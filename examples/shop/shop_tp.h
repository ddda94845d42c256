/* shop_tp.h - the tracepoints of the example service. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER shop
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "shop_tp.h"
#if !defined(SHOP_TP_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define SHOP_TP_H
#include <lttng/tracepoint.h>
#include <stdint.h>

/* A request is taken up ... */
LTTNG_UST_TRACEPOINT_EVENT(shop, request_begin,
    LTTNG_UST_TP_ARGS(uint64_t, id, const char *, op),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint64_t, id, id) lttng_ust_field_string(op, op)))

/* ... and is done. */
LTTNG_UST_TRACEPOINT_EVENT(shop, request_end,
    LTTNG_UST_TP_ARGS(uint64_t, id, int, status),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint64_t, id, id) lttng_ust_field_integer(int, status, status)))

#endif
#include <lttng/tracepoint-event.h>
