/* keys_generate.c - the writing half of keys.h. */
#include "base/keys.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { FILE_TEXT_MAX = 1024 };

static int write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            text += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

/* The umask can only have taken bits away, so the file is never more open than mode. */
static int write_new(const char *path, mode_t mode, const char *text, size_t size, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return errno == EEXIST ? error_set(err, -EEXIST, "%s is there already, and is left as it is", path)
                               : error_set(err, -errno, "%s: %s", path, strerror(errno));
    int r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, text, size);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0)
        return 0;
    unlink(path);
    return error_set(err, r, "%s: %s", path, strerror(-r));
}

/* The names of the files last, too, where the file system can do that. */
static void sync_directory(const char *path)
{
    char copy[PATH_MAX];
    if (!text_copy(copy, sizeof(copy), path))
        return;
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

static void put_comment(struct text_out *out, const char *what, const char *comment)
{
    text_printf(out, "#   foretrace: %s\n#   ", what);
    text_put_clean(out, comment, strnlen(comment, 200));
    text_puts(out, "\ncurve\n");
}

int keys_generate(const char *secret_path, const char *public_path, const char *comment, struct error *err)
{
    struct keys keys;
    char secret[FILE_TEXT_MAX], public[FILE_TEXT_MAX];
    if (zmq_curve_keypair(keys.public_key, keys.secret_key) < 0)
        return error_set(err, -errno, "this libzmq makes no CURVE keys: %s", zmq_strerror(errno));
    struct text_out out = text_out_init(public, sizeof(public));
    put_comment(&out, "a public key, for those whom its owner talks to", comment);
    text_printf(&out, "    public-key = \"%s\"\n", keys.public_key);
    int r = write_new(public_path, 0644, public, out.used, err);
    if (r == 0) {
        out = text_out_init(secret, sizeof(secret));
        put_comment(&out, "a SECRET key. Whoever can read it can pass for its owner", comment);
        text_printf(&out, "    public-key = \"%s\"\n    secret-key = \"%s\"\n", keys.public_key, keys.secret_key);
        r = write_new(secret_path, 0600, secret, out.used, err);
        explicit_bzero(secret, sizeof(secret));
        if (r < 0)
            unlink(public_path);
    }
    keys_wipe(&keys);
    if (r == 0)
        sync_directory(secret_path);
    return r;
}
