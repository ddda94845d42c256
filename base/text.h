/* text.h - small helpers for text: building into a fixed buffer, wildcards,
 * the nearest known name, numbers and times for people. Nothing allocates. */
#ifndef FT_BASE_TEXT_H
#define FT_BASE_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Builds a NUL-terminated text in a buffer of the caller's. What does not fit
 * is cut and `truncated` says so; appending to a full text is harmless. */
struct text_out {
    char *start;
    size_t used, capacity;
    bool truncated;
};
struct text_out text_out_init(char *buffer, size_t capacity);
void text_put(struct text_out *out, const char *text, size_t size);
void text_puts(struct text_out *out, const char *text);
void text_printf(struct text_out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends text that came from outside: bytes that are not UTF-8 and control
 * characters become '?', and a cut never splits a character. */
void text_put_clean(struct text_out *out, const char *text, size_t size);
/* Appends a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD. */
void text_put_json(struct text_out *out, const char *text, size_t size);

/* Appends a number in the shortest form that reads back as the same; what is not
 * finite as "null". */
void text_put_number(struct text_out *out, double value);

/* What a noun gets behind its number: "s", but for one "". */
const char *text_s(uint64_t count);
/* A list of names with ", " between them: appends one that is not in it. Of more than `most` different ones it ends in "..."; *count
 * is how many there were, 0 at first. */
void text_put_listed(struct text_out *out, uint32_t *count, uint32_t most, const char *name, size_t size);

/* Copies as much as fits, always NUL-terminated; true when all of it fitted. */
bool text_copy(char *to, size_t capacity, const char *from);

/* Whole-string match; '*' stands for any run of characters, '?' for one, and a
 * backslash takes the next character literally. */
bool text_matches(const char *pattern, const char *text);
bool text_has_wildcard(const char *pattern);

/* The candidate a mistyped word most likely meant, or NULL when none is near
 * (edit distance above a third of the word's length). */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

/* Length of the valid UTF-8 sequence at text (1..4), or 0 when it is not one. */
size_t text_utf8_length(const char *text, size_t size);

/* Strict: the whole text must be a number. 0 or -EINVAL (-ERANGE when it does not fit). */
int text_parse_u64(const char *text, uint64_t *ret_value);

#endif
