#include "app/command.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
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
    { "report", "analyse a recorded trace as a whole, as tables", cmd_report },
    { "collect", "watch like run, for a detect stage elsewhere", cmd_collect },
    { "detect", "judge what collectors send", cmd_detect },
    { "alert", "make alerts of what detect stages find", cmd_alert },
    { "subscribe", "print the alerts of a running foretrace", cmd_subscribe },
    { "sessions", "list what an lttng-relayd offers", cmd_sessions },
    { "keygen", "make a pair of keys, for tcp between machines", cmd_keygen },
    { "events", "print the events of a recorded trace", cmd_events },
    { "score", "score the rows of a CSV file, as they come", cmd_score },
    { "backtest", "tell what would have fired, and compare two configurations", cmd_backtest },
    { "check", "validate a configuration and print what would run", cmd_check },
    { "list", "show analyses, detectors, sinks and their options", cmd_list },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static void print_help(FILE *f)
{
    fputs("foretrace watches live LTTng traces and warns before things fail.\n\n"
          "usage: foretrace COMMAND [ARGUMENTS]\n\n",
          f);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].help);
    fputs("\n`foretrace COMMAND --help` tells more. First steps: foretrace run -- PROGRAM\n", f);
}

static int complain_of(const char *word)
{
    const char *names[COMMANDS + 2] = { "help", "version" };
    for (size_t i = 0; i < COMMANDS; i++)
        names[i + 2] = commands[i].name;
    const char *near = text_nearest(word, names, COMMANDS + 2);
    log_error("unknown command '%s'%s%s%s", word, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    fputs("`foretrace --help` lists the commands\n", stderr);
    return EXIT_USAGE;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

static int run(int argc, char **argv)
{
    static char help[] = "--help";
    const char *word = argc > 1 ? argv[1] : "";
    const struct command *command = find_command(word);
    if (command)
        return command->run(argc - 1, argv + 1);
    if (is_one_of(word, "--version", "-V", "version")) {
        puts("foretrace " FORETRACE_VERSION);
        return 0;
    }
    if (argc > 1 && !is_one_of(word, "--help", "-h", "help"))
        return complain_of(word);
    if (argc > 2) {
        command = find_command(argv[2]);
        return command ? command->run(2, (char *[]){ argv[2], help, NULL }) : complain_of(argv[2]);
    }
    print_help(argc > 1 ? stdout : stderr);
    return argc > 1 ? 0 : EXIT_USAGE;
}

int main(int argc, char **argv)
{
    process_remember_signals();
    signal(SIGPIPE, SIG_IGN); /* a reader or a sink that is gone is an error where it is met */
    helper_main(argc, argv);
    return output_status(run(argc, argv));
}
