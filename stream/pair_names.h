/* pair_names.h - which names of events begin and end a pair: X_begin and X_end, X_start and X_stop ... */
#ifndef FT_STREAM_PAIR_NAMES_H
#define FT_STREAM_PAIR_NAMES_H
#include <stdbool.h>
#include <stddef.h>

enum { PAIR_SCHEMES = 5, PAIR_ENDS_MAX = 3 };

struct pair_scheme {
    const char *begin, *ends[PAIR_ENDS_MAX]; /* unused ends are NULL */
};
extern const struct pair_scheme pair_schemes[PAIR_SCHEMES];

/* Whether name is X_WORD, or PROVIDER:WORD; its length without the word comes back. */
bool pair_name_ends_in(const char *name, const char *word, size_t *ret_stem);

#endif
