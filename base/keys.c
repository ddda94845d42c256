#include "base/keys.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

void keys_wipe(struct keys *keys)
{
    explicit_bzero(keys, sizeof(*keys));
}

bool keys_decode(const char *text, uint8_t ret_key[KEY_SIZE])
{
    static const char z85[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    return strlen(text) == KEY_TEXT_SIZE - 1 && strspn(text, z85) == KEY_TEXT_SIZE - 1 && zmq_z85_decode(ret_key, text);
}

/* ---- the text ---- */

struct line {
    const char *at, *end;
    bool indented;
};

/* The next line with something on it, without its indentation; false at the end. */
static bool next_line(const char **at, const char *end, unsigned *number, struct line *ret_line)
{
    while (*at < end) {
        const char *start = *at, *stop = memchr(start, '\n', (size_t)(end - start));
        stop = stop ? stop : end;
        *at = stop < end ? stop + 1 : end;
        ++*number;
        const char *first = start;
        while (first < stop && (*first == ' ' || *first == '\t' || *first == '\r'))
            first++;
        *ret_line = (struct line){ first, stop, first > start };
        if (first < stop && *first != '#')
            return true;
    }
    return false;
}

/* The word at the line's beginning, which the line is moved behind. */
static bool take_word(struct line *line, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(line->end - line->at) < size || memcmp(line->at, word, size) != 0)
        return false;
    const char *behind = line->at + size;
    if (behind < line->end && !strchr(" \t\r=#", *behind))
        return false;
    line->at = behind;
    return true;
}

static void skip_space(struct line *line)
{
    while (line->at < line->end && (*line->at == ' ' || *line->at == '\t' || *line->at == '\r'))
        line->at++;
}

/* = "KEY", in quotes of either kind or none; behind it only a comment. */
static bool take_key(struct line *line, char ret_key[KEY_TEXT_SIZE])
{
    uint8_t raw[KEY_SIZE];
    skip_space(line);
    if (line->at == line->end || *line->at++ != '=')
        return false;
    skip_space(line);
    char quote = line->at < line->end && (*line->at == '"' || *line->at == '\'') ? *line->at++ : '\0';
    if (line->end - line->at < KEY_TEXT_SIZE - 1)
        return false;
    memcpy(ret_key, line->at, KEY_TEXT_SIZE - 1);
    ret_key[KEY_TEXT_SIZE - 1] = '\0';
    line->at += KEY_TEXT_SIZE - 1;
    bool valid = keys_decode(ret_key, raw);
    explicit_bzero(raw, sizeof(raw));
    if (quote && (line->at == line->end || *line->at++ != quote))
        return false;
    skip_space(line);
    return valid && (line->at == line->end || *line->at == '#');
}

static int take_property(struct line *line, unsigned number, struct keys *keys, struct error *err)
{
    static const char *const names[] = { "public-key", "secret-key" };
    char *const targets[] = { keys->public_key, keys->secret_key };
    for (int i = 0; i < 2; i++) {
        if (!take_word(line, names[i]))
            continue;
        if (*targets[i])
            return error_set(err, -EINVAL, "line %u: a second %s", number, names[i]);
        if (!take_key(line, targets[i]))
            return error_set(err, -EINVAL, "line %u: %s is not 40 characters of Z85 in quotes", number, names[i]);
    }
    return 0; /* other properties of a certificate are none of ours */
}

static int check_pair(const struct keys *keys, struct error *err)
{
    char derived[KEY_TEXT_SIZE];
    if (!*keys->public_key)
        return error_set(err, -EINVAL, "is no key file: it has no public-key in a section 'curve'");
    if (!*keys->secret_key)
        return 0;
    if (zmq_curve_public(derived, keys->secret_key) < 0)
        return error_set(err, -errno, "the public key cannot be derived: %s", zmq_strerror(errno));
    if (strcmp(derived, keys->public_key) != 0)
        return error_set(err, -EINVAL, "the public key does not belong to the secret key");
    return 0;
}

int keys_parse(const char *text, size_t size, struct keys *ret_keys, struct error *err)
{
    const char *at = text;
    struct keys keys = { "", "" };
    struct line line;
    unsigned number = 0;
    bool curve = false;
    int r = 0;
    while (r == 0 && next_line(&at, text + size, &number, &line)) {
        if (!line.indented)
            curve = take_word(&line, "curve");
        else if (curve)
            r = take_property(&line, number, &keys, err);
    }
    if (r == 0)
        r = check_pair(&keys, err);
    if (r == 0)
        *ret_keys = keys;
    keys_wipe(&keys);
    return r;
}

/* ---- files ---- */

static int check_secret(const char *name, const struct stat *st, struct error *err)
{
    unsigned mode = st->st_mode & 07777;
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return error_set(err, -EPERM, "%s belongs to uid %u: a secret key must be your own or root's (chown %u %s)", name,
                         (unsigned)st->st_uid, (unsigned)geteuid(), name);
    if (mode != 0600 && mode != 0400)
        return error_set(err, -EPERM, "%s has mode %04o: a secret key must be closed to others (chmod 600 %s)", name, mode, name);
    return 0;
}

static int check_public(const char *name, const struct stat *st, struct error *err)
{
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return error_set(err, -EPERM, "%s belongs to uid %u: whom to trust must be your own or root's to say (chown %u %s)", name,
                         (unsigned)st->st_uid, (unsigned)geteuid(), name);
    if (st->st_mode & 022)
        return error_set(err, -EPERM, "%s has mode %04o: others may change it (chmod go-w %s)", name,
                         (unsigned)(st->st_mode & 07777), name);
    return 0;
}

/* A bounded read from a descriptor; the size, or -errno. */
static ssize_t read_all(int fd, char *buffer, size_t capacity)
{
    size_t used = 0;
    while (used < capacity) {
        ssize_t n = read(fd, buffer + used, capacity - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        used += (size_t)n;
    }
    return (ssize_t)used;
}

static int read_keys(int fd, const char *name, bool secret, struct keys *ret_keys, struct error *err)
{
    char buffer[KEY_FILE_MAX + 1];
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_set(err, -errno, "%s: %s", name, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return error_set(err, -EPERM, "%s is no regular file", name);
    int r = secret ? check_secret(name, &st, err) : check_public(name, &st, err);
    if (r < 0)
        return r;
    ssize_t size = read_all(fd, buffer, sizeof(buffer));
    if (size < 0)
        r = error_set(err, (int)size, "%s: %s", name, strerror((int)-size));
    else if (size > KEY_FILE_MAX)
        r = error_set(err, -EINVAL, "%s is longer than %d bytes: it is no key file", name, KEY_FILE_MAX);
    else if ((r = keys_parse(buffer, (size_t)size, ret_keys, err)) < 0)
        error_wrap(err, r, "%s", name);
    explicit_bzero(buffer, sizeof(buffer));
    return r;
}

/* Opened without waiting, since a name may lead to a pipe; what it is is asked of the open file. */
static int open_and_read(int directory_fd, const char *path, const char *name, bool secret, struct keys *ret_keys, struct error *err)
{
    int fd = openat(directory_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_set(err, -errno, "%s: %s", name, strerror(errno));
    int r = read_keys(fd, name, secret, ret_keys, err);
    close(fd);
    return r;
}

int keys_read_secret(const char *path, struct keys *ret_keys, struct error *err)
{
    struct keys keys;
    int r = open_and_read(AT_FDCWD, path, path, true, &keys, err);
    if (r < 0)
        return r;
    if (*keys.secret_key)
        *ret_keys = keys;
    else
        r = error_set(err, -EINVAL, "%s holds no secret key: name the .key file, not the .pub", path);
    keys_wipe(&keys);
    return r;
}

int keys_read_public(int directory_fd, const char *path, const char *name, char ret_key[KEY_TEXT_SIZE], struct error *err)
{
    struct keys keys;
    int r = open_and_read(directory_fd, path, name, false, &keys, err);
    if (r < 0)
        return r;
    if (*keys.secret_key)
        r = error_set(err, -EINVAL, "%s holds a secret key, which must not lie about: name or copy the .pub file instead", name);
    else
        text_copy(ret_key, KEY_TEXT_SIZE, keys.public_key);
    keys_wipe(&keys);
    return r;
}
