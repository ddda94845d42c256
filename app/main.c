#include "app/command.h"
#include "base/process.h"
#include "collector/helpers.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    { "run", "watch a program, or live sessions, and alert", cmd_run },
    { "replay", "run a recorded trace through the same stages", cmd_replay },
    { "collect", "watch like run, for a detect stage elsewhere", cmd_collect },
    { "detect", "judge what collectors send", cmd_detect },
    { "alert", "make alerts of what detect stages find", cmd_alert },
    { "subscribe", "print the alerts of a running foretrace", cmd_subscribe },
    { "sessions", "list what an lttng-relayd offers", cmd_sessions },
    { "keygen", "make a pair of keys, for tcp between machines", cmd_keygen },
    { "events", "print the events of a recorded trace", cmd_events },
    { "check", "validate a configuration and print what would run", cmd_check },
    { "list", "show analyses, detectors, sinks and their options", cmd_list },
};

static void print_help(FILE *f)
{
    fputs("foretrace watches live LTTng traces and warns before things fail.\n\n"
          "usage: foretrace COMMAND [ARGUMENTS]\n\n",
          f);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].help);
    fputs("\n`foretrace COMMAND --help` tells more. First steps: foretrace run -- PROGRAM\n", f);
}

int main(int argc, char **argv)
{
    process_remember_signals();
    signal(SIGPIPE, SIG_IGN); /* a reader or a sink that is gone is an error where it is met */
    helper_main(argc, argv);
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0);
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        puts("foretrace " FORETRACE_VERSION);
        return 0;
    }
    if (argc > 1 && !help)
        fprintf(stderr, "foretrace: error: unknown command '%s'\n\n", argv[1]);
    print_help(help ? stdout : stderr);
    return help ? 0 : EXIT_USAGE;
}
