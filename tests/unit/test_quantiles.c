#include "detectors/quantiles.h"
#include "testing.h"

static const double shares[] = { 0.05, 0.25, 0.5, 0.75, 0.95 };
static const int markers[] = { QUANTILE_5, QUANTILE_25, QUANTILE_50, QUANTILE_75, QUANTILE_95 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double draw(int kind, uint64_t *seed)
{
    switch (kind) {
    case 0:
        return random_normal(seed);
    case 1:
        return -log(random_unit(seed) + 1e-300);
    case 2:
        return random_unit(seed);
    case 3:
        return (double)(random_next(seed) % 5); /* ties */
    default:
        return 7; /* nothing but */
    }
}

/* Against the exact ones of all values: as shares they are off by little. */
static void test_exact_model(void **unused)
{
    (void)unused;
    enum { N = 4000 };
    static double values[N];
    for (int kind = 0; kind < 5; kind++) {
        uint64_t seed = (uint64_t)kind + 1;
        struct p2 p = { 0 };
        for (int i = 0; i < N; i++)
            p2_add(&p, values[i] = draw(kind, &seed));
        qsort(values, N, sizeof(*values), compare);
        for (size_t k = 0; k < COUNT(markers); k++) {
            double got = p.heights[markers[k]];
            size_t below = 0, above = 0;
            for (int i = 0; i < N; i++) {
                below += values[i] < got - 0.6 * (kind == 3);
                above += values[i] > got + 0.6 * (kind == 3);
            }
            if ((double)below / N > shares[k] + 0.02 || (double)above / N > 1 - shares[k] + 0.02)
                fail_msg("kind %d, %g: %g has %zu below and %zu above", kind, shares[k], got, below, above);
        }
        for (int i = 1; i < QUANTILE_MARKERS; i++)
            assert_true(p.heights[i] >= p.heights[i - 1] && p.places[i] > p.places[i - 1]);
        assert_true(p.heights[0] == values[0] && p.heights[QUANTILE_MARKERS - 1] == values[N - 1]);
    }
}

/* What was long ago is forgotten, after at most twice the capacity. */
static void test_forgets(void **unused)
{
    (void)unused;
    uint64_t seed = 9;
    struct quantiles q = { 0 };
    for (int i = 0; i < 1000; i++)
        quantiles_add(&q, random_normal(&seed), 100);
    assert_true(fabs(quantiles_at(&q, QUANTILE_50)) < 0.5);
    for (int i = 0; i < 200; i++)
        quantiles_add(&q, 50 + random_normal(&seed), 100);
    assert_true(quantiles_count(&q) >= 100 && quantiles_count(&q) <= 200);
    assert_true(quantiles_at(&q, 0) > 40);
    assert_true(fabs(quantiles_at(&q, QUANTILE_50) - 50) < 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_exact_model), cmocka_unit_test(test_forgets) };
    return cmocka_run_group_tests_name("quantiles", tests, NULL, NULL);
}
