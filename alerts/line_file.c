#include "alerts/line_file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int line_file_open(struct line_file *f, const char *path, struct error *err)
{
    *f = (struct line_file){ .fd = STDOUT_FILENO };
    if (strcmp(path, "-") == 0)
        return 0;
    f->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (f->fd < 0)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    f->own = true;
    return 0;
}

void line_file_write(struct line_file *f, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(f->fd, text, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            f->failures++;
            return;
        }
        text += n;
        size -= (size_t)n;
    }
}

void line_file_close(struct line_file *f)
{
    if (f->own)
        close(f->fd);
    f->own = false;
}
