#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER emitter
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "emitter_tp.h"
#if !defined(EMITTER_TP_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define EMITTER_TP_H
#include <lttng/tracepoint.h>
#include <stdint.h>
#ifndef EMITTER_ID
#define EMITTER_ID(id) (id)
#endif
LTTNG_UST_TRACEPOINT_EVENT(emitter, op_begin, LTTNG_UST_TP_ARGS(uint64_t, id),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint64_t, id, EMITTER_ID(id))))
LTTNG_UST_TRACEPOINT_EVENT(emitter, op_end, LTTNG_UST_TP_ARGS(uint64_t, id, int64_t, sent_ns),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint64_t, id, id) lttng_ust_field_integer(int64_t, sent_ns, sent_ns)))
#endif
#include <lttng/tracepoint-event.h>
