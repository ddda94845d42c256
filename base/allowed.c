#include "base/allowed.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t trust_ns = 1000000000;

/* One reading of the directory: strict, it ends with the first problem; else problems are told. */
struct reading {
    struct allowed *into;
    int fd;
    bool strict;
    uint64_t problems;
    char text[1 << 12]; /* of the problems, for telling: bounded, the first ones suffice */
    struct text_out out;
};

static int trouble(struct reading *r, int code, struct error *err)
{
    if (r->strict)
        return code;
    r->problems += hash_bytes(err->text, strlen(err->text)) | 1; /* in whatever order they come */
    text_printf(&r->out, "%s%s", r->out.used ? "; " : "", err->text);
    return 0;
}

static int check_directory(const char *path, const struct stat *st, struct error *err)
{
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return error_set(err, -EPERM, "%s belongs to uid %u: whom to trust must be your own or root's to say (chown %u %s)", path,
                         (unsigned)st->st_uid, (unsigned)geteuid(), path);
    if (st->st_mode & 022)
        return error_set(err, -EPERM, "%s has mode %04o: others could put keys into it (chmod go-w %s)", path,
                         (unsigned)(st->st_mode & 07777), path);
    return 0;
}

static int take_file(struct reading *r, const char *name, struct error *err)
{
    struct allowed *a = r->into;
    char path[1024], text[KEY_TEXT_SIZE];
    struct allowed_key key = { .name = "" };
    snprintf(path, sizeof(path), "%s/%s", a->directory, name);
    if (a->count == ALLOWED_MAX) {
        error_set(err, -E2BIG, "%s has more than %d *.pub files", a->directory, ALLOWED_MAX);
        return r->strict ? -E2BIG : (trouble(r, -E2BIG, err), 1);
    }
    int result = keys_read_public(r->fd, name, path, text, err);
    if (result < 0)
        return trouble(r, result, err);
    keys_decode(text, key.key);
    struct text_out out = text_out_init(key.name, sizeof(key.name));
    text_put_clean(&out, name, strlen(name) - strlen(".pub"));
    GROW(a->keys, a->count, a->capacity);
    a->keys[a->count++] = key;
    return 0;
}

static bool is_public(const char *name)
{
    size_t size = strlen(name);
    return name[0] != '.' && size > 4 && strcmp(name + size - 4, ".pub") == 0;
}

/* The directory's time is taken before its entries: what changes meanwhile is seen the next time. */
static int read_directory(struct reading *r, struct error *err)
{
    struct allowed *a = r->into;
    struct stat st;
    int result = 0;
    r->fd = open(a->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->fd < 0 || fstat(r->fd, &st) < 0) {
        result = error_set(err, -errno, "%s: %s", a->directory, strerror(errno));
        if (r->fd >= 0)
            close(r->fd);
        return result;
    }
    a->changed = st.st_mtim;
    result = check_directory(a->directory, &st, err);
    DIR *dir = result == 0 ? fdopendir(r->fd) : NULL;
    if (!dir) {
        result = result < 0 ? result : error_set(err, -errno, "%s: %s", a->directory, strerror(errno));
        close(r->fd);
        return result;
    }
    errno = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL; errno = 0)
        if (is_public(entry->d_name))
            result = take_file(r, entry->d_name, err);
    if (result == 0 && errno != 0)
        result = error_set(err, -errno, "%s: %s", a->directory, strerror(errno));
    closedir(dir);
    return result < 0 ? result : 0;
}

int allowed_open(struct allowed *a, const char *directory, int64_t now_ns, struct error *err)
{
    *a = (struct allowed){ .directory = directory, .read_ns = now_ns };
    struct reading r = { .into = a, .strict = true };
    int result = read_directory(&r, err);
    if (result < 0)
        allowed_done(a);
    return result;
}

void allowed_done(struct allowed *a)
{
    free(a->keys);
    *a = (struct allowed){ .directory = NULL };
}

void allowed_refresh(struct allowed *a, int64_t now_ns, allowed_tell tell, void *self)
{
    struct stat st;
    struct error err;
    bool same = stat(a->directory, &st) == 0 && st.st_mtim.tv_sec == a->changed.tv_sec && st.st_mtim.tv_nsec == a->changed.tv_nsec;
    if (same && now_ns - a->read_ns < trust_ns)
        return;
    struct reading r = { .into = a };
    r.out = text_out_init(r.text, sizeof(r.text));
    a->count = 0;
    a->read_ns = now_ns;
    if (read_directory(&r, &err) < 0) {
        a->count = 0; /* what cannot be trusted admits nobody */
        a->changed = (struct timespec){ 0 };
        trouble(&r, 0, &err);
    }
    if (r.problems != a->problems && r.problems != 0) {
        char text[sizeof(r.text) + 64];
        snprintf(text, sizeof(text), "keys of clients: left out: %s", r.text);
        tell(self, text);
    }
    a->problems = r.problems;
}

const char *allowed_find(const struct allowed *a, const uint8_t key[KEY_SIZE])
{
    for (uint32_t i = 0; i < a->count; i++)
        if (memcmp(a->keys[i].key, key, KEY_SIZE) == 0)
            return a->keys[i].name;
    return NULL;
}
