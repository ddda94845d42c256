/* key_fixture.h - key files in a directory of the test's own. */
#ifndef FT_TESTS_KEY_FIXTURE_H
#define FT_TESTS_KEY_FIXTURE_H
#include "base/dirs.h"
#include "base/keys.h"
#include "testing.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char key_dir[64];

static inline void key_dir_make(void)
{
    strcpy(key_dir, "/tmp/foretrace-test-XXXXXX");
    assert_non_null(mkdtemp(key_dir));
}

static inline void key_dir_remove(void)
{
    dirs_remove(key_dir);
}

/* The path of a file there; a handful may be in use at once. */
static inline const char *key_path(const char *name)
{
    static char paths[8][160];
    static unsigned next;
    char *path = paths[next++ % COUNT(paths)];
    snprintf(path, sizeof(paths[0]), "%s/%s", key_dir, name);
    return path;
}

static inline void key_pair_make(const char *name)
{
    char secret[96], public[96];
    struct error err;
    snprintf(secret, sizeof(secret), "%s.key", name);
    snprintf(public, sizeof(public), "%s.pub", name);
    if (keys_generate(key_path(secret), key_path(public), name, &err) < 0)
        fail_msg("%s", err.text);
}

static inline void key_file_write(const char *name, mode_t mode, const char *text, size_t size)
{
    int fd = open(key_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

#endif
