/* seed.h - a seed that is printed, or taken from the environment: SEED=... repeats a run. */
#ifndef FT_TESTS_SEED_H
#define FT_TESTS_SEED_H
#include "testing.h"
#include <time.h>
#include <unistd.h>

static inline uint64_t seed_of_test(void)
{
    const char *text = getenv("SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL) ^ ((uint64_t)getpid() << 32);
    printf("SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

#endif
