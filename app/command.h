/* command.h - the subcommands. Each is one file, cmd_NAME.c, and one line in main.c. */
#ifndef FT_APP_COMMAND_H
#define FT_APP_COMMAND_H
#include "app/args.h"
#include "app/config.h"

/* Options that commands which run the stages share; the same names in each table. */
struct common_args {
    const char *config, *window, *live_timer, *reader;
    const char *summary, *samples, *format, *output, *publish;
    struct arg_list presets, sets;
    bool quiet, verbose;
};
#define COMMON_CONFIG_ARGS(type)                                                                             \
    { "config", 'c', ARG_TEXT, "FILE", offsetof(type, common.config), "configuration (YAML)" },              \
    { "preset", 'p', ARG_LIST, "NAME", offsetof(type, common.presets), "ready-made settings below the file's: see `list`; of several the analyses are joined" }, \
    { "set", 's', ARG_LIST, "KEY=VALUE", offsetof(type, common.sets), "one setting above the file's, as alerts.cool_down=1m" }, \
    { "window", 0, ARG_TEXT, "TIME", offsetof(type, common.window), "the same as --set window=TIME" },       \
    { "reader", 0, ARG_TEXT, "NAME", offsetof(type, common.reader), "auto, native or babeltrace2" }
/* Of a command that has no sinks of its own. */
#define COMMON_RESULT_ARGS(type)                                                                             \
    { "summary", 0, ARG_TEXT, "FILE", offsetof(type, common.summary), "one JSON object about the run, at its end" }, \
    { "quiet", 'q', ARG_FLAG, NULL, offsetof(type, common.quiet), "only warnings and errors on standard error" }, \
    { "verbose", 'v', ARG_FLAG, NULL, offsetof(type, common.verbose), "say more on standard error" }
#define COMMON_SAMPLES_ARG(type)                                                                             \
    { "samples", 0, ARG_TEXT, "FILE", offsetof(type, common.samples), "every sample as CSV: time_ns,series,value,count,quality" }
#define COMMON_SINK_ARGS(type)                                                                               \
    { "format", 'f', ARG_TEXT, "FORM", offsetof(type, common.format), "alerts on standard output: text, json or none (text)" }, \
    { "output", 'o', ARG_TEXT, "FILE", offsetof(type, common.output), "these alerts to FILE instead" },      \
    { "publish", 0, ARG_TEXT, "ENDPOINT", offsetof(type, common.publish), "publish alerts there (ipc://PATH or tcp://ADDRESS:PORT); none: nowhere" }
#define COMMON_OUTPUT_ARGS(type) COMMON_SINK_ARGS(type), COMMON_SAMPLES_ARG(type), COMMON_RESULT_ARGS(type)

/* The configuration these arguments ask for. */
int common_config(const struct common_args *args, struct config **ret_config, struct error *err);
/* Prints the error; the exit status for it: a mistake in the configuration file is a failure, one on the command line EXIT_USAGE. */
int common_fail(const struct common_args *args, const struct error *err);
/* Adds the sinks that --format, --output and --publish ask for. */
int common_sinks(const struct common_args *args, struct config *config, struct error *err);
void common_log_level(const struct common_args *args);

/* Prints "foretrace: error: ..." and returns the exit status for it. */
int fail(const struct error *err);

/* Of a command that does nothing but print: whoever reads it may stop before the end (`| head`), which then ends it too. */
void end_with_reader(void);
/* The exit status of a command that has printed what it had: of a success, whether standard output could be written. */
int output_status(int status);

/* Replays traces (or recorded samples), through all stages or collecting only; returns the exit status. ret_totals may be NULL. */
struct pipeline_plan;
int replay_run(const struct common_args *args, struct config *config, const struct pipeline_plan *plan, int signals, struct stream_totals *ret_totals);

enum { EXIT_USAGE = 2, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

int cmd_run(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_collect(int argc, char **argv);
int cmd_detect(int argc, char **argv);
int cmd_alert(int argc, char **argv);
int cmd_backtest(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_keygen(int argc, char **argv);
int cmd_score(int argc, char **argv);
int cmd_sessions(int argc, char **argv);
int cmd_subscribe(int argc, char **argv);

#endif
