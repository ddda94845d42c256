#include "base/throttle.h"
#include "base/text.h"
#include <string.h>

static const int64_t period_ns = 1000000000;

static bool is_new(struct throttle *t, const char *address)
{
    for (uint32_t i = 0; i < t->known_count; i++)
        if (strncmp(t->known[i], address, ADDRESS_MAX - 1) == 0)
            return false;
    if (t->known_count == THROTTLE_ADDRESSES)
        return false;
    text_copy(t->known[t->known_count++], ADDRESS_MAX, address);
    return true;
}

static void release(struct throttle *t, int64_t now_ns, uint64_t *ret_withheld)
{
    *ret_withheld = t->withheld;
    t->withheld = 0;
    t->next_ns = now_ns + period_ns;
}

bool throttle_pass(struct throttle *t, const char *address, int64_t now_ns, uint64_t *ret_withheld)
{
    if (!is_new(t, address) && now_ns < t->next_ns) {
        t->withheld++;
        return false;
    }
    release(t, now_ns, ret_withheld);
    return true;
}

bool throttle_due(struct throttle *t, int64_t now_ns, uint64_t *ret_withheld)
{
    if (t->withheld == 0 || now_ns < t->next_ns)
        return false;
    release(t, now_ns, ret_withheld);
    return true;
}
