#include "stream/pair_names.h"
#include <string.h>

const struct pair_scheme pair_schemes[PAIR_SCHEMES] = {
    { "begin", { "end", NULL, NULL } },   { "start", { "stop", "end", "done" } }, { "entry", { "exit", NULL, NULL } },
    { "enter", { "leave", NULL, NULL } }, { "req", { "acq", NULL, NULL } },
};

bool pair_name_ends_in(const char *name, const char *word, size_t *ret_stem)
{
    size_t n = strlen(name), m = strlen(word);
    if (n <= m || strcmp(name + n - m, word) != 0)
        return false;
    char before = name[n - m - 1];
    if (before != '_' && before != ':')
        return false;
    *ret_stem = before == '_' ? n - m - 1 : n - m;
    return true;
}
