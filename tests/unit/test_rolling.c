#include "detectors/rolling.h"
#include "testing.h"

/* Against sums over the values themselves, with a level far above the spread. */
static void test_against_model(void **unused)
{
    (void)unused;
    enum { WINDOW = 37, STEPS = 5000 };
    static double all[STEPS];
    uint64_t seed = 5;
    struct rolling *r = calloc(1, rolling_size(WINDOW));
    rolling_init(r, WINDOW);
    for (int i = 0; i < STEPS; i++) {
        all[i] = 1e9 + random_normal(&seed);
        rolling_add(r, all[i]);
        int n = i + 1 < WINDOW ? i + 1 : WINDOW;
        double sum = 0, squares = 0;
        for (int k = i - n + 1; k <= i; k++)
            sum += all[k] - 1e9;
        double mean = sum / n;
        for (int k = i - n + 1; k <= i; k++)
            squares += (all[k] - 1e9 - mean) * (all[k] - 1e9 - mean);
        assert_near(rolling_mean(r) - 1e9 + 10, mean + 10, 1e-5);
        assert_near(rolling_deviation(r), n > 1 ? sqrt(squares / (n - 1)) : 0, 1e-3);
    }
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_against_model) };
    return cmocka_run_group_tests_name("rolling", tests, NULL, NULL);
}
