#include "base/journal.h"
#include "base/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 512, RECORD_HEAD = 8, RECORD_MAX = 2 << 20 };
static const char snapshot_magic[8] = "FTSNAP1", journal_magic[8] = "FTJRNL2";

/* The beginning of both files. */
struct head {
    char magic[8];
    uint64_t generation;
    uint64_t config;
    uint64_t size;   /* snapshot: of what follows */
    uint64_t hash;   /* snapshot: of all but this */
    uint64_t boot;   /* of the machine, as it was then */
    uint64_t mark;   /* journal: changes all the time; its upper 16 bits are a check of the others, since both must change at once */
};

struct journal {
    struct journal_setup setup;
    char dir[PATH_SIZE];
    int lock_fd;
    uint8_t *map;
    size_t map_size, used;
    uint64_t generation, snapshots;
    bool recovered, config_changed, rebooted;
    struct bytes scratch;
};

enum { MARK_BITS = 48 };

static uint64_t sealed(uint64_t mark)
{
    mark &= (UINT64_C(1) << MARK_BITS) - 1;
    return mark | hash_mix(mark, HASH_START) >> MARK_BITS << MARK_BITS;
}

static uint64_t unsealed(uint64_t word)
{
    uint64_t mark = word & ((UINT64_C(1) << MARK_BITS) - 1);
    return sealed(mark) == word ? mark : 0;
}

static void notice(const struct journal *j, const char *path, const char *what)
{
    char text[PATH_SIZE + 256];
    snprintf(text, sizeof(text), "%s %s", path, what);
    if (j->setup.owner->notice)
        j->setup.owner->notice(j->setup.self, true, text);
}

static void journal_path(const struct journal *j, uint64_t generation, char path[PATH_SIZE + 64])
{
    snprintf(path, PATH_SIZE + 64, "%s/journal.%" PRIu64, j->dir, generation);
}

static void named_path(const struct journal *j, const char *name, char path[PATH_SIZE + 64])
{
    snprintf(path, PATH_SIZE + 64, "%s/%s", j->dir, name);
}

/* ---- the mapped file ---- */

static void unmap(struct journal *j)
{
    if (j->map)
        munmap(j->map, j->map_size);
    j->map = NULL;
}

static int map_fd(struct journal *j, int fd, size_t size)
{
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    unmap(j);
    j->map = map;
    j->map_size = size;
    j->used = sizeof(struct head);
    return 0;
}

/* A new file of the full size: room on the disk is taken now, so that writing to the
 * mapping cannot fail later. */
static int make_journal(struct journal *j, uint64_t generation)
{
    char path[PATH_SIZE + 64];
    struct head head = { .generation = generation, .config = j->setup.config, .boot = j->setup.boot, .mark = sealed(j->map ? journal_mark(j) : 0) };
    size_t size = sizeof(head) + (size_t)j->setup.size_bytes;
    memcpy(head.magic, journal_magic, sizeof(head.magic));
    journal_path(j, generation, path);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = -posix_fallocate(fd, 0, (off_t)size);
    if (r == 0)
        r = map_fd(j, fd, size);
    close(fd);
    if (r < 0) {
        unlink(path);
        return r;
    }
    memcpy(j->map, &head, sizeof(head));
    j->generation = generation;
    return 0;
}

static uint32_t record_hash(const void *record, size_t size)
{
    return (uint32_t)hash_bytes(record, size) | 1; /* never 0, which is where records end */
}

/* ---- snapshots ---- */

static int write_all(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Of the head, too: with another generation the records since would be passed over. */
static uint64_t snapshot_hash(struct head head, const void *data)
{
    head.hash = 0;
    return hash_mix(hash_bytes(data, (size_t)head.size), hash_bytes(&head, sizeof(head)));
}

static int write_snapshot(struct journal *j, uint64_t generation)
{
    char path[PATH_SIZE + 64], fresh[PATH_SIZE + 64];
    struct head head = { .generation = generation, .config = j->setup.config, .boot = j->setup.boot };
    memcpy(head.magic, snapshot_magic, sizeof(head.magic));
    bytes_reset(&j->scratch);
    bytes_append(&j->scratch, &head, sizeof(head));
    j->setup.owner->save(j->setup.self, &j->scratch);
    head.size = j->scratch.size - sizeof(head);
    head.hash = snapshot_hash(head, j->scratch.data + sizeof(head));
    memcpy(j->scratch.data, &head, sizeof(head));
    named_path(j, "snapshot", path);
    named_path(j, "snapshot.new", fresh);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, j->scratch.data, j->scratch.size);
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(fresh, path) < 0)
        r = -errno;
    if (r < 0)
        unlink(fresh);
    bytes_done(&j->scratch); /* it may be as large as all the state */
    return r;
}

/* The new journal is there before the snapshot that names it; a kill in between
 * leaves the old pair, and a file that the next start removes. */
int journal_snapshot(struct journal *j)
{
    char old[PATH_SIZE + 64];
    uint64_t before = j->generation;
    journal_path(j, before, old);
    uint8_t *old_map = j->map;
    size_t old_size = j->map_size, old_used = j->used;
    j->map = NULL;
    uint64_t mark = unsealed(((struct head *)(void *)old_map)->mark);
    int r = make_journal(j, before + 1);
    if (r == 0) {
        journal_set_mark(j, mark);
        r = write_snapshot(j, before + 1);
    }
    if (r < 0) {
        if (j->map) {
            unmap(j);
            journal_path(j, before + 1, old);
            unlink(old); /* the disk may be full: it needs the room */
        }
        j->map = old_map;
        j->map_size = old_size;
        j->used = old_used;
        j->generation = before;
        return r;
    }
    munmap(old_map, old_size);
    unlink(old);
    j->snapshots++;
    return 0;
}

int journal_append(struct journal *j, const void *record, size_t size)
{
    if (size > RECORD_MAX)
        return -EMSGSIZE;
    uint32_t head[2] = { (uint32_t)size, record_hash(record, size) };
    size_t whole = (RECORD_HEAD + size + 7) / 8 * 8;
    if (j->map_size - j->used < whole + RECORD_HEAD) {
        int r = journal_snapshot(j);
        if (r < 0)
            return r;
        if (j->map_size - j->used < whole + RECORD_HEAD)
            return -EMSGSIZE;
    }
    memcpy(j->map + j->used + RECORD_HEAD, record, size);
    memset(j->map + j->used + whole, 0, RECORD_HEAD);
    uint64_t word;
    memcpy(&word, head, sizeof(word)); /* the head last and at once: with it the record is there */
    __atomic_store_n((uint64_t *)(void *)(j->map + j->used), word, __ATOMIC_RELEASE);
    j->used += whole;
    return 0;
}

/* ---- recovery ---- */

static void set_aside(const struct journal *j, const char *path)
{
    char bad[PATH_SIZE + 80];
    snprintf(bad, sizeof(bad), "%s.bad", path);
    rename(path, bad);
    notice(j, path, "is damaged, or of another version: set aside as *.bad; starting fresh");
}

static int read_file(const char *path, struct bytes *b)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    bytes_reset(b);
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    bytes_reserve(b, r == 0 ? (size_t)st.st_size + 1 : 1);
    for (ssize_t n = 1; r == 0 && n > 0 && b->size < (size_t)st.st_size;) {
        n = read(fd, b->data + b->size, (size_t)st.st_size - b->size);
        if (n < 0)
            r = -errno;
        else
            b->size += (size_t)n;
    }
    close(fd);
    return r;
}

static bool snapshot_valid(const struct bytes *b, struct head *ret_head)
{
    if (b->size < sizeof(*ret_head))
        return false;
    memcpy(ret_head, b->data, sizeof(*ret_head));
    return memcmp(ret_head->magic, snapshot_magic, sizeof(snapshot_magic)) == 0 &&
           ret_head->size == b->size - sizeof(*ret_head) &&
           ret_head->hash == snapshot_hash(*ret_head, b->data + sizeof(*ret_head));
}

/* 1: loaded; 0: there is none; -EBADMSG: it was set aside. */
static int load_snapshot(struct journal *j)
{
    char path[PATH_SIZE + 64];
    struct head head;
    named_path(j, "snapshot", path);
    int r = read_file(path, &j->scratch);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (!snapshot_valid(&j->scratch, &head) ||
        !j->setup.owner->load(j->setup.self, j->scratch.data + sizeof(head), (size_t)head.size)) {
        set_aside(j, path);
        return -EBADMSG;
    }
    j->generation = head.generation;
    j->config_changed = head.config != j->setup.config;
    j->rebooted = head.boot != j->setup.boot;
    bytes_done(&j->scratch);
    if (j->generation > 0) {
        journal_path(j, j->generation - 1, path); /* a kill may have come before this */
        unlink(path);
    }
    return 1;
}

/* A record is there with its head, which is written at once: what was being written when the process was killed has none. One that
 * is not what its head says was damaged, or the machine lost power; what came after it cannot be applied without it. */
static void replay_records(struct journal *j, const char *path)
{
    uint32_t head[2] = { 0 };
    while (j->map_size - j->used >= RECORD_HEAD) {
        memcpy(head, j->map + j->used, sizeof(head));
        const uint8_t *record = j->map + j->used + RECORD_HEAD;
        if (head[1] == 0 || head[0] > j->map_size - j->used - RECORD_HEAD || record_hash(record, head[0]) != head[1])
            break;
        if (!j->setup.owner->replay(j->setup.self, record, head[0]))
            notice(j, j->dir, "has a record that could not be applied again");
        j->recovered = true;
        j->used += (RECORD_HEAD + head[0] + 7) / 8 * 8;
        head[0] = head[1] = 0;
    }
    if (head[0] || head[1])
        notice(j, path, "has a damaged record: going on from before it");
}

static int load_journal(struct journal *j)
{
    char path[PATH_SIZE + 64];
    struct stat st;
    struct head head;
    journal_path(j, j->generation, path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? make_journal(j, j->generation) : -errno;
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    bool valid = r == 0 && (size_t)st.st_size >= sizeof(head) + RECORD_HEAD && (r = map_fd(j, fd, (size_t)st.st_size)) == 0;
    close(fd);
    if (r < 0)
        return r;
    if (valid) {
        memcpy(&head, j->map, sizeof(head));
        valid = memcmp(head.magic, journal_magic, sizeof(journal_magic)) == 0 && head.generation == j->generation;
    }
    if (!valid) {
        unmap(j);
        set_aside(j, path);
        return make_journal(j, j->generation);
    }
    j->config_changed |= head.config != j->setup.config;
    j->rebooted |= head.boot != j->setup.boot;
    if (j->setup.owner->marked)
        j->setup.owner->marked(j->setup.self, j->config_changed || j->rebooted ? 0 : unsealed(head.mark));
    replay_records(j, path);
    return 0;
}

static int take_lock(struct journal *j, struct error *err)
{
    char path[PATH_SIZE + 64];
    if (mkdir(j->dir, 0700) < 0 && errno != EEXIST)
        return error_set(err, -errno, "%s: %s", j->dir, strerror(errno));
    named_path(j, "lock", path);
    j->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j->lock_fd < 0)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (flock(j->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return error_set(err, -EBUSY, "%s: another foretrace works with this state; give each a directory of its own (delivery.state)", j->dir);
    return 0;
}

static int recover(struct journal *j)
{
    int r = load_snapshot(j);
    if (r == -EBADMSG) {
        r = make_journal(j, 0); /* the records since are of no use without it */
        return r;
    }
    if (r < 0)
        return r;
    j->recovered = r == 1;
    return load_journal(j);
}

int journal_open(const struct journal_setup *setup, struct journal **ret_journal, struct error *err)
{
    struct journal *j = xcalloc(1, sizeof(*j));
    j->setup = *setup;
    j->lock_fd = -1;
    snprintf(j->dir, sizeof(j->dir), "%s", setup->dir);
    int r = strlen(setup->dir) >= sizeof(j->dir) ? error_set(err, -ENAMETOOLONG, "%s: too long", setup->dir) : take_lock(j, err);
    if (r == 0 && (r = recover(j)) < 0)
        error_set(err, r, "%s: cannot keep state there: %s", j->dir, strerror(-r));
    if (r < 0)
        journal_close(j);
    else
        *ret_journal = j;
    return r;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    unmap(j);
    if (j->lock_fd >= 0)
        close(j->lock_fd);
    bytes_done(&j->scratch);
    free(j);
}

uint64_t journal_mark(const struct journal *j)
{
    return unsealed(((const struct head *)(const void *)j->map)->mark);
}

void journal_set_mark(struct journal *j, uint64_t mark)
{
    ((struct head *)(void *)j->map)->mark = sealed(mark);
}

bool journal_recovered(const struct journal *j)
{
    return j->recovered;
}

bool journal_rebooted(const struct journal *j)
{
    return j->rebooted;
}

bool journal_config_changed(const struct journal *j)
{
    return j->config_changed;
}

uint64_t journal_snapshots(const struct journal *j)
{
    return j->snapshots;
}
