#include "base/link_wire.h"

bool link_name_valid(const char *name)
{
    size_t n = 0;
    for (; name[n]; n++)
        if (name[n] <= ' ' || name[n] > '~' || name[n] == '"' || name[n] == '\\')
            return false;
    return n > 0 && n < LINK_NAME_MAX;
}

void link_hello_put(struct bytes *b, uint64_t epoch, const struct link_hello *hello)
{
    wire_put_header(b, WIRE_HELLO, epoch, 0);
    wire_put_array(b, 2);
    wire_put_string(b, hello->name);
    wire_put_bool(b, hello->live);
}

/* Later versions may append to these arrays. */
static bool rest_skipped(struct wire_reader *r, uint32_t count, uint32_t known)
{
    for (uint32_t i = known; i < count; i++)
        wire_skip(r);
    return count >= known && wire_finished(r);
}

bool link_hello_get(struct wire_reader *r, struct link_hello *ret_hello)
{
    uint32_t n = wire_get_array(r, 16);
    wire_get_string(r, ret_hello->name, sizeof(ret_hello->name));
    ret_hello->live = wire_get_bool(r);
    return rest_skipped(r, n, 2) && link_name_valid(ret_hello->name);
}

void link_pulse_put(struct bytes *b, uint64_t epoch, const struct link_pulse *pulse)
{
    wire_put_header(b, WIRE_HEARTBEAT, epoch, pulse->newest);
    wire_put_array(b, 1);
    if (pulse->has_watermark)
        wire_put_int(b, pulse->watermark_ns);
    else
        wire_put_nil(b);
}

bool link_pulse_get(struct wire_reader *r, struct link_pulse *ret_pulse)
{
    uint32_t n = wire_get_array(r, 16);
    ret_pulse->has_watermark = !wire_take_nil(r);
    ret_pulse->watermark_ns = ret_pulse->has_watermark ? wire_get_time(r) : 0;
    return rest_skipped(r, n, 1);
}

void link_position_put(struct bytes *b, enum wire_type type, uint64_t epoch, const struct link_position *position)
{
    wire_put_header(b, type, epoch, 0);
    wire_put_array(b, 5);
    wire_put_uint(b, position->epoch);
    wire_put_bool(b, position->known);
    wire_put_uint(b, position->received);
    wire_put_uint(b, position->applied);
    wire_put_uint(b, position->durable);
}

bool link_position_get(struct wire_reader *r, struct link_position *ret_position)
{
    uint32_t n = wire_get_array(r, 16);
    ret_position->epoch = wire_get_uint(r);
    ret_position->known = wire_get_bool(r);
    ret_position->received = wire_get_uint(r);
    ret_position->applied = wire_get_uint(r);
    ret_position->durable = wire_get_uint(r);
    return rest_skipped(r, n, 5) && ret_position->durable <= ret_position->applied &&
           ret_position->applied <= ret_position->received;
}

void link_resync_put(struct bytes *b, uint64_t epoch, const struct link_resync *resync)
{
    wire_put_header(b, WIRE_RESYNC, epoch, 0);
    wire_put_array(b, 3);
    wire_put_bool(b, resync->opening);
    wire_put_uint(b, resync->base);
    wire_put_bool(b, resync->anew);
}

bool link_resync_get(struct wire_reader *r, struct link_resync *ret_resync)
{
    uint32_t n = wire_get_array(r, 16);
    ret_resync->opening = wire_get_bool(r);
    ret_resync->base = wire_get_uint(r);
    ret_resync->anew = wire_get_bool(r);
    /* So far no sender comes in a lifetime; numbers beyond what a state may hold are a lie. */
    return rest_skipped(r, n, 3) && ret_resync->base > 0 && ret_resync->base <= INT64_MAX / 2;
}

void link_refused_put(struct bytes *b, uint64_t epoch, const char *reason)
{
    wire_put_header(b, WIRE_REFUSED, epoch, 0);
    wire_put_array(b, 1);
    wire_put_string(b, reason);
}

bool link_refused_get(struct wire_reader *r, char reason[LINK_REASON_MAX])
{
    uint32_t n = wire_get_array(r, 16);
    wire_get_string(r, reason, LINK_REASON_MAX);
    return rest_skipped(r, n, 1);
}
