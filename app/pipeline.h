/* pipeline.h - stages in one process: all of them over inproc, or one of them as a
 * daemon over ipc or tcp, with the same messages. */
#ifndef FT_APP_PIPELINE_H
#define FT_APP_PIPELINE_H
#include "app/collect.h"
#include "app/config.h"
#include "app/samples_file.h"
#include "detectors/detect_stage.h"

enum { PIPELINE_STAGES = 4 };

/* Which stages run here. */
enum pipeline_extent { PIPELINE_ALL, PIPELINE_COLLECT, PIPELINE_DETECT, PIPELINE_ALERT };

struct pipeline {
    void *zmq;
    struct config *config;
    struct security *security;            /* NULL: no keys are configured */
    enum pipeline_extent extent;
    bool once;                            /* as a daemon: ends when all that send to it have ended */
    char runtime_dir[256], state_dir[512], name[LINK_NAME_MAX];
    char stage_dirs[PIPELINE_STAGES][544]; /* of all stages in one process, where something outlives it */
    char samples_endpoint[512], verdicts[512];
    struct collect_stage collect;
    struct detect_stage detect;
    struct alert_stage alert;
    struct samples_stage samples;
    struct stage stages[PIPELINE_STAGES]; /* right to left: alert, detect, samples, collect */
    struct loop *loop;
    int64_t started_ns, started_cpu_ns;
    struct error error;                   /* of the first stage that failed */
    int result;
    bool terminating;
    int64_t ended_ns;         /* monotonic: when pipeline_end() was called first */
    /* Called from the main loop: */
    void (*event)(void *self, const char *text);
    void *self;
};

/* What is to run; paths to replay, or recorded samples, or neither for live. */
struct pipeline_plan {
    enum pipeline_extent extent;
    bool once;
    const char *const *paths;
    size_t path_count;
    const char *samples_path; /* NULL: samples are not written */
    const char *state;        /* of all stages in one process: a directory for what outlives it; NULL: nothing does */
    const char *watched;      /* names it within that directory */
    const char *recorded;     /* samples that were written, instead of paths; NULL: none */
};

/* Starts the stages. A failure has stopped whatever had started. */
int pipeline_start(struct pipeline *p, struct config *config, const struct pipeline_plan *plan, struct error *err);
/* Runs p->loop, to which the caller may have added, until every stage has ended.
 * Returns 0 or the first stage's failure, with err. */
int pipeline_run(struct pipeline *p, struct error *err);
/* Asks the first stage to end; the others follow when they have handled all. */
void pipeline_end(struct pipeline *p);
/* Whether a signal that comes now is the one that pipeline_end() was called for, once more: GNU timeout(1) sends it to its child and
 * then to the group. A person who wants it at once is a second later. */
bool pipeline_is_echo(const struct pipeline *p);
void pipeline_tell_collect(struct pipeline *p, const char *word);
void pipeline_done(struct pipeline *p);

/* One JSON object about the whole run; complete: it came to its proper end. path
 * "-" is standard output. */
int pipeline_write_summary(const struct pipeline *p, const char *path, bool complete, struct error *err);
/* Whether that path, which may be NULL, could be written: better known before the run than after. */
int pipeline_check_output(const char *path, struct error *err);
/* A few lines for a person. */
void pipeline_log_summary(const struct pipeline *p);

#endif
