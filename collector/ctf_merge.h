/* ctf_merge.h - which of many streams is next: a tournament tree of losers (Knuth, The Art of Computer Programming,
 * volume 3, section 5.4.1). A stream that has gone on plays against the loser at each node up to the root, without a branch that
 * could be foreseen wrongly. */
#ifndef FT_COLLECTOR_CTF_MERGE_H
#define FT_COLLECTOR_CTF_MERGE_H
#include <stdbool.h>
#include <stdint.h>

/* When a stream's item comes. At one instant the lower number is first. */
struct ctf_turn {
    int64_t time_ns;
    uint64_t stream;
};

struct ctf_merge {
    uint64_t leaves, capacity; /* powers of two */
    struct ctf_turn *nodes;   /* [0] the winner, [1 ..] of each match the loser */
};

enum { CTF_MERGE_STREAMS_MAX = 1 << 24 };

/* The turn of each of the streams 0 to count - 1; up to CTF_MERGE_STREAMS_MAX. */
void ctf_merge_init(struct ctf_merge *m, const struct ctf_turn *turns, uint32_t count);
void ctf_merge_done(struct ctf_merge *m);
/* The same once more, with other turns: allocates only for more streams than ever before. */
void ctf_merge_renew(struct ctf_merge *m, const struct ctf_turn *turns, uint32_t count);

/* All ones when a comes before b, else zero. */
static inline uint64_t ctf_turn_earlier(struct ctf_turn a, struct ctf_turn b)
{
    __extension__ typedef unsigned __int128 wide; /* both in one comparison */
    const uint64_t sign = UINT64_C(1) << 63;
    wide x = (wide)((uint64_t)a.time_ns ^ sign) << 64 | a.stream, y = (wide)((uint64_t)b.time_ns ^ sign) << 64 | b.stream;
    return -(uint64_t)(x < y);
}

/* a where mask is all ones, b where it is zero. */
static inline struct ctf_turn ctf_turn_choose(uint64_t mask, struct ctf_turn a, struct ctf_turn b)
{
    return (struct ctf_turn){ .time_ns = (int64_t)((uint64_t)b.time_ns ^ (((uint64_t)a.time_ns ^ (uint64_t)b.time_ns) & mask)),
                              .stream = b.stream ^ ((a.stream ^ b.stream) & mask) };
}

/* The turn of a stream that has no item any more: behind all others. */
static inline struct ctf_turn ctf_turn_none(uint64_t stream)
{
    return (struct ctf_turn){ .time_ns = INT64_MAX, .stream = stream | (UINT64_C(1) << 32) };
}

static inline bool ctf_turn_is_none(struct ctf_turn t)
{
    return t.stream >> 32 != 0;
}

/* The first one's item has been taken: its turn is another now. */
static inline void ctf_merge_play(struct ctf_merge *m, struct ctf_turn turn)
{
    for (uint64_t node = (m->leaves + (uint32_t)turn.stream) >> 1; node > 0; node >>= 1) {
        struct ctf_turn other = m->nodes[node];
        uint64_t loses = ctf_turn_earlier(other, turn);
        m->nodes[node] = ctf_turn_choose(loses, turn, other);
        turn = ctf_turn_choose(loses, other, turn);
    }
    m->nodes[0] = turn;
}

/* The earliest, and the one that would be if that had gone. */
static inline struct ctf_turn ctf_merge_first(const struct ctf_merge *m)
{
    return m->nodes[0];
}
static inline struct ctf_turn ctf_merge_second(const struct ctf_merge *m)
{
    struct ctf_turn second = ctf_turn_none(UINT32_MAX);
    for (uint64_t node = (m->leaves + (uint32_t)m->nodes[0].stream) >> 1; node > 0; node >>= 1) {
        struct ctf_turn other = m->nodes[node];
        second = ctf_turn_choose(ctf_turn_earlier(other, second), other, second);
    }
    return second;
}

#endif
