#include "detectors/fence.h"
#include "testing.h"

static double draw(int kind, uint64_t *seed)
{
    switch (kind) {
    case 0:
        return random_normal(seed);
    case 1:
        return -log(random_unit(seed) + 1e-300);
    default:
        return random_unit(seed);
    }
}

/* The tail it says against the true one. */
static void test_tails(void **unused)
{
    (void)unused;
    static const struct row {
        const char *what;
        int kind;
        double value, least, most;
    } rows[] = {
        { "a normal quartile", 0, 0.6745, 0.55, 0.65 },
        { "four deviations: 4.5 in truth", 0, 4, 2.8, 4.6 },
        { "six on the other side: 9", 0, -6, 5, 9 },
        { "an exponential one, far out: 6.1", 1, 14, 5, 7 },
        { "and farther: 13", 1, 30, 10, 16 },
        { "below it, where nothing can be", 1, -3, 6, 60 },
        { "a uniform one, outside", 2, 3, 5, 60 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t seed = i + 1;
        struct quantiles q = { 0 };
        for (int k = 0; k < 20000; k++)
            quantiles_add(&q, draw(rows[i].kind, &seed), 10000);
        struct fence f = fence_of(&q, 1e-9);
        double tail = fence_tail(&f, rows[i].value);
        if (tail < rows[i].least || tail > rows[i].most)
            fail_msg("%s: %g is not within %g to %g", rows[i].what, tail, rows[i].least, rows[i].most);
        double back = rows[i].value > f.median ? fence_high(&f, tail) : fence_low(&f, tail);
        assert_near(back, rows[i].value, 1e-6);
    }
}

/* Values that are all the same: the floor decides. */
static void test_floor(void **unused)
{
    (void)unused;
    struct quantiles q = { 0 };
    for (int k = 0; k < 100; k++)
        quantiles_add(&q, 5, 50);
    struct fence f = fence_of(&q, 0.1);
    assert_true(fence_tail(&f, 5.05) < 1);
    assert_true(fence_tail(&f, 6) > 6);
    assert_true(fence_tail(&f, 4) > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_tails), cmocka_unit_test(test_floor) };
    return cmocka_run_group_tests_name("fence", tests, NULL, NULL);
}
