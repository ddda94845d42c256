/* live_stream.h - a stream of a live session: its packets, as they come, and what is known of those that do not. A part of live_set.h. */
#ifndef FT_COLLECTOR_LIVE_STREAM_H
#define FT_COLLECTOR_LIVE_STREAM_H
#include "collector/ctf_items.h"
#include "collector/live_pace.h"
#include "collector/viewer_wire.h"

struct live_set;
struct live_trace;

enum { LIVE_PACKETS_MAX = 4 }; /* read ahead */

struct live_packet {
    struct bytes data;
    uint64_t begin;              /* as the index has it, in cycles */
    uint64_t offset;             /* in the relayd's file, for messages */
    bool passed;                 /* only its number is read */
};

struct live_stream {
    struct ctf_items items;      /* first */
    struct live_set *set;
    struct live_trace *trace;
    char channel[256];
    uint64_t furthest;           /* sequence of a packet of it that an earlier process read, at most */
    uint64_t id;                 /* at the relayd */
    bool connected, bound;       /* bound: its trace is known, and it may be read */
    bool hung_up;                /* nothing more will come */
    bool stalled;                /* nothing came for so long that the others do not wait any more */
    bool resumed;                /* a new connection has it, and nothing that is new came of it yet */
    bool ordered;                /* it has its place among the streams of the set */
    struct live_packet packets[LIVE_PACKETS_MAX];
    uint32_t first, count;       /* of packets: whole ones */
    bool fetched;                /* any; the last one's times, in cycles, and the size of all that wait: */
    uint64_t begin, end;
    bool passing, numbered;      /* the packet being filled is passed over; one was, so that those after it can be by their index */
    uint64_t passed;             /* so many after that one, by their index; of the last: */
    uint64_t passed_begin, passed_discarded;
    int64_t passed_end_ns;
    uint64_t gone, gone_end;     /* packets that the relayd could not give any more, since then; the end of the last, in cycles */
    uint64_t waiting_bytes;
    int64_t known_ns;            /* nothing earlier will come; INT64_MIN: not known */
    int64_t news_ns;             /* when it was last heard of, monotonic */
    uint32_t class_failures;     /* an event's class was not known, and metadata was asked for, so often */
    /* The client's: */
    bool index_asked, packet_asked, packet_wanted;
    struct live_pace pace;
    int64_t ask_at_ns;           /* monotonic */
    int64_t asked_ns, dry_ns;    /* likewise: when it was asked last; when it was asked what had the answer that there is nothing */
    int64_t told_ns;             /* by a beacon that is believed after that look for new streams; INT64_MIN: none */
    uint64_t told_look;
    bool dry;                    /* of this connection it has been read to where there was nothing more, once */
    uint64_t packet_size, packet_offset, packet_begin, packet_end; /* of the one being fetched */
};

/* Whether a packet with that index is behind all that was had of the stream. */
bool live_stream_is_new(const struct live_stream *s, uint64_t stream_class, uint64_t begin, uint64_t end);
/* A packet that nobody needs any more, by its index: it need not be asked for. False: it is needed, or is the first one, whose number
 * shows later whether any is missing. */
bool live_stream_pass(struct live_stream *s, const struct viewer_index *index, int64_t skip_ns);
/* Room for the next packet: it is being filled. */
struct live_packet *live_stream_next_packet(struct live_stream *s);
/* It is filled. */
void live_stream_packet(struct live_stream *s, uint64_t begin, uint64_t end);
/* The one that was to be filled is not to be had any more. */
void live_stream_packet_gone(struct live_stream *s, uint64_t end);
/* The time of that many cycles of the clock of that stream class; INT64_MIN: it has none. */
int64_t live_stream_time(const struct live_stream *s, uint64_t stream_class, uint64_t cycles);
/* No event of it before that time. */
void live_stream_advance(struct live_stream *s, int64_t time_ns);
void live_stream_hang_up(struct live_stream *s);
/* Likewise, and the relayd does not give the rest of it, if there is any: from where it is known to where anything is. */
void live_stream_cut_off(struct live_stream *s);
/* Nothing comes of it, and the others are not to wait. */
void live_stream_stall(struct live_stream *s);

#endif
