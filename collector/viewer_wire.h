/* viewer_wire.h - the bytes of lttng-relayd's protocol for viewers of live sessions, version 2.4 and later (lttng-tools:
 * doc/live-reading-protocol.md, src/bin/lttng-relayd/lttng-viewer-abi.hpp). Big-endian, packed; a viewer asks, the relayd
 * answers in the same order. Lengths that come from the network are checked here, before anything is kept. */
#ifndef FT_COLLECTOR_VIEWER_WIRE_H
#define FT_COLLECTOR_VIEWER_WIRE_H
#include "base/bytes.h"
#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

enum { VIEWER_MAJOR = 2, VIEWER_MINOR = 15 };
enum { VIEWER_HOST_SIZE = 64, VIEWER_NAME_SIZE = 255 };
enum { VIEWER_SESSIONS_MAX = 4096, VIEWER_STREAMS_MAX = 16384, VIEWER_DATA_MAX = 1 << 28 };

enum viewer_command {
    VIEWER_CONNECT = 1,
    VIEWER_LIST_SESSIONS,
    VIEWER_ATTACH_SESSION,
    VIEWER_GET_NEXT_INDEX,
    VIEWER_GET_PACKET,
    VIEWER_GET_METADATA,
    VIEWER_GET_NEW_STREAMS,
    VIEWER_CREATE_SESSION,
    VIEWER_DETACH_SESSION
};

enum viewer_seek { VIEWER_SEEK_BEGINNING = 1, VIEWER_SEEK_LAST = 2 };
enum viewer_attach_status { VIEWER_ATTACH_OK = 1, VIEWER_ATTACH_ALREADY, VIEWER_ATTACH_UNKNOWN, VIEWER_ATTACH_NOT_LIVE, VIEWER_ATTACH_SEEK_ERROR, VIEWER_ATTACH_NO_SESSION };
enum viewer_index_status { VIEWER_INDEX_OK = 1, VIEWER_INDEX_RETRY, VIEWER_INDEX_HUP, VIEWER_INDEX_ERROR, VIEWER_INDEX_INACTIVE, VIEWER_INDEX_EOF };
enum viewer_packet_status { VIEWER_PACKET_OK = 1, VIEWER_PACKET_RETRY, VIEWER_PACKET_ERROR, VIEWER_PACKET_EOF };
enum viewer_metadata_status { VIEWER_METADATA_OK = 1, VIEWER_METADATA_NO_NEW, VIEWER_METADATA_ERROR };
enum viewer_new_streams_status { VIEWER_NEW_STREAMS_OK = 1, VIEWER_NEW_STREAMS_NO_NEW, VIEWER_NEW_STREAMS_ERROR, VIEWER_NEW_STREAMS_HUP };
enum viewer_create_status { VIEWER_CREATE_OK = 1, VIEWER_CREATE_ERROR };
enum viewer_flags { VIEWER_FLAG_NEW_METADATA = 1, VIEWER_FLAG_NEW_STREAM = 2 };

struct viewer_session {
    uint64_t id;
    uint32_t timer_us, clients, streams;
    char hostname[VIEWER_HOST_SIZE + 1], name[VIEWER_NAME_SIZE + 1];
};

struct viewer_stream {
    uint64_t id, trace_id;
    bool is_metadata;
    char channel[VIEWER_NAME_SIZE + 1];
};

struct viewer_index {
    uint64_t offset, packet_bits, content_bits, begin, end, discarded, stream_class;
};

/* What came back; which of it has a meaning depends on the command. */
struct viewer_answer {
    enum viewer_command command;
    uint32_t status, flags, count; /* count: of the sessions or streams that follow */
    uint32_t major, minor;         /* CONNECT */
    struct viewer_index index;
    uint64_t size;                 /* of the data that follow: PACKET, METADATA */
};

/* ---- asking ---- */

void viewer_put_connect(struct bytes *out);
void viewer_put_plain(struct bytes *out, enum viewer_command command); /* LIST_SESSIONS, CREATE_SESSION */
void viewer_put_attach(struct bytes *out, uint64_t session, enum viewer_seek seek);
void viewer_put_id(struct bytes *out, enum viewer_command command, uint64_t id); /* a stream or a session */
void viewer_put_get_packet(struct bytes *out, uint64_t stream, uint64_t offset, uint32_t size);

/* ---- what comes back ---- */

/* Bytes of an answer without what follows it. */
size_t viewer_answer_size(enum viewer_command command);
/* Reads so many bytes. -EBADMSG with err: no relayd says that. */
int viewer_get_answer(enum viewer_command command, const uint8_t *data, struct viewer_answer *ret_answer, struct error *err);
/* The sessions or streams that follow have so many bytes each. */
enum { VIEWER_SESSION_BYTES = 8 + 3 * 4 + VIEWER_HOST_SIZE + VIEWER_NAME_SIZE, VIEWER_STREAM_BYTES = 8 + 8 + 4 + 4096 + VIEWER_NAME_SIZE };
void viewer_get_session(const uint8_t *data, struct viewer_session *ret_session);
void viewer_get_stream(const uint8_t *data, struct viewer_stream *ret_stream);

#endif
