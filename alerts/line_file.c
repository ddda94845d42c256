#include "alerts/line_file.h"
#include "alerts/sink.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int line_file_open(struct line_file *f, const char *path, const struct sink_setup *setup, struct error *err)
{
    *f = (struct line_file){ .fd = STDOUT_FILENO, .path = path, .notice = setup->notice, .notice_self = setup->notice_self };
    if (strcmp(path, "-") == 0)
        return 0;
    f->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (f->fd < 0)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    f->own = true;
    return 0;
}

/* Ours is open for writing only: a pipe must not keep itself open. */
static ssize_t read_end(const struct line_file *f, char *buffer, size_t capacity, off_t from)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, buffer, capacity, from);
    if (fd >= 0)
        close(fd);
    return n;
}

int line_file_last(struct line_file *f, char *buffer, size_t capacity)
{
    struct stat st;
    if (!f->own || fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return -ENOENT;
    off_t from = st.st_size > (off_t)capacity ? st.st_size - (off_t)capacity : 0;
    ssize_t n = read_end(f, buffer, capacity, from);
    if (n <= 0)
        return -ENOENT;
    char *newline = memrchr(buffer, '\n', (size_t)n);
    if (!newline)
        return from > 0 ? -EMSGSIZE : ftruncate(f->fd, 0) < 0 ? -errno : -ENOENT;
    if (newline + 1 < buffer + n && ftruncate(f->fd, from + (newline + 1 - buffer)) < 0)
        return -errno;
    char *before = memrchr(buffer, '\n', (size_t)(newline - buffer));
    if (!before && from > 0)
        return -EMSGSIZE;
    *newline = '\0';
    memmove(buffer, before ? before + 1 : buffer, strlen(before ? before + 1 : buffer) + 1);
    return 0;
}

static void tell(const struct line_file *f, bool warning, const char *what)
{
    char text[512];
    snprintf(text, sizeof(text), "%s: %s", f->own ? f->path : "standard output", what);
    if (f->notice)
        f->notice(f->notice_self, warning, text);
}

/* The part of a line would spoil the next one. */
static void take_back(const struct line_file *f, size_t written)
{
    struct stat st;
    if (written > 0 && f->own && fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= (off_t)written &&
        ftruncate(f->fd, st.st_size - (off_t)written) < 0)
        tell(f, true, "the last line is cut short");
}

static void fail(struct line_file *f, int error, size_t written)
{
    char text[256];
    take_back(f, written);
    if (f->failures++ > f->told)
        return;
    snprintf(text, sizeof(text), "%s: alerts are missing there from now on", strerror(error));
    tell(f, true, text);
}

static void succeed(struct line_file *f)
{
    char text[128];
    if (f->failures == f->told)
        return;
    snprintf(text, sizeof(text), "can be written again; %" PRIu64 " transitions of alerts are missing", f->failures - f->told);
    f->told = f->failures;
    tell(f, true, text);
}

void line_file_write(struct line_file *f, const char *text, size_t size)
{
    for (size_t written = 0; written < size;) {
        ssize_t n = write(f->fd, text + written, size - written);
        if (n < 0 && errno != EINTR) {
            fail(f, errno, written);
            return;
        }
        written += n < 0 ? 0 : (size_t)n;
    }
    succeed(f);
}

void line_file_close(struct line_file *f)
{
    if (f->own)
        close(f->fd);
    f->own = false;
}
