/* cmd_stage.c - one stage as a daemon: detect, alert. */
#include "app/command.h"
#include "app/pipeline.h"
#include "base/log.h"
#include "base/loop.h"
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct args {
    struct common_args common;
    bool once;
};

static const struct arg detect_options[] = {
    { "once", 0, ARG_FLAG, NULL, offsetof(struct args, once), "end when every collector that came has ended, in earlier lives of the state directory, too" },
    COMMON_CONFIG_ARGS(struct args),
    COMMON_RESULT_ARGS(struct args),
    ARG_END
};

static const struct usage detect_usage = {
    .name = "detect",
    .synopsis = "detect [OPTIONS]",
    .summary = "Takes samples from collectors (delivery.samples), judges them, and sends verdicts to\n"
               "`foretrace alert` (delivery.verdicts).",
    .details = "What the detectors have learned, and how far each collector was judged, is in the state directory\n"
               "(delivery.state): a restarted one goes on where it was, even after kill -9.\n",
    .args = detect_options,
};

static const struct arg alert_options[] = {
    { "once", 0, ARG_FLAG, NULL, offsetof(struct args, once), "end when every detect stage that came has ended, in earlier lives of the state directory, too" },
    COMMON_CONFIG_ARGS(struct args),
    COMMON_SINK_ARGS(struct args),
    COMMON_RESULT_ARGS(struct args),
    ARG_END
};

static const struct usage alert_usage = {
    .name = "alert",
    .synopsis = "alert [OPTIONS]",
    .summary = "Takes verdicts from `foretrace detect` (delivery.verdicts), makes alerts of them, and hands\n"
               "those to sinks and subscribers.",
    .details = "Which alerts fire is kept in the state directory (delivery.state): a restarted one goes on\n"
               "where it was, even after kill -9, and tells nothing twice.\n",
    .args = alert_options,
};

struct serving {
    struct pipeline pipeline;
    int signals;
};

static int on_signal(void *self)
{
    struct serving *s = self;
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof(info)) == sizeof(info))
        if (info.ssi_signo != SIGCHLD && !pipeline_is_echo(&s->pipeline)) {
            if (s->pipeline.terminating)
                _exit(128 + (int)info.ssi_signo);
            pipeline_end(&s->pipeline);
        }
    return 0;
}

static int serve(struct serving *s, const struct args *args, struct config *config, enum pipeline_extent extent)
{
    struct error err;
    struct pipeline_plan plan = { .extent = extent, .once = args->once };
    int r = pipeline_check_output(args->common.summary, &err);
    if (r == 0)
        r = pipeline_start(&s->pipeline, config, &plan, &err);
    if (r < 0)
        return fail(&err);
    log_info("listening at %s", extent == PIPELINE_DETECT ? s->pipeline.samples_endpoint : s->pipeline.verdicts);
    loop_add_fd(s->pipeline.loop, s->signals, on_signal, s);
    r = pipeline_run(&s->pipeline, &err);
    int status = r < 0 ? fail(&err) : 0;
    pipeline_log_summary(&s->pipeline);
    if (args->common.summary && pipeline_write_summary(&s->pipeline, args->common.summary, r == 0, &err) < 0)
        status = fail(&err);
    pipeline_done(&s->pipeline);
    return status;
}

static int run_stage(const struct usage *usage, enum pipeline_extent extent, int argc, char **argv)
{
    static struct serving serving;
    struct args args = { 0 };
    struct config *config = NULL;
    struct error err;
    int first = args_parse(usage, argc, argv, &args, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    if (first < argc) {
        args_complain(usage, "%s takes no operand: '%s'", usage->name, argv[first]);
        return EXIT_USAGE;
    }
    common_log_level(&args.common);
    serving.signals = loop_open_signals();
    if (common_config(&args.common, &config, &err) < 0 ||
        (extent == PIPELINE_ALERT && common_sinks(&args.common, config, &err) < 0)) {
        config_free(config);
        return common_fail(&args.common, &err);
    }
    int status = serve(&serving, &args, config, extent);
    config_free(config);
    return status;
}

int cmd_detect(int argc, char **argv)
{
    return run_stage(&detect_usage, PIPELINE_DETECT, argc, argv);
}

int cmd_alert(int argc, char **argv)
{
    return run_stage(&alert_usage, PIPELINE_ALERT, argc, argv);
}
