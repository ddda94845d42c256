/* ctf_map.h - a file in memory, that may become shorter while it is read: a recorder that rotates its files begins one
 * anew. What is not there any more is read as ones, and the map says so. To LTTng's headers ones are no event: of an event whose
 * end goes away while it is read, fields may be ones. One thread opens, reads and closes. */
#ifndef FT_COLLECTOR_CTF_MAP_H
#define FT_COLLECTOR_CTF_MAP_H
#include "base/error.h"
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ctf_map {
    char *path;
    const uint8_t *data;        /* NULL: the file is empty */
    size_t size;
    dev_t device;
    ino_t inode;
    volatile sig_atomic_t cut;  /* bytes were read that are not in the file any more */
    struct ctf_map *next;
};

/* The map stays where it is until it is closed. 0, or negative with err, which names the file. */
int ctf_map_open(struct ctf_map *m, const char *path, struct error *err);
void ctf_map_close(struct ctf_map *m);
/* Whether the file still has its first `size` bytes. */
bool ctf_map_holds(const struct ctf_map *m, uint64_t size);

#endif
