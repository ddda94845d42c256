/* session_probe.h - where a probe is to be set, as liblttng-ctl wants it told. */
#ifndef FT_COLLECTOR_SESSION_PROBE_H
#define FT_COLLECTOR_SESSION_PROBE_H
#include <lttng/lttng.h>

/* Gives the event its type and place: "SYMBOL", "SYMBOL+OFFSET", "0xADDRESS" of the kernel; "function:SYMBOL"; "elf:PATH:SYMBOL",
 * "sdt:PATH:PROVIDER:NAME" of a program. where is taken apart. Returns 0 or one of liblttng-ctl's (negative) codes. */
int session_probe_place(struct lttng_event *event, char *where);

#endif
