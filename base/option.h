/* option.h - a table says what may be configured; parsing, range checks,
 * defaults, `foretrace list`, --help and the manual all come from that table.
 * The values are plain bytes in a struct of the plug-in's own: no ownership. */
#ifndef FT_BASE_OPTION_H
#define FT_BASE_OPTION_H
#include "base/error.h"
#include "base/unit.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct duration {
    int64_t ns;
};

struct size {
    uint64_t bytes;
};

enum { TEXT_MAX = 256, TEXT_LIST_MAX = 16 };

struct text {
    char s[TEXT_MAX];
};

struct text_list {
    uint32_t count;
    struct text item[TEXT_LIST_MAX];
};

/* A number in whatever unit the watched metric has: "50ms", "3KiB", "12/s", "7". */
struct quantity {
    double value;   /* in the unit's base: ns, bytes, 1/s */
    enum unit unit;
    bool is_set;    /* false for "none" */
};

/* One word of a fixed list, as its index in `choices`. */
struct choice {
    uint32_t index;
};

enum option_kind {
    OPTION_BOOL = 1,
    OPTION_COUNT,
    OPTION_REAL,
    OPTION_DURATION,
    OPTION_SIZE,
    OPTION_TEXT,
    OPTION_LIST,
    OPTION_QUANTITY,
    OPTION_CHOICE
};

struct option {
    const char *name;
    enum option_kind kind;
    size_t offset;
    double min, max;      /* in the option's own unit: seconds for durations, bytes for sizes,
                           * entries for lists; unused for text and choices */
    const char *fallback; /* default, parsed as a user's text would be; NULL: must be given */
    const char *help;
    const char *choices;  /* OPTION_CHOICE: the words, separated by '|' */
};

/* The compiler derives the kind from the field's type: a wrong type does not build. */
#define OPTION_KIND(type, field)                                                                             \
    _Generic(((type *)0)->field,                                                                             \
        bool: OPTION_BOOL,                                                                                   \
        uint32_t: OPTION_COUNT,                                                                              \
        double: OPTION_REAL,                                                                                 \
        struct duration: OPTION_DURATION,                                                                    \
        struct size: OPTION_SIZE,                                                                            \
        struct text: OPTION_TEXT,                                                                            \
        struct text_list: OPTION_LIST,                                                                       \
        struct quantity: OPTION_QUANTITY,                                                                    \
        struct choice: OPTION_CHOICE)
#define OPTION(type, field, lo, hi, dflt, text)                                                              \
    {                                                                                                        \
        .name = #field, .offset = offsetof(type, field), .min = (lo), .max = (hi), .fallback = (dflt),       \
        .help = (text), .kind = OPTION_KIND(type, field)                                                     \
    }
#define OPTION_ONE_OF(type, field, words, dflt, text)                                                        \
    {                                                                                                        \
        .name = #field, .offset = offsetof(type, field), .choices = (words), .fallback = (dflt),             \
        .help = (text), .kind = OPTION_KIND(type, field)                                                     \
    }
#define OPTION_END                                                                                           \
    {                                                                                                        \
        .name = NULL                                                                                         \
    }

/* Sets every option of the table to its default; a list or a required option starts empty. */
void options_default(const struct option *table, void *config);

/* Sets one option from text. -ENOENT (with the nearest known name), -EINVAL or
 * -ERANGE, with err saying what was expected. A list takes several items
 * separated by commas. */
int option_set(const struct option *table, void *config, const char *name, const char *text,
               struct error *err);

/* The same for a list given as separate items, count of them. */
int option_set_list(const struct option *table, void *config, const char *name, const char *const *items,
                    size_t count, struct error *err);

/* True when the option has a value other than nothing (an empty text or list is nothing). */
bool option_is_set(const struct option *option, const void *config);

/* Fails with the name of the first option that has no default and was not given. */
int options_complete(const struct option *table, const void *config, struct error *err);

const struct option *option_find(const struct option *table, const char *name);

/* "duration, 1ms to 1h" and the like: what may be written. Returns buffer. */
enum { OPTION_RANGE_MAX = 256 };
const char *option_describe(const struct option *option, char buffer[OPTION_RANGE_MAX]);

#endif
