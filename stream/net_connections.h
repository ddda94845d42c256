/* net_connections.h - accepted connections until the first byte is written to them (latency-tracker's ttfb): known by process and
 * descriptor, of the process that accepted or of a child that it forked since. Closing one ends it. */
#ifndef FT_STREAM_NET_CONNECTIONS_H
#define FT_STREAM_NET_CONNECTIONS_H
#include "stream/kernel.h"
#include "stream/operations.h"

/* Of the observable, of MEASURE_DURATION. */
#define CONNECTION_FIELDS { "procname", "tid", "pid", "fd", "family", "port" }

struct connections {
    struct kernel *kernel;
    struct observer *first_byte;
    int64_t timeout_ns;            /* 0: none */
    struct operations waiting;
    struct life *lives;            /* by number of the task */
    uint32_t life_capacity;
};

/* The kernel has KERNEL_TASKS and KERNEL_SYSCALLS. Of config all counts but timeout and size of data. */
void connections_init(struct connections *s, struct stream *stream, struct kernel *kernel, const char *analysis, struct observer *first_byte,
                      int64_t timeout_ns, const struct pairing_config *config);
void connections_done(struct connections *s);
void connections_need(struct needs *n);
void connections_bind(struct connections *s, struct binder *b);

#endif
