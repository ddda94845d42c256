#include "app/pipeline.h"
#include "base/clock.h"
#include "base/dirs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/process.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

static const char *const detect_endpoint = "inproc://samples";
static const char *const alert_endpoint = "inproc://verdicts";
static const char *const tap_endpoint = "inproc://samples-tap";
static const int64_t heartbeat_ns = 250000000;

static void warn(void *self, const char *text)
{
    (void)self;
    log_warning("%s", text);
}

/* Live timers for which the time of a healthy session may stand still. */
enum { STILL_TIMERS = 3 };

/* In the order in which they are started: each needs those before it. */
enum { STAGE_ALERT, STAGE_DETECT, STAGE_SAMPLES, STAGE_COLLECT };

/* Stages of one process: nobody is silent, nothing outlives it, and a stage that is behind
 * is waited for. */
static struct delivery embedded(const struct pipeline *p, const char *in, const char *out, const char *name, uint64_t epoch)
{
    return (struct delivery){ .in = in,
                              .out = out,
                              .name = name,
                              .epoch = epoch,
                              .security = p->security, /* for sinks */
                              .buffer_bytes = 16 << 20,
                              .heartbeat_ns = 1000000000,
                              .expected = 1,
                              .once = true };
}

/* A stage of its own process. */
static struct delivery separate(struct pipeline *p, const char *in, const char *out, const char *name, uint64_t epoch)
{
    const struct delivery_config *c = &p->config->delivery;
    return (struct delivery){ .in = in,
                              .out = out,
                              .name = name,
                              .epoch = epoch,
                              .security = p->security,
                              .buffer_bytes = c->buffer.bytes,
                              .heartbeat_ns = heartbeat_ns,
                              .silent_after_ns = c->silent_after.ns,
                              .still_after_ns = STILL_TIMERS * p->config->session.live_timer.ns,
                              .journal_bytes = c->journal.bytes,
                              .expected = 1,
                              .once = p->once };
}

/* What the state depends on besides what it is made of. */
static void set_hashes(struct pipeline *p)
{
    p->detect.delivery.boot_hash = p->alert.delivery.boot_hash = process_boot_hash();
    p->detect.delivery.config_hash = config_detection_hash(p->config);
    p->alert.delivery.config_hash = config_alerts_hash(p->config);
}

/* The stages of one process keep what daemons would, each in a directory of its own. */
static void remember(struct pipeline *p)
{
    static const char *const names[] = { [STAGE_ALERT] = "alert", [STAGE_DETECT] = "detect", [STAGE_COLLECT] = "collect" };
    struct delivery *stages[] = { [STAGE_ALERT] = &p->alert.delivery, [STAGE_DETECT] = &p->detect.delivery, [STAGE_COLLECT] = &p->collect.delivery };
    for (int i = 0; i < PIPELINE_STAGES; i++) {
        if (!names[i])
            continue;
        snprintf(p->stage_dirs[i], sizeof(p->stage_dirs[i]), "%s/%s", p->state_dir, names[i]);
        stages[i]->state_dir = p->stage_dirs[i];
        stages[i]->journal_bytes = p->config->delivery.journal.bytes;
        stages[i]->anew = true;
    }
    set_hashes(p);
}

static void prepare(struct pipeline *p, const struct pipeline_plan *plan)
{
    uint64_t epoch = hash_mix((uint64_t)clock_wall_ns(), (uint64_t)getpid());
    bool all = p->extent == PIPELINE_ALL;
    p->alert = (struct alert_stage){ .delivery = all ? embedded(p, alert_endpoint, NULL, "alert", epoch)
                                                     : separate(p, p->verdicts, NULL, "alert", epoch),
                                     .config = p->config->alerts,
                                     .runtime_dir = p->runtime_dir,
                                     .sink_count = p->config->sink_count };
    for (uint32_t i = 0; i < p->config->sink_count; i++)
        p->alert.sinks[i] = (struct bound_sink){ p->config->sinks[i].sink, p->config->sinks[i].config };
    p->detect = (struct detect_stage){ .delivery = all ? embedded(p, detect_endpoint, alert_endpoint, "detect", epoch)
                                                       : separate(p, p->samples_endpoint, p->verdicts, p->name, epoch),
                                       .config = p->config->detection,
                                       .rules = &p->config->rules };
    p->samples = (struct samples_stage){ .in = tap_endpoint, .path = plan->samples_path };
    p->collect = (struct collect_stage){ .config = p->config,
                                         .delivery = all ? embedded(p, NULL, detect_endpoint, "collect", epoch)
                                                         : separate(p, NULL, p->samples_endpoint, p->name, epoch),
                                         .tap = plan->samples_path ? tap_endpoint : NULL,
                                         .drop = !all,
                                         .runtime_dir = p->runtime_dir,
                                         .paths = plan->paths,
                                         .path_count = plan->path_count,
                                         .samples = plan->recorded };
    if (all) {
        if (plan->state)
            remember(p);
        return;
    }
    p->detect.delivery.expected = p->config->delivery.collectors;
    p->detect.delivery.state_dir = p->alert.delivery.state_dir = p->collect.delivery.state_dir = p->state_dir;
    set_hashes(p);
}

/* Names, places and directories of a stage that is a daemon. */
static int settle_places(struct pipeline *p, struct error *err)
{
    const struct delivery_config *c = &p->config->delivery;
    const char *sub = p->extent == PIPELINE_DETECT ? "detect" : p->extent == PIPELINE_ALERT ? "alert" : "collect";
    char hostname[256] = "localhost", state[400];
    gethostname(hostname, sizeof(hostname) - 1);
    snprintf(p->name, sizeof(p->name), "%.*s", LINK_NAME_MAX - 1, strcmp(c->name.s, "auto") == 0 ? hostname : c->name.s);
    if (strcmp(c->samples.s, "auto") == 0)
        snprintf(p->samples_endpoint, sizeof(p->samples_endpoint), "ipc://%s/samples", p->runtime_dir);
    else
        snprintf(p->samples_endpoint, sizeof(p->samples_endpoint), "%s", c->samples.s);
    if (strcmp(c->verdicts.s, "auto") == 0)
        snprintf(p->verdicts, sizeof(p->verdicts), "ipc://%s/verdicts", p->runtime_dir);
    else
        snprintf(p->verdicts, sizeof(p->verdicts), "%s", c->verdicts.s);
    int r = dirs_state(c->state.s, state, sizeof(state), err);
    if (r == 0)
        snprintf(p->state_dir, sizeof(p->state_dir), "%s/%s", state, sub);
    return r;
}

/* DIR/run-WATCHED-HASH: runs that watch different things do not meet. */
static int settle_memory(struct pipeline *p, const struct pipeline_plan *plan, struct error *err)
{
    enum { SHOWN_MAX = 80 };
    char state[400], shown[SHOWN_MAX + 1];
    size_t n = 0;
    int r = dirs_state(plan->state, state, sizeof(state), err);
    if (r < 0)
        return r;
    for (const char *at = plan->watched; *at && n < SHOWN_MAX; at++)
        shown[n++] = isalnum((unsigned char)*at) || strchr("_.-", *at) ? *at : '_';
    shown[n] = '\0';
    snprintf(p->state_dir, sizeof(p->state_dir), "%s/run-%s-%08x", state, shown, (unsigned)hash_bytes(plan->watched, strlen(plan->watched)));
    if (mkdir(p->state_dir, 0700) < 0 && errno != EEXIST)
        return error_set(err, -errno, "%s: %s", p->state_dir, strerror(errno));
    return 0;
}

static bool runs_here(const struct pipeline *p, int stage)
{
    static const int stage_of[] = { [PIPELINE_COLLECT] = STAGE_COLLECT, [PIPELINE_DETECT] = STAGE_DETECT, [PIPELINE_ALERT] = STAGE_ALERT };
    if (stage == STAGE_SAMPLES)
        return p->collect.tap && (p->extent == PIPELINE_ALL || p->extent == PIPELINE_COLLECT);
    return p->extent == PIPELINE_ALL || stage_of[p->extent] == stage;
}

int pipeline_start(struct pipeline *p, struct config *config, const struct pipeline_plan *plan, struct error *err)
{
    static const char *const names[] = { "alert", "detect", "samples", "collect" };
    static const stage_fn fns[] = { alert_stage_run, detect_stage_run, samples_stage_run, collect_stage_run };
    memset(p, 0, sizeof(*p));
    void *selves[] = { &p->alert, &p->detect, &p->samples, &p->collect };
    p->config = config;
    p->extent = plan->extent;
    p->once = plan->once;
    p->started_ns = clock_monotonic_ns();
    p->started_cpu_ns = process_cpu_ns();
    int r = dirs_runtime(p->runtime_dir, sizeof(p->runtime_dir), err);
    if (r == 0 && p->extent != PIPELINE_ALL)
        r = settle_places(p, err);
    if (r == 0 && p->extent == PIPELINE_ALL && plan->state)
        r = settle_memory(p, plan, err);
    if (r == 0)
        r = security_load(&config->security, &p->security, err);
    if (r < 0)
        return r;
    p->zmq = zmq_ctx_new();
    p->loop = loop_new();
    prepare(p, plan);
    r = security_start(p->security, p->zmq, warn, NULL, err);
    for (int i = 0; i < PIPELINE_STAGES && r == 0; i++)
        if (runs_here(p, i))
            r = stage_start(&p->stages[i], p->zmq, names[i], fns[i], selves[i], err);
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

static const int64_t echo_within_ns = 1000000000;

bool pipeline_is_echo(const struct pipeline *p)
{
    return p->terminating && clock_monotonic_ns() - p->ended_ns < echo_within_ns;
}

void pipeline_end(struct pipeline *p)
{
    if (!p->terminating)
        p->ended_ns = clock_monotonic_ns();
    p->terminating = true;
    if (p->extent == PIPELINE_DETECT)
        stage_terminate(&p->stages[STAGE_DETECT]);
    else if (p->extent == PIPELINE_ALERT)
        stage_terminate(&p->stages[STAGE_ALERT]);
    else
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
