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
void line_file_write(struct line_file *f, const char *text, size_t size);
void line_file_close(struct line_file *f);

#endif
