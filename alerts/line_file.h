/* line_file.h - a file, or standard output, that lines are appended to, each by
 * one write, so that lines of several writers do not mix. */
#ifndef FT_ALERTS_LINE_FILE_H
#define FT_ALERTS_LINE_FILE_H
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink_setup;

struct line_file {
    int fd;
    bool own;          /* not standard output */
    uint64_t failures; /* lines that are missing */
    uint64_t told;     /* of these, when it could be written the last time */
    const char *path;  /* the caller's */
    void (*notice)(void *self, bool warning, const char *text);
    void *notice_self;
};

/* "-" is standard output. A file is created 0600 and appended to. path must live as long; of setup, the notice is used. */
int line_file_open(struct line_file *f, const char *path, const struct sink_setup *setup, struct error *err);
/* The last whole line of a regular file, without its newline, NUL-terminated; what follows it, cut short by the
 * death of a writer, is removed. -ENOENT: there is none, or it is no such file; -EMSGSIZE: it is longer than fits. */
int line_file_last(struct line_file *f, char *buffer, size_t capacity);
/* A line that cannot be written is counted, nothing of it stays, and the first one is told at once; so is the end of that. */
void line_file_write(struct line_file *f, const char *text, size_t size);
void line_file_close(struct line_file *f);

#endif
