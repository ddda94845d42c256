/* clock.h - the only place that reads a clock. Everything after the reader
 * runs on event time and is handed it as a number; what is here serves the
 * reader's watchdog, back-off, progress and the figures of a summary. */
#ifndef FT_BASE_CLOCK_H
#define FT_BASE_CLOCK_H
#include <stdint.h>

int64_t clock_monotonic_ns(void);
int64_t clock_wall_ns(void);        /* since the epoch, UTC */
void clock_sleep_ns(int64_t duration_ns);

#endif
