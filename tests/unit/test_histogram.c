#include "stream/sketch/histogram.h"
#include "testing.h"

enum { VALUES = 20000 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value of rank ceil(q n), as the definition has it. */
static double exact(const double *sorted, size_t n, double q)
{
    size_t rank = (size_t)ceil(q * (double)n);
    return sorted[rank ? rank - 1 : 0];
}


static double draw_latency(uint64_t *seed)
{
    return exp(13 + random_normal(seed));
}
static double draw_wide(uint64_t *seed)
{
    return exp(random_unit(seed) * 40);
}
static double draw_signed(uint64_t *seed)
{
    return random_normal(seed) * 1000;
}
static double draw_small_int(uint64_t *seed)
{
    return (double)(random_next(seed) % 20);
}
static double draw_constant(uint64_t *seed)
{
    (void)seed;
    return 42;
}
static const struct {
    const char *what;
    double (*draw)(uint64_t *seed);
} distributions[] = { { "log-normal latencies", draw_latency }, { "eighteen decades", draw_wide },
                      { "both signs", draw_signed },            { "small integers", draw_small_int },
                      { "one value", draw_constant } };

static void test_quantiles_against_sort(void **unused)
{
    (void)unused;
    static double values[VALUES];
    static const double q[] = { 0, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1 };
    uint64_t seed = 7;
    print_message("  seed %llu\n", (unsigned long long)seed);
    for (size_t d = 0; d < COUNT(distributions); d++) {
        struct histogram_pool pool;
        struct histogram h;
        double got[COUNT(q)], sum = 0;
        print_message("  %s\n", distributions[d].what);
        histogram_pool_init(&pool, 1 << 20);
        histogram_init(&h);
        for (size_t i = 0; i < VALUES; i++) {
            values[i] = distributions[d].draw(&seed);
            histogram_add(&h, &pool, values[i]);
            sum += values[i];
        }
        qsort(values, VALUES, sizeof(values[0]), ascending);
        histogram_quantiles(&h, &pool, q, COUNT(q), got);
        for (size_t i = 0; i < COUNT(q); i++)
            assert_near(got[i], exact(values, VALUES, q[i]), 0.01);
        assert_true(h.count == VALUES && h.placed == VALUES && h.min == values[0] && h.max == values[VALUES - 1]);
        assert_near(h.sum, sum, 1e-9);
        histogram_clear(&h, &pool);
        histogram_pool_done(&pool);
    }
}

static void test_merge_is_union(void **unused)
{
    (void)unused;
    struct histogram_pool pool;
    struct histogram a, b, both;
    double qa[3], qb[3];
    static const double q[] = { 0.1, 0.5, 0.99 };
    uint64_t seed = 3;
    histogram_pool_init(&pool, 1 << 20);
    histogram_init(&a);
    histogram_init(&b);
    histogram_init(&both);
    for (int i = 0; i < 5000; i++) {
        double v = draw_wide(&seed);
        histogram_add(i % 3 ? &a : &b, &pool, v);
        histogram_add(&both, &pool, v);
    }
    histogram_merge(&a, &b, &pool);
    histogram_quantiles(&a, &pool, q, 3, qa);
    histogram_quantiles(&both, &pool, q, 3, qb);
    for (int i = 0; i < 3; i++)
        assert_true(qa[i] == qb[i]);
    assert_true(a.count == both.count && a.min == both.min && a.max == both.max);
    histogram_pool_done(&pool);
}

static void test_pool_is_bounded(void **unused)
{
    (void)unused;
    struct histogram_pool pool;
    struct histogram h;
    double p50;
    histogram_pool_init(&pool, 3 * sizeof(struct histogram_page));
    histogram_init(&h);
    for (int octave = 0; octave < 10; octave++)
        histogram_add(&h, &pool, ldexp(1.5, octave));
    assert_int_equal(h.count, 10);
    assert_int_equal(h.placed, 3);
    assert_true(pool.unplaced == 7 && h.max == ldexp(1.5, 9));
    histogram_quantiles(&h, &pool, (double[]){ 0.5 }, 1, &p50);
    assert_near(p50, 3, 0.01); /* of what was placed */
    /* What is given back is there again. */
    histogram_clear(&h, &pool);
    histogram_add(&h, &pool, 1e6);
    assert_int_equal(h.placed, 1);
    histogram_pool_done(&pool);
}

/* By quarters of octaves: each value is where it belongs, what is beyond either end at that end. */
static void test_quarters(void **unused)
{
    (void)unused;
    enum { N = 40 };
    struct histogram_pool pool;
    struct histogram h;
    uint64_t seed = 9;
    uint32_t got[N] = { 0 }, wanted[N] = { 0 };
    histogram_pool_init(&pool, 1 << 20);
    histogram_init(&h);
    for (int i = 0; i < 20000; i++) {
        double value = i % 100 == 0 ? -5 : i % 100 == 1 ? 0 : exp(12 * random_unit(&seed) - 3);
        int at = 0;
        while (at < N - 1 && value >= ldexp(1 + (at + 1) % 4 / 4.0, (at + 1) / 4))
            at++;
        wanted[at]++;
        histogram_add(&h, &pool, value);
    }
    histogram_quarters(&h, &pool, got, N);
    assert_memory_equal(got, wanted, sizeof(got));
    histogram_pool_done(&pool);
}

static void test_nonsense_is_ignored(void **unused)
{
    (void)unused;
    struct histogram_pool pool;
    struct histogram h;
    double p;
    histogram_pool_init(&pool, 1 << 16);
    histogram_init(&h);
    histogram_add(&h, &pool, NAN);
    histogram_add(&h, &pool, INFINITY);
    assert_int_equal(h.count, 0);
    histogram_quantiles(&h, &pool, (double[]){ 0.5 }, 1, &p);
    assert_true(isnan(p));
    histogram_pool_done(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_quantiles_against_sort), cmocka_unit_test(test_merge_is_union),
                                        cmocka_unit_test(test_pool_is_bounded), cmocka_unit_test(test_quarters), cmocka_unit_test(test_nonsense_is_ignored) };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
