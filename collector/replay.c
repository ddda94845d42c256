#include "collector/replay.h"
#include "base/bytes.h"
#include "collector/bt2_graph.h"
#include "collector/ctf_reader.h"
#include "collector/trace_dir.h"
#include "collector/trace_probe.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEPS_AT_ONCE = 256 };

struct replay {
    struct ctf_reader *native; /* or: */
    struct trace_set set;
    struct bt2_graph *graph;
};

/* libbabeltrace2 2.0.4 is built with assertions: what the probe did not meet may
 * still abort the process in mid-trace. Then at least it is said whose doing it was. */
static void on_abort(int signal_number)
{
    static const char text[] = "foretrace: error: libbabeltrace2 aborted the process while reading the trace\n";
    ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)n;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static int open_graph(struct replay *replay, const struct event_consumer *consumer, struct error *err)
{
    const struct trace_set *set = &replay->set;
    const char **paths = xcalloc(set->count, sizeof(*paths));
    struct bt2_trace *traces = xcalloc(set->count, sizeof(*traces));
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        paths[i] = set->members[i].path;
        if (i == 0 || strcmp(set->members[i].group, set->members[i - 1].group) != 0)
            traces[count++] = (struct bt2_trace){ .paths = &paths[i] };
        traces[count - 1].path_count++;
    }
    int r = bt2_graph_open_traces(traces, count, consumer, &replay->graph, err);
    free(traces);
    free(paths);
    return r;
}

static int open_babeltrace2(struct replay *replay, const struct replay_setup *setup, const struct trace_dirs *dirs, struct error *err)
{
    int r = trace_probe(dirs->paths, dirs->count, setup->give_up, setup->self, &replay->set, err);
    if (r < 0)
        return r;
    signal(SIGABRT, on_abort);
    return open_graph(replay, setup->consumer, err);
}

/* Threads and times of one would be taken for the other's. */
static void tell_mixed(const struct replay *replay, const struct replay_setup *setup)
{
    struct trace_source source;
    char text[512];
    if (!setup->notice || !ctf_reader_mixes(replay->native, &source))
        return;
    snprintf(text, sizeof(text), "host %s, session %s: there is more than one recording of its kernel, and they are read as one; to compare them read one at a time",
             source.host, source.session);
    setup->notice(setup->self, text);
}

/* What we do not understand the library may; but a format of another kind it does not, and our error says what to do. */
static int open_any(struct replay *replay, const struct replay_setup *setup, const struct trace_dirs *dirs, struct error *err)
{
    struct ctf_reader_setup native = { .paths = (const char *const *)dirs->paths, .count = dirs->count, .consumer = setup->consumer };
    char text[sizeof(err->text) + 64];
    if (setup->reader == REPLAY_BABELTRACE2)
        return open_babeltrace2(replay, setup, dirs, err);
    int r = ctf_reader_open(&native, &replay->native, err);
    if (r == 0)
        tell_mixed(replay, setup);
    if (r == 0 || setup->reader == REPLAY_NATIVE || r == -ENOTSUP)
        return r;
    snprintf(text, sizeof(text), "%s: trying babeltrace2", err->text);
    r = open_babeltrace2(replay, setup, dirs, err);
    if (r == 0 && setup->notice)
        setup->notice(setup->self, text);
    return r;
}

int replay_open(const struct replay_setup *setup, struct replay **ret_replay, struct error *err)
{
    struct replay *replay = xcalloc(1, sizeof(*replay));
    struct trace_dirs dirs = { 0 };
    int r = 0;
    for (size_t i = 0; i < setup->count && r == 0; i++)
        r = trace_dirs_find(&dirs, setup->paths[i], err);
    if (r == 0)
        r = open_any(replay, setup, &dirs, err);
    trace_dirs_done(&dirs);
    if (r < 0)
        replay_close(replay);
    else
        *ret_replay = replay;
    return r;
}

/* The library does not always say where it was. */
static int name_place(const struct replay *replay, int code, struct error *err)
{
    const struct trace_set *set = &replay->set;
    for (size_t i = 0; i < set->count; i++)
        if (strstr(err->text, set->members[i].path))
            return code;
    if (set->count == 1)
        return error_wrap(err, code, "%s", set->members[0].path);
    return error_wrap(err, code, "in one of %zu traces, the first being %s", set->count, set->members[0].path);
}

int replay_step(struct replay *replay, struct error *err)
{
    if (replay->native)
        return ctf_reader_step(replay->native, err);
    for (int i = 0; i < STEPS_AT_ONCE; i++) {
        int r = bt2_graph_run_once(replay->graph, err);
        if (r < 0)
            return name_place(replay, r, err);
        if (r == BT2_RUN_END)
            return 0;
    }
    return 1;
}

double replay_progress(const struct replay *replay)
{
    if (replay->native)
        return ctf_reader_progress(replay->native);
    int64_t now_ns = bt2_graph_time_ns(replay->graph);
    const struct trace_set *set = &replay->set;
    if (set->begin_ns >= set->end_ns || now_ns < set->begin_ns)
        return set->begin_ns >= set->end_ns ? -1 : 0;
    return (double)(now_ns - set->begin_ns) / (double)(set->end_ns - set->begin_ns);
}

uint64_t replay_untimed(const struct replay *replay)
{
    return replay->native ? ctf_reader_untimed(replay->native) : bt2_graph_untimed(replay->graph);
}

struct bt2_graph *replay_graph(struct replay *replay)
{
    return replay->graph;
}

void replay_close(struct replay *replay)
{
    if (!replay)
        return;
    ctf_reader_free(replay->native);
    bt2_graph_free(replay->graph);
    trace_set_done(&replay->set);
    free(replay);
}
