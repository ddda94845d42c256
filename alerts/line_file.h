/* line_file.h - a file, or standard output, that lines are appended to, each by
 * one write, so that lines of several writers do not mix. */
#ifndef FT_ALERTS_LINE_FILE_H
#define FT_ALERTS_LINE_FILE_H
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line_file {
    int fd;
    bool own;          /* not standard output */
    uint64_t failures;
};

/* "-" is standard output. A file is created 0600 and appended to. */
int line_file_open(struct line_file *f, const char *path, struct error *err);
/* The last whole line of a regular file, without its newline, NUL-terminated; what follows it, cut short by the
 * death of a writer, is removed. -ENOENT: there is none, or it is no such file; -EMSGSIZE: it is longer than fits. */
int line_file_last(struct line_file *f, char *buffer, size_t capacity);
void line_file_write(struct line_file *f, const char *text, size_t size);
void line_file_close(struct line_file *f);

#endif
