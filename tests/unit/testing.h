/* testing.h - what unit tests share. */
#ifndef FT_TESTS_TESTING_H
#define FT_TESTS_TESTING_H
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* "got, near want" for numbers that need not be equal to the bit. */
#define assert_near(got, want, share)                                                                        \
    do {                                                                                                     \
        double got_ = (got), want_ = (want);                                                                 \
        if (!(fabs(got_ - want_) <= (share) * fabs(want_) + 1e-12))                                          \
            fail_msg("%s is %.9g, wanted %.9g", #got, got_, want_);                                          \
    } while (0)

/* A small generator with a seed that a failing test prints. */
static inline uint64_t random_next(uint64_t *seed)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
static inline double random_unit(uint64_t *seed)
{
    return (double)(random_next(seed) >> 11) / 9007199254740992.0;
}
static inline double random_normal(uint64_t *seed)
{
    double u = random_unit(seed), v = random_unit(seed);
    return sqrt(-2 * log(u + 1e-300)) * cos(6.283185307179586 * v);
}

#endif
