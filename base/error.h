/* error.h - one way to say what went wrong, for people.
 *
 * A function that can fail returns 0 or -errno; where a person must be told
 * more its last parameter is `struct error *err`, filled on failure only. The
 * text gains context on the way up: "rules.yaml:14: detector 'zscore': ...". */
#ifndef FT_BASE_ERROR_H
#define FT_BASE_ERROR_H

struct error {
    char text[1024];
};

/* Fills err (NULL is fine) and returns code, so that callers can write
 * "return error_set(err, -EINVAL, ...);". code must be negative. */
int error_set(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "CONTEXT: " before what err already says and returns code. */
int error_wrap(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
