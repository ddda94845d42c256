/* ctf_file.h - a stream of a recorded trace: one mapped file after the other, packet by packet. */
#ifndef FT_COLLECTOR_CTF_FILE_H
#define FT_COLLECTOR_CTF_FILE_H
#include "collector/ctf_map.h"
#include "collector/ctf_stream.h"

/* A file of a stream, with what its first packet says. */
struct ctf_file {
    struct ctf_map *map;
    struct ctf_packet first;
    int64_t begin_ns;   /* of the first packet; INT64_MIN: it does not say */
};

/* What comes next of a stream, in its order. */
enum ctf_item { CTF_ITEM_NONE, CTF_ITEM_LOST_PACKETS, CTF_ITEM_LOST_EVENTS, CTF_ITEM_PACKET_BEGIN, CTF_ITEM_EVENT, CTF_ITEM_PACKET_END };

/* Files in the order of time. */
struct ctf_file_stream {
    struct ctf_stream stream;
    struct ctf_file *files;
    uint32_t file_count, file_capacity, file;
    size_t offset;             /* of the packet, in the file */
    enum ctf_item item;
    int64_t time_ns;           /* of the item; INT64_MIN: none */
    struct loss loss;          /* of a lost item */
    /* Of the packet before: */
    bool has_before;
    struct ctf_packet before;
    int64_t before_end_ns;
    uint32_t known_file;       /* behind the packet that was found last, of those that came once more */
    size_t known_offset;
    uint32_t searched;         /* so often all files before this one were searched for such a packet */
    uint64_t discarded;        /* the tracer's count, at its highest: lttng-ust now and then writes an older one */
};

/* Maps a file and reads its first packet. An empty one is fine, and has no packets. */
int ctf_file_open(struct ctf_file *f, struct ctf_trace *trace, const char *path, struct error *err);
void ctf_file_close(struct ctf_file *f);

void ctf_file_stream_done(struct ctf_file_stream *s);
/* Goes to the next item. 0, or negative with err, which names file and place. */
int ctf_file_stream_advance(struct ctf_file_stream *s, struct error *err);
/* Adds to err the file and the packet that the stream is at. */
int ctf_file_stream_place(const struct ctf_file_stream *s, int r, struct error *err);
int64_t ctf_packet_ns(const struct ctf_stream *s, uint64_t cycles);

#endif
