/* allowed.h - the public keys in a directory: who may connect. Files *.pub, one key
 * each; the file's name is the client's. Read anew when the directory changed, so that
 * keys can be added and withdrawn while running. */
#ifndef FT_BASE_ALLOWED_H
#define FT_BASE_ALLOWED_H
#include "base/keys.h"
#include <time.h>

enum { ALLOWED_MAX = 1024, ALLOWED_NAME_MAX = 64 };

struct allowed_key {
    uint8_t key[KEY_SIZE];
    char name[ALLOWED_NAME_MAX]; /* without .pub */
};

struct allowed {
    const char *directory;
    uint32_t count, capacity;
    struct allowed_key *keys;
    struct timespec changed;  /* of the directory, when it was read */
    int64_t read_ns;          /* when that was */
    uint64_t problems;        /* a hash of what was wrong then, so that it is told once */
};

/* Reads it strictly: -errno when it cannot be read, -EPERM when it or a file in it is not the caller's
 * or root's or can be written by others, -EINVAL for a malformed file, -E2BIG beyond
 * ALLOWED_MAX files. directory must outlive it. Frees nothing of *a. */
int allowed_open(struct allowed *a, const char *directory, int64_t now_ns, struct error *err);
void allowed_done(struct allowed *a);

/* Reads it again when it changed, or a second after the last time, since a file may have been
 * written in place. A file that is no longer right is left out and told; so is a
 * directory that is not, and then nobody is in it. Each state of affairs is told once. */
typedef void (*allowed_tell)(void *self, const char *text);
void allowed_refresh(struct allowed *a, int64_t now_ns, allowed_tell tell, void *self);

/* The name of the key's owner, valid until the next refresh, or NULL. */
const char *allowed_find(const struct allowed *a, const uint8_t key[KEY_SIZE]);

#endif
