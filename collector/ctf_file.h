/* ctf_file.h - a stream of a recorded trace: one mapped file after the other, packet by packet. */
#ifndef FT_COLLECTOR_CTF_FILE_H
#define FT_COLLECTOR_CTF_FILE_H
#include "collector/ctf_map.h"
#include "collector/ctf_items.h"

/* A file of a stream, with what its first packet says. */
struct ctf_file {
    struct ctf_map *map;
    struct ctf_packet first;
    int64_t begin_ns;   /* of the first packet; INT64_MIN: it does not say */
};

/* Files in the order of time. */
struct ctf_file_stream {
    struct ctf_items items;    /* first */
    struct ctf_file *files;
    uint32_t file_count, file_capacity, file;
    size_t offset;             /* of the packet, in the file */
    uint32_t known_file;       /* behind the packet that was found last, of those that came once more */
    size_t known_offset;
    uint32_t searched;         /* so often all files before this one were searched for such a packet */
};

/* Maps a file and reads its first packet. An empty one is fine, and has no packets. */
int ctf_file_open(struct ctf_file *f, struct ctf_trace *trace, const char *path, struct error *err);
void ctf_file_close(struct ctf_file *f);

struct ctf_file_stream *ctf_file_stream_new(struct ctf_trace *trace);
void ctf_file_stream_free(struct ctf_file_stream *s);

#endif
