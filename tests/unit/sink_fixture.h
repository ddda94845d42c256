/* sink_fixture.h - an alert to deliver, and a directory of the test's own. */
#ifndef FT_TESTS_SINK_FIXTURE_H
#define FT_TESTS_SINK_FIXTURE_H
#include "alerts/sink.h"
#include "base/dirs.h"
#include "testing.h"
#include <zmq.h>

struct sink_fixture {
    void *zmq, *self, *config;
    const struct sink *sink;
    struct history *history;
    void (*notice)(void *self, bool warning, const char *text);
    char dir[64], path[128];
};

static inline struct alert sample_alert(uint64_t sequence)
{
    struct alert a = { .id = 0x1234, .key = 0x56, .sequence = sequence, .state = ALERT_FIRING, .kind = FINDING_ANOMALY,
                       .severity = SEVERITY_WARNING, .host = "h", .session = "s", .analysis = "request", .metric = "duration",
                       .label_count = 1, .labels = { { "op", "search" } }, .statistic = STATISTIC_P50, .unit = UNIT_NANOSECONDS,
                       .window_begin_ns = 1000000000, .window_end_ns = 2000000000, .began_ns = 500000000, .detected_ns = 2000000000,
                       .value = 9e6, .expected = 3e6, .low = 2e6, .high = 4e6, .limit = NAN, .magnitude = NAN, .score = 0.7,
                       .voter_count = 1, .voters = { "zscore(p50)" }, .count = 2 };
    alert_explain(&a);
    return a;
}

static inline int sink_try_open(struct sink_fixture *f, const char *name, const char *const (*set)[2], struct error *err)
{
    struct sink_setup setup = { .zmq = f->zmq, .epoch = 77, .runtime_dir = f->dir, .history = f->history, .notice = f->notice };
    f->sink = sink_find(name);
    assert_non_null(f->sink);
    f->config = calloc(1, f->sink->config_size);
    options_default(f->sink->options, f->config);
    for (; set && (*set)[0]; set++)
        assert_int_equal(option_set(f->sink->options, f->config, (*set)[0], (*set)[1], err), 0);
    return f->sink->open(f->config, &setup, &f->self, err);
}

/* As the alert stage does it. */
static inline void sink_deliver(struct sink_fixture *f, const struct alert *a)
{
    history_add(f->history, a);
    f->sink->deliver(f->self, a);
}

static inline void sink_setup_dir(struct sink_fixture *f)
{
    memset(f, 0, sizeof(*f));
    strcpy(f->dir, "/tmp/foretrace-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/out", f->dir);
    f->zmq = zmq_ctx_new();
    f->history = history_new(100, 1 << 20);
}

static inline void sink_tear_down(struct sink_fixture *f)
{
    if (f->self)
        f->sink->close(f->self);
    zmq_ctx_term(f->zmq);
    dirs_remove(f->dir);
    history_free(f->history);
    free(f->config);
}

static inline void read_file(const char *path, char *buffer, size_t capacity)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(buffer, 1, capacity - 1, file);
    buffer[n] = '\0';
    fclose(file);
}

#endif
