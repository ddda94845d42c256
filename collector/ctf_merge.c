#include "collector/ctf_merge.h"
#include "base/bytes.h"
#include <stdlib.h>

static struct ctf_turn play_all(struct ctf_merge *m, uint64_t node, const struct ctf_turn *turns, uint32_t count)
{
    if (node >= m->leaves)
        return node - m->leaves < count ? turns[node - m->leaves] : ctf_turn_none(node - m->leaves);
    struct ctf_turn left = play_all(m, 2 * node, turns, count), right = play_all(m, 2 * node + 1, turns, count);
    uint64_t left_wins = ctf_turn_earlier(left, right);
    m->nodes[node] = ctf_turn_choose(left_wins, right, left);
    return ctf_turn_choose(left_wins, left, right);
}

void ctf_merge_init(struct ctf_merge *m, const struct ctf_turn *turns, uint32_t count)
{
    *m = (struct ctf_merge){ 0 };
    ctf_merge_renew(m, turns, count);
}

void ctf_merge_renew(struct ctf_merge *m, const struct ctf_turn *turns, uint32_t count)
{
    m->leaves = 1;
    while (m->leaves < count)
        m->leaves *= 2;
    if (m->leaves > m->capacity) {
        m->nodes = xrealloc(m->nodes, m->leaves, sizeof(*m->nodes));
        m->capacity = m->leaves;
    }
    m->nodes[0] = play_all(m, 1, turns, count);
}

void ctf_merge_done(struct ctf_merge *m)
{
    free(m->nodes);
    *m = (struct ctf_merge){ 0 };
}
