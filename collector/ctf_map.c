#include "collector/ctf_map.h"
#include "base/bytes.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ctf_map *open_maps;

static struct ctf_map *find_map(const void *address)
{
    for (struct ctf_map *m = open_maps; m; m = m->next)
        if ((const uint8_t *)address >= m->data && (const uint8_t *)address < m->data + m->size)
            return m;
    return NULL;
}

/* A page beyond the file's end was touched. Anything else is none of ours, and ends the process as ever. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
    struct ctf_map *m = find_map(info->si_addr);
    uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE), page = (uintptr_t)info->si_addr & ~(size - 1);
    (void)context;
    if (!m || mmap((void *)page, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
        signal(number, SIG_DFL);
        return;
    }
    memset((void *)page, 0xff, size);
    m->cut = 1;
}

static void watch(void)
{
    struct sigaction action = { .sa_flags = SA_SIGINFO };
    action.sa_sigaction = on_bus_error;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

static int map(struct ctf_map *m, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    m->size = (size_t)st.st_size;
    m->device = st.st_dev;
    m->inode = st.st_ino;
    void *data = m->size > 0 ? mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (data == MAP_FAILED)
        return -errno;
    if (data)
        madvise(data, m->size, MADV_SEQUENTIAL);
    m->data = data;
    return 0;
}

int ctf_map_open(struct ctf_map *m, const char *path, struct error *err)
{
    *m = (struct ctf_map){ 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC), r = fd < 0 ? -errno : map(m, fd);
    if (fd >= 0)
        close(fd);
    if (r < 0)
        return error_set(err, r, "%s: %s", path, strerror(-r));
    m->path = xstrdup(path);
    if (!open_maps)
        watch();
    m->next = open_maps;
    open_maps = m;
    return 0;
}

void ctf_map_close(struct ctf_map *m)
{
    struct ctf_map **at = &open_maps;
    if (!m->path)
        return;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    if (m->data)
        munmap((void *)(uintptr_t)m->data, m->size);
    free(m->path);
    *m = (struct ctf_map){ 0 };
}

bool ctf_map_holds(const struct ctf_map *m, uint64_t size)
{
    struct stat st;
    if (stat(m->path, &st) < 0 || st.st_dev != m->device || st.st_ino != m->inode)
        return true; /* another file has its name: ours is as it was */
    return (uint64_t)st.st_size >= size;
}
