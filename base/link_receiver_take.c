#include "base/link_receiver_private.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include <string.h>

static const int64_t ask_period_ns = 100000000;

static uint32_t find_route(const struct link_receiver *link, const uint8_t *route, size_t size)
{
    for (uint32_t i = 0; i < link->count; i++)
        if (link->peers[i]->route_size == size && memcmp(link->peers[i]->route, route, size) == 0)
            return i;
    return HASH_NONE;
}

/* Of the senders that said that nothing more comes, the one that was not heard for longest. */
static uint32_t find_ended(const struct link_receiver *link)
{
    uint32_t found = HASH_NONE;
    for (uint32_t i = 0; i < link->count; i++) {
        const struct peer *p = link->peers[i];
        if (p->ended && !p->awaited && p->lane.count == 0 && (found == HASH_NONE || p->heard_ns < link->peers[found]->heard_ns))
            found = i;
    }
    return found;
}

/* *ret_sender: HASH_NONE when there is no room for one more. */
static int find_name(struct link_receiver *link, const char *name, uint32_t *ret_sender)
{
    for (uint32_t i = 0; i < link->count; i++) {
        if (strcmp(link->peers[i]->name, name) == 0) {
            *ret_sender = i;
            return 0;
        }
    }
    *ret_sender = HASH_NONE;
    uint32_t place = link->count < LINK_SENDERS_MAX ? link->count : find_ended(link);
    if (place == HASH_NONE)
        return 0;
    int r = link_receiver_record(link, RECORD_SENDER, place, 0, 0, name, strlen(name));
    if (r < 0)
        return r;
    link_receiver_name_peer(link, place, name);
    *ret_sender = place;
    return 0;
}

/* It is there. */
static int hear(struct link_receiver *link, uint32_t sender)
{
    struct peer *p = link->peers[sender];
    p->heard_ns = clock_monotonic_ns();
    if (!p->silent)
        return 0;
    p->silent = false;
    link_receiver_notice(link, false, "%s is heard again", p->name);
    return link_receiver_record_presence(link, sender, LINK_BACK);
}

static bool was_replaced(const struct peer *p, uint64_t epoch)
{
    for (int i = 0; i < REPLACED_MAX; i++)
        if (p->replaced[i] == epoch)
            return true;
    return false;
}

static int on_hello(struct link_receiver *link, const uint8_t *route, size_t route_size, uint64_t epoch, struct wire_reader *body)
{
    struct link_hello hello;
    uint32_t sender;
    int64_t now_ns = clock_monotonic_ns();
    if (!link_hello_get(body, &hello) || epoch == 0) {
        link->totals.refused++;
        return 0;
    }
    int r = find_name(link, hello.name, &sender);
    if (r < 0)
        return r;
    if (sender == HASH_NONE) {
        link->totals.refused++;
        link_receiver_answer_stranger(link, route, route_size, "it has as many senders as it can have");
        return 0;
    }
    struct peer *p = link->peers[sender];
    if (was_replaced(p, epoch)) {
        link_receiver_answer_stranger(link, route, route_size, "another one of its name has taken its place; give each a name of its own (delivery.name)");
        return 0;
    }
    if (p->epoch != epoch) {
        memmove(p->replaced + 1, p->replaced, sizeof(p->replaced) - sizeof(p->replaced[0]));
        p->replaced[0] = p->epoch;
        p->epoch = epoch;
        p->synced = false;
        p->received = 0;
        p->has_pending = p->has_watermark = false;
        p->pulse_received = UINT64_MAX;
        p->awaited = true;
    }
    if (p->route_size > 0 && (p->route_size != route_size || memcmp(p->route, route, route_size) != 0))
        link_receiver_notice(link, false, "%s has connected again", p->name);
    p->recalling = p->skipping = false;
    memcpy(p->route, route, route_size);
    p->route_size = route_size;
    p->live = hello.live;
    p->moved_ns = now_ns;
    link_receiver_answer(link, p, WIRE_WELCOME);
    return hear(link, sender);
}

/* Says where to go on, now and then while messages come that are ahead of that. */
static void ask_again(struct link_receiver *link, struct peer *p)
{
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns - p->asked_ns < ask_period_ns)
        return;
    p->asked_ns = now_ns;
    link_receiver_answer(link, p, WIRE_WELCOME);
}

static void take_watermark(struct peer *p)
{
    if (!p->has_pending || p->pending_at > p->received)
        return;
    if (!p->has_watermark || p->pending_ns > p->watermark_ns)
        p->moved_ns = p->heard_ns;
    p->has_watermark = true;
    p->watermark_ns = p->pending_ns;
    p->has_pending = p->left_out = false;
}

static void on_pulse(struct link_receiver *link, struct peer *p, const struct wire_header *header, struct wire_reader *body)
{
    struct link_pulse pulse;
    if (!link_pulse_get(body, &pulse)) {
        link->totals.refused++;
        return;
    }
    if (!pulse.has_watermark)
        p->has_watermark = p->has_pending = false;
    else if (!p->has_pending) { /* an older one that waits for its message is left to wait */
        p->has_pending = true;
        p->pending_ns = pulse.watermark_ns;
        p->pending_at = header->sequence;
        take_watermark(p);
    }
    bool stuck = header->sequence > p->received && p->pulse_received == p->received && p->lane.count == 0 && !p->overflowed;
    p->pulse_received = header->sequence > p->received ? p->received : UINT64_MAX;
    if (stuck)
        ask_again(link, p); /* what we asked for was not heard */
    if (p->live || p->has_watermark)
        p->awaited = false; /* a session without events holds nobody up; a replay will have some */
    p->ack_due = true; /* which tells the sender that we are there */
}

/* A resync that tells nothing new, because the sender was asked for it twice: it is skipped, or what
 * follows it would be applied twice. */
static bool skip_resync(struct link_receiver *link, struct peer *p, bool is_resync, const struct link_resync *resync)
{
    if (is_resync && resync->opening) {
        p->skipping = p->synced && !resync->anew && resync->base <= p->received + 1;
        link->totals.repeated += p->skipping;
        return p->skipping;
    }
    bool skipped = p->skipping;
    p->skipping &= !is_resync;
    p->ack_due |= skipped && is_resync;
    return skipped;
}

/* False: it is not for the lane. */
static bool take_resync(struct link_receiver *link, struct peer *p, const struct link_resync *resync)
{
    bool valid = resync->opening || (p->recalling && resync->base == p->recall_base);
    link->totals.refused += !valid;
    p->recalling = resync->opening;
    p->synced = valid && !resync->opening;
    p->recall_base = resync->base;
    if (p->synced)
        p->received = resync->base - 1;
    else if (resync->anew)
        p->received = 0;
    p->ack_due = true;
    return valid;
}

/* A numbered message: false when its turn has not come, or has gone by. */
static bool take_number(struct link_receiver *link, struct peer *p, uint64_t sequence)
{
    if (!p->synced || sequence > p->received + 1) {
        ask_again(link, p);
        return false;
    }
    if (sequence <= p->received) {
        link->totals.repeated++;
        p->ack_due = true;
        return false;
    }
    p->received = sequence;
    return true;
}

static void on_message(struct link_receiver *link, struct peer *p, const struct wire_header *header, const void *data, size_t size,
                       struct wire_reader *body)
{
    struct link_resync resync;
    bool is_resync = header->type == WIRE_RESYNC;
    if (is_resync && !link_resync_get(body, &resync)) {
        link->totals.refused++;
        return;
    }
    if (header->sequence == 0 && skip_resync(link, p, is_resync, &resync))
        return;
    if (p->overflowed || backlog_size(&p->lane) + size > LANE_BYTES_MAX) {
        p->overflowed = true; /* beyond what may be in flight: asked for again later */
        p->synced &= header->sequence > 0;
        p->recalling = false;
        return;
    }
    if (is_resync ? !take_resync(link, p, &resync) : header->sequence > 0 ? !take_number(link, p, header->sequence) : !p->recalling) {
        link->totals.refused += header->sequence == 0 && !is_resync;
        return;
    }
    backlog_append(&p->lane, data, size);
    take_watermark(p);
}

int link_receiver_take(struct link_receiver *link, const uint8_t *route, size_t route_size, const void *data, size_t size)
{
    struct wire_header header;
    struct wire_reader body;
    if (!wire_open(&body, data, size, &header)) {
        link->totals.refused++;
        if (header.version != 0 && header.version != WIRE_VERSION)
            link_receiver_answer_stranger(link, route, route_size, "another version of the wire format");
        return 0;
    }
    if (header.type == WIRE_HELLO)
        return on_hello(link, route, route_size, header.epoch, &body);
    uint32_t sender = find_route(link, route, route_size);
    if (sender == HASH_NONE) {
        link->totals.strange++;
        link_receiver_answer_stranger(link, route, route_size, NULL);
        return 0;
    }
    struct peer *p = link->peers[sender];
    if (header.epoch != p->epoch) {
        link->totals.strange++;
        link_receiver_answer_stranger(link, route, route_size, NULL);
        return 0;
    }
    int r = hear(link, sender);
    if (r < 0)
        return r;
    if (header.type == WIRE_HEARTBEAT)
        on_pulse(link, p, &header, &body);
    else
        on_message(link, p, &header, data, size, &body);
    return 0;
}
