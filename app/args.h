/* args.h - command-line options from a table, which is also their --help. */
#ifndef FT_APP_ARGS_H
#define FT_APP_ARGS_H
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arg_kind {
    ARG_FLAG, /* bool */
    ARG_TEXT, /* const char * */
    ARG_LIST  /* struct arg_list: may be given several times */
};

enum { ARG_LIST_MAX = 64 };
struct arg_list {
    uint32_t count;
    const char *items[ARG_LIST_MAX];
};

struct arg {
    const char *name;  /* "summary" for --summary */
    char letter;       /* for -s, or 0 */
    enum arg_kind kind;
    const char *value; /* what stands for it in the help */
    size_t offset;
    const char *help;
};
#define ARG_END                                                                                              \
    {                                                                                                        \
        .name = NULL                                                                                         \
    }

struct usage {
    const char *name, *synopsis, *summary;
    const char *details; /* printed behind the options; may be NULL */
    const struct arg *args;
    bool stop_at_operand;      /* what follows the first operand is not ours: a program's arguments */
};

/* Fills target from argv[1...]. Options and operands may be mixed (the operands
 * are moved to the end), what follows "--" are operands. Returns the index of
 * the first operand, argc when there is none; -EINVAL with err; or ARGS_HELP
 * after --help was answered. */
enum { ARGS_HELP = -100000 };
int args_parse(const struct usage *usage, int argc, char **argv, void *target, struct error *err);
void args_print_help(const struct usage *usage);
/* Says on standard error what is wrong with the operands, in one line, and how they are given. */
void args_complain(const struct usage *usage, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
