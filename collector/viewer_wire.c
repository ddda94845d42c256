#include "collector/viewer_wire.h"
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- asking ---- */

static void put_u32(struct bytes *out, uint32_t value)
{
    value = htobe32(value);
    bytes_append(out, &value, sizeof(value));
}

static void put_u64(struct bytes *out, uint64_t value)
{
    value = htobe64(value);
    bytes_append(out, &value, sizeof(value));
}

static void put_command(struct bytes *out, enum viewer_command command, uint64_t size)
{
    put_u64(out, size);
    put_u32(out, command);
    put_u32(out, 0); /* the command's own version */
}

void viewer_put_connect(struct bytes *out)
{
    enum { FOR_COMMANDS = 1 };
    put_command(out, VIEWER_CONNECT, 20);
    put_u64(out, 0);
    put_u32(out, VIEWER_MAJOR);
    put_u32(out, VIEWER_MINOR);
    put_u32(out, FOR_COMMANDS);
}

void viewer_put_plain(struct bytes *out, enum viewer_command command)
{
    put_command(out, command, 0);
}

void viewer_put_attach(struct bytes *out, uint64_t session, enum viewer_seek seek)
{
    put_command(out, VIEWER_ATTACH_SESSION, 20);
    put_u64(out, session);
    put_u64(out, 0); /* an offset that nobody uses */
    put_u32(out, seek);
}

void viewer_put_id(struct bytes *out, enum viewer_command command, uint64_t id)
{
    put_command(out, command, 8);
    put_u64(out, id);
}

void viewer_put_get_packet(struct bytes *out, uint64_t stream, uint64_t offset, uint32_t size)
{
    put_command(out, VIEWER_GET_PACKET, 20);
    put_u64(out, stream);
    put_u64(out, offset);
    put_u32(out, size);
}

/* ---- what comes back ---- */

static uint32_t get_u32(const uint8_t **at)
{
    uint32_t value;
    memcpy(&value, *at, sizeof(value));
    *at += sizeof(value);
    return be32toh(value);
}

static uint64_t get_u64(const uint8_t **at)
{
    uint64_t value;
    memcpy(&value, *at, sizeof(value));
    *at += sizeof(value);
    return be64toh(value);
}

size_t viewer_answer_size(enum viewer_command command)
{
    switch (command) {
    case VIEWER_CONNECT:
        return 8 + 3 * 4;
    case VIEWER_GET_NEXT_INDEX:
        return 7 * 8 + 2 * 4;
    case VIEWER_GET_PACKET:
        return 3 * 4;
    case VIEWER_GET_METADATA:
        return 8 + 4;
    case VIEWER_ATTACH_SESSION:
    case VIEWER_GET_NEW_STREAMS:
        return 2 * 4;
    case VIEWER_LIST_SESSIONS:
    case VIEWER_CREATE_SESSION:
    case VIEWER_DETACH_SESSION:
        return 4;
    }
    return 0;
}

static int check(const char *what, uint64_t number, uint64_t most, struct error *err)
{
    return number <= most ? 0 : error_set(err, -EBADMSG, "lttng-relayd announces %" PRIu64 " %s: more than %" PRIu64 " are not believed", number, what, most);
}

static void get_index(const uint8_t **at, struct viewer_answer *a)
{
    struct viewer_index *i = &a->index;
    uint64_t *fields[] = { &i->offset, &i->packet_bits, &i->content_bits, &i->begin, &i->end, &i->discarded, &i->stream_class };
    for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++)
        *fields[k] = get_u64(at);
    a->status = get_u32(at);
    a->flags = get_u32(at);
}

int viewer_get_answer(enum viewer_command command, const uint8_t *data, struct viewer_answer *a, struct error *err)
{
    const uint8_t *at = data;
    *a = (struct viewer_answer){ .command = command };
    switch (command) {
    case VIEWER_CONNECT:
        get_u64(&at);
        a->major = get_u32(&at);
        a->minor = get_u32(&at);
        return a->major == VIEWER_MAJOR ? 0
                                        : error_set(err, -EPROTONOSUPPORT, "version %" PRIu32 ".%" PRIu32 " of the viewers' protocol is spoken there: 2.4 and later are understood",
                                                    a->major, a->minor);
    case VIEWER_LIST_SESSIONS:
        a->count = get_u32(&at);
        return check("sessions", a->count, VIEWER_SESSIONS_MAX, err);
    case VIEWER_ATTACH_SESSION:
    case VIEWER_GET_NEW_STREAMS:
        a->status = get_u32(&at);
        a->count = get_u32(&at);
        if (a->status != VIEWER_ATTACH_OK) /* VIEWER_NEW_STREAMS_OK is the same number */
            a->count = 0;
        return check("streams", a->count, VIEWER_STREAMS_MAX, err);
    case VIEWER_GET_NEXT_INDEX:
        get_index(&at, a);
        return a->status == VIEWER_INDEX_OK ? check("bytes of a packet", a->index.packet_bits / 8, VIEWER_DATA_MAX, err) : 0;
    case VIEWER_GET_PACKET:
        a->status = get_u32(&at);
        a->size = get_u32(&at);
        a->flags = get_u32(&at);
        if (a->status != VIEWER_PACKET_OK)
            a->size = 0;
        return check("bytes of a packet", a->size, VIEWER_DATA_MAX, err);
    case VIEWER_GET_METADATA:
        a->size = get_u64(&at);
        a->status = get_u32(&at);
        if (a->status != VIEWER_METADATA_OK)
            a->size = 0;
        return check("bytes of metadata", a->size, VIEWER_DATA_MAX, err);
    case VIEWER_CREATE_SESSION:
    case VIEWER_DETACH_SESSION:
        a->status = get_u32(&at);
        return 0;
    }
    return error_set(err, -EBADMSG, "an answer to command %d", (int)command);
}

/* A name of fixed size, which need not end in a NUL. */
static void get_name(const uint8_t **at, char *name, size_t size)
{
    memcpy(name, *at, size);
    name[size] = '\0';
    *at += size;
}

void viewer_get_session(const uint8_t *data, struct viewer_session *s)
{
    const uint8_t *at = data;
    s->id = get_u64(&at);
    s->timer_us = get_u32(&at);
    s->clients = get_u32(&at);
    s->streams = get_u32(&at);
    get_name(&at, s->hostname, VIEWER_HOST_SIZE);
    get_name(&at, s->name, VIEWER_NAME_SIZE);
}

void viewer_get_stream(const uint8_t *data, struct viewer_stream *s)
{
    const uint8_t *at = data;
    s->id = get_u64(&at);
    s->trace_id = get_u64(&at);
    s->is_metadata = get_u32(&at) != 0;
    at += 4096; /* a path on the relayd's machine */
    get_name(&at, s->channel, VIEWER_NAME_SIZE);
}
