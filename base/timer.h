/* timer.h - a descriptor that is readable from an instant on, finer than a loop's tick. */
#ifndef FT_BASE_TIMER_H
#define FT_BASE_TIMER_H
#include <stdint.h>

/* -errno when there are no descriptors left. */
int timer_open(void);
/* At that instant, monotonic, in ns; one that has passed is now. INT64_MAX: never. */
void timer_set(int fd, int64_t at_ns);
/* It has been readable: it is not until it is set again. */
void timer_clear(int fd);

#endif
