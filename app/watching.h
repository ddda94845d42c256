/* watching.h - the course of `run` and `collect`: a session is made and attached to, then the program begins; what
 * goes away is made again; the end comes when the program, its processes or the user say so. */
#ifndef FT_APP_WATCHING_H
#define FT_APP_WATCHING_H
#include "app/command.h"
#include "app/pipeline.h"

struct watch_args {
    struct common_args common;
    const char *attach, *keep, *preload, *user, *state;
    struct arg_list pids, names, replays, probes, pairs;
    bool all;
};

/* Watches a program, running processes, or sessions of somebody else, and returns the exit status. program_argv: NULL where there
 * is none; signals: of loop_open_signals(). Everything is the caller's, and stays valid. Once in a process. */
int watching_run(const struct watch_args *args, struct config *config, const struct pipeline_plan *plan, const char *const *program_argv, int signals);

#endif
