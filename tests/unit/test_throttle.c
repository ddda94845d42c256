#include "base/throttle.h"
#include "testing.h"

static const int64_t second_ns = 1000000000;

static void test_one_address(void **unused)
{
    (void)unused;
    struct throttle t = { 0 };
    uint64_t withheld = 99;
    assert_true(throttle_pass(&t, "10.0.0.1", 5, &withheld)); /* the first one, at once */
    assert_int_equal(withheld, 0);
    for (int i = 0; i < 1000; i++)
        assert_false(throttle_pass(&t, "10.0.0.1", 6 + i, &withheld));
    assert_false(throttle_due(&t, second_ns + 4, &withheld));
    assert_true(throttle_pass(&t, "10.0.0.1", second_ns + 5, &withheld));
    assert_int_equal(withheld, 1000);
    assert_false(throttle_due(&t, 9 * second_ns, &withheld)); /* none was kept back since */
}

static void test_those_kept_back_last_are_told(void **unused)
{
    (void)unused;
    struct throttle t = { 0 };
    uint64_t withheld;
    assert_true(throttle_pass(&t, "", 0, &withheld));
    assert_false(throttle_pass(&t, "", 1, &withheld));
    assert_false(throttle_pass(&t, "", 2, &withheld));
    assert_true(throttle_due(&t, second_ns, &withheld));
    assert_int_equal(withheld, 2);
    assert_false(throttle_due(&t, 5 * second_ns, &withheld));
}

/* Noise from everywhere is bounded as well: nobody is new for ever. */
static void test_many_addresses(void **unused)
{
    (void)unused;
    struct throttle t = { 0 };
    uint64_t withheld, passed = 0;
    for (int i = 0; i < 10000; i++) {
        char address[32];
        snprintf(address, sizeof(address), "10.0.%d.%d", i / 250, i % 250);
        passed += throttle_pass(&t, address, i, &withheld);
    }
    assert_int_equal(passed, THROTTLE_ADDRESSES);
    assert_int_equal(t.withheld, 10000 - THROTTLE_ADDRESSES);
}

static void test_a_long_address(void **unused)
{
    (void)unused;
    struct throttle t = { 0 };
    uint64_t withheld;
    char address[500];
    memset(address, 'x', sizeof(address) - 1);
    address[sizeof(address) - 1] = '\0';
    assert_true(throttle_pass(&t, address, 0, &withheld));
    assert_false(throttle_pass(&t, address, 1, &withheld));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_one_address), cmocka_unit_test(test_those_kept_back_last_are_told),
                                        cmocka_unit_test(test_many_addresses), cmocka_unit_test(test_a_long_address) };
    return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
