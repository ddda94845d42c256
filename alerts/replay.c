#include "alerts/replay.h"
#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MAP_MAX = 32, WORD_MAX = 32 };

void replay_request_put(struct bytes *b, const struct replay_request *q)
{
    wire_put_header(b, WIRE_REQUEST, q->epoch, q->number);
    wire_put_map(b, 3);
    wire_put_string(b, "want");
    wire_put_string(b, q->firing ? "firing" : "range");
    wire_put_string(b, "first");
    wire_put_uint(b, q->first);
    wire_put_string(b, "last");
    wire_put_uint(b, q->last);
}

bool replay_request_get(const void *data, size_t size, struct replay_request *ret_request)
{
    struct wire_header h;
    struct wire_reader r;
    struct replay_request q = { 0 };
    char word[WORD_MAX], want[WORD_MAX] = "";
    if (size > REPLAY_REQUEST_MAX || !wire_open(&r, data, size, &h) || h.type != WIRE_REQUEST)
        return false;
    for (uint32_t i = 0, n = wire_get_map(&r, MAP_MAX); i < n && wire_ok(&r); i++) {
        wire_get_string(&r, word, sizeof(word));
        if (strcmp(word, "want") == 0)
            wire_get_string(&r, want, sizeof(want));
        else if (strcmp(word, "first") == 0)
            q.first = wire_get_uint(&r);
        else if (strcmp(word, "last") == 0)
            q.last = wire_get_uint(&r);
        else
            wire_skip(&r);
    }
    q.firing = strcmp(want, "firing") == 0;
    q.epoch = h.epoch;
    q.number = h.sequence;
    bool range = strcmp(want, "range") == 0 && q.first > 0 && q.first <= q.last;
    if (!wire_finished(&r) || (!q.firing && !range))
        return false;
    *ret_request = q;
    return true;
}

/* One table for both directions. */
static const struct end_field {
    const char *name;
    size_t offset;
} end_fields[] = {
    { "request", offsetof(struct replay_end, number) }, { "newest", offsetof(struct replay_end, newest) },
    { "sent", offsetof(struct replay_end, sent) },      { "gone", offsetof(struct replay_end, gone) },
    { "next", offsetof(struct replay_end, next) },
};
enum { END_FIELDS = sizeof(end_fields) / sizeof(end_fields[0]) };

void replay_end_put(struct bytes *b, uint64_t epoch, const struct replay_end *e)
{
    wire_put_header(b, WIRE_END, epoch, e->newest);
    wire_put_map(b, END_FIELDS);
    for (size_t i = 0; i < END_FIELDS; i++) {
        wire_put_string(b, end_fields[i].name);
        wire_put_uint(b, *(const uint64_t *)((const char *)e + end_fields[i].offset));
    }
}

bool replay_end_get(struct wire_reader *body, struct replay_end *ret_end)
{
    struct replay_end e = { 0 };
    char word[WORD_MAX];
    for (uint32_t i = 0, n = wire_get_map(body, MAP_MAX); i < n && wire_ok(body); i++) {
        size_t f = 0;
        wire_get_string(body, word, sizeof(word));
        while (f < END_FIELDS && strcmp(end_fields[f].name, word) != 0)
            f++;
        if (f < END_FIELDS)
            *(uint64_t *)((char *)&e + end_fields[f].offset) = wire_get_uint(body);
        else
            wire_skip(body);
    }
    if (!wire_finished(body))
        return false;
    *ret_end = e;
    return true;
}

int replay_endpoint(const char *endpoint, char *buffer, size_t capacity)
{
    int n;
    if (strncmp(endpoint, "ipc://", 6) == 0 || strncmp(endpoint, "inproc://", 9) == 0) {
        n = snprintf(buffer, capacity, "%s.replay", endpoint);
    } else {
        const char *colon = strrchr(endpoint, ':');
        uint64_t port;
        if (strncmp(endpoint, "tcp://", 6) != 0 || colon < endpoint + 6 || text_parse_u64(colon + 1, &port) < 0 ||
            port == 0 || port >= UINT16_MAX)
            return -EINVAL;
        n = snprintf(buffer, capacity, "%.*s:%u", (int)(colon - endpoint), endpoint, (unsigned)port + 1);
    }
    return (size_t)n < capacity ? 0 : -ENAMETOOLONG;
}
