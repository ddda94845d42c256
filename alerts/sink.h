/* sink.h - where alerts go: to people, files, programs. A sink is one file in
 * sinks/ and one line in sinks.def. It is called from the alert stage only. */
#ifndef FT_ALERTS_SINK_H
#define FT_ALERTS_SINK_H
#include "alerts/alert.h"
#include "alerts/history.h"
#include "base/option.h"
#include "base/security.h"

struct sink_setup {
    void *zmq;          /* the process's ZeroMQ context */
    uint64_t epoch;     /* of this publisher */
    const char *runtime_dir;
    struct security *security; /* for endpoints that others can reach; NULL: no keys */
    const struct history *history; /* every transition is added before it is delivered; may be NULL */
    /* Where a sentence for people goes; optional. */
    void (*notice)(void *self, bool warning, const char *text);
    void *notice_self;
};

struct sink {
    const char *name;
    const char *summary;
    const struct option *options;
    size_t config_size;
    /* What can be told without opening it; optional. */
    int (*check)(const void *config, struct error *err);
    int (*open)(const void *config, const struct sink_setup *setup, void **ret_self, struct error *err);
    /* One transition; a sink that cannot deliver counts it and goes on. */
    void (*deliver)(void *self, const struct alert *a);
    /* Once a second; optional. last is the newest alert's sequence number. */
    void (*tick)(void *self, uint64_t last);
    /* Whether its last delivery, perhaps in an earlier life of ours, was this one; optional. Asked after a restart
     * about the one transition that may have been delivered already. */
    bool (*has)(void *self, const struct alert *a);
    /* A ZeroMQ socket on which the sink is asked something, or NULL, and what answers
     * when it is readable, without ever waiting; optional. */
    void *(*socket)(void *self);
    void (*service)(void *self);
    /* How many deliveries failed; optional. */
    uint64_t (*failures)(const void *self);
    void (*close)(void *self);
};

/* NULL-terminated, in the order of sinks.def. */
extern const struct sink *const sinks[];
const struct sink *sink_find(const char *name);

#endif
