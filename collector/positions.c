#include "collector/positions.h"
#include "base/bytes.h"
#include "base/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "FTPOSN1";
enum { PROBES = 32 };

/* A place of the table. Its times are written before its key. */
struct entry {
    uint64_t key;      /* 0: free */
    int64_t end_ns;
    uint64_t sequence;
};

struct file {
    char magic[8];
    uint64_t count;
    struct entry entries[POSITIONS_MAX];
};

struct positions {
    int fd;
    struct file *file;
};

static bool is_ours(int fd)
{
    struct {
        char magic[8];
        uint64_t count;
    } head;
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_size == (off_t)sizeof(struct file) && pread(fd, &head, sizeof(head), 0) == sizeof(head) &&
           memcmp(head.magic, magic, sizeof(magic)) == 0 && head.count == POSITIONS_MAX;
}

static int make(int fd)
{
    uint64_t count = POSITIONS_MAX;
    if (ftruncate(fd, 0) < 0 || (errno = posix_fallocate(fd, 0, sizeof(struct file))) != 0 || pwrite(fd, &count, sizeof(count), sizeof(magic)) < 0 ||
        pwrite(fd, magic, sizeof(magic), 0) < 0)
        return -errno;
    return 0;
}

static int map(struct positions *p, const char *path, struct error *err)
{
    struct stat st;
    p->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (p->fd < 0)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (flock(p->fd, LOCK_EX | LOCK_NB) < 0)
        return error_set(err, -EBUSY, "%s: another collector of that name runs (delivery.name)", path);
    bool ours = is_ours(p->fd), empty = fstat(p->fd, &st) == 0 && st.st_size == 0;
    int r = ours ? 0 : make(p->fd);
    if (r == 0) {
        p->file = mmap(NULL, sizeof(*p->file), PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);
        r = p->file == MAP_FAILED ? -errno : 0;
    }
    if (r < 0) {
        p->file = NULL;
        return error_set(err, r, "%s: %s", path, strerror(-r));
    }
    if (!ours && !empty)
        error_set(err, -EILSEQ, "%s: no positions of this version: made anew", path);
    return 0;
}

int positions_open(const char *path, struct positions **ret_positions, struct error *err)
{
    struct positions *p = xcalloc(1, sizeof(*p));
    err->text[0] = '\0';
    int r = map(p, path, err);
    if (r < 0)
        positions_close(p);
    else
        *ret_positions = p;
    return r;
}

void positions_close(struct positions *p)
{
    if (!p)
        return;
    if (p->file)
        munmap(p->file, sizeof(*p->file));
    if (p->fd >= 0)
        close(p->fd);
    free(p);
}

static struct entry *find(const struct positions *p, uint64_t key)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        struct entry *e = &p->file->entries[(key + i) % POSITIONS_MAX];
        if (e->key == key)
            return e;
    }
    return NULL;
}

/* A free place, or that of the one which ended first of those around. */
static struct entry *place(struct positions *p, uint64_t key)
{
    struct entry *best = find(p, key);
    for (uint32_t i = 0; i < PROBES && (!best || best->key != key); i++) {
        struct entry *e = &p->file->entries[(key + i) % POSITIONS_MAX];
        if (e->key == 0)
            return e;
        if (!best || e->end_ns < best->end_ns)
            best = e;
    }
    return best;
}

/* Whoever is killed in here leaves no entry that says what is not so: a key that is not there says nothing. */
static void set(struct positions *p, uint64_t key, int64_t end_ns, uint64_t sequence)
{
    struct entry *e = place(p, key);
    if (e->key != key)
        __atomic_store_n(&e->key, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&e->end_ns, end_ns, __ATOMIC_RELEASE);
    __atomic_store_n(&e->sequence, sequence, __ATOMIC_RELEASE);
    __atomic_store_n(&e->key, key, __ATOMIC_RELEASE);
}

static uint64_t key_of(char kind, const void *first, size_t first_size, const char *second)
{
    uint64_t hash = hash_fnv(hash_fnv(hash_fnv(HASH_START, &kind, 1), first, first_size), second, strlen(second) + 1);
    return hash ? hash : 1;
}

int64_t positions_window(const struct positions *p, const char *host, const char *session)
{
    const struct entry *e = find(p, key_of('w', host, strlen(host) + 1, session));
    return e ? e->end_ns : INT64_MIN;
}

void positions_set_window(struct positions *p, const char *host, const char *session, int64_t end_ns)
{
    set(p, key_of('w', host, strlen(host) + 1, session), end_ns, 0);
}

bool positions_stream(const struct positions *p, const uint8_t uuid[16], const char *channel, struct stream_position *ret_position)
{
    const struct entry *e = find(p, key_of('s', uuid, 16, channel));
    if (e)
        *ret_position = (struct stream_position){ .sequence = e->sequence, .end_ns = e->end_ns };
    return e != NULL;
}

void positions_set_stream(struct positions *p, const uint8_t uuid[16], const char *channel, const struct stream_position *position)
{
    set(p, key_of('s', uuid, 16, channel), position->end_ns, position->sequence);
}
