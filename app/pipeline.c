#include "app/pipeline.h"
#include "base/clock.h"
#include "base/dirs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/process.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

static const char *const detect_endpoint = "inproc://samples";
static const char *const alert_endpoint = "inproc://verdicts";
static const char *const tap_endpoint = "inproc://samples-tap";

static void warn(void *self, const char *text)
{
    (void)self;
    log_warning("%s", text);
}

/* In the order in which they are started: each needs those before it. */
enum { STAGE_ALERT, STAGE_DETECT, STAGE_SAMPLES, STAGE_COLLECT };

static void prepare(struct pipeline *p, const char *const *paths, size_t path_count, const char *samples_path)
{
    uint64_t epoch = hash_mix((uint64_t)clock_wall_ns(), (uint64_t)getpid());
    p->alert = (struct alert_stage){ .in = alert_endpoint,
                                     .epoch = epoch,
                                     .config = p->config->alerts,
                                     .runtime_dir = p->runtime_dir,
                                     .security = p->security,
                                     .sink_count = p->config->sink_count };
    for (uint32_t i = 0; i < p->config->sink_count; i++)
        p->alert.sinks[i] = (struct bound_sink){ p->config->sinks[i].sink, p->config->sinks[i].config };
    p->detect = (struct detect_stage){ .in = detect_endpoint,
                                       .out = alert_endpoint,
                                       .epoch = epoch,
                                       .config = p->config->detection,
                                       .rules = &p->config->rules };
    p->samples = (struct samples_stage){ .in = tap_endpoint, .path = samples_path };
    p->collect = (struct collect_stage){ .config = p->config,
                                         .outputs = { detect_endpoint, tap_endpoint },
                                         .output_count = samples_path ? 2 : 1,
                                         .epoch = epoch,
                                         .paths = paths,
                                         .path_count = path_count };
}

int pipeline_start(struct pipeline *p, struct config *config, const char *const *paths, size_t path_count,
                   const char *samples_path, struct error *err)
{
    memset(p, 0, sizeof(*p));
    p->config = config;
    p->started_ns = clock_monotonic_ns();
    p->started_cpu_ns = process_cpu_ns();
    int r = dirs_runtime(p->runtime_dir, sizeof(p->runtime_dir), err);
    if (r == 0)
        r = security_load(&config->security, &p->security, err);
    if (r < 0)
        return r;
    p->zmq = zmq_ctx_new();
    p->loop = loop_new();
    prepare(p, paths, path_count, samples_path);
    r = security_start(p->security, p->zmq, warn, NULL, err);
    if (r == 0)
        r = stage_start(&p->stages[STAGE_ALERT], p->zmq, "alert", alert_stage_run, &p->alert, err);
    if (r == 0)
        r = stage_start(&p->stages[STAGE_DETECT], p->zmq, "detect", detect_stage_run, &p->detect, err);
    if (r == 0 && samples_path)
        r = stage_start(&p->stages[STAGE_SAMPLES], p->zmq, "samples", samples_stage_run, &p->samples, err);
    if (r == 0)
        r = stage_start(&p->stages[STAGE_COLLECT], p->zmq, "collect", collect_stage_run, &p->collect, err);
    if (r < 0)
        pipeline_done(p);
    return r;
}

/* A failed stage ends the run: its neighbours have nothing to wait for. */
static void on_stage_end(struct pipeline *p, struct stage *stage)
{
    if (stage->result >= 0 || p->result < 0)
        return;
    p->result = stage->result;
    p->error = stage->error;
    for (int i = 0; i < PIPELINE_STAGES; i++)
        if (stage != &p->stages[STAGE_COLLECT] || i == STAGE_COLLECT)
            stage_terminate(&p->stages[i]);
}

static int on_control(void *self)
{
    struct pipeline *p = self;
    char text[STAGE_TEXT_MAX];
    bool running = false;
    for (int i = 0; i < PIPELINE_STAGES; i++) {
        void *control = p->stages[i].control;
        for (enum stage_message m = stage_take(&p->stages[i], text); m != STAGE_NONE; m = stage_take(&p->stages[i], text)) {
            if (m == STAGE_NOTICE)
                log_info("%s", text);
            else if (m == STAGE_WARNING)
                log_warning("%s", text);
            else if (m == STAGE_EVENT && p->event)
                p->event(p->self, text);
            else if (m == STAGE_ENDED) {
                loop_remove_socket(p->loop, control);
                on_stage_end(p, &p->stages[i]);
            }
        }
        running |= p->stages[i].running;
    }
    return running ? 0 : LOOP_STOP;
}

int pipeline_run(struct pipeline *p, struct error *err)
{
    for (int i = 0; i < PIPELINE_STAGES; i++)
        if (p->stages[i].running)
            loop_add_socket(p->loop, p->stages[i].control, on_control, p);
    /* What they said while they started; they may even have ended by now. */
    int r = on_control(p) == LOOP_STOP ? 0 : loop_run(p->loop);
    if (r < 0)
        return error_set(err, r, "main loop: %s", strerror(-r));
    if (p->result < 0)
        *err = p->error;
    return p->result;
}

void pipeline_end(struct pipeline *p)
{
    p->terminating = true;
    stage_terminate(&p->stages[STAGE_COLLECT]);
}

void pipeline_tell_collect(struct pipeline *p, const char *word)
{
    stage_tell(&p->stages[STAGE_COLLECT], word);
}

void pipeline_done(struct pipeline *p)
{
    for (int i = PIPELINE_STAGES - 1; i >= 0; i--)
        stage_stop(&p->stages[i]);
    security_free(p->security);
    loop_free(p->loop);
    if (p->zmq)
        zmq_ctx_term(p->zmq);
    p->security = NULL;
    p->zmq = NULL;
    p->loop = NULL;
}
