/* cmd_keygen.c - a pair of keys in two files, and where they belong. */
#include "app/command.h"
#include "base/keys.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct args {
    const char *output;
};

static const struct arg options[] = {
    { "output", 'o', ARG_TEXT, "DIR", offsetof(struct args, output), "the directory to write to (the current one)" },
    ARG_END
};

static const struct usage usage = {
    .name = "keygen",
    .synopsis = "keygen [--output DIR] NAME",
    .summary = "Makes a pair of CURVE keys: NAME.key, which is secret, and NAME.pub. Each program that\n"
               "talks over tcp to another machine needs a pair of its own. Existing files are left alone.",
    .args = options,
};

enum { NAME_LENGTH_MAX = 59 }; /* with ".pub", what is told of a client fits into ALLOWED_NAME_MAX */

static int check_name(const char *name, struct error *err)
{
    if (!*name || strlen(name) > NAME_LENGTH_MAX || strchr(".-_@", *name) ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@") != strlen(name))
        return error_set(err, -EINVAL, "'%s' is no name: letters, digits, '.', '_', '-' and '@', at most %d, the first a letter or digit",
                         name, NAME_LENGTH_MAX);
    return 0;
}

static void explain(const char *secret_path, const char *public_path)
{
    printf("%s  secret: stays with the program it is for (security.key; subscribe --key)\n"
           "%s  public: copy it to those this program talks to. One that it connects to puts it into\n"
           "%*s  security.allowed, one that connects to it names it security.server_key (subscribe --server-key)\n",
           secret_path, public_path, (int)strlen(public_path), "");
}

int cmd_keygen(int argc, char **argv)
{
    struct args args = { 0 };
    struct error err;
    char secret_path[PATH_MAX], public_path[PATH_MAX];
    int first = args_parse(&usage, argc, argv, &args, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    int r = argc - first == 1 ? check_name(argv[first], &err)
                              : error_set(&err, -EINVAL, "keygen takes one NAME (`foretrace keygen --help`)");
    const char *directory = args.output ? args.output : "", *slash = args.output ? "/" : "";
    if (r == 0 && strlen(directory) + NAME_LENGTH_MAX + sizeof("/.key") > PATH_MAX)
        r = error_set(&err, -ENAMETOOLONG, "--output: the path is too long");
    if (r < 0) {
        fail(&err);
        return EXIT_USAGE;
    }
    snprintf(secret_path, sizeof(secret_path), "%s%s%s.key", directory, slash, argv[first]);
    snprintf(public_path, sizeof(public_path), "%s%s%s.pub", directory, slash, argv[first]);
    if (keys_generate(secret_path, public_path, argv[first], &err) < 0)
        return fail(&err);
    explain(secret_path, public_path);
    return 0;
}
