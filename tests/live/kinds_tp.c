/* kinds_tp.c - the tracepoints of kinds_tp.h, apart from those of tracef and tracelog, which are liblttng-ust's. */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "kinds_tp.h"
